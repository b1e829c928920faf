package segstore

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Open opens a shard's log, making its directory (one level) if need be, and recovers it from whatever the last run left.
// It needs no hand: the only errors are the disk's own and *NewerError. What was found wrong is told to Options.Report.
//
// Only segments that may hold bytes not known to be synced are read; the checkpoint names the first of them.
func Open(dir string, o Options) (*Log, error) { return open(dir, o, false) }

// open is Open, which may be asked to read all segments.
func open(dir string, o Options, all bool) (*Log, error) {
	o = o.withDefaults()
	l := &Log{dir: dir, o: o, disk: o.Disk}
	l.spareTemporary = filepath.Join(dir, "spare"+temporarySuffix)
	l.indexTemporary = filepath.Join(dir, "index"+temporarySuffix)
	l.segments.Store(&[]*segment{})
	if err := l.disk.MakeDir(dir); err != nil {
		return nil, err
	}
	synced, epoch, _, err := readCheckpoint(l.disk, dir)
	if err != nil {
		return nil, err
	}
	list, err := listSegments(l.disk, dir)
	if err != nil {
		return nil, err
	}
	r := recovery{l: l, synced: synced, epoch: epoch, list: list, all: all}
	if err := r.run(); err != nil {
		return nil, errors.Join(fmt.Errorf("segstore: recovering %s: %w", dir, err), l.giveUp())
	}
	if l.checkpoint, err = openCheckpoint(l.disk, dir, l.next, r.epoch+1); err != nil {
		return nil, errors.Join(err, l.giveUp())
	}
	l.epoch = int32(l.checkpoint.epoch)
	return l, nil
}

func (o Options) withDefaults() Options {
	if o.Disk == nil {
		o.Disk = OS{}
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 256 << 20
	}
	if o.SegmentBytes < SegmentBytesMin || o.SegmentBytes > SegmentBytesMax {
		panic(fmt.Sprintf("BUG: a segment of %d bytes", o.SegmentBytes))
	}
	if o.Now == nil {
		o.Now = func() int64 { return time.Now().UnixMilli() }
	}
	return o
}

// listSegments finds a shard's segments in order of their base, and removes what was being made when the last run ended.
func listSegments(d Disk, dir string) ([]*segment, error) {
	list, temporary, err := readSegments(d, dir)
	if err != nil {
		return nil, err
	}
	for _, path := range temporary {
		if err := d.Remove(path); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// readSegments finds a shard's segments in order of their base, and the files that were being made.
func readSegments(d Disk, dir string) (list []*segment, temporary []string, err error) {
	names, err := d.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, temporarySuffix) {
			temporary = append(temporary, path)
		}
		base, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		f, err := d.OpenReadOnly(path)
		if err != nil {
			return nil, nil, err
		}
		size, err := f.Size()
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, nil, err
		}
		s := newSegment(base, path, size)
		if s.newest, err = d.Time(path); err != nil {
			return nil, nil, err
		}
		s.created = s.newest
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	return list, temporary, nil
}

// recovery is one run of Open.
type recovery struct {
	l      *Log
	synced int64
	epoch  int64 // the highest seen
	list   []*segment
	all    bool // read every segment, whatever the checkpoint says
}

func (r *recovery) run() error {
	first := 0
	for i, s := range r.list {
		if s.base <= r.synced && !r.all {
			first = i
		}
	}
	for i, s := range r.list[:first] {
		s.next = r.list[i+1].base
		s.end.Store(s.capacity)
		s.durable.Store(true)
		s.finished = true
	}
	for i := first; i < len(r.list); i++ { // segments split off on the way are scanned in their turn
		if err := r.segment(i); err != nil {
			return err
		}
	}
	return r.publish()
}

// publish gives the log its segments and positions. Offsets never go back, not even when the checkpoint is all that is left of
// the records below it.
func (r *recovery) publish() error {
	l := r.l
	l.next = r.synced
	if n := len(r.list); n > 0 {
		l.next = max(l.next, r.list[n-1].next)
	} else if r.synced > 0 {
		l.report(Finding{Path: l.dir, First: 0, Next: r.synced, Kind: Damage, Text: "no segment is left"})
	}
	if l.active != nil && l.active.next != l.next {
		panic("BUG: the active segment does not end where the log does")
	}
	l.segments.Store(&r.list)
	l.written.Store(l.next)
	l.synced.Store(l.next)
	l.first.Store(l.next)
	if len(r.list) > 0 {
		l.first.Store(r.list[0].base)
	}
	return nil
}

