package segstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"penstock/segstore/disk"
)

func TestNewerCheckpoint(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	path := filepath.Join(f.dir, checkpointName)
	b := []byte(encodedCheckpoint(60, 1))
	binary.BigEndian.PutUint32(b[4:], checkpointVersion+1)
	binary.BigEndian.PutUint32(b[24:], crc32.Checksum(b[:24], castagnoli))
	d.Put(path, append(b, "whatever the next version adds"...))
	before := d.String()
	var newer *NewerError
	if err := f.tryOpen(); !errors.As(err, &newer) || newer.Path != path || newer.Version != checkpointVersion+1 || newer.Error() == "" {
		t.Fatalf("opened with %v", err)
	}
	if err := (&verifier{disk: d, dir: f.dir, sum: new(Summary)}).log(); !errors.As(err, &newer) {
		t.Fatalf("verified with %v", err)
	}
	if m, ok, _ := readCheckpoint(d, f.dir); ok || m != (mark{}) {
		t.Fatalf("of a later version %+v was believed", m)
	}
	if d.String() != before {
		t.Fatalf("a log of a later version was touched:\n%v", d)
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	for _, m := range []mark{{}, {12345678901, 7, 1, 2}, {offsetMax, math.MaxInt32 - 1, math.MaxInt64, -1}} {
		c := checkpoint{}
		c.encode(m)
		d := disk.NewMem()
		d.Put("/"+checkpointName, bytes.Clone(c.buf[:]))
		if got, ok, err := readCheckpoint(d, "/"); got != m || !ok || err != nil {
			t.Errorf("%+v came back as %+v, %v, %v", m, got, ok, err)
		}
		ageless := mark{synced: m.synced, epoch: m.epoch}
		d.Put("/"+checkpointName, bytes.Clone(c.buf[:checkpointLeast]))
		if got, ok, err := readCheckpoint(d, "/"); got != ageless || !ok || err != nil {
			t.Errorf("%+v of an earlier version came back as %+v, %v, %v", m, got, ok, err)
		}
		for i := range checkpointSize { // every flipped bit is noticed
			for bit := range 8 {
				b := bytes.Clone(c.buf[:])
				b[i] ^= 1 << bit
				d.Put("/"+checkpointName, b)
				got, ok, err := readCheckpoint(d, "/")
				if err != nil || ok != (i >= checkpointLeast) || ok && got != ageless {
					t.Fatalf("bit %d of byte %d: %+v, %v, %v", bit, i, got, ok, err)
				}
			}
		}
	}
}

// A checkpoint that says what can't be is none, whatever its CRC says: an offset or an epoch that leaves no room to go on. It says its version,
// which a later one will want to know.
func TestImpossibleCheckpoints(t *testing.T) {
	d := disk.NewMem()
	for _, m := range []mark{{synced: -1, epoch: 1}, {synced: offsetMax + 1, epoch: 1}, {synced: 1, epoch: -1}, {synced: 1, epoch: math.MaxInt32}} {
		d.Put("/"+checkpointName, []byte(encodedCheckpoint(m.synced, m.epoch)))
		if got, ok, err := readCheckpoint(d, "/"); ok || got != (mark{}) || err != nil {
			t.Errorf("%+v came back as %+v, %v, %v", m, got, ok, err)
		}
	}
	if version := binary.BigEndian.Uint32([]byte(encodedCheckpoint(1, 1))[4:]); version != checkpointVersion {
		t.Errorf("version %d", version)
	}
}

func TestEpochRises(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	for epoch := int64(1); epoch < 5; epoch++ {
		f.addSynced(f.Next(), f.Next()+2)
		if epoch == 3 {
			f.disk.(*disk.Mem).Put(filepath.Join(f.dir, checkpointName), nil) // the segments know it too
		}
		f.reopen()
	}
	c := f.Cursor(0)
	defer c.Close()
	for want := 1; want < 5; want++ {
		b, err := c.Next()
		if err != nil || b.Epoch() != want || b.Count() != 2 || b.CRC() != binary.BigEndian.Uint32(b.Bytes()[atCRC:]) {
			t.Fatalf("epoch %d, want %d, %v", b.Epoch(), want, err)
		}
	}
}

func TestIndexRoundTrip(t *testing.T) {
	const base = 1000
	x := newIndex(1 << 20)
	for i := int64(0); i < 5000; i++ {
		x.add(indexEntry{offset: base + i, position: i * 209, maxTime: i / 2 * 10})
	}
	entries := x.all()
	for i, last := 0, int64(0); i < len(entries); i, last = i+1, entries[i].position {
		if step := entries[i].position - last; len(entries) < 60 || step < indexEvery || step >= indexEvery+209 {
			t.Fatalf("entry %d of %d is %d bytes behind the one before", i, len(entries), step)
		}
	}
	offsets, times := encodeIndex(entries, base, 1<<20, base+4999, 24990, 7)
	back, maxTime, ids, ok := decodeIndex(offsets, times, base, 1<<20)
	if !ok || maxTime != 24990 || ids != 7 || !slices.Equal(back, entries) {
		t.Fatalf("%d of %d entries came back, %d, %v", len(back), len(entries), maxTime, ok)
	}
	for name, ok := range map[string]bool{
		"as it is":              decodes(offsets, times, base, 1<<20),
		"another segment's":     !decodes(offsets, times, base+1, 1<<20),
		"a grown segment's":     !decodes(offsets, times, base, 1<<20+4),
		"cut":                   !decodes(offsets[:len(offsets)-8], times, base, 1<<20),
		"cut in an entry":       !decodes(offsets[:len(offsets)-3], times, base, 1<<20),
		"times cut":             !decodes(offsets, times[:len(times)-12], base, 1<<20),
		"empty":                 !decodes(nil, nil, base, 1<<20),
		"of no entry":           decodes(encode(nil, base)),
		"a flipped time":        !decodes(offsets, flipped(times, 3), base, 1<<20),
		"a flipped position":    !decodes(flipped(offsets, 7), times, base, 1<<20),
		"a flipped count":       !decodes(offsets, flipped(times, len(times)-5), base, 1<<20),
		"a flipped final entry": !decodes(offsets, flipped(times, len(times)-13), base, 1<<20),
	} {
		if !ok {
			t.Error(name)
		}
	}
	for i, e := range entries { // the searches agree with a plain walk
		for _, offset := range []int64{e.offset - 1, e.offset, e.offset + 1} {
			want := int64(0)
			for _, e := range entries {
				if e.offset <= offset {
					want = e.position
				}
			}
			if got := x.floor(offset); got != want {
				t.Fatalf("entry %d: floor(%d) is %d, want %d", i, offset, got, want)
			}
		}
		got, ok := x.before(e.maxTime + 1)
		if !ok || got.maxTime > e.maxTime || got.offset < e.offset {
			t.Fatalf("entry %d: before(%d) is %+v, %v", i, e.maxTime+1, got, ok)
		}
	}
	if _, ok := x.before(entries[0].maxTime); ok {
		t.Fatal("no record in front of the first entry is early enough, and yet there is one")
	}
	x.truncate(entries[7].position)
	if len(x.all()) != 7 {
		t.Fatalf("%d entries after truncating to 7", len(x.all()))
	}
}

// The time index ends with the segment's greatest time and last offset, for whoever reads it as Kafka does.
func TestEndOfATimeIndex(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	for base := int64(0); base < inAll; base += perSegment {
		_, path := indexPaths(segmentPath(f.dir, base))
		b := d.File(path).Bytes()
		b = b[len(b)-indexCRCSize-idCountSize-timeEntrySize:]
		if ms, last := int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:]); last != perSegment-1 || ms != 10*(base+perSegment-1) {
			t.Errorf("segment %d ends at offset %d behind its base, time %d", base, last, ms)
		}
	}
}

