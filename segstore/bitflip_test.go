package segstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"penstock/segstore/disk"
)

// flipBytes is the size of the segment whose bits are flipped: 8,388,608 of them.
const flipBytes = 1 << 20

// fullSegment is a log whose first segment is full to its last bit of batches, each of several records, and what it held before a bit
// was flipped.
type fullSegment struct {
	*fixture
	mem     *disk.Mem
	path    string // of that segment
	batches []spot // of the whole log
	inFirst int    // how many of them stand in that segment
}

// spot is a batch as it was written.
type spot struct {
	path        string
	position    int64
	first, next int64
	bytes       []byte
}

// writeFullSegment writes the log. With followed there is a second segment, else the first is the last.
func writeFullSegment(t *testing.T, followed bool) *fullSegment {
	d := disk.NewMem()
	o := testOptions()
	o.SegmentBytes = flipBytes
	v := &fullSegment{fixture: openLog(t, d, o), mem: d}
	v.path = segmentPath(v.dir, 0)
	const several = 7
	for v.pos < flipBytes-4<<10 {
		n := v.next()
		v.addSynced(n, n+several)
	}
	rest := flipBytes - v.pos - BatchOverhead
	v.must(v.Reserve(rest))
	v.Append(nil, bytes.Repeat([]byte{0xa5}, int(rest-overheadOf(t, rest))), 10)
	v.Commit()
	v.must(v.Sync())
	v.must(v.Background())
	if v.pos != flipBytes {
		t.Fatalf("the segment is full up to byte %d", v.pos)
	}
	if followed {
		for range 3 {
			v.addSynced(v.next(), v.next()+several)
		}
	}
	v.note()
	return v
}

// overheadOf is what a record of about that size takes beside its value.
func overheadOf(t *testing.T, size int64) int64 {
	f := openLog(t, disk.NewMem(), testOptions())
	f.must(f.Reserve(size))
	f.Append(nil, make([]byte, size-RecordOverhead), 10)
	f.Commit()
	return f.pos - BatchOverhead - (size - RecordOverhead)
}

func (v *fullSegment) next() int64 { return v.Log.next }

// note keeps what the log holds.
func (v *fullSegment) note() {
	c := v.Cursor(0)
	defer c.Close()
	for {
		b, err := c.Next()
		if errors.Is(err, ErrTail) {
			return
		}
		v.must(err)
		if c.s.path == v.path {
			v.inFirst++
		}
		v.batches = append(v.batches, spot{c.s.path, c.pos - b.h.size, b.Base(), b.Last() + 1, bytes.Clone(b.Bytes())})
	}
}

// content is the segment's content, to be spoilt in place.
func (v *fullSegment) content() []byte { return v.mem.File(v.path).Bytes() }

// batchOf is which batch holds a byte of the segment.
func (v *fullSegment) batchOf(at int) (i int) {
	for i+1 < v.inFirst && v.batches[i+1].position <= int64(at) {
		i++
	}
	return i
}

// lost is what must be said about a flip in batch i.
func (v *fullSegment) lost(i int) string {
	b := v.batches[i]
	return fmt.Sprintf("%s at byte %d: offsets %d to %d", b.path, b.position, b.first, b.next)
}

