package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"penstock/segstore"
)

// store is the log of offsets and, in memory, what of it counts.
//
// A write is appended to the log at once and counts once it is on disk: until then it stands in the queue, in the log's order. The first
// who waits for one syncs for all that are in the queue by then; those who come meanwhile wait for their turn, and one of them syncs for the
// rest. What counts is thus what a replay of the synced log would find, at every moment.
//
// syncMu is taken before mu; whoever holds a group's mutex may take both.
type store struct {
	log    *segstore.Log
	memory *memory
	logger *slog.Logger
	floor  int64 // no compaction while the log is smaller

	syncMu   sync.Mutex // held by the one who syncs, and who compacts
	restTill time.Time  // under syncMu: no compaction before, as the last one failed
	segments int        // under syncMu: how many there were when the log was last tended
	leanest  int        // under syncMu: and after it was compacted

	mu     sync.Mutex // the log's writer, and what follows
	queue  []*write
	kept   map[string]*keptGroup
	live   int64 // bytes of the records that count
	logged int64 // bytes of all records in the log, about
	closed bool
	toldAt time.Time // when a failure was told last
}

// keptGroup is what counts of one group.
type keptGroup struct {
	era     era
	hasEra  bool
	offsets map[partition]offset
}

// write is changes that have been appended together.
type write struct {
	changes    []change
	generation int64 // of the log
	settled    bool  // under syncMu: err says how it ended
	err        error
}

// openStore reads back what counts.
func openStore(o *Options, m *memory) (*store, error) {
	parent := filepath.Join(o.Dir, "groups")
	if err := errors.Join(o.Disk.MakeDir(parent), o.Disk.SyncDir(o.Dir)); err != nil {
		return nil, fmt.Errorf("group: the directory of the offsets: %w", err)
	}
	s := &store{memory: m, logger: o.Logger, floor: o.compactFloor, kept: map[string]*keptGroup{}}
	log, err := segstore.Open(filepath.Join(parent, "offsets-0"), segstore.Options{
		SegmentBytes: o.segmentBytes,
		ReadSynced:   true,
		Disk:         o.Disk,
		Now:          func() int64 { return o.Now().UnixMilli() },
		Report:       s.report,
	})
	if err != nil {
		return nil, fmt.Errorf("group: opening the log of offsets: %w", err)
	}
	s.log = log
	if err := s.replay(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s.noneOfTheFuture(o.Now().UnixMilli())
	return s, nil
}

// noneOfTheFuture has what is from after now, as the clock was set back since, be of now: or it would be kept until then.
func (s *store) noneOfTheFuture(now int64) {
	for _, g := range s.kept {
		g.era.emptySince = min(g.era.emptySince, now)
		for p, o := range g.offsets {
			o.time = min(o.time, now)
			g.offsets[p] = o
		}
	}
}

func (s *store) report(f segstore.Finding) {
	level := slog.LevelWarn
	if f.Acknowledged() || f.Kind == segstore.SyncFailed {
		level = slog.LevelError
	}
	s.logger.Log(context.Background(), level, f.Kind.String(), "file", f.Path, "byte", f.Position, "bytes", f.Bytes,
		"first", f.First, "next", f.Next, "what", f.Text)
}

// replay applies the whole log. What can't be read is told, and passed over: an older commit counts then.
func (s *store) replay() error {
	if err := s.log.Sync(); err != nil { // recovery has stored anew what was not known to be on disk
		return fmt.Errorf("group: the log of offsets: %w", err)
	}
	cursor := s.log.Cursor(s.log.First())
	defer cursor.Close()
	for {
		batch, err := cursor.Next()
		var corrupt *segstore.CorruptError
		switch {
		case errors.Is(err, segstore.ErrTail):
			return nil
		case errors.As(err, &corrupt):
			s.logger.Error("committed offsets can't be read", "error", corrupt.Error())
			continue
		case err != nil:
			return fmt.Errorf("group: reading the log of offsets: %w", err)
		}
		for records := batch.Records(); ; {
			r, ok := records.Next()
			if !ok {
				break
			}
			s.logged += int64(len(r.Key) + len(r.Value) + segstore.RecordOverhead)
			c, err := decode(r.Key, r.Value)
			if err != nil {
				s.logger.Error("a record of the log of offsets is none that we know", "offset", r.Offset, "error", err.Error())
				continue
			}
			s.apply(&c)
		}
	}
}

// chunkBytes is how many bytes of records are appended as one batch at most.
const chunkBytes = 512 << 10

// append lays changes into the log. They count after a wait that succeeds. On an error a part of them may come to count nevertheless.
func (s *store) append(changes ...change) *write {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &write{}
	if s.closed {
		w.settled, w.err = true, segstore.ErrClosed
		return w
	}
	n, err := s.lay(changes)
	s.tell(err)
	w.changes, w.err, w.generation = changes[:n], err, s.log.Generation()
	s.queue = append(s.queue, w)
	return w
}

// lay appends records and closes their batch, and says how many it had room for. The caller holds mu.
func (s *store) lay(changes []change) (n int, err error) {
	defer s.log.Commit()
	for n < len(changes) {
		bytes, end := int64(0), n
		for ; end < len(changes) && (end == n || bytes+changes[end].size() <= chunkBytes); end++ {
			bytes += changes[end].size()
		}
		s.log.Commit()
		if err := s.log.Reserve(bytes); err != nil {
			return n, err
		}
		for ; n < end; n++ {
			key, value := changes[n].encode()
			s.log.Append(key, value, max(changes[n].offset.time, 0))
		}
		s.logged += bytes
	}
	return n, nil
}

// wait returns once a write counts, or with the reason why it does not.
func (s *store) wait(w *write) error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	if !w.settled {
		s.settle()
	}
	return w.err
}

