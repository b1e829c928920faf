package segstore

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// syncState is what the syncer and the writer share about durability.
type syncState struct {
	// poisoned: a sync failed and the writer has not yet moved on to a new segment. Set by the syncer, cleared by the writer.
	poisoned atomic.Bool
	// generation counts the times the writer moved on. A record appended in generation g is lost once failed > g and it was not
	// synced before.
	generation atomic.Int64
	failed     atomic.Int64
	syncMu     sync.Mutex // orders Sync against abandon and Close
	checkpoint checkpoint
}

// Generation changes when the log gives up unsynced records. Note it when appending; ask Lost with it after a Sync.
func (l *Log) Generation() int64 { return l.generation.Load() }

// Lost says whether records appended in the generation, and not reported synced until now, were given up.
func (l *Log) Lost(generation int64) bool { return l.failed.Load() > generation }

// Sync puts everything on disk that was committed before the call, and only then moves Synced. The syncer calls it.
//
// The first error is final for the segments it concerns: they are never synced again (the kernel may have marked their pages clean
// and would say yes to a lie). Readers are held at what was synced, those who wait for the rest must be told that it is Lost,
// and the writer's next Reserve begins a new segment behind it.
func (l *Log) Sync() error {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	if l.poisoned.Load() {
		return ErrLost
	}
	target := l.written.Load()
	if target == l.synced.Load() {
		return nil
	}
	for _, s := range l.list() {
		if s.durable.Load() || s.base >= target {
			continue
		}
		if err := l.syncSegment(s); err != nil {
			l.failed.Store(l.generation.Load() + 1)
			l.poisoned.Store(true)
			l.report(Finding{Path: s.path, First: l.synced.Load(), Next: l.written.Load(), Kind: SyncFailed, Text: err.Error()})
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
	}
	l.advance(target)
	return nil
}

// syncSegment syncs one segment's bytes and name. Whether it was sealed is asked before the sync, so that a segment is only called
// durable when nothing can have been written to it since.
func (l *Log) syncSegment(s *segment) error {
	sealed := s.sealed()
	if s.nameDirty {
		if err := l.disk.SyncDir(l.dir); err != nil {
			return err
		}
		s.nameDirty = false
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	if sealed {
		s.durable.Store(true)
		l.callBackground()
	}
	return nil
}

// advance moves Synced to target, which is on disk, and tells recovery and the readers.
func (l *Log) advance(target int64) {
	if target < l.synced.Load() || target > l.written.Load() {
		panic(fmt.Sprintf("BUG: synced would move from %d to %d with %d written", l.synced.Load(), target, l.written.Load()))
	}
	l.synced.Store(target)
	l.checkpoint.note(target)
	if l.o.ReadSynced {
		l.wakeReaders()
	}
}

// abandon is the writer's part after a failed sync: everything not synced is cut off, and a new segment begins behind it. Offsets
// are not used twice: the gap stays, and is reported.
func (l *Log) abandon() error {
	l.Commit()
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	keep := l.synced.Load()
	if err := l.roll(BatchOverhead); err != nil {
		return err
	}
	fresh := l.active
	l.mu.Lock()
	var list []*segment
	for _, s := range l.list() {
		switch {
		case s == fresh || s.durable.Load():
			list = append(list, s)
		case s.base < keep:
			s.end.Store(s.positionOf(keep))
			s.next = keep
			s.durable.Store(true)
			list = append(list, s)
		default:
			s.end.Store(0)
			l.setAside(s)
		}
	}
	l.segments.Store(&list)
	l.mu.Unlock()
	l.generation.Add(1)
	l.poisoned.Store(false)
	found := Finding{Path: fresh.path, First: keep, Next: fresh.base, Kind: GivenUp, Text: "records whose sync failed were given up"}
	l.report(found)
	if err := writeGap(l.disk, l.dir, found); err != nil {
		found.Text = "why they are missing could not be noted: " + err.Error()
		l.report(found)
	}
	l.advance(fresh.base)
	l.callBackground()
	return nil
}

// setAside takes a segment that was never synced out of the log; its file is kept under another name.
func (l *Log) setAside(s *segment) {
	if err := l.disk.Rename(s.path, s.path+cutSuffix); err != nil {
		l.report(Finding{Path: s.path, First: s.base, Next: s.next, Kind: GivenUp, Text: "could not be set aside: " + err.Error()})
	}
	s.unpin() // the writer's pin
}

// positionOf is where the batch with that base offset begins, or would. The caller knows that offset is a batch's boundary.
func (s *segment) positionOf(offset int64) int64 {
	pos := s.index.floor(offset)
	for pos+BatchOverhead <= s.capacity {
		h := readHeader(s.data[pos:])
		if h.magic != magic || h.base >= offset {
			break
		}
		pos += h.size
	}
	return pos
}

// waiters wakes those who wait for records. It costs the writer one atomic load while nobody waits.
type waiters struct {
	waiting  atomic.Int32
	waiterMu sync.Mutex
	changed  chan struct{}
}

func (w *waiters) wakeReaders() {
	if w.waiting.Load() == 0 {
		return
	}
	w.waiterMu.Lock()
	defer w.waiterMu.Unlock()
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// subscribe returns a channel that is closed at the next wake. A caller that has counted itself in waiting and then looks at the
// log misses nothing.
func (w *waiters) subscribe() <-chan struct{} {
	w.waiterMu.Lock()
	defer w.waiterMu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}