// An entry comes as soon as it is due, and not before.
func TestIndexEntriesThatAreDue(t *testing.T) {
	x := newIndex(1 << 20)
	for i := range int64(64) {
		x.add(indexEntry{offset: i, position: i * indexEvery / 4})
	}
	for i, e := range x.all() {
		if e.position != int64(i+1)*indexEvery || len(x.all()) != 15 {
			t.Fatalf("entry %d of %d is at %d", i, len(x.all()), e.position)
		}
	}
}

// An index in which entries are not in order, or outside of the segment, or the two files don't agree, is none, whatever its CRC says.
func TestIndexThatLies(t *testing.T) {
	const base, size, times = 1000, 100, 50
	for _, c := range []struct {
		name    string
		entries []indexEntry
		maxTime int64
		sound   bool
	}{
		{"in order", []indexEntry{{1001, 1, 5}, {1002, 2, 5}, {1003, size - 1, times}}, times, true},
		{"the base itself", []indexEntry{{base, 1, 5}}, times, false},
		{"the segment's start", []indexEntry{{1001, 0, 5}}, times, false},
		{"an offset twice", []indexEntry{{1001, 1, 5}, {1001, 2, 5}}, times, false},
		{"a position twice", []indexEntry{{1001, 1, 5}, {1002, 1, 5}}, times, false},
		{"an offset before the last", []indexEntry{{1003, 1, 5}, {1002, 2, 5}}, times, false},
		{"a position before the last", []indexEntry{{1001, 3, 5}, {1002, 2, 5}}, times, false},
		{"a position behind the end", []indexEntry{{1001, size, 5}}, times, false},
		{"a time before the last", []indexEntry{{1001, 1, 5}, {1002, 2, 4}}, times, false},
		{"a time behind the greatest", []indexEntry{{1001, 1, times + 1}}, times, false},
	} {
		offsets, at := encodeIndex(c.entries, base, size, base+5, c.maxTime, 0)
		if got, _, _, ok := decodeIndex(offsets, at, base, size); ok != c.sound || ok && !slices.Equal(got, c.entries) {
			t.Errorf("%s: %v, %v", c.name, ok, got)
		}
	}
	offsets, at := encodeIndex([]indexEntry{{1001, 1, 5}}, base, size, base+5, times, 0)
	at[11]++ // the time's offset
	binary.BigEndian.PutUint32(at[len(at)-indexCRCSize:], indexCRC(offsets, at[:len(at)-indexCRCSize], base, size))
	if decodes(offsets, at, base, size) {
		t.Error("two files of different offsets pass for an index")
	}
}

