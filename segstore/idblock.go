package segstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	mathbits "math/bits"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"penstock/segstore/disk"
)

// The file beside a sealed segment whose records have IDs: all of them, sorted, and behind them a filter, which says of most others at one
// look that they are not there (see idFilter). The segment's index says how many there are. It is mapped, and searched in place, so
// however many there are, they take no memory that the system can't have back.
//
// Like the index it is made from the segment, and made again whenever it is missing or of another size. It has no checksum, and a start
// does not read it: should bits of it flip, an ID that was there is not found, and its record's repeat is stored; for one to be found
// that was not there, the bits would have to spell it.
const idsSuffix = ".ids"

const idBytes = len(ID{})

func idsPath(segmentPath string) string { return strings.TrimSuffix(segmentPath, ".log") + idsSuffix }

// writeIDs writes the file of a segment that has any. They are counted anew: what a failed sync gave up was counted, too.
func writeIDs(d disk.Disk, temporary string, s *segment) error {
	if s.ids.Load() == 0 {
		return nil
	}
	all := make([]ID, 0, s.ids.Load())
	if err := guard(s.data, func() { segmentIDs(s.data[:s.end.Load()], func(id ID) { all = append(all, id) }) }); err != nil {
		return err
	}
	s.ids.Store(int64(len(all)))
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return disk.WriteWholeBy(d, temporary, idsPath(s.path), encodeIDs(all))
}

// encodeIDs is the file's content; the IDs are sorted.
func encodeIDs(all []ID) []byte {
	content := make([]byte, idFileBytes(int64(len(all))))
	filter := idFilter(content[len(all)*idBytes:])
	for i := range all {
		copy(content[i*idBytes:], all[i][:])
		filter.add(&all[i])
	}
	return content
}

// idFilter is bits by IDs: 64 for eight of them, of which each ID sets two. Of IDs that are not there one in 17 seems to be.
type idFilter []byte

// idFileBytes is the size of the file of n IDs.
func idFileBytes(n int64) int64 { return n*int64(idBytes) + 8*((n+7)/8) }

// of is where an ID's bits are.
func (f idFilter) of(id *ID) (word []byte, bits uint64) {
	at, _ := mathbits.Mul64(binary.BigEndian.Uint64(id[4:]), uint64(len(f)/8)) // the first bytes say where the ID is sorted
	return f[8*at:], 1<<(id[2]%64) | 1<<(id[3]%64)
}

func (f idFilter) add(id *ID) {
	word, bits := f.of(id)
	binary.LittleEndian.PutUint64(word, binary.LittleEndian.Uint64(word)|bits)
}

func (f idFilter) mayHave(id *ID) bool {
	word, bits := f.of(id)
	return binary.LittleEndian.Uint64(word)&bits == bits
}

// hasIDs says whether a segment's file of IDs is there and of the right size.
func hasIDs(d disk.Disk, s *segment) bool {
	f, err := d.OpenReadOnly(idsPath(s.path))
	if err != nil {
		return false
	}
	size, err := f.Size()
	return errors.Join(err, f.Close()) == nil && size == idFileBytes(s.ids.Load())
}

// idBlock is a mapped file of IDs.
type idBlock struct {
	s       *segment
	newest  int64 // retention time of the segment's last append, ms
	mapping []byte
	ids     []byte // its two parts
	filter  idFilter
	file    disk.File
}

func newIDBlock(mapping []byte, n int64) *idBlock {
	return &idBlock{mapping: mapping, ids: mapping[:n*int64(idBytes)], filter: mapping[n*int64(idBytes):]}
}

// idBlocks are a log's. Whoever searches reads; whoever maps or unmaps one writes.
type idBlocks struct {
	blockMu sync.RWMutex
	blocks  []*idBlock
}

// HasID reports whether a record with the ID is in a segment that is finished, and whose last record came at or after since (retention
// clock, ms). Such records are on disk. Where the disk can't read the IDs, none is found. Anyone may ask.
func (l *Log) HasID(id *ID, since int64) (found bool) {
	l.blockMu.RLock()
	defer l.blockMu.RUnlock()
	if len(l.blocks) == 0 {
		return false
	}
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			found = false
			if !slices.ContainsFunc(l.blocks, func(b *idBlock) bool { _, inside := faultIn(r, b.mapping); return inside }) {
				panic(r)
			}
		}
	}()
	for i := len(l.blocks) - 1; i >= 0; i-- { // a repeat comes soon, as a rule
		if b := l.blocks[i]; b.newest >= since && b.filter.mayHave(id) && b.has(id) {
			return true
		}
	}
	return false
}

// has searches by interpolation: IDs are hashes, so where one stands follows from its first bits, nearly. From there it gallops.
func (b *idBlock) has(id *ID) bool {
	n := len(b.ids) / idBytes
	guess, _ := mathbits.Mul64(binary.BigEndian.Uint64(id[:]), uint64(n))
	low, high := int(guess), int(guess) // the ID, if it is there, is at or behind low, and before high
	for step := 16; low > 0 && b.compare(low, id) >= 0; step *= 2 {
		low = max(0, low-step)
	}
	for step := 16; high < n && b.compare(high, id) <= 0; step *= 2 {
		high = min(n, high+step)
	}
	for low < high {
		middle := (low + high) / 2
		switch c := b.compare(middle, id); {
		case c == 0:
			return true
		case c < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return false
}

func (b *idBlock) compare(i int, id *ID) int {
	return bytes.Compare(b.ids[i*idBytes:(i+1)*idBytes], id[:])
}

// mapIDs maps a finished segment's file of IDs. When that fails the IDs are unlisted, and their records' repeats stored once they are
// forgotten.
func (l *Log) mapIDs(s *segment) error {
	if s.ids.Load() == 0 {
		return nil
	}
	f, err := l.disk.OpenReadOnly(idsPath(s.path))
	if err != nil {
		return err
	}
	n := s.ids.Load()
	mapping, err := f.Map(idFileBytes(n), false)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	l.blockMu.Lock()
	defer l.blockMu.Unlock()
	b := newIDBlock(mapping, n)
	b.s, b.newest, b.file = s, s.newest, f
	l.blocks = append(l.blocks, b)
	slices.SortFunc(l.blocks, func(a, b *idBlock) int { return cmp.Compare(a.s.base, b.s.base) })
	return nil
}

func (l *Log) hasBlock(s *segment) bool {
	l.blockMu.RLock()
	defer l.blockMu.RUnlock()
	return slices.ContainsFunc(l.blocks, func(b *idBlock) bool { return b.s == s })
}

// unmapIDs unmaps a segment's file of IDs, or with nil every one.
func (l *Log) unmapIDs(s *segment) error {
	l.blockMu.Lock()
	defer l.blockMu.Unlock()
	var err error
	l.blocks = slices.DeleteFunc(l.blocks, func(b *idBlock) bool {
		if s == nil || b.s == s {
			err = errors.Join(err, b.file.Unmap(b.mapping))
			return true
		}
		return false
	})
	return err
}
