package segstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"penstock/segstore/disk"
)

// A cursor goes wherever it is told to, from wherever it stands.
func TestSkipToAnywhere(t *testing.T) {
	f := threeSegments(t, disk.NewMem())
	f.reopen()
	c := f.Cursor(0)
	defer c.Close()
	reads := func(offset int64) {
		c.SkipTo(offset)
		if b, err := c.Next(); err != nil || b.Base() > offset || b.Last() < offset || c.Offset() != b.Last()+1 {
			t.Fatalf("at %d there is %d to %d, then %d; %v", offset, b.Base(), b.Last(), c.Offset(), err)
		}
	}
	for from := int64(0); from < inAll; from += 3 {
		for to := range int64(inAll) {
			reads(from)
			reads(to)
		}
	}
	if c.SkipTo(-7); c.Offset() != 0 {
		t.Fatalf("at %d", c.Offset())
	}
}

// A disk that can't be read for a moment costs a reader that moment: it is told, stands where it stood, and reads on.
func TestReaderOfAFailingDisk(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	f.reopen()
	fault := &failing{call: "open read-only"}
	d.Before = fault.before
	c := f.Cursor(0)
	defer c.Close()
	for offset := int64(0); offset < inAll; offset += perBatch {
		if offset%perSegment == 0 {
			fault.on = true
			if _, err := c.Next(); !errors.Is(err, errIO) || c.Offset() != offset {
				t.Fatalf("at %d, reading gave %v", c.Offset(), err)
			}
			if at, err := f.OffsetAt(10 * offset); offset == 0 && (at != 0 || !errors.Is(err, errIO)) {
				t.Fatalf("searching gave %d, %v", at, err)
			}
			fault.on = false
		}
		if b, err := c.Next(); err != nil || b.Base() != offset {
			t.Fatalf("at %d: %d, %v", offset, b.Base(), err)
		}
	}
	if _, err := c.Next(); !errors.Is(err, ErrTail) {
		t.Fatal(err)
	}
	f.must(f.Close())
	if _, err := f.OffsetAt(0); !errors.Is(err, ErrClosed) {
		t.Fatalf("searching a closed log gave %v", err)
	}
}

// A search by time may hit upon a page that can't be read where the segment's times are not known, or where its records are.
func TestSearchOfAFailingDisk(t *testing.T) {
	for _, kind := range []string{"", ".log"} {
		d := disk.NewMem()
		f := threeSegments(t, d)
		f.reopen()
		if kind != "" { // the times become known
			if at, err := f.OffsetAt(1 << 40); at != inAll || err != nil {
				t.Fatalf("searching gave %d, %v", at, err)
			}
		}
		d.Before = func(call, path string) error {
			if call == "open read-only" && (kind == "" || path == segmentPath(f.dir, perSegment)) {
				return errIO
			}
			return nil
		}
		if at, err := f.OffsetAt(10 * perSegment); at != 0 || !errors.Is(err, errIO) {
			t.Fatalf("%q: searching gave %d, %v", kind, at, err)
		}
		d.Before = nil
		if at, err := f.OffsetAt(10 * perSegment); at != perSegment || err != nil {
			t.Fatalf("%q: searching gave %d, %v", kind, at, err)
		}
		if removed, err := f.Retire(f.now + 1); removed != 2 || err != nil || f.Held() != 0 {
			t.Fatalf("%q: removed %d, %v; %d bytes of them are held by nobody", kind, removed, err, f.Held())
		}
	}
}

// A segment that is removed while a reader is about to open it has expired; it is not damage, and a search goes on behind it.
func TestRemovedWhileItIsOpened(t *testing.T) {
	for _, opened := range []string{".log", ".index"} {
		for _, search := range []bool{false, true} {
			d := disk.NewMem()
			f := threeSegments(t, d)
			f.reopen()
			first, _ := indexPaths(segmentPath(f.dir, 0))
			if opened == ".log" {
				first = segmentPath(f.dir, 0)
			}
			d.Before = func(call, path string) error {
				if call == "open read-only" && path == first {
					d.Before = nil
					f.must(f.DropOldest())
				}
				return nil
			}
			if search {
				if at, err := f.OffsetAt(50); at != perSegment || err != nil {
					t.Errorf("%s: the search gave %d, %v", opened, at, err)
				}
				continue
			}
			var expired *ExpiredError
			c := f.Cursor(3)
			for _, err := c.Next(); opened == ".log"; _, err = c.Next() {
				if !errors.As(err, &expired) || expired.Wanted != 3 || expired.First != perSegment {
					t.Errorf("%s: reading gave %v", opened, err)
				}
				break
			}
			c.Close()
		}
	}
}