// flush settles whatever is in the queue.
func (s *store) flush() {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	s.settle()
}

// queueMax is how many writes that nobody waits for may be in the queue.
const queueMax = 1000

// note appends a change that nobody waits for.
func (s *store) note(c change) {
	s.append(c)
	s.mu.Lock()
	full := len(s.queue) > queueMax
	s.mu.Unlock()
	if full {
		s.flush()
	}
}

// tellEvery is how often failures to keep what clients commit are told: each client that is refused tries again.
const tellEvery = 10 * time.Second

// tell tells the operator that nothing can be kept. The caller holds mu.
func (s *store) tell(err error) {
	if now := time.Now(); err != nil && now.Sub(s.toldAt) >= tellEvery {
		s.toldAt = now
		s.logger.Error("what consumer groups commit could not be kept; they are told to try again", "error", err.Error())
	}
}

// settle syncs what is in the queue, lets it count, and tends the log. The caller holds syncMu.
func (s *store) settle() {
	s.mu.Lock()
	queue := s.queue
	s.queue = nil
	s.mu.Unlock()
	if len(queue) == 0 {
		return
	}
	err := s.log.Sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(err)
	s.end(queue, err)
	if err == nil {
		s.tend()
	}
}

// end settles writes that a sync was to cover. What was appended before a sync that failed is lost, although a later one succeeds.
func (s *store) end(queue []*write, err error) {
	for _, w := range queue {
		w.settled = true
		switch {
		case err != nil:
			w.err = errors.Join(w.err, err)
		case s.log.Lost(w.generation):
			w.err = errors.Join(w.err, segstore.ErrLost)
		default:
			for i := range w.changes {
				s.apply(&w.changes[i])
			}
		}
		w.changes = nil
	}
}

// apply lets a change count. The caller holds mu.
func (s *store) apply(c *change) {
	g := s.kept[c.group]
	if g == nil {
		if c.kind == dropGroup || c.kind == dropOffset {
			return
		}
		g = &keptGroup{offsets: map[partition]offset{}}
		s.kept[c.group] = g
	}
	switch c.kind {
	case setGroup:
		if g.hasEra {
			s.count(eraChange(c.group, g), -1)
		}
		g.era, g.hasEra = c.era, true
		s.count(c, 1)
	case setOffset:
		if old, ok := g.offsets[c.partition]; ok {
			s.count(&change{kind: setOffset, group: c.group, partition: c.partition, offset: old}, -1)
		}
		g.offsets[c.partition] = c.offset
		s.count(c, 1)
	case dropOffset:
		if old, ok := g.offsets[c.partition]; ok {
			s.count(&change{kind: setOffset, group: c.group, partition: c.partition, offset: old}, -1)
			delete(g.offsets, c.partition)
		}
		if len(g.offsets) == 0 && !g.hasEra {
			delete(s.kept, c.group)
		}
	case dropGroup:
		for _, c := range g.changes(c.group) {
			s.count(&c, -1)
		}
		delete(s.kept, c.group)
	}
}

func (s *store) count(c *change, times int64) {
	s.live += times * c.size()
	s.memory.force(times * (c.size() + offsetCost))
}

func eraChange(group string, g *keptGroup) *change {
	return &change{kind: setGroup, group: group, era: g.era}
}

// changes is the records that make a group what it is.
func (g *keptGroup) changes(name string) []change {
	list := make([]change, 0, len(g.offsets)+1)
	if g.hasEra {
		list = append(list, *eraChange(name, g))
	}
	for p, o := range g.offsets {
		list = append(list, change{kind: setOffset, group: name, partition: p, offset: o})
	}
	return list
}

// look shows what counts of a group, during the call.
func (s *store) look(group string, f func(g *keptGroup)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.kept[group]; g != nil {
		f(g)
		return
	}
	f(&keptGroup{})
}

// close settles what is in the queue and closes the log.
func (s *store) close() error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	s.settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.end(s.queue, s.log.Sync())
	s.queue = nil
	return s.log.Close()
}
