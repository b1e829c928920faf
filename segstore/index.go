package segstore

import (
	"encoding/binary"
	"hash/crc32"
	"sort"
	"sync/atomic"
)

// indexEvery is how many bytes of batches lie between two index entries.
const indexEvery = 16 << 10

// indexEntry says where a batch stands and how late the records before it are.
type indexEntry struct {
	offset   int64 // the batch's base offset
	position int64 // its place in the file
	maxTime  int64 // the greatest event time in the segment before it
}

// index is a segment's sparse index, by offset and by time. It is a hint: who follows an entry checks that the batch it names
// is there, and walks from the start of the segment otherwise.
//
// The writer of the active segment adds; anyone reads the first n entries, which never change.
type index struct {
	entries []indexEntry // room for a whole segment, so adding never allocates
	n       atomic.Int64
}

func newIndex(segmentBytes int64) *index {
	return &index{entries: make([]indexEntry, segmentBytes/indexEvery+1)}
}

// add notes a batch unless it is near the last one noted.
func (x *index) add(e indexEntry) {
	n := x.n.Load()
	if n == int64(len(x.entries)) || e.position == 0 || (n > 0 && e.position-x.entries[n-1].position < indexEvery) ||
		(n == 0 && e.position < indexEvery) {
		return
	}
	x.entries[n] = e
	x.n.Store(n + 1)
}

// truncate forgets what lies at or behind position.
func (x *index) truncate(position int64) {
	entries := x.all()
	x.n.Store(int64(sort.Search(len(entries), func(i int) bool { return entries[i].position >= position })))
}

func (x *index) all() []indexEntry { return x.entries[:x.n.Load()] }

// floor is the position of the last noted batch whose base offset is not above offset; 0 when none is.
func (x *index) floor(offset int64) int64 {
	entries := x.all()
	i := sort.Search(len(entries), func(i int) bool { return entries[i].offset > offset })
	if i == 0 {
		return 0
	}
	return entries[i-1].position
}

// before names a batch such that no record in front of it is at or after ms; ok false when there is none but the first.
func (x *index) before(ms int64) (e indexEntry, ok bool) {
	entries := x.all()
	i := sort.Search(len(entries), func(i int) bool { return entries[i].maxTime >= ms })
	if i == 0 {
		return indexEntry{}, false
	}
	return entries[i-1], true
}

// The files beside a sealed segment, in Kafka's layout. `.index`: int32 offset relative to the base, int32 position.
// `.timeindex`: int64 time, int32 relative offset; one entry more than `.index`, the last being the whole segment's greatest time.
// Behind that stand, our own addition, how many records have an ID (int32), and a CRC-32C of the segment's base offset and size and of
// both files: a wrong position shows when it is followed, but a wrong time, or the index of what the segment was before it grew, would
// make a search by time skip records without a sign.
const (
	offsetEntrySize = 8
	timeEntrySize   = 12
	idCountSize     = 4
	indexCRCSize    = 4
)

func indexCRC(offsets, times []byte, base, size int64) uint32 {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(base))
	binary.BigEndian.PutUint64(b[8:], uint64(size))
	return crc32.Update(crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, offsets), castagnoli, times)
}

// encodeIndex gives the two files' content for a segment of size bytes whose greatest event time is maxTime and whose last offset is
// last, and of whose records ids have an ID.
func encodeIndex(entries []indexEntry, base, size, last, maxTime, ids int64) (offsets, times []byte) {
	be := binary.BigEndian
	offsets = make([]byte, 0, len(entries)*offsetEntrySize)
	times = make([]byte, 0, (len(entries)+1)*timeEntrySize+idCountSize+indexCRCSize)
	for _, e := range entries {
		offsets = be.AppendUint32(offsets, uint32(e.offset-base))
		offsets = be.AppendUint32(offsets, uint32(e.position))
		times = be.AppendUint64(times, uint64(e.maxTime))
		times = be.AppendUint32(times, uint32(e.offset-base))
	}
	times = be.AppendUint64(times, uint64(maxTime))
	times = be.AppendUint32(times, uint32(last-base))
	times = be.AppendUint32(times, uint32(ids))
	return offsets, be.AppendUint32(times, indexCRC(offsets, times, base, size))
}

// decodeIndex reads the two files back, or says that they are not a sound index of a segment of size bytes.
func decodeIndex(offsets, times []byte, base, size int64) (entries []indexEntry, maxTime, ids int64, ok bool) {
	be := binary.BigEndian
	n := len(offsets) / offsetEntrySize
	if len(offsets)%offsetEntrySize != 0 || len(times) != (n+1)*timeEntrySize+idCountSize+indexCRCSize {
		return nil, 0, 0, false
	}
	times, crc := times[:len(times)-indexCRCSize], be.Uint32(times[len(times)-indexCRCSize:])
	if crc != indexCRC(offsets, times, base, size) {
		return nil, 0, 0, false
	}
	last := indexEntry{offset: base, maxTime: neverTime}
	entries = make([]indexEntry, n)
	for i := range entries {
		o, t := offsets[i*offsetEntrySize:], times[i*timeEntrySize:]
		e := indexEntry{
			offset:   base + int64(be.Uint32(o)),
			position: int64(be.Uint32(o[4:])),
			maxTime:  int64(be.Uint64(t)),
		}
		if e.offset <= last.offset || e.position <= last.position || e.position >= size || e.maxTime < last.maxTime ||
			be.Uint32(t[8:]) != be.Uint32(o) {
			return nil, 0, 0, false
		}
		entries[i], last = e, e
	}
	maxTime = int64(be.Uint64(times[n*timeEntrySize:]))
	ids = int64(be.Uint32(times[(n+1)*timeEntrySize:]))
	return entries, maxTime, ids, maxTime >= last.maxTime
}
