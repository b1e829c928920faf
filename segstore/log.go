package segstore

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"penstock/segstore/disk"
)

const (
	// SegmentBytesMax is the largest segment: Kafka's index files hold positions in 32 bits.
	SegmentBytesMax = 1 << 30
	// SegmentBytesMin is the smallest.
	SegmentBytesMin = 64 << 10
	// firstSegmentBytes is what a new log's first segment takes; each next one takes four times as much, up to SegmentBytes.
	// So a thousand idle topics cost little and a busy one soon rolls rarely.
	firstSegmentBytes = 4 << 20
	// BatchBytesMax is where an open batch is closed although more records are waiting: Kafka's usual largest message.
	BatchBytesMax = 1 << 20
)

// Options says how a log is kept.
type Options struct {
	SegmentBytes int64 // how large a segment grows; at most SegmentBytesMax
	// ReadSynced lets readers see only what is on disk (what a power cut can't take back). Otherwise they see what is written.
	ReadSynced bool
	// Resident is how much of what was written last stays in memory, bytes, as things are now; the system may have the rest. The syncer calls it. nil: a
	// segment's worth, which is the most.
	Resident func() int64
	Stages   *Stages      // nil: its own
	Disk     disk.Disk    // nil: OS
	Now      func() int64 // the retention clock, ms; it must not follow the wall clock's jumps
	// Background is called, from the writer or the syncer, when Log.Background has work to do. It must not block.
	// nil: nobody readies segments ahead, Reserve makes them; Log.Background is still to be called now and then.
	Background func()
	Report     func(Finding) // what recovery found, and what failed later; nil: nobody wants to know
	// GaveUp is called, from the writer, for the IDs of records that were committed, and given up after a failed sync. nil: nobody cares.
	GaveUp func(ID)
}

// Log is one shard's log: segments in order of offset, one writer, any number of readers.
//
// Sharing. The writer's goroutine alone calls Reserve, Append, Commit, RollOlder and Close. One other goroutine, the syncer, calls
// Sync. One other, the keeper, calls Background, Retire and DropOldest. Everything else may be called by anyone.
type Log struct {
	dir  string
	o    Options
	disk disk.Disk

	spareTemporary, indexTemporary string // paths of what is being made

	// The writer's own.
	active *segment // nil until the first record, and after a clean start
	open   Draft    // goes to the active segment when it is closed
	usual  int      // bytes of the last one
	pos    int64    // end of the last closed batch in the active segment
	next   int64    // offset of the next record
	epoch  int32
	astray bool // a segment could not be named for sure: it may stand behind the active one, or in its place

	// written ≤ next, synced ≤ written; both stand on batch boundaries. first ≤ synced.
	written atomic.Int64
	synced  atomic.Int64
	first   atomic.Int64

	segments atomic.Pointer[[]*segment] // immutable; replaced under mu
	mu       sync.Mutex

	spareMu sync.Mutex // held while a spare is made, so the writer waits for it rather than make another
	spare   *segment
	wantNew atomic.Bool // the active segment is half full
	full    atomic.Bool // the next segment can't be made; why is in trouble
	trouble atomic.Pointer[error]
	closed  atomic.Bool

	dropped *segment // the keeper's: out of the list, its files yet to be removed
	held    held
	cooling cooling
	hold    atomic.Int64 // see Hold

	syncState
	waiters
	idBlocks
}

// First is the oldest offset kept; Next when nothing is. While what could not be synced is being given up, the segments may begin
// behind Synced already.
func (l *Log) First() int64 { return min(l.first.Load(), l.synced.Load()) }

// Written is the offset behind the last closed batch.
func (l *Log) Written() int64 { return l.written.Load() }

// Synced is the offset below which everything is on disk.
func (l *Log) Synced() int64 { return l.synced.Load() }

// Next is the first offset not yet readable.
func (l *Log) Next() int64 {
	if l.o.ReadSynced {
		return l.synced.Load()
	}
	return l.written.Load()
}

// Full reports that the log refuses records because it can't make another segment, for want of disk space as a rule.
func (l *Log) Full() bool { return l.full.Load() }

// Trouble says why the log is Full, nil when it is not.
func (l *Log) Trouble() error {
	if err := l.trouble.Load(); err != nil && l.full.Load() {
		return *err
	}
	return nil
}

// Dir is the shard's directory.
func (l *Log) Dir() string { return l.dir }

func (l *Log) list() []*segment { return *l.segments.Load() }

// Segments is how many segments the log has.
func (l *Log) Segments() int { return len(l.list()) }

