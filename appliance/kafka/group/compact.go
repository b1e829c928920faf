package group

import (
	"errors"
	"math"
	"time"
)

const (
	// compactRatio is how many times larger than what counts the log may grow, and compactFloor what it may have in any case.
	compactRatio = 4
	compactFloor = 1 << 20
	// segmentsMax is how many segments it may have more than after the last compaction: each start begins one.
	segmentsMax = 16
	// compactRest is how long the log is let alone after a compaction that failed.
	compactRest = time.Minute
)

// tend finishes segments that have been left behind, and compacts the log when that is due. The caller holds syncMu and mu.
func (s *store) tend() {
	if n := s.log.Segments(); n != s.segments {
		if err := s.log.Background(); err != nil {
			s.logger.Warn("tending the log of offsets", "error", err.Error())
		}
		s.segments = n
	}
	due := s.logged > s.floor && s.logged > compactRatio*s.live || s.segments > s.leanest+segmentsMax
	if !due || time.Now().Before(s.restTill) {
		return
	}
	if err := s.compact(); err != nil {
		s.restTill = time.Now().Add(compactRest)
		s.logger.Error("the log of offsets could not be compacted; trying again later", "error", err.Error())
	}
}

// compact writes all that counts anew, in segments of its own, and when that is on disk drops the segments before. Nothing else is
// appended meanwhile, so that what counts is what the log says.
//
// A crash leaves any number of the old segments, the later ones, and with all of the new ones behind them; or all of the old, and some of
// the new. Either way a replay ends with the same: a record written again says what the log has said already, and dropping the log from
// its beginning never drops what takes back before what is taken back.
func (s *store) compact() error {
	queue := s.queue
	s.queue = nil
	err := s.log.Sync()
	s.end(queue, err)
	if err != nil {
		return err
	}
	if err := s.log.RollOlder(math.MaxInt64); err != nil {
		return err
	}
	start, before := s.log.Written(), s.logged
	for name, g := range s.kept {
		if _, err := s.lay(g.changes(name)); err != nil {
			return errors.Join(err, s.log.Sync())
		}
	}
	if err := errors.Join(s.log.Sync(), s.log.Background()); err != nil {
		return err
	}
	for s.log.First() < start {
		first := s.log.First()
		if err := s.log.DropOldest(); err != nil {
			return err
		}
		if s.log.First() == first {
			return errors.New("an old segment is still in use")
		}
	}
	s.logged -= before
	s.segments = s.log.Segments()
	s.leanest = s.segments
	return nil
}

// retireAside removes what recovery and failed syncs have set aside, once it is old.
func (s *store) retireAside(cutoff time.Time) {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	if err := s.log.RetireAside(cutoff.UnixMilli()); err != nil {
		s.logger.Warn("tending the log of offsets", "error", err.Error())
	}
}
