package segstore

import (
	"bytes"
	"errors"
	"testing"

	"penstock/segstore/disk"
)

// A power cut behind a roll keeps the new segment's name, which some other log's sync took to the disk with it, and loses the end of the
// old segment. Nothing of that end was acknowledged, and nothing in the new segment: that is a torn tail, and no hole.
func TestPowerCutBehindARollLeavesNoHole(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.add(0, 3)
	f.must(f.Sync())
	next := int64(3)
	for ; len(f.list()) == 1; next += 3 {
		f.add(next, next+3)
	}
	d := f.disk.(*disk.Mem)
	d = d.Crash(func(int) bool { return true }, func(string, int) bool { return false })
	var found []Finding
	f.must((&verifier{disk: d, dir: f.dir, sum: new(Summary), report: func(f Finding) { found = append(found, f) }}).log())
	if len(found) > 0 && found[0].Kind != TornTail {
		t.Errorf("verify found %v", found)
	}
	g := openLog(t, d, testOptions())
	g.survivors(3, next)
}

// The same, but the new segment was acknowledged: then the old one was, too, and what is missing of it is no torn tail.
func TestRotBeforeAnAcknowledgedRollIsDamage(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	next := int64(0)
	for ; len(f.list()) < 2; next += 3 {
		f.add(next, next+3)
	}
	f.must(f.Sync())
	d := f.disk.(*disk.Mem).Crash(func(int) bool { return false }, func(string, int) bool { return false })
	first := segmentPath(f.dir, 0)
	if size := len(d.File(first).Bytes()); size%pageBytes == 0 {
		t.Fatalf("the first segment was not marked: it has %d bytes", size)
	}
	second := f.list()[1].base
	content := bytes.Clone(d.File(first).Bytes())
	clear(content[len(content)-200:]) // rot in its last batches
	d.Put(first, content)
	d.Put(f.dir+"/"+checkpointName, []byte(encodedCheckpoint(0, 1))) // a checkpoint that was never written back
	g := openLog(t, d, testOptions())
	there, _ := g.read()
	if n := len(there); n == 0 || there[n-1].first != second || there[n-1].next != next {
		t.Fatalf("of %d acknowledged records from %d on there are %v; found %v", next, second, there, g.findings)
	}
}

// A batch that ends with a page: the mark is a byte behind it.
func TestMarkOfASegmentOfWholePages(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.addSynced(0, 1)
	room := int(pageBytes - f.pos%pageBytes)
	for size := room; ; size-- {
		if size < 0 {
			t.Fatal("no size fits")
		}
		n := BatchOverhead + putRecord(make([]byte, size+RecordOverhead), 0, 0, nil, nil, make([]byte, size), nil)
		if n == room {
			f.must(f.Reserve(int64(size + RecordOverhead)))
			f.Append(nil, make([]byte, size), 0)
			f.Commit()
			break
		}
	}
	if f.pos != pageBytes {
		t.Fatalf("the segment has %d bytes", f.pos)
	}
	f.must(f.roll(BatchOverhead))
	f.must(f.Sync())
	f.must(f.Background())
	d := f.disk.(*disk.Mem)
	if n := len(d.File(segmentPath(f.dir, 0)).Bytes()); n != pageBytes+1 {
		t.Fatalf("its file has %d bytes", n)
	}
	f.Reserve(100)
	f.Append(nil, []byte("behind"), 0)
	f.Commit()
	f.must(f.Sync())
	for range 2 {
		c := f.Cursor(0)
		for want := int64(0); want < 3; want++ {
			if b, err := c.Next(); err != nil || b.Base() != want {
				t.Fatalf("offset %d: %d, %v", want, b.Base(), err)
			}
		}
		if _, err := c.Next(); !errors.Is(err, ErrTail) {
			t.Fatal(err)
		}
		c.Close()
		f.reopen()
		f.quiet()
	}
	if sum := verifyMem(t, d, f.dir); sum.Findings > 0 {
		t.Fatalf("verify: %+v", sum)
	}
}

// A file that is cut to its batches never has whole pages, as those have that were not; an empty one has nothing.
func TestTrimmedSize(t *testing.T) {
	for end, want := range map[int64]int64{0: 0, 1: 1, pageBytes - 1: pageBytes - 1, pageBytes: pageBytes + 1, pageBytes + 1: pageBytes + 1,
		3 * pageBytes: 3*pageBytes + 1} {
		if got := trimmedSize(end); got != want {
			t.Errorf("batches up to byte %d: cut to %d bytes, want %d", end, got, want)
		}
	}
}

// A segment that lost its mark, and its end, long ago: what stands behind it is not of the last run, so it was acknowledged, and stays.
func TestRotBeforeSegmentsOfEarlierRunsIsDamage(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	for range 2 { // runs since
		f.reopen()
		f.must(f.Close())
	}
	path := segmentPath(f.dir, 0)
	content := bytes.Clone(d.File(path).Bytes())
	last := int64(0)
	for h := readHeader(content); h.next() < perSegment; h = readHeader(content[last:]) {
		last += h.size
	}
	content[last+70] ^= 1
	content = append(content, make([]byte, pageBytes-len(content)%pageBytes)...)
	d.Put(path, content)
	f.findings = nil
	f.openAll(true)
	f.holds(span{0, perSegment - perBatch}, span{perSegment, inAll})
}