// Size is how many bytes of batches the log holds, the active segment counted as far as it is allocated.
func (l *Log) Size() int64 {
	var sum int64
	for _, s := range l.list() {
		sum += s.size()
	}
	return sum
}

// Held is how many bytes of disk removed segments still take, as readers are in them.
func (l *Log) Held() int64 { return l.held.bytes() }

// Reserve makes room for records that take at most n bytes together (key, value and RecordOverhead each), so that the Appends
// that follow land in one batch: after a crash they are all there or none is. It may close the open batch and begin a segment.
// Errors: ErrFull, ErrClosed, or what the disk said.
func (l *Log) Reserve(n int64) error {
	l.bound(n)
	if err := l.makeRoom(n); err != nil {
		return err
	}
	l.stage(int(n))
	return nil
}

// makeRoom makes sure that records that take n bytes fit the active segment, behind those of the open batch.
func (l *Log) makeRoom(n int64) error {
	if l.closed.Load() {
		return ErrClosed
	}
	if n < 0 || n > SegmentBytesMax-BatchOverhead {
		return fmt.Errorf("segstore: %d bytes do not fit a segment", n)
	}
	if l.poisoned.Load() {
		if err := l.abandon(); err != nil {
			return err
		}
	}
	if l.astray || !l.fits(n) {
		l.Commit()
		return l.roll(n + BatchOverhead)
	}
	return nil
}

func (l *Log) fits(n int64) bool {
	return l.active != nil && l.pos+int64(max(len(l.open.bytes), BatchOverhead))+n <= l.active.capacity
}

// Append adds a record to the open batch and returns its offset. A nil key is Kafka's null key, a nil value its null value. Room must have been reserved.
// Nobody sees the record before Commit.
func (l *Log) Append(key, value []byte, ms int64) (offset int64) {
	return l.AppendRecord(nil, key, value, nil, ms)
}

// AppendWithID is Append for a record with an ID, which takes IDOverhead more room.
func (l *Log) AppendWithID(id *ID, key, value []byte, ms int64) (offset int64) {
	return l.AppendRecord(id, key, value, nil, ms)
}

// AppendRecord is Append for a record that may have an ID, and headers: as Kafka lays them out, their count first. They take their length more
// room. What is nil it has not.
func (l *Log) AppendRecord(id *ID, key, value, headers []byte, ms int64) (offset int64) {
	l.open.Append(id, key, value, headers, ms)
	l.next++
	return l.next - 1
}

// Commit closes the open batch and publishes it. It does nothing, and says so, when none is open.
func (l *Log) Commit() (closed bool) {
	b := &l.open
	if b.count == 0 {
		return false
	}
	l.closeBatch(b)
	l.usual = len(b.bytes)
	l.o.Stages.give(b.bytes)
	*b = Draft{}
	return true
}

// closeBatch closes a batch whose records are the last ones before next, and publishes it.
func (l *Log) closeBatch(b *Draft) {
	s := l.active
	base := l.next - int64(b.count)
	b.seal(&header{base: base, epoch: l.epoch, baseTime: b.baseTime, maxTime: b.maxTime, count: b.count})
	s.place(b.bytes, l.pos, &l.o)
	s.index.add(indexEntry{offset: base, position: l.pos, maxTime: s.maxTime})
	s.maxTime = max(s.maxTime, b.maxTime)
	s.newest = l.o.Now()
	if b.ids > 0 {
		s.ids.Add(b.ids)
	}
	l.pos += int64(len(b.bytes))
	s.filled.Store(l.pos)
	l.written.Store(l.next)
	if !l.o.ReadSynced {
		l.wakeReaders()
	}
	if l.pos > s.capacity/2 && !l.wantNew.Load() {
		l.wantNew.Store(true)
		l.callBackground()
	}
}

func (l *Log) callBackground() {
	if l.o.Background != nil {
		l.o.Background()
	}
}

// roll seals the active segment and begins the next one with room for at least n bytes.
// The rename that gives the spare its name is durable once the syncer has synced the directory, which it does before it reports
// any record of the segment as synced.
func (l *Log) roll(n int64) error {
	next, err := l.nameSpare(n)
	if err != nil {
		return err
	}
	l.mu.Lock()
	old := l.list()
	var replaced *segment
	if last := len(old) - 1; last >= 0 && old[last].base == next.base {
		replaced, old = old[last], old[:last] // it is empty, and the new one has taken its name
	}
	list := append(append(make([]*segment, 0, len(old)+1), old...), next)
	l.segments.Store(&list)
	l.mu.Unlock()
	if replaced != nil && replaced == l.active {
		l.replaceActive()
	} else {
		l.sealActive()
	}
	l.active, l.pos = next, 0
	l.callBackground()
	return nil
}

