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

	"penstock/segstore/disk"
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
	l.hold.Store(math.MaxInt64)
	l.spareTemporary = filepath.Join(dir, "spare"+temporarySuffix)
	l.indexTemporary = filepath.Join(dir, "index"+temporarySuffix)
	l.segments.Store(&[]*segment{})
	if err := l.disk.MakeDir(dir); err != nil {
		return nil, err
	}
	m, _, err := readCheckpoint(l.disk, dir)
	if err != nil {
		return nil, err
	}
	list, err := listSegments(l.disk, dir)
	if err != nil {
		return nil, err
	}
	r := recovery{l: l, mark: m, lastRun: m.epoch, list: list, all: all}
	if err := r.run(); err != nil {
		r.giveUp()
		return nil, fmt.Errorf("segstore: recovering %s: %w", dir, err)
	}
	// What is recovered, and why offsets are missing, may have a name that no directory sync has ever covered, the log's own directory
	// included. The checkpoint comes after that: it speaks of what is on disk.
	if err := errors.Join(l.disk.SyncDir(dir), l.disk.SyncDir(filepath.Dir(dir))); err != nil {
		r.giveUp()
		return nil, err
	}
	l.epoch = int32(r.epoch + 1)
	m = l.mark(l.next)
	if n := len(r.list); n > 0 {
		m.newest = r.list[n-1].newest
	}
	if err := l.checkpoint.open(l.disk, dir, m); err != nil { // a hint: on a full disk the log starts without it
		l.report(Finding{Path: filepath.Join(dir, checkpointName), Kind: Gap, Text: "the checkpoint can't be written: " + err.Error()})
	}
	return l, nil
}

func (o Options) withDefaults() Options {
	if o.Stages == nil {
		o.Stages = &Stages{}
	}
	if o.Disk == nil {
		o.Disk = disk.OS{}
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 256 << 20
	}
	if o.SegmentBytes < SegmentBytesMin || o.SegmentBytes > SegmentBytesMax {
		panic(fmt.Sprintf("BUG: a segment of %d bytes", o.SegmentBytes))
	}
	if o.Resident == nil {
		o.Resident = func() int64 { return o.SegmentBytes }
	}
	if o.Now == nil {
		o.Now = func() int64 { return time.Now().UnixMilli() }
	}
	return o
}

