package segstore

import (
	"bytes"
	"errors"
	"testing"

	"penstock/segstore/disk"
)

// A segment is used to its last byte, and no record is put where there is no room for it.
func TestRoomToTheByte(t *testing.T) {
	for _, begun := range []bool{false, true} { // a batch is open
		for _, more := range []int64{0, 1} {
			f := openLog(t, disk.NewMem(), testOptions())
			f.addSynced(0, 4)
			at := f.pos + BatchOverhead
			if begun {
				f.must(f.Reserve(100))
				f.Append(nil, value(4), 40)
				at = f.pos + int64(len(f.open.bytes))
			}
			f.must(f.Reserve(f.active.capacity - at + more))
			if n := f.Segments(); int64(n) != 1+more {
				t.Errorf("batch open %v: with %d bytes more than there are, the log has %d segments", begun, more, n)
			}
			if begun && more > 0 && f.Written() != 5 {
				t.Errorf("the batch that was open was not closed: %d are written", f.Written())
			}
		}
	}
	f := openLog(t, disk.NewMem(), testOptions())
	f.must(f.Reserve(SegmentBytesMin + 1)) // more than a segment of the usual size
	if capacity := f.active.capacity; capacity != SegmentBytesMin+pageBytes {
		t.Errorf("a segment of %d bytes", capacity)
	}
}

// A batch grows to BatchBytesMax and not over it, although more is waiting.
func TestBatchIsBounded(t *testing.T) {
	o := testOptions()
	o.SegmentBytes = 4 << 20
	f := openLog(t, disk.NewMem(), o)
	big := bytes.Repeat([]byte{'x'}, 512<<10)
	f.must(f.Reserve(BatchBytesMax))
	f.Append(nil, big, 0)
	rest := BatchBytesMax - int64(len(f.open.bytes))
	f.must(f.Reserve(rest))
	if f.Written() != 0 {
		t.Error("a batch was closed before it was full")
	}
	f.must(f.Reserve(rest + 1))
	if f.Written() != 1 || f.Segments() != 1 {
		t.Errorf("a batch with more than it may take was not closed: %d are written in %d segments", f.Written(), f.Segments())
	}
	f.must(f.Reserve(BatchBytesMax + 1)) // one record may be larger
	f.Append(nil, bytes.Repeat([]byte{'y'}, BatchBytesMax), 0)
	f.Commit()
	f.must(f.Sync())
	c := f.Cursor(1)
	defer c.Close()
	if b, err := c.Next(); err != nil || b.Base() != 1 || len(b.Bytes()) < BatchBytesMax {
		t.Errorf("the large record is in a batch of %d bytes, %v", len(b.Bytes()), err)
	}
}

// A new log takes little; each segment is four times the last one, up to what was asked for, and one that was small for want of space does
// not make the next one small.
func TestSizeOfTheNextSegment(t *testing.T) {
	const most = 256 << 20
	o := testOptions()
	o.SegmentBytes = most
	f := openLog(t, disk.NewMem(), o)
	if size := f.nextSize(); size != firstSegmentBytes {
		t.Errorf("the first segment takes %d bytes", size)
	}
	for last, want := range map[int64]int64{
		SegmentBytesMin: firstSegmentBytes, firstSegmentBytes: 4 * firstSegmentBytes, most / 4: most, most/4 - 4: most - 16, most: most,
	} {
		f.segments.Store(&[]*segment{{capacity: 7}, {capacity: last}})
		if size := f.nextSize(); size != want {
			t.Errorf("behind a segment of %d bytes comes one of %d, want %d", last, size, want)
		}
	}
}