// segment scans segment i, mends it as the table says, and syncs what is kept of it.
func (r *recovery) segment(i int) error {
	s := r.list[i]
	nextBase := int64(-1)
	if i+1 < len(r.list) {
		nextBase = r.list[i+1].base
	}
	if s.capacity == 0 {
		return r.emptySegment(s, nextBase)
	}
	f, err := r.l.disk.Open(s.path)
	if err != nil {
		return err
	}
	f.DropCache() // what the cache holds clean may not be what the disk holds, after a failed write-back
	data, err := f.Map(s.capacity, true)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.file, s.data, s.index, s.pins = f, data, newIndex(s.capacity), 1
	s.next = s.base
	fromSynced := s.capacity // where bytes begin that are not known to be on disk
	var at place
	err = guard(data, func() {
		at = scan(data, s.base, nextBase, r.synced, func(pos int64, h header) {
			s.index.add(indexEntry{offset: h.base, position: pos, maxTime: s.maxTime})
			s.maxTime, s.next = max(s.maxTime, h.maxTime), h.next()
			r.epoch = max(r.epoch, int64(h.epoch))
			if h.next() > r.synced {
				fromSynced = min(fromSynced, pos)
			}
		})
	})
	if err != nil {
		return r.unreadable(s, nextBase, err)
	}
	if err := r.mend(i, s, nextBase, at); err != nil {
		return err
	}
	redirty(data[min(fromSynced, at.position):at.position])
	if err := f.Sync(); err != nil {
		return err
	}
	return r.settle(i, s, at)
}

// emptySegment is a file of no bytes: a segment sealed before it took a record.
func (r *recovery) emptySegment(s *segment, nextBase int64) error {
	s.next = s.base
	s.end.Store(0)
	s.durable.Store(true)
	s.finished = true
	if nextBase > s.base {
		return r.missing(s, place{position: 0, expected: s.base, reason: "the file is empty"}, nextBase)
	}
	return nil
}

// mend carries out what the scan decided about the place where it stopped.
func (r *recovery) mend(i int, s *segment, nextBase int64, at place) error {
	switch at.verdict {
	case end:
		return nil
	case cut:
		return r.cutTail(s, at)
	case skip:
		if err := r.missing(s, at, at.next); err != nil {
			return err
		}
		if err := r.saveAside(s, at.position, at.resume, damagedSuffix); err != nil {
			return err
		}
		return r.splitOff(i, s, at)
	case damage:
		next := nextBase
		if next < 0 {
			next = r.synced
		}
		if err := r.missing(s, at, next); err != nil {
			return err
		}
		rest := int64(len(s.data))
		if allZero(s.data[at.position:]) {
			rest = at.position
		}
		return r.saveAside(s, at.position, rest, damagedSuffix)
	}
	panic("BUG: a scan stopped without a verdict")
}

// missing reports that [at.expected, next) can't be read and notes why beside the segments.
func (r *recovery) missing(s *segment, at place, next int64) error {
	f := Finding{Path: s.path, Position: at.position, First: at.expected, Next: next, Kind: Gap, Bytes: max(0, at.resume-at.position), Text: at.reason}
	if at.expected < r.synced {
		f.Kind = Damage
	}
	if reason, ok := knownGap(r.l.disk, r.l.dir, f.First, f.Next); ok {
		f.Kind, f.Text = KnownGap, reason
		r.l.report(f)
		return nil
	}
	r.l.report(f)
	return writeGap(r.l.disk, r.l.dir, f)
}

// unreadable ends a segment before the page that the disk can't read. The file stays as it is: another day, or a copy of the disk,
// may have it.
func (r *recovery) unreadable(s *segment, nextBase int64, why error) error {
	position := s.positionOf(math.MaxInt64)
	if err := r.missing(s, place{position: position, expected: s.next, reason: why.Error()}, max(nextBase, r.synced, s.next)); err != nil {
		return err
	}
	s.end.Store(position)
	s.durable.Store(true)
	s.finished = true
	s.index = nil
	s.unpin()
	return nil
}