// Each bit of a segment is flipped, and a reader stands before the batch that holds it. The damage is noticed, no record of that batch
// is handed out, the file, the byte and the offsets that are lost are named exactly, and the next batch is there as it was written.
// Some of the bits do; PENSTOCK_FLIPS=all flips every one, 8,388,608 in each of the two logs.
func TestReadersNoticeEveryFlip(t *testing.T) {
	step := 16 // and every place in a byte has its turn
	if testing.Short() {
		step = 400
	}
	if os.Getenv("PENSTOCK_FLIPS") == "all" {
		step = 1
	}
	for _, followed := range []bool{true, false} {
		t.Run(fmt.Sprintf("followed=%v", followed), func(t *testing.T) {
			v := writeFullSegment(t, followed)
			c := v.Cursor(0)
			defer c.Close()
			content, flips := v.content(), 0
			for i := range v.inFirst {
				b := &v.batches[i]
				for at := b.position; at < b.position+int64(len(b.bytes)); at++ {
					for bit := range 8 {
						if (int(at)*9+bit)%step != 0 {
							continue
						}
						flips++
						content[at] ^= 1 << bit
						if err := v.readFlipped(c, i); err != nil {
							t.Fatalf("bit %d of byte %d: %v", bit, at, err)
						}
						content[at] ^= 1 << bit
					}
				}
			}
			t.Logf("%d flips of the %d bits in %d batches: each noticed, none served, one batch lost", flips, 8*len(content), v.inFirst)
			if step == 1 && flips != 8*flipBytes {
				t.Fatalf("those were not all")
			}
		})
	}
}

// readFlipped has a cursor read the damaged batch i and the one behind it.
func (v *fullSegment) readFlipped(c *Cursor, i int) error {
	damaged := &v.batches[i]
	if c.s == nil || c.s.path != v.path {
		if err := c.stand(v.list()[0]); err != nil {
			return err
		}
	}
	c.pos, c.at, c.offset = damaged.position, damaged.first, damaged.first
	var corrupt *CorruptError
	if b, err := c.Next(); !errors.As(err, &corrupt) {
		return fmt.Errorf("in the place of %s a reader got %d bytes and %v", v.lost(i), len(b.bytes), err)
	}
	if corrupt.Path != damaged.path || corrupt.Position != damaged.position || corrupt.First != damaged.first || corrupt.Next != damaged.next {
		return fmt.Errorf("lost is %s, told is %w", v.lost(i), corrupt)
	}
	b, err := c.Next()
	if i+1 == len(v.batches) {
		if !errors.Is(err, ErrTail) {
			return fmt.Errorf("behind the last batch a reader got %d bytes and %v", len(b.bytes), err)
		}
		return nil
	}
	if err != nil || !bytes.Equal(b.bytes, v.batches[i+1].bytes) {
		return fmt.Errorf("in the place of the next batch a reader got %d bytes and %v", len(b.bytes), err)
	}
	return nil
}