// A file that is gone, and was not removed by the log, has not expired: a reader told so would begin at First, which is there, for ever.
func TestFileGoneByHand(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	f.reopen()
	offsets, _ := indexPaths(segmentPath(f.dir, 0))
	d.Put(offsets, nil)
	d.Put(segmentPath(f.dir, 0), nil)
	var expired *ExpiredError
	if _, err := f.Cursor(0).Next(); !errors.Is(err, fs.ErrNotExist) || errors.As(err, &expired) {
		t.Errorf("reading gave %v", err)
	}
	if at, err := f.OffsetAt(0); at != 0 || !errors.Is(err, fs.ErrNotExist) || errors.As(err, &expired) {
		t.Errorf("searching gave %d, %v", at, err)
	}
}

// The list of segments moves before First does. A reader that looks between the two is sent to where there is something to read.
func TestListAheadOfFirst(t *testing.T) {
	f := threeSegments(t, disk.NewMem())
	f.reopen()
	list := f.list()[1:]
	f.segments.Store(&list)
	var expired *ExpiredError
	if _, err := f.Cursor(0).Next(); !errors.As(err, &expired) || expired.First != perSegment {
		t.Fatalf("reading gave %v", err)
	}
}

// When the checkpoint is all that is left, no offset is used again, and readers are sent to where the log goes on.
func TestNoSegmentIsLeft(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	for base := int64(0); base < inAll; base += perSegment {
		d.Put(segmentPath(f.dir, base), nil)
	}
	f.reopen()
	if found := kinds(f.findings); found != "damage 0-60" {
		t.Fatalf("found %q", found)
	}
	var expired *ExpiredError
	if _, err := f.Cursor(0).Next(); !errors.As(err, &expired) || expired.First != inAll || f.First() != inAll {
		t.Fatalf("the log begins at %d, reading gave %v", f.First(), err)
	}
	f.addSynced(inAll, inAll+3)
	f.holds(span{inAll, inAll + 3})
}

// A cursor whose own segment was removed, and no other, goes on into the next one and misses nothing.
func TestReadsOnBehindARemovedSegment(t *testing.T) {
	f := threeSegments(t, disk.NewMem())
	f.reopen()
	c := f.Cursor(0)
	defer c.Close()
	for offset := int64(0); offset < inAll; offset += perBatch {
		if b, err := c.Next(); err != nil || b.Base() != offset {
			t.Fatalf("at %d: %d, %v", offset, b.Base(), err)
		}
		if offset == 0 {
			f.must(f.DropOldest())
		}
	}
}

// What removed segments still take is counted while readers are in them, and forgotten when they have left.
func TestHeldWhileReadersAreIn(t *testing.T) {
	f := threeSegments(t, disk.NewMem())
	f.reopen()
	f.addSynced(inAll, inAll+1)
	f.must(f.RollOlder(f.now + 1))
	f.must(f.Sync())
	f.must(f.Background())
	c := f.Cursor(0)
	defer c.Close()
	if _, err := c.Next(); err != nil || f.Held() != 0 {
		t.Fatalf("%d bytes are held, %v", f.Held(), err)
	}
	size := f.list()[0].size()
	for range 2 { // the second one is nobody's
		f.must(f.DropOldest())
		if f.Held() != size {
			t.Fatalf("%d bytes are held, want %d", f.Held(), size)
		}
	}
	if c.Close(); f.Held() != 0 {
		t.Fatalf("%d bytes are held by nobody", f.Held())
	}
	f.must(f.DropOldest())
	if n := len(f.held.segments); n != 1 {
		t.Fatalf("%d removed segments are remembered", n)
	}
}