// A batch whose head can't be is none, whatever its CRC says.
func TestImpossibleHeads(t *testing.T) {
	for _, c := range []struct {
		name  string
		h     header
		sound bool
	}{
		{"sound", header{base: 5, epoch: 1, count: 1}, true},
		{"at the log's start", header{epoch: 1, count: 1}, true},
		{"a negative offset", header{base: -1, epoch: 1, count: 1}, false},
		{"no records", header{base: 5, epoch: 1}, false},
		{"less than none", header{base: 5, epoch: 1, count: -1}, false},
	} {
		b := make([]byte, 200)
		n := BatchOverhead + putRecord(b[BatchOverhead:], 0, 0, nil, nil, []byte("value"), nil)
		sealBatch(b[:n], &c.h)
		if _, wrong := checkBatch(b); (wrong == "") != c.sound {
			t.Errorf("%s: %q", c.name, wrong)
		}
	}
}

func encode(entries []indexEntry, base int64) (offsets, times []byte, b, size int64) {
	offsets, times = encodeIndex(entries, base, 1<<20, base, 5, 0)
	return offsets, times, base, 1 << 20
}

func decodes(offsets, times []byte, base, size int64) bool {
	_, _, _, ok := decodeIndex(offsets, times, base, size)
	return ok
}

func flipped(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

func TestSegmentNames(t *testing.T) {
	for _, base := range []int64{0, 7, 1234567890123, math.MaxInt64} {
		path := segmentPath("/data/x-0", base)
		if want := fmt.Sprintf("/data/x-0/%020d.log", base); path != want {
			t.Errorf("%s, want %s", path, want)
		}
		if got, ok := parseSegmentName(filepath.Base(path)); !ok || got != base {
			t.Errorf("%s is %d, %v", path, got, ok)
		}
	}
	for _, name := range []string{"", "1.log", "0000000000000000000x.log", "-0000000000000000001.log", "99999999999999999999.log",
		"00000000000000000000.index", "00000000000000000000.log.cut"} {
		if _, ok := parseSegmentName(name); ok {
			t.Errorf("%q passes for a segment", name)
		}
	}
}

// forged is a sound batch as an attacker puts it into a value.
func forged(base int64, records int) []byte {
	b := make([]byte, 4096)
	n := BatchOverhead
	for i := range records {
		n += putRecord(b[n:], 0, int64(i), nil, nil, []byte("forged"), nil)
	}
	sealBatch(b[:n], &header{base: base, epoch: 1, count: int32(records)})
	return b[:n]
}

// A value that holds a whole sound batch is never taken for one, not even when the batch around it is damaged.
func TestForgedBatchInValue(t *testing.T) {
	for name, at := range map[string]int{"in the head": atLength + 3, "in the records": 70} {
		t.Run(name, func(t *testing.T) {
			d := disk.NewMem()
			f := openLog(t, d, testOptions())
			f.addSynced(0, 4)
			start := f.pos
			f.must(f.Reserve(10000))
			f.Append(nil, []byte("here it comes"), 40)
			f.Append(nil, slices.Concat(bytes.Repeat([]byte{'x'}, 100), forged(5, 3), forged(8, 200)), 50)
			f.Commit()
			f.addSynced(6, 9)
			f.addSynced(9, 12)
			f.must(f.Close())
			path := segmentPath(f.dir, 0)
			content := bytes.Clone(d.File(path).Bytes())
			content[start+int64(at)] ^= 4
			d.Put(path, content)
			f.reopen()
			if found := kinds(f.findings); found != "damage 4-6" {
				t.Fatalf("found %q", found)
			}
			f.holds(span{0, 4}, span{6, 12})
		})
	}
}

// A file full of heads that claim to be batches costs a bounded search.
func TestSearchIsBounded(t *testing.T) {
	data := make([]byte, 1<<20)
	for at := 100; at+BatchOverhead < len(data); at += BatchOverhead + 3 {
		h := header{base: int64(at), epoch: 1, count: 1}
		sealBatch(data[at:at+BatchOverhead], &h)
		binary.BigEndian.PutUint32(data[at+atLength:], uint32(len(data)-at-lengthOverhead)) // up to the end: all would be read for each
	}
	s := newSearch(data, int64(len(data)), -1, -1)
	if at, _, ok := s.find(0, 50); ok {
		t.Fatalf("found a batch at %d", at)
	}
	if s.budget > 0 || s.budget < -int64(len(data)) {
		t.Fatalf("%d bytes are left to read of %d", s.budget, 8*len(data))
	}
}

// Sound batches that lead nowhere are each read once, however many there are.
func TestSearchReadsChainsOnce(t *testing.T) {
	var data []byte
	for i := range int64(2000) {
		data = append(data, forged(10+2*i, 2)...)
	}
	data = append(data, "and then something else"...)
	s := newSearch(data, int64(len(data)), -1, -1)
	before := s.budget
	if at, _, ok := s.find(0, 5); ok {
		t.Fatalf("found a batch at %d", at)
	}
	if read := before - s.budget; read > 2*int64(len(data)) {
		t.Fatalf("read %d bytes of %d", read, len(data))
	}
}

// A batch that has no binding, as those of an earlier version and of Kafka, is as good as it was; one whose binding is another's is not.
func TestBinding(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.addSynced(0, 4)
	f.addSynced(4, 8)
	first := bytes.Clone(f.active.data[:f.active.filled.Load()])
	second := first[readHeader(first).size:]
	if _, wrong := checkBatch(second); wrong != "" {
		t.Fatal(wrong)
	}
	for _, c := range []struct {
		name    string
		binding int32
		sound   bool
	}{
		{"its own", bind(second), true},
		{"none", -1, true},
		{"another's", bind(first), false},
		{"another negative one", -2, false},
	} {
		batch := bytes.Clone(second)
		binary.BigEndian.PutUint32(batch[atBinding:], uint32(c.binding))
		binary.BigEndian.PutUint32(batch[atCRC:], crc32.Checksum(batch[atAttributes:], castagnoli))
		if _, wrong := checkBatch(batch); (wrong == "") != c.sound {
			t.Errorf("%s: %q", c.name, wrong)
		}
	}
}

// Nothing of what was in a batch's place shows in it.
func TestBatchOverAnything(t *testing.T) {
	id := idOf(1)
	write := func(dst []byte) []byte {
		n := BatchOverhead
		n += putRecord(dst[n:], 0, 0, nil, nil, []byte("value"), nil)
		n += putRecord(dst[n:], 5, 1, &id, []byte("key"), nil, nil)
		sealBatch(dst[:n], &header{base: 7, epoch: 1, count: 2})
		return dst[:n]
	}
	over := bytes.Repeat([]byte{0xa5}, 500)
	if batch := write(over); !bytes.Equal(batch, write(make([]byte, 500))) {
		t.Errorf("over other bytes it is %x", batch)
	}
}
