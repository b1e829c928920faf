package segstore

import (
	"errors"
	"path/filepath"

	"penstock/segstore/disk"
)

const (
	temporarySuffix = disk.TemporarySuffix
	cutSuffix       = ".cut"     // set aside: what recovery cut off or a failed sync gave up
	damagedSuffix   = ".damaged" // set aside: the bytes of a segment that are damaged, as they were found
	gapSuffix       = ".gap"     // why offsets are missing, in words
)

// Background does what neither the writer nor the syncer has time for: it trims, indexes and unmaps sealed segments that are on
// disk, and readies the next one. The keeper calls it when Options.Background asked for it, and every now and then while the log
// is Full. An error is reported and tried again at the next call.
func (l *Log) Background() error {
	if l.closed.Load() {
		return nil
	}
	var errs []error // appended to in trouble only
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if l.wantNew.Load() || l.full.Load() {
		note(l.prepare())
	}
	if l.syncMu.TryLock() { // else the syncer is at it, and asks again for what it finds sealed
		l.settleSealed()
		l.checkpoint.retry(l.disk, l.dir, l.mark(l.synced.Load()))
		l.syncMu.Unlock()
	}
	note(l.finishDrop())
	for _, s := range l.list() {
		if s.durable.Load() && !s.finished && !l.heldBehindEnd(s) {
			note(l.finish(s))
		}
	}
	return errors.Join(errs...)
}

// prepare readies a spare segment unless one is there.
func (l *Log) prepare() error {
	l.spareMu.Lock()
	defer l.spareMu.Unlock()
	if l.spare != nil || l.closed.Load() {
		return nil
	}
	s, err := l.makeSpare(BatchOverhead)
	if err != nil {
		return err
	}
	l.spare = s
	return nil
}

// finish trims a sealed segment to its batches, stamps it with its age, writes its index and gives the writer's pin back.
// Nothing here touches what is synced: should the trim be lost in a crash, recovery finds zeros where it expects them. The index comes
// last: where there is one, the file's time is believed.
func (l *Log) finish(s *segment) error {
	s.finished = true // whatever fails below, the segment itself is whole
	err := s.file.Truncate(trimmedSize(s.end.Load()))
	listed := l.disk.SetTime(s.path, s.newest)
	if listed == nil {
		listed = writeIndexFiles(l.disk, l.indexTemporary, s, s.index.all())
	}
	if listed == nil {
		listed = l.mapIDs(s)
	}
	s.mu.Lock()
	s.index = nil // read again from its file when wanted
	s.mu.Unlock()
	s.unpin()
	return errors.Join(err, listed)
}

// Retire removes segments whose last record came before cutoff (retention clock, ms), oldest first; the last segment always stays.
// A reader inside one goes on reading it. The keeper calls it.
func (l *Log) Retire(cutoff int64) (removed int, err error) {
	if err := l.finishDrop(); err != nil {
		return 0, err
	}
	for {
		s := l.oldestRemovable()
		if s == nil || s.newest >= cutoff {
			return removed, nil
		}
		if err := l.drop(s); err != nil {
			return removed, err
		}
		removed++
	}
}

// Oldest is the age (retention clock, ms) and size of the segment that DropOldest would remove; ok false when none may be.
func (l *Log) Oldest() (newest, bytes int64, ok bool) {
	s := l.oldestRemovable()
	if s == nil {
		return 0, 0, false
	}
	return s.newest, s.size(), true
}

// DropOldest removes the oldest segment whatever its age, to free its space.
func (l *Log) DropOldest() error {
	if err := l.finishDrop(); err != nil {
		return err
	}
	if s := l.oldestRemovable(); s != nil {
		return l.drop(s)
	}
	return nil
}

func (l *Log) oldestRemovable() *segment {
	list := l.list()
	if len(list) < 2 || !list[0].finished || l.closed.Load() || l.dropped != nil {
		return nil
	}
	if l.holds(list[1]) {
		return nil
	}
	return list[0]
}

// drop removes the first segment: first from the list, then its files. First moves before the bytes go.
func (l *Log) drop(s *segment) error {
	l.mu.Lock()
	list := l.list()[1:] // lists are never written to, so they may share
	l.segments.Store(&list)
	l.first.Store(list[0].base)
	l.mu.Unlock()
	l.dropped = s
	l.held.add(s)
	return errors.Join(l.unmapIDs(s), l.finishDrop())
}

// finishDrop removes the files of the segment that was dropped last, or tries again to. No other is dropped before that is on disk:
// the next start would find this one and a hole behind it.
func (l *Log) finishDrop() error {
	s := l.dropped
	if s == nil || l.closed.Load() {
		return nil
	}
	if s.offsetPath == "" { // from an earlier run
		s.offsetPath, s.timePath = indexPaths(s.path)
	}
	err := disk.RemoveIfThere(l.disk, s.path)
	err = errors.Join(err, disk.RemoveIfThere(l.disk, s.offsetPath), disk.RemoveIfThere(l.disk, s.timePath))
	if s.ids.Load() > 0 {
		err = errors.Join(err, disk.RemoveIfThere(l.disk, idsPath(s.path)))
	}
	if err = errors.Join(err, l.disk.SyncDir(l.dir)); err == nil {
		l.dropped = nil
	}
	return err
}

// RetireAside removes files that recovery or a failed sync set aside before cutoff, and then the reasons for offsets that are missing
// before First.
func (l *Log) RetireAside(cutoff int64) error {
	names, err := l.disk.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(l.dir, name)
		switch filepath.Ext(name) {
		case cutSuffix, damagedSuffix:
		case gapSuffix:
			if first, ok := parseGapName(name); ok && first >= l.First() {
				continue
			}
		default:
			continue
		}
		ms, e := l.disk.Time(path)
		switch now := l.o.Now(); {
		case e != nil:
			err = errors.Join(err, e)
		case ms > now: // see recovery.age
			err = errors.Join(err, l.disk.SetTime(path, now))
		case ms < cutoff:
			err = errors.Join(err, l.disk.Remove(path))
		}
	}
	return err
}

// Close closes the open batch, syncs, seals the active segment and gives everything back. The writer calls it, once the syncer and
// the keeper have stopped. Readers get ErrClosed. When the sync fails, or the last one did, what was not synced is given up here too.
func (l *Log) Close() error {
	if l.closed.Load() {
		return nil
	}
	l.Commit()
	l.unstage()
	err := l.Sync()
	if l.poisoned.Load() {
		err = errors.Join(err, l.abandon())
	}
	l.syncMu.Lock()
	l.cooling.end()
	l.syncMu.Unlock()
	l.closed.Store(true)
	l.full.Store(false) // nobody waits for space any more
	l.wakeReaders()
	l.sealActive()
	if !l.poisoned.Load() {
		l.settleSealed()
	}
	for _, s := range l.list() {
		switch {
		case s.finished:
		case s.durable.Load() && !l.heldBehindEnd(s):
			err = errors.Join(err, l.finish(s))
		default:
			s.unpin()
		}
	}
	l.spareMu.Lock()
	if l.spare != nil {
		err = errors.Join(err, l.discard(l.spare))
	}
	l.spareMu.Unlock()
	return errors.Join(err, l.unmapIDs(nil), l.checkpoint.close())
}
