package segstore

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"penstock/segstore/disk"
)

const (
	unsealed  = math.MaxInt64 // a segment's end while it still grows
	neverTime = math.MinInt64 // the greatest event time of no records, or of records not yet looked at
)

// segment is one file of batches, named by the offset of its first record.
//
// It is made full-sized and allocated, grows by stores into its mapping, is sealed when the next one takes over, and is then
// trimmed, indexed and unmapped. The writer alone stores; whoever reads holds a pin, and the mapping lives as long as any pin.
type segment struct {
	base     int64
	path     string
	capacity int64 // bytes the file has space for; the end when sealed

	// Written by the writer before end is stored, read by anyone who has seen end sealed.
	next    int64 // offset behind the last record
	maxTime int64 // greatest event time
	newest  int64 // retention time of the last append
	end     atomic.Int64

	cooled atomic.Int64 // what lies before it is not to stay in memory: see Log.cool

	ids    atomic.Int64 // records with an ID; the writer's, then Background's
	filled atomic.Int64 // the end of the last closed batch while the segment grows
	cut    bool         // end was moved back after a failed sync: readers may hold what is behind it

	stored   atomic.Int64 // bytes that went through the mapping since the last sync
	unstored int64        // the syncer's: what lies before it was taken out of the mapping, where that was worth it

	zeroed int64 // the writer's: up to here zeros were written ahead of the batches

	created int64 // retention time of its making; the writer's

	durable   atomic.Bool // sealed, and all of it is on disk, its name included
	nameDirty bool        // the syncer's: the directory has yet to be synced
	finished  bool        // Background's: trimmed and indexed

	offsetPath, timePath string // Background's: the index files, kept for their removal

	mu    sync.Mutex // file, data, index, pins
	pins  int
	file  disk.File
	data  []byte // the mapping; nil when nobody has pinned it
	index *index // nil until needed
}

// segmentPath is a segment's file: its base offset in 20 digits, as Kafka names it.
func segmentPath(dir string, base int64) string {
	const digits = 20
	name := make([]byte, 0, 256)
	name = append(append(name, dir...), "/00000000000000000000"...)
	var number [digits]byte
	n := strconv.AppendInt(number[:0], base, 10)
	copy(name[len(name)-len(n):], n)
	return string(append(name, ".log"...))
}

// parseSegmentName is the other way round.
func parseSegmentName(name string) (base int64, ok bool) {
	digits, found := strings.CutSuffix(name, ".log")
	if !found || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && base >= 0
}

func newSegment(base int64, path string, capacity int64) *segment {
	s := &segment{base: base, path: path, capacity: capacity, maxTime: neverTime}
	s.end.Store(unsealed)
	return s
}

func (s *segment) sealed() bool { return s.end.Load() != unsealed }

// size is how many bytes of the file may be read: all that is allocated while it grows, the batches once it is sealed.
func (s *segment) size() int64 { return min(s.capacity, s.end.Load()) }

// readable is how far batches stand in the file.
func (s *segment) readable() int64 {
	if end := s.end.Load(); end != unsealed {
		return end
	}
	return s.filled.Load()
}

// pinnedByReaders says whether anybody but the writer holds a pin.
func (s *segment) pinnedByReaders() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pins > 1
}

// pinned says whether anybody holds one.
func (s *segment) pinned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pins > 0
}

// pin makes sure that the segment is mapped until the matching unpin.
func (s *segment) pin(d disk.Disk) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		if err := s.open(d); err != nil {
			return err
		}
	}
	s.pins++
	return nil
}

// open maps a sealed segment for reading.
func (s *segment) open(d disk.Disk) error {
	if s.size() == 0 {
		s.data = []byte{}
		return nil
	}
	f, err := d.OpenReadOnly(s.path)
	if err != nil {
		return fmt.Errorf("segstore: opening segment: %w", err)
	}
	data, err := f.Map(s.size(), false)
	if err != nil {
		return errors.Join(fmt.Errorf("segstore: mapping segment %s: %w", s.path, err), f.Close())
	}
	s.file, s.data = f, data
	return nil
}

func (s *segment) unpin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins--; s.pins > 0 {
		return
	}
	if s.pins < 0 {
		panic("BUG: segment unpinned more often than pinned")
	}
	if err := s.release(); err != nil {
		panic(fmt.Sprintf("FATAL: unmapping %s: %v", s.path, err))
	}
}

// release unmaps and closes; the segment's pages go back to the system.
func (s *segment) release() error {
	var err error
	if len(s.data) > 0 {
		err = s.file.Unmap(s.data)
	}
	if s.file != nil {
		if s.sealed() {
			s.file.Cool(nil, 0, s.cooled.Load())
			s.index = nil
		}
		err = errors.Join(err, s.file.Close())
	}
	s.file, s.data = nil, nil
	return err
}

