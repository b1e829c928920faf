package segstore

import "penstock/segstore/disk"

// coolStep is how much is given back at a time.
const coolStep = 4 << 20

// cool gives the pages of what was written long ago back to the system, step by step as the log grows: the newest Options.Resident bytes stay
// in memory for those who follow the log, and older ones are read from the disk when somebody wants them. The kernel then hands the pages that were
// given back out again for what comes next. Without this a log would push everything else out of memory; and pages that were not used
// for a while are dear, on a virtual machine above all, whose host has taken them back.
//
// The syncer calls it, after a sync: what is not on disk stays in memory in any case.
func (l *Log) cool() {
	warm := min(l.o.Resident(), l.o.SegmentBytes)
	list := l.list()
	if of := l.cooling.of; of != nil && len(list) > 0 && of.base < list[0].base { // it was removed
		l.cooling.end()
	}
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i]
		end := s.readable()
		keep := min(end, warm)
		warm -= keep
		cold, was := end-keep, s.cooled.Load()
		if cold >= was+coolStep || keep == 0 && cold > was {
			s.cool(l, was, cold)
		}
		if keep == 0 && was >= end {
			return // and so it is with those before it
		}
	}
}

// cooling is the segment that is given back by and by, while nobody else has it open. The syncer's.
type cooling struct {
	of   *segment
	file disk.File
}

func (c *cooling) begin(d disk.Disk, s *segment) {
	if c.of == s {
		return
	}
	c.end()
	if f, err := d.OpenReadOnly(s.path); err == nil { // else it was removed this very moment, or the disk is in trouble, which others find out
		c.of, c.file = s, f
	}
}

func (c *cooling) end() {
	if c.of != nil {
		_ = c.file.Close()
		c.of, c.file = nil, nil
	}
}

// cool gives back the pages of a range. The caller holds syncMu.
func (s *segment) cool(l *Log, from, to int64) {
	s.cooled.Store(to)
	from = max(0, from-coolStep) // pages come in large pieces, and one that stood across the last border is still there
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		s.file.Cool(s.data, from, to)
		return
	}
	if l.cooling.begin(l.disk, s); l.cooling.of == s {
		l.cooling.file.Cool(nil, from, to)
	}
	if to == s.end.Load() {
		l.cooling.end()
	}
}