// A reader that stands in an empty segment, as after records were given up, finds the record that comes into the one that takes its name.
func TestEmptySegmentIsReplacedUnderAReader(t *testing.T) {
	d := disk.NewMem()
	o := testOptions()
	o.SegmentBytes = 1 << 20
	d.Free = 500 << 10 // a small segment is all that can be had
	f := openLog(t, d, o)
	f.addSynced(0, 4)
	f.failSync(d, 4, 9)
	d.Free = 80 << 10
	f.must(f.Reserve(100))
	c := f.Cursor(0)
	defer c.Close()
	var corrupt *CorruptError
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(); !errors.As(err, &corrupt) || corrupt.First != 4 || corrupt.Next != 9 || c.Offset() != 9 {
		t.Fatalf("at %d, reading gave %v", c.Offset(), err)
	}
	d.Free = 1 << 20
	f.must(f.Reserve(200 << 10))
	f.Append(nil, bytes.Repeat([]byte{'x'}, 190<<10), 0)
	f.Commit()
	f.must(f.Sync())
	if b, err := c.Next(); err != nil || b.Base() != 9 {
		t.Fatalf("there is %d, %v", b.Base(), err)
	}
}

// A cursor begins near what it wants, not at the start of the segment.
func TestCursorEntersByTheIndex(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	n := int64(0)
	for f.pos < 60<<10 {
		f.add(n, n+4)
		n += 4
	}
	f.must(f.Sync())
	for offset := range n {
		c := f.Cursor(offset)
		f.must(c.enter())
		enters := c.pos
		if b, err := c.Next(); err != nil || b.Base() != offset/4*4 || c.pos-enters > indexEvery+2*int64(len(b.Bytes())) {
			t.Fatalf("on the way to %d, %d bytes were read; %v", offset, c.pos-enters, err)
		}
		c.Close()
	}
}

// Pages that can't be read cost the batches on them. What stands in front of them and behind is read.
func TestPagesThatCantBeRead(t *testing.T) {
	f := openLog(t, nil, testOptions())
	var ends []int64
	for n := int64(0); f.pos < 50<<10; n += 4 {
		f.addSynced(n, n+4)
		ends = append(ends, f.pos)
	}
	next := f.Next()
	f.must(f.RollOlder(f.now + 1))
	f.addSynced(next, next+4)
	const from, to = 3 * pageBytes, 6 * pageBytes
	s := f.list()[0]
	f.must(s.pin(f.disk))
	f.must(syscall.Mprotect(s.data[from:to], syscall.PROT_NONE))
	first, behind := int64(0), int64(0)
	for i, end := range ends {
		if end <= from {
			first = 4 * int64(i+1)
		}
		if end < to {
			behind = 4 * int64(i+2)
		}
	}
	there, lost := f.read()
	if want := []span{{0, first}, {behind, next + 4}}; fmt.Sprint(there) != fmt.Sprint(want) || fmt.Sprint(lost) != fmt.Sprint([]span{{first, behind}}) {
		t.Errorf("there is %v, want %v; lost %v", there, want, lost)
	}
	offsets, _ := indexPaths(s.path)
	f.must(f.disk.Remove(offsets))
	s.maxTime = neverTime // as after a start: it is read from the index, or the heads
	var fault *faultError
	if at, err := f.OffsetAt(0); at != 0 || !errors.As(err, &fault) {
		t.Errorf("a search where no times are known and heads can't be read gave %d, %v", at, err)
	}
	f.must(syscall.Mprotect(s.data[from:to], syscall.PROT_READ))
	s.unpin()
	f.must(f.Close())
}

// A search by time steps over what is damaged, and over a batch whose head claims a later time than its records have.
func TestSearchAmongDamage(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	path := segmentPath(f.dir, 0)
	content := bytes.Clone(d.File(path).Bytes())
	content[80] ^= 1 // its first batch
	second := content[readHeader(content).size:]
	second = second[:readHeader(second).size]
	resealed(0, func(b []byte) { binary.BigEndian.PutUint64(b[atMaxTime:], 1<<40) })(second, func(i int) int { return i * len(second) })
	d.Put(path, content)
	for _, all := range []bool{false, true} { // met by a reader, then by a start
		f.openAll(all)
		for ms, want := range map[int64]int64{-5: 4, 0: 4, 40: 4, 45: 5, 80: 8, 590: 59, 591: inAll, 1 << 40: inAll} {
			if at, err := f.OffsetAt(ms); at != want || err != nil {
				t.Errorf("read all %v: time %d is at %d, want %d; %v", all, ms, at, want, err)
			}
		}
		f.must(f.Close())
	}
}