// nameSpare takes the spare, or makes one, and gives it the name of the next segment. All under one lock: until it has its name,
// nobody else may take the spare's.
func (l *Log) nameSpare(n int64) (*segment, error) {
	l.spareMu.Lock()
	defer l.spareMu.Unlock()
	s, err := l.takeSpare(n)
	if err != nil {
		return nil, err
	}
	path := segmentPath(l.dir, l.next)
	err = l.disk.Rename(s.path, path)
	if l.astray = err != nil; l.astray {
		err = errors.Join(err, l.discard(s)) // it may have either name now; the next to be named takes its place
		return nil, fmt.Errorf("segstore: naming the next segment: %w", err)
	}
	s.base, s.path, s.nameDirty = l.next, path, true
	l.wantNew.Store(false)
	return s, nil
}

// sealActive ends the active segment where its last batch ends. The caller has closed the open batch.
func (l *Log) sealActive() {
	if s := l.active; s != nil {
		s.next = l.next
		s.end.Store(l.pos)
		l.active = nil
	}
}

// replaceActive ends an empty active segment whose name another one has. It was taken out of the list, so nobody else finishes it.
func (l *Log) replaceActive() {
	s := l.active
	s.next = math.MaxInt64 // for those who still have the old list: never to be finished
	s.end.Store(0)
	s.unpin()
	l.active = nil
}

// RollOlder begins a new segment when the last one was begun before cutoff (retention clock, ms) and has records, so that a quiet
// topic's records can expire too: retention never takes the last segment. The writer calls it.
func (l *Log) RollOlder(cutoff int64) error {
	list := l.list()
	if len(list) == 0 || l.closed.Load() {
		return nil
	}
	l.Commit()
	last := list[len(list)-1]
	begun, empty := last.created, l.pos == 0
	if l.active == nil { // sealed by a clean stop: all that is known is when its last record came
		begun, empty = last.newest, last.next == last.base
	}
	if empty || begun >= cutoff {
		return nil
	}
	return l.roll(BatchOverhead)
}

// takeSpare returns a segment file that is ready and has room for n bytes. The caller holds spareMu.
func (l *Log) takeSpare(n int64) (*segment, error) {
	if s := l.spare; s != nil {
		l.spare = nil
		if s.capacity >= n {
			return s, nil
		}
		if err := l.discard(s); err != nil {
			return nil, err
		}
	}
	if l.full.Load() && l.o.Background != nil {
		return nil, ErrFull // Background is trying; this is the way of every record meanwhile
	}
	return l.makeSpare(n)
}

// makeSpare makes a segment file and notes whether that is possible. The caller holds spareMu.
func (l *Log) makeSpare(n int64) (*segment, error) {
	s, err := l.trySizes(n)
	if err != nil {
		l.trouble.Store(&err)
	}
	l.full.Store(err != nil)
	return s, err
}

// trySizes creates a segment of the size that is due. When the disk has no room for it, smaller ones are tried, so that the last
// of the space is used before anybody is refused.
func (l *Log) trySizes(n int64) (*segment, error) {
	least := max(SegmentBytesMin, roundUp(n, pageBytes))
	for size := max(l.nextSize(), least); ; size = max(size/2, least) {
		s, err := l.createSegment(size)
		if err == nil || size == least || !errors.Is(err, ErrFull) {
			return s, err
		}
	}
}

// nextSize is how large the next segment shall be.
func (l *Log) nextSize() int64 {
	size := int64(firstSegmentBytes)
	if list := l.list(); len(list) > 0 {
		size = max(size, 4*list[len(list)-1].capacity)
	}
	return min(size, l.o.SegmentBytes)
}

func (l *Log) createSegment(size int64) (*segment, error) {
	path := l.spareTemporary
	f, err := disk.CreateAnew(l.disk, path, size)
	if err != nil {
		return nil, fmt.Errorf("segstore: making a segment of %d bytes: %w", size, err)
	}
	data, err := f.Map(size, true)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("segstore: mapping a new segment: %w", err)
	}
	s := newSegment(math.MaxInt64, path, size)
	s.file, s.data, s.index, s.pins = f, data, newIndex(size), 1 // the writer's pin, given back when the segment is finished
	s.created = l.o.Now()
	return s, nil
}

// discard throws a spare away. The next one takes its file's place, should that be there still.
func (l *Log) discard(s *segment) error {
	s.end.Store(0)
	s.unpin()
	return disk.RemoveIfThere(l.disk, s.path)
}

// pageBytes is the unit in which files are allocated and mapped.
const pageBytes = 4096

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