// Some thousand flips, chosen by a seed, as everybody else meets them: readers that come from anywhere, `log verify`, and a start.
func TestEverybodyNoticesAFlip(t *testing.T) {
	flips := 600
	if testing.Short() {
		flips = 60
	}
	if os.Getenv("PENSTOCK_FLIPS") == "all" {
		flips = 20_000
	}
	seed := uint64(1)
	if s, err := strconv.ParseUint(os.Getenv("PENSTOCK_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("%d flips, seed %d (PENSTOCK_SEED)", flips, seed)
	for _, followed := range []bool{true, false} {
		t.Run(fmt.Sprintf("followed=%v", followed), func(t *testing.T) {
			v := writeFullSegment(t, followed)
			r := rand.New(rand.NewPCG(seed, 9))
			running := v.mem.Killed() // the files as they are under the running log
			v.must(v.Log.Close())
			dir := v.copyOut()
			for range flips {
				at, bit := v.anyBit(r)
				i := v.batchOf(at)
				when := fmt.Sprintf("bit %d of byte %d", bit, at)
				v.verifies(dir, at, bit, i, when)
				v.recovers(running, at, bit, i, r, when)
			}
		})
	}
}

// anyBit chooses a bit of the segment, of the batches' heads as often as of their records.
func (v *fullSegment) anyBit(r *rand.Rand) (at, bit int) {
	at = r.IntN(flipBytes)
	if r.IntN(2) == 0 {
		at = int(v.batches[r.IntN(v.inFirst)].position) + r.IntN(BatchOverhead)
	}
	return at, r.IntN(8)
}

// copyOut writes the closed log to a real directory.
func (v *fullSegment) copyOut() (dir string) {
	dir = v.TempDir()
	for _, path := range v.mem.Paths() {
		v.must(os.WriteFile(filepath.Join(dir, filepath.Base(path)), v.mem.File(path).Bytes(), 0o600))
	}
	return dir
}

// verifies flips a bit of the real file and has Verify look for it: it finds that, and counts everything else.
func (v *fullSegment) verifies(dir string, at, bit, i int, when string) {
	v.Helper()
	path := filepath.Join(dir, filepath.Base(v.path))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	v.must(err)
	defer f.Close()
	was := v.batches[i].bytes[int64(at)-v.batches[i].position]
	_, err = f.WriteAt([]byte{was ^ 1<<bit}, int64(at))
	v.must(err)
	var found []Finding
	sum, err := Verify(dir, func(f Finding) { found = append(found, f) })
	v.must(err)
	_, err = f.WriteAt([]byte{was}, int64(at))
	v.must(err)
	damaged := v.batches[i]
	damaged.path = path
	v.onlyFinding(found, damaged, when+", verify")
	if whole := int64(len(v.batches)); sum.Batches != whole-1 || sum.Records != v.next()-(damaged.next-damaged.first) {
		v.Fatalf("%s: verify counts %+v, of %d batches and %d records", when, sum, whole, v.next())
	}
}

// recovers opens the files a killed process has left, with a bit flipped, and wants that batch set aside and everything else served.
func (v *fullSegment) recovers(left *disk.Mem, at, bit, i int, r *rand.Rand, when string) {
	v.Helper()
	d := left.Killed()
	d.File(v.path).Bytes()[at] ^= 1 << bit
	spoilt := bytes.Clone(d.File(v.path).Bytes())
	g := &fixture{TB: v.TB, disk: d, dir: v.dir, options: v.options, now: v.now, readAll: true}
	g.reopen()
	damaged := v.batches[i]
	v.onlyFinding(g.findings, damaged, when+", recovery")
	aside := d.File(filepath.Join(v.dir, fmt.Sprintf("%020d-%d%s", 0, damaged.position, damagedSuffix)))
	spoilt = spoilt[damaged.position:][:len(damaged.bytes)]
	if aside == nil || !bytes.Equal(bytes.TrimRight(aside.Bytes(), "\x00"), bytes.TrimRight(spoilt, "\x00")) { // a file's last zeros may be left out
		v.Fatalf("%s: the damaged bytes were not set aside as they were found:\n%v", when, d)
	}
	v.holdsAllBut(g, i, 0, when)
	from := r.Int64N(v.next())
	v.holdsAllBut(g, i, from, fmt.Sprintf("%s, from %d on", when, from))
	g.reopen()
	g.quiet()
	v.holdsAllBut(g, i, 0, when+", opened again")
}

// onlyFinding wants one finding: damage, exactly where the batch is.
func (v *fullSegment) onlyFinding(found []Finding, damaged spot, when string) {
	v.Helper()
	if len(found) != 1 || found[0].Kind != Damage || found[0].Path != damaged.path || found[0].Position != damaged.position ||
		found[0].First != damaged.first || found[0].Next != damaged.next {
		v.Fatalf("%s: found %v; damaged is %s at byte %d, offsets %d to %d", when, found, damaged.path, damaged.position, damaged.first, damaged.next)
	}
}

// holdsAllBut reads on from an offset and wants every batch as it was written, but for batch lost, of which it must be told.
func (v *fullSegment) holdsAllBut(g *fixture, lost int, from int64, when string) {
	v.Helper()
	c := g.Cursor(from)
	defer c.Close()
	for i, want := range v.batches {
		if want.next <= from {
			continue
		}
		b, err := c.Next()
		var corrupt *CorruptError
		switch {
		case i != lost && (err != nil || !bytes.Equal(b.bytes, want.bytes)):
			v.Fatalf("%s: in the place of batch %d a reader got %d bytes and %v", when, i, len(b.bytes), err)
		case i == lost && !(errors.As(err, &corrupt) && corrupt.First == max(want.first, from) && corrupt.Next == want.next):
			v.Fatalf("%s: lost are offsets %d to %d, a reader got %d bytes and %v", when, want.first, want.next, len(b.bytes), err)
		}
	}
	if _, err := c.Next(); !errors.Is(err, ErrTail) {
		v.Fatalf("%s: a reader got %v at the end", when, err)
	}
}

// Kafka's CRC leaves the base offset and the epoch out: the binding finds every flip in them, whatever they are.
func TestBindingNoticesEveryFlip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	ends := []uint64{0, 1, math.MaxInt32, math.MaxUint32, math.MaxInt64 - 1}
	for i := range 2000 {
		base, epoch := r.Uint64()>>1>>r.IntN(63), r.Uint32()
		if i < len(ends)*len(ends) {
			base, epoch = ends[i%len(ends)], uint32(ends[i/len(ends)])
		}
		batch := sealed(base, epoch)
		if _, wrong := checkBatch(batch); wrong != "" {
			t.Fatalf("base %d, epoch %d: %s", base, epoch, wrong)
		}
		for bit := range 8 * atCRC {
			batch[bit/8] ^= 1 << (bit % 8)
			if _, wrong := checkBatch(batch); wrong == "" {
				t.Fatalf("base %d, epoch %d: bit %d flipped makes another sound batch", base, epoch, bit)
			}
			batch[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// A batch whose binding is one flip away from being none is not taken for an unbound one: the binding is under the CRC.
func TestNoFlipUnbinds(t *testing.T) {
	for _, base := range []uint64{0, 5, 1 << 40} {
		batch := sealed(base, epochThatBinds(base, math.MaxInt32))
		if _, wrong := checkBatch(batch); wrong != "" || readHeader(batch).binding != math.MaxInt32 {
			t.Fatalf("base %d: %q, binding %x", base, wrong, readHeader(batch).binding)
		}
		batch[atBinding] ^= 0x80
		if _, wrong := checkBatch(batch); readHeader(batch).binding != unbound || wrong == "" {
			t.Fatalf("base %d: a bound batch became a sound unbound one", base)
		}
	}
}

// sealed is a batch of one record.
func sealed(base uint64, epoch uint32) []byte {
	batch := forged(int64(base), 1)
	sealBatch(batch, &header{base: int64(base), epoch: int32(epoch), baseTime: 1, maxTime: 1, count: 1})
	return batch
}

// epochThatBinds finds the epoch with which a batch of that base offset gets that binding. A CRC is linear, so each bit of the epoch
// flips its own bits of the binding: those to be flipped are made up of them, the highest first.
func epochThatBinds(base uint64, want int32) (epoch uint32) {
	binding := func(epoch uint32) uint32 {
		head := binary.BigEndian.AppendUint64(nil, base)
		head = append(head, make([]byte, atEpoch-atLength)...)
		return uint32(bind(append(binary.BigEndian.AppendUint32(head, epoch), magic)))
	}
	type step struct{ epoch, flips uint32 }
	var byHighest [32]*step
	for bit := range 32 {
		s := step{1 << bit, binding(1<<bit) ^ binding(0)}
		for high := 31; high >= 0 && s.flips != 0; high-- {
			if s.flips>>high&1 == 0 {
				continue
			}
			if byHighest[high] == nil {
				byHighest[high] = &s
				break
			}
			s = step{s.epoch ^ byHighest[high].epoch, s.flips ^ byHighest[high].flips}
		}
	}
	left := binding(0) ^ uint32(want)
	for high := 31; high >= 0; high-- {
		if left>>high&1 == 1 && byHighest[high] != nil {
			left ^= byHighest[high].flips
			epoch ^= byHighest[high].epoch
		}
	}
	return epoch
}