// cutTail zeroes a torn tail, so that nothing of it can ever be taken for a batch, and keeps a copy if sound batches were in it.
func (r *recovery) cutTail(s *segment, at place) error {
	tail := s.data[at.position:]
	torn := int64(len(tail))
	for torn > 0 && tail[torn-1] == 0 {
		torn--
	}
	if at.sound {
		if err := r.saveAside(s, at.position, at.position+torn, cutSuffix); err != nil {
			return err
		}
	}
	clear(tail[:torn])
	r.l.report(Finding{Path: s.path, Position: at.position, First: at.expected, Next: at.expected, Bytes: torn, Kind: TornTail,
		Text: at.reason + ": cut, it was never acknowledged as safe"})
	return nil
}

// saveAside copies bytes of a segment to a file of their own. When the disk has no room for it the log still has to start:
// the bytes are then given up, and that is reported.
func (r *recovery) saveAside(s *segment, from, to int64, suffix string) error {
	if to <= from {
		return nil
	}
	path := fmt.Sprintf("%s-%d%s", strings.TrimSuffix(s.path, ".log"), from, suffix)
	err := writeFile(r.l.disk, path, s.data[from:to])
	if errors.Is(err, ErrFull) {
		r.l.report(Finding{Path: s.path, Position: from, Bytes: to - from, Kind: Gap, Text: "no space to keep a copy of the damaged bytes"})
		return nil
	}
	return err
}

// splitOff moves the sound batches behind the damage to a segment of their own, named by their first offset. It is in place before
// the damaged segment is cut, so a crash between the two finds both and cuts again.
func (r *recovery) splitOff(i int, s *segment, at place) error {
	path := segmentPath(r.l.dir, at.next)
	if err := writeFile(r.l.disk, path, s.data[at.resume:]); err != nil {
		return err
	}
	if err := errors.Join(r.l.disk.SetTime(path, s.newest), r.l.disk.SyncDir(r.l.dir)); err != nil {
		return err
	}
	behind := newSegment(at.next, path, int64(len(s.data))-at.resume)
	behind.newest, behind.created = s.newest, s.created
	r.list = slices.Insert(r.list, i+1, behind)
	return nil
}

// settle decides what a scanned segment is from now on: the active one when it is the last and has space left, else a sealed one,
// trimmed and unmapped.
func (r *recovery) settle(i int, s *segment, at place) error {
	if i+1 == len(r.list) && at.verdict != damage && s.capacity-at.position >= pageBytes {
		if err := s.file.Allocate(s.capacity); err == nil {
			r.l.active, r.l.pos = s, at.position
			return nil
		} else if !errors.Is(err, ErrFull) {
			r.l.report(Finding{Path: s.path, Position: at.position, Kind: Gap, Text: "can't be written to any more: " + err.Error()})
		}
	}
	s.end.Store(at.position)
	s.durable.Store(true)
	s.finished = true
	if s.capacity > at.position {
		if err := errors.Join(s.file.Truncate(at.position), r.l.disk.SetTime(s.path, s.newest)); err != nil {
			return err
		}
	}
	s.index = nil
	s.unpin()
	return nil
}

// redirty stores every page anew, so that the sync that follows really writes it: pages that the kernel holds for clean after a
// failed write-back would not be.
func redirty(data []byte) {
	var b [1]byte
	for i := 0; i < len(data); i += pageBytes {
		copy(b[:], data[i:])
		copy(data[i:], b[:])
	}
	if n := len(data); n > 0 {
		copy(b[:], data[n-1:])
		copy(data[n-1:], b[:])
	}
}

// giveUp unmaps what a failed Open had mapped.
func (l *Log) giveUp() error {
	if l.active != nil {
		l.active.unpin()
		l.active = nil
	}
	return nil
}

// Remove deletes a closed log's directory with everything in it.
func Remove(d Disk, dir string) error {
	names, err := d.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		err = errors.Join(err, removeIfThere(d, filepath.Join(dir, name)))
	}
	return errors.Join(err, d.Remove(dir), d.SyncDir(filepath.Dir(dir)))
}