// listSegments finds a shard's segments in order of their base, and removes what was being made when the last run ended.
func listSegments(d disk.Disk, dir string) ([]*segment, error) {
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
func readSegments(d disk.Disk, dir string) (list []*segment, temporary []string, err error) {
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
		if errors.Is(err, fs.ErrNotExist) {
			continue // retention took it while Verify looked
		}
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
		s.cooled.Store(size)
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	return list, temporary, nil
}

// recovery is one run of Open.
type recovery struct {
	l       *Log
	mark          // the checkpoint's; epoch is the highest seen
	lastRun int64 // the epoch of the run that ended, 0 when the checkpoint does not tell
	list    []*segment
	all     bool // read every segment, whatever the checkpoint says
	splits  int
}

func (r *recovery) run() error {
	first := 0
	for i, s := range r.list {
		if s.base <= r.synced {
			first = i
		}
	}
	for i := 0; i < len(r.list); i++ { // segments split off on the way are scanned in their turn
		s := r.list[i]
		finished := r.wasFinished(s)
		r.age(s, finished)
		if i < first && !r.all && finished {
			s.next = r.list[i+1].base
			s.end.Store(s.capacity)
			s.durable.Store(true)
			s.finished = true
			continue
		}
		before := len(r.list)
		if err := r.segment(i); err != nil {
			return err
		}
		first += max(0, len(r.list)-before)
	}
	return r.publish()
}

// age tells a segment's. The file's time of one that was not finished is the wall clock's, so it is taken for new, as far as the
// checkpoint does not know better; being kept too long is better than going too early. Nothing is from the future: such a time was written
// down by a retention clock that was lost since.
func (r *recovery) age(s *segment, finished bool) {
	now := r.l.o.Now()
	switch {
	case !finished:
		s.newest, s.created = now, now
		if r.begun > 0 {
			s.created = min(now, r.begun)
		}
	case s.newest > now:
		s.newest, s.created = now, now
		_ = r.l.disk.SetTime(s.path, now) // else the next start makes it as young again
	}
}

// wasFinished says whether a segment has been trimmed: its index is written after that, behind its IDs if it has any, and is only good
// for a file of the size that it had then.
func (r *recovery) wasFinished(s *segment) bool {
	_, _, ids, ok := readIndexFiles(r.l.disk, s)
	s.ids.Store(ids)
	return ok && (ids == 0 || hasIDs(r.l.disk, s))
}

// publish gives the log its segments and positions. Offsets never go back, not even when the checkpoint is all that is left of
// the records below it.
func (r *recovery) publish() error {
	l := r.l
	l.next = r.synced
	r.dropReplaced()
	if n := len(r.list); n > 0 {
		l.next = max(l.next, r.list[n-1].next)
	} else if r.synced > 0 {
		r.missing(l.dir, place{reason: "no segment is left"}, r.synced)
	}
	if l.active != nil && l.active.next != l.next {
		panic("BUG: the active segment does not end where the log does")
	}
	for _, s := range r.list {
		if s.finished {
			_ = l.mapIDs(s) // else they are unlisted, and whoever asks for IDs reads them
		}
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

// dropReplaced takes segments out of the list whose file another one has replaced: all of it stood behind damage, so what was split
// off has the same first offset and the same name. Two segments with one base would send a cursor to and fro for ever.
func (r *recovery) dropReplaced() {
	var list []*segment
	for i, s := range r.list {
		if i+1 == len(r.list) || r.list[i+1].base != s.base {
			list = append(list, s)
		}
	}
	r.list = list
}

// patient is a segment under recovery.
type patient struct {
	*segment
	nextBase int64  // of the segment behind it, -1 when it is the last
	torn     bool   // see tornRoll
	content  []byte // what is scanned: the mapping, or a copy of what can be read of it
	written  int64  // from here on it is zeros; most of a growing segment is, and looking at them would take memory for them
	copied   bool   // the latter: some pages can't be read
	// spoilt: something that is wrong stays in the file as it is, because it can't be read or could not be set aside. It is never
	// written to again; readers step over it.
	spoilt     bool
	unsynced   int64 // position where batches begin that are not known to be on disk
	kept       int64 // end of the last batch that is kept
	extendable bool
}

// segment scans segment i, mends it as the table says, and syncs what is kept of it.
func (r *recovery) segment(i int) error {
	s := r.list[i]
	p := &patient{segment: s, nextBase: -1}
	if i+1 < len(r.list) {
		p.nextBase = r.list[i+1].base
		p.torn = tornRoll(r.l.disk, s, r.list[i+1], r.lastRun)
	}
	if s.capacity == 0 {
		r.emptySegment(p)
		return nil
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
	s.file, s.data, s.pins = f, data, 1
	p.content, p.written = data, f.DataEnd(s.capacity)
	var mended error
	err = errors.Join(guard(data, func() { mended = r.mend(i, p) }), mended)
	var fault *faultError
	if errors.As(err, &fault) {
		p.content, p.copied, p.spoilt = salvage(f, s.capacity), true, true
		r.l.report(Finding{Path: s.path, Position: fault.at, Kind: Gap, Text: "the disk can't read a page here"})
		err = r.mend(i, p)
	}
	if err == nil && !p.copied {
		err = guard(data, func() { redirty(data[min(p.unsynced, p.kept):p.kept]) })
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = r.settle(i, p)
	}
	return err
}

// salvage reads what can be read of a file; the rest is zeros.
func salvage(f disk.File, size int64) []byte {
	content := make([]byte, size)
	for at := int64(0); at < size; at += pageBytes {
		page := content[at:min(at+pageBytes, size)]
		if n, err := f.ReadAt(page, at); n < len(page) && err != nil {
			clear(page)
		}
	}
	return content
}

// emptySegment is a file of no bytes: a segment sealed before it took a record, or a file that lost them.
func (r *recovery) emptySegment(p *patient) {
	p.next, p.newest = p.base, 0 // it keeps nothing that could be too young to go
	p.end.Store(0)
	p.durable.Store(true)
	p.finished = true
	next := p.nextBase
	if next < 0 {
		next = r.synced
	}
	if next > p.base {
		r.missing(p.path, place{position: 0, expected: p.base, reason: "the file is empty"}, next)
	}
}

// settle decides what a scanned segment is from now on: the active one when it is the last and has space left, else a sealed one,
// trimmed, indexed and unmapped.
func (r *recovery) settle(i int, p *patient) error {
	s := p.segment
	if s.next <= r.synced && r.newest > 0 { // all of it was reported, at that time or before
		s.newest = min(s.newest, r.newest)
	}
	if i+1 == len(r.list) && p.extendable && !p.spoilt && s.next >= r.synced && s.capacity-p.kept >= pageBytes {
		err := s.file.Allocate(s.capacity)
		if err == nil {
			r.l.active, r.l.pos = s, p.kept
			s.filled.Store(p.kept)
			s.cooled.Store(0)
			return nil
		}
		r.l.report(Finding{Path: s.path, Position: p.kept, Kind: Gap, Text: "can't be written to any more: " + err.Error()})
	}
	s.end.Store(p.kept)
	if !p.spoilt && s.capacity != trimmedSize(p.kept) {
		if err := r.l.markWhole(s); err != nil { // without the mark, the next start would set aside what is acknowledged behind it
			return err
		}
	}
	if r.l.disk.SetTime(s.path, s.newest) == nil {
		_ = writeIndexFiles(r.l.disk, r.l.indexTemporary, s, s.index.all()) // a hint, made again at the next start
	}
	s.durable.Store(true)
	s.finished = true
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

// giveUp unmaps what a failed run of recovery has mapped.
func (r *recovery) giveUp() {
	for _, s := range r.list {
		if s.pins > 0 {
			s.unpin()
		}
	}
	_ = r.l.unmapIDs(nil)
	r.l.active = nil
}

// Remove deletes a closed log's directory with everything in it.
func Remove(d disk.Disk, dir string) error {
	names, err := d.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		err = errors.Join(err, disk.RemoveIfThere(d, filepath.Join(dir, name)))
	}
	return errors.Join(err, d.Remove(dir), d.SyncDir(filepath.Dir(dir)))
}
