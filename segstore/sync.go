package segstore

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"penstock/segstore/disk"
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
	unmarked   error      // under syncMu: why the file before the last segment's is not known to end where its batches do; nil: it does
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
	for _, s := range l.list() {
		if s.durable.Load() || s.base >= target {
			continue
		}
		// Asked before the sync: a segment is only called durable when nothing can have been written to it since.
		sealed := s.sealed()
		err := l.syncSegment(s)
		if err == nil && sealed {
			err = l.markWhole(s)
		}
		if err != nil {
			l.failed.Store(l.generation.Load() + 1)
			l.poisoned.Store(true)
			l.report(Finding{Path: s.path, First: l.synced.Load(), Next: l.written.Load(), Kind: SyncFailed, Text: err.Error()})
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		if sealed {
			s.durable.Store(true)
			l.unmarked = nil
			l.advance(max(s.next, l.synced.Load())) // should the next one fail, this one's records are not among the lost
			l.callBackground()
		}
	}
	l.advance(max(target, l.synced.Load()))
	l.cool()
	return nil
}

// settleSealed calls segments durable that were synced to their end before they were sealed. The caller holds syncMu: none is
// being synced. What can't be marked as whole is left to the next Sync.
func (l *Log) settleSealed() {
	for _, s := range l.list() {
		if !s.durable.Load() && s.sealed() && s.next <= l.synced.Load() && l.markWhole(s) == nil {
			s.durable.Store(true)
			l.unmarked = nil
		}
	}
}

// syncSegment syncs one segment's bytes and name, unless all of it was synced before.
func (l *Log) syncSegment(s *segment) error {
	if s.sealed() && s.next <= l.synced.Load() || !s.sealed() && l.written.Load() == l.synced.Load() {
		return nil
	}
	if s.nameDirty {
		if err := l.disk.SyncDir(l.dir); err != nil {
			return err
		}
		s.nameDirty = false
	}
	s.unstore()
	return s.file.Sync()
}

// unstoreLeast is from how many bytes on it is worth a call to the kernel to take what was stored out of the mapping before a sync.
const unstoreLeast = 16 << 10

func (s *segment) unstore() {
	from, to := s.unstored, s.filled.Load()
	stored := s.stored.Swap(0)
	s.unstored = to
	if stored < unstoreLeast {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data != nil {
		s.file.Unstore(s.data, from, to)
	}
}

// advance moves Synced to target, which is on disk, and tells recovery and the readers.
func (l *Log) advance(target int64) {
	if target < l.synced.Load() || target > l.written.Load() {
		panic(fmt.Sprintf("BUG: synced would move from %d to %d with %d written", l.synced.Load(), target, l.written.Load()))
	}
	if target == l.synced.Load() {
		return
	}
	l.synced.Store(target)
	l.checkpoint.note(l.mark(target))
	if l.o.ReadSynced {
		l.wakeReaders()
	}
}

// abandon is the writer's part after a failed sync: everything not synced is cut off, and a new segment begins behind it. Offsets
// are not used twice: the gap stays, and is reported.
//
// The cut and the new segment's name are on disk before the log goes on, or a crash would bring back what was given up. While they
// can't be brought there the log refuses records, and each Reserve tries again from where the last one failed.
func (l *Log) abandon() error {
	l.Commit()
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	keep := l.synced.Load()
	if l.active == nil || l.pos > 0 {
		if err := l.roll(BatchOverhead); err != nil {
			return err
		}
	}
	fresh := l.active
	l.giveUpUnsynced(fresh, keep)
	found := Finding{Path: fresh.path, First: keep, Next: fresh.base, Kind: GivenUp, Text: "records whose sync failed were given up"}
	noted := writeGap(l.disk, l.dir, found, l.o.Now())
	if l.unmarked != nil && noted != nil { // the next start would take it for a torn tail, and what follows with it
		return fmt.Errorf("segstore: beginning anew after a failed sync: %w", errors.Join(l.unmarked, noted))
	}
	if err := l.disk.SyncDir(l.dir); err != nil {
		return fmt.Errorf("segstore: beginning anew after a failed sync: %w", err)
	}
	fresh.nameDirty = false
	l.generation.Add(1)
	l.poisoned.Store(false)
	l.report(found)
	if noted != nil {
		found.Text = "why they are missing could not be noted: " + noted.Error()
		l.report(found)
	}
	l.advance(fresh.base)
	l.callBackground()
	return nil
}

// giveUpUnsynced ends the log's older segments at keep.
func (l *Log) giveUpUnsynced(fresh *segment, keep int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*segment
	for _, s := range l.list() {
		switch {
		case s == fresh || s.durable.Load():
			list = append(list, s)
		case s.base < keep:
			l.cutBack(s, keep)
			list = append(list, s)
		default:
			l.giveUpIDs(s, 0)
			s.next = math.MaxInt64 // never to be finished
			s.end.Store(0)
			l.setAside(s)
		}
	}
	l.segments.Store(&list)
	l.first.Store(list[0].base)
}

// giveUpIDs tells of the IDs of a segment's records from a position on, which are given up.
func (l *Log) giveUpIDs(s *segment, position int64) {
	if end := s.readable(); l.o.GaveUp != nil && s.ids.Load() > 0 && position < end {
		segmentIDs(s.data[position:end], l.o.GaveUp)
	}
}

// cutBack ends a segment whose last sync failed at keep, in its file too, so that no start finds again what was given up. The sync
// that follows is not believed about what was lost, only about the new size.
func (l *Log) cutBack(s *segment, keep int64) {
	position := s.positionOf(keep)
	l.giveUpIDs(s, position)
	s.index.truncate(position)
	s.next, s.cut = keep, true
	s.end.Store(position)
	held := l.heldBehindEnd(s)
	if !held {
		l.unmarked = l.markWhole(s)
	}
	if held || l.unmarked != nil { // its name goes to a copy of what is kept
		l.unmarked = disk.WriteWhole(l.disk, s.path, s.data[:trimmedSize(position)])
	}
	if l.unmarked != nil {
		l.report(Finding{Path: s.path, Position: position, First: keep, Next: keep, Kind: GivenUp,
			Text: "could not be cut off for sure, a crash may bring it back: " + l.unmarked.Error()})
	}
	s.durable.Store(true)
}

// heldBehindEnd says whether readers may hold bytes behind the end of a segment that was cut back: truncating would take the pages
// away under them. With ReadSynced nobody has ever seen them.
func (l *Log) heldBehindEnd(s *segment) bool {
	return s.cut && !l.o.ReadSynced && s.pinnedByReaders()
}

// setAside takes a segment that was never synced out of the log; its file is kept under another name.
func (l *Log) setAside(s *segment) {
	if err := l.disk.Rename(s.path, s.path+cutSuffix); err != nil {
		l.unmarked = err
		l.report(Finding{Path: s.path, First: s.base, Next: s.base, Kind: GivenUp, Text: "could not be set aside, a crash may bring it back: " + err.Error()})
	}
	_ = l.disk.SetTime(s.path+cutSuffix, l.o.Now()) // else the machine's clock says when it may go
	s.unpin()                                       // the writer's pin
}

// positionOf is where the batch with that base offset begins, or would. The caller knows that offset is a batch's boundary, and that the segment is
// sealed: behind its end there may be no file any more.
func (s *segment) positionOf(offset int64) int64 {
	pos := s.index.floor(offset)
	for pos+BatchOverhead <= s.size() {
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