// When the disk has no room for the segment that is due, half of it is tried, and half of that, down to what the records need.
func TestSmallerSegmentsOnAFullDisk(t *testing.T) {
	for _, c := range []struct{ free, need, want int64 }{
		{1 << 20, 100, 1 << 20},
		{1<<20 - 1, 100, 512 << 10},
		{300 << 10, 100, 256 << 10},
		{300 << 10, 300<<10 - BatchOverhead, 300 << 10},
		{300 << 10, 300<<10 - BatchOverhead + 1, 0}, // a page more
		{300 << 10, 280 << 10, 284 << 10},
		{SegmentBytesMin, 100, SegmentBytesMin},
		{SegmentBytesMin - 1, 100, 0},
	} {
		d := disk.NewMem()
		o := testOptions()
		o.SegmentBytes = 1 << 20
		f := openLog(t, d, o)
		d.Free = c.free
		err := f.Reserve(c.need)
		switch {
		case c.want == 0:
			if !errors.Is(err, ErrFull) || !f.Full() {
				t.Errorf("%+v: reserving gave %v", c, err)
			}
		case err != nil || f.Full() || f.active.capacity != c.want:
			t.Errorf("%+v: a segment of %d bytes, %v", c, f.active.capacity, err)
		}
	}
	d := disk.NewMem() // no other error is a reason to try less
	f := openLog(t, d, testOptions())
	tries := 0
	d.Before = func(call, path string) error {
		if call == "create" {
			tries++
			return errIO
		}
		return nil
	}
	if err := f.Reserve(100); !errors.Is(err, errIO) || tries != 1 {
		t.Errorf("tried %d times, %v", tries, err)
	}
}

// A spare that is too small for the records is thrown away, and so is its space.
func TestSpareThatIsTooSmall(t *testing.T) {
	d := disk.NewMem()
	o := testOptions()
	o.SegmentBytes = 1 << 20
	f := openLog(t, d, o)
	d.Free = SegmentBytesMin
	f.wantNew.Store(true)
	f.must(f.Background())
	if f.spare == nil || f.spare.capacity != SegmentBytesMin {
		t.Fatal("no small spare")
	}
	d.Free = 1 << 20
	f.must(f.Reserve(200 << 10))
	if capacity, free := f.active.capacity, d.Free; capacity < 200<<10 || capacity+free != 1<<20+SegmentBytesMin {
		t.Errorf("a segment of %d bytes, %d are free", capacity, free)
	}
}

// What was asked for in Options is what one gets, or nothing at all.
func TestOptions(t *testing.T) {
	o := Options{}.withDefaults()
	if o.Disk != (disk.OS{}) || o.SegmentBytes != 256<<20 || o.Now() < 1e12 {
		t.Errorf("by default %+v", o)
	}
	for size, good := range map[int64]bool{SegmentBytesMin - 1: false, SegmentBytesMin: true, SegmentBytesMax: true, SegmentBytesMax + 1: false} {
		func() {
			defer func() {
				if recovered := recover(); (recovered == nil) != good {
					t.Errorf("segments of %d bytes: %v", size, recovered)
				}
			}()
			mem := disk.NewMem()
			o := Options{SegmentBytes: size, Disk: mem, Now: func() int64 { return 5 }}.withDefaults()
			if o.SegmentBytes != size || o.Disk != disk.Disk(mem) || o.Now() != 5 {
				t.Errorf("%+v was changed", o)
			}
		}()
	}
}

// A closed log takes no records, begins no segment, and has nothing to do.
func TestClosedLog(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.must(f.Close())
	before := d.Calls
	if err := f.Reserve(10); !errors.Is(err, ErrClosed) {
		t.Errorf("reserving gave %v", err)
	}
	f.wantNew.Store(true)
	removed, err := f.Retire(f.now + 1)
	if err := errors.Join(err, f.RollOlder(f.now+1), f.Background(), f.DropOldest(), f.Close()); err != nil || removed != 0 || d.Calls != before {
		t.Errorf("%v, and %d calls to the disk", err, d.Calls-before)
	}
	if _, _, ok := f.Oldest(); ok {
		t.Error("a segment may be removed")
	}
}

// A segment is closed when it was begun before the cutoff and has records; one begun at the cutoff is not, nor is an empty one.
func TestRollOlder(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	segments := func(when string, cutoff int64, want int) {
		t.Helper()
		if f.must(f.RollOlder(cutoff)); f.Segments() != want {
			t.Errorf("%s: %d segments, want %d", when, f.Segments(), want)
		}
	}
	segments("nothing", 1<<40, 0)
	f.add(0, 4)
	segments("begun at the cutoff", f.now, 1)
	segments("begun before it", f.now+1, 2)
	segments("empty", 1<<40, 2)
	f.add(4, 8)
	f.must(f.Close())
	f.now += 10
	f.reopen() // with room left: the same segment is written on
	segments("reopened, begun at the cutoff", f.now-10, 2)
	segments("reopened, begun before it", f.now-9, 3)
}