// hints returns the segment's index, reading or rebuilding it when a sealed segment has none in memory. The caller holds a pin.
func (s *segment) hints(d disk.Disk) *index {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index == nil {
		s.index = &index{}
		entries, _, _, ok := readIndexFiles(d, s)
		if !ok && guard(s.data, func() { entries, _ = walkIndex(s.data, s.base) }) != nil {
			entries = nil // a page can't be read: whoever looks for something walks up to it
		}
		s.index.entries = entries
		s.index.n.Store(int64(len(entries)))
	}
	return s.index
}

// timeBound is the greatest event time in a sealed segment.
func (s *segment) timeBound(d disk.Disk) (int64, error) {
	s.mu.Lock()
	known := s.maxTime
	s.mu.Unlock()
	if known != neverTime {
		return known, nil
	}
	if err := s.pin(d); err != nil {
		return 0, err
	}
	defer s.unpin()
	_, maxTime, _, ok := readIndexFiles(d, s)
	if !ok {
		if err := guard(s.data, func() { _, maxTime = walkIndex(s.data, s.base) }); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	s.maxTime = maxTime
	s.mu.Unlock()
	return maxTime, nil
}

// walkIndex makes an index from the batches' heads alone, as far as they make sense.
func walkIndex(data []byte, base int64) (entries []indexEntry, maxTime int64) {
	x := newIndex(int64(len(data)))
	maxTime = neverTime
	expected := base
	for pos := int64(0); pos+BatchOverhead <= int64(len(data)); {
		h := readHeader(data[pos:])
		if h.magic != magic || h.size < BatchOverhead || pos+h.size > int64(len(data)) || h.base < expected || h.last < h.base {
			break
		}
		x.add(indexEntry{offset: h.base, position: pos, maxTime: maxTime})
		maxTime = max(maxTime, h.maxTime)
		expected = h.next()
		pos += h.size
	}
	return x.all(), maxTime
}

func indexPaths(segmentPath string) (offsets, times string) {
	stem := strings.TrimSuffix(segmentPath, ".log")
	return stem + ".index", stem + ".timeindex"
}

// readIndexFiles reads a sealed segment's index files, if they are there and sound.
func readIndexFiles(d disk.Disk, s *segment) (entries []indexEntry, maxTime, ids int64, ok bool) {
	offsetPath, timePath := indexPaths(s.path)
	offsets, err1 := readFile(d, offsetPath)
	times, err2 := readFile(d, timePath)
	if err1 != nil || err2 != nil {
		return nil, 0, 0, false
	}
	return decodeIndex(offsets, times, s.base, s.size())
}

// writeIndexFiles writes them, and the segment's IDs before them; they are rebuilt when they are missing or unsound. The caller holds a
// pin.
func writeIndexFiles(d disk.Disk, temporary string, s *segment, entries []indexEntry) error {
	s.offsetPath, s.timePath = indexPaths(s.path)
	if err := writeIDs(d, temporary, s); err != nil {
		return err
	}
	offsets, times := encodeIndex(entries, s.base, trimmedSize(s.end.Load()), s.next-1, s.maxTime, s.ids.Load())
	return errors.Join(disk.WriteWholeBy(d, temporary, s.offsetPath, offsets), disk.WriteWholeBy(d, temporary, s.timePath, times))
}

// indexBytesMax bounds how much of an index file is read: a segment is at most SegmentBytesMax long.
const indexBytesMax = (SegmentBytesMax/indexEvery + 2) * timeEntrySize

func readFile(d disk.Disk, path string) ([]byte, error) {
	return disk.ReadWhole(d, path, indexBytesMax)
}

// faultError is a page of a mapping that could not be read: the disk failed, or the file was cut under it.
type faultError struct{ at int64 }

func (e *faultError) Error() string { return fmt.Sprintf("page fault reading byte %d", e.at) }

// guard runs f, which reads the mapping, and turns a page fault inside the mapping into an error. Any other panic goes on.
func guard(mapping []byte, f func()) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			at, inside := faultIn(r, mapping)
			if !inside {
				panic(r)
			}
			err = &faultError{at: at}
		}
	}()
	f()
	return nil
}

// faultIn says where in the mapping what was recovered is a page fault, if it is one, and inside.
func faultIn(recovered any, mapping []byte) (at int64, inside bool) {
	fault, ok := recovered.(interface{ Addr() uintptr })
	if !ok || len(mapping) == 0 {
		return 0, false
	}
	start := uintptr(unsafe.Pointer(&mapping[0]))
	return int64(fault.Addr() - start), fault.Addr() >= start && fault.Addr() < start+uintptr(len(mapping))
}
