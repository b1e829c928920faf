package segstore

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"penstock/segstore/disk"
)

// fixture is a log under test, and what was found wrong with it.
type fixture struct {
	testing.TB
	*Log
	disk     disk.Disk
	dir      string
	options  Options
	findings []Finding // since it was opened
	history  []Finding // of all its lives
	now      int64
	readAll  bool // open as Repair does
}

// testOptions are small segments, read as far as they are synced.
func testOptions() Options { return Options{SegmentBytes: SegmentBytesMin, ReadSynced: true} }

// openLog opens a log in memory (d a memDisk) or in a directory of the test's own (d nil).
func openLog(t testing.TB, d disk.Disk, o Options) *fixture {
	t.Helper()
	f := &fixture{TB: t, disk: d, dir: "/clicks-0", options: o, now: 1000}
	if d == nil {
		f.disk, f.dir = disk.OS{}, filepath.Join(t.TempDir(), "clicks-0")
	}
	f.reopen()
	return f
}

// reopen opens the log again, whatever became of the last one.
func (f *fixture) reopen() {
	f.Helper()
	if err := f.tryOpen(); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) tryOpen() (err error) {
	f.findings = nil
	o := f.options
	o.Disk = f.disk
	o.Report = func(found Finding) {
		f.findings, f.history = append(f.findings, found), append(f.history, found)
	}
	o.Now = func() int64 { return f.now }
	f.Log, err = open(f.dir, o, f.readAll)
	return err
}

// must fails the test on an error.
func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// value is what record i of a test holds: a size that varies, content that tells it from any other.
func value(i int64) []byte {
	return fmt.Appendf(nil, "record %d %s", i, bytes.Repeat([]byte{'a' + byte(i%26)}, int(i*37%200)))
}

// add appends records [from, to) and closes the batch. Their offsets must be what they say.
func (f *fixture) add(from, to int64) {
	f.Helper()
	f.must(f.tryAdd(from, to))
}

func (f *fixture) tryAdd(from, to int64) error {
	f.Helper()
	var size int64
	for i := from; i < to; i++ {
		size += int64(len(value(i))) + RecordOverhead
	}
	if err := f.Reserve(size); err != nil {
		return err
	}
	for i := from; i < to; i++ {
		if got := f.Append(nil, value(i), 10*i); got != i {
			f.Fatalf("record %d got offset %d", i, got)
		}
	}
	f.Commit()
	return nil
}

// addSynced is add, Sync and Background.
func (f *fixture) addSynced(from, to int64) {
	f.Helper()
	f.add(from, to)
	f.must(f.Sync())
	f.must(f.Background())
}

// span is offsets [first, next).
type span struct{ first, next int64 }

// read reads the whole log and returns the spans of offsets that are there and those a CorruptError tells of. Every record must be
// the one its offset names.
func (f *fixture) read() (there, lost []span) {
	f.Helper()
	return f.readFrom(f.First())
}

func (f *fixture) readFrom(offset int64) (there, lost []span) {
	f.Helper()
	c := f.Cursor(offset)
	defer c.Close()
	for range 1 << 20 {
		b, err := c.Next()
		var corrupt *CorruptError
		switch {
		case errors.Is(err, ErrTail):
			if c.Offset() != f.Next() {
				f.Fatalf("a cursor ends at %d, the log at %d", c.Offset(), f.Next())
			}
			return there, lost
		case errors.As(err, &corrupt):
			if lost = join(lost, corrupt.First, corrupt.Next); c.Offset() != corrupt.Next {
				f.Fatalf("after %v a cursor stands at %d", corrupt, c.Offset())
			}
			continue
		case err != nil:
			f.Fatalf("reading on at %d: %v", c.Offset(), err)
		}
		n := b.Base()
		for records := b.Records(); ; n++ {
			r, ok := records.Next()
			if !ok {
				break
			}
			if r.Offset != n || !bytes.Equal(r.Value, value(n)) || r.Time != 10*n {
				f.Fatalf("offset %d holds %q at %d", n, r.Value, r.Time)
			}
		}
		if n != b.Last()+1 {
			f.Fatalf("the batch %d to %d ended at %d", b.Base(), b.Last(), n)
		}
		there = join(there, b.Base(), n)
	}
	f.Fatal("a cursor does not end")
	return nil, nil
}

func join(spans []span, first, next int64) []span {
	if n := len(spans); n > 0 && spans[n-1].next == first {
		spans[n-1].next = next
		return spans
	}
	return append(spans, span{first, next})
}

// holds reads the log and compares.
func (f *fixture) holds(want ...span) {
	f.Helper()
	if there, lost := f.read(); fmt.Sprint(there) != fmt.Sprint(want) {
		f.Fatalf("the log holds %v, want %v (lost: %v)", there, want, lost)
	}
}

// quiet fails if anything was found wrong that was not known before.
func (f *fixture) quiet() {
	f.Helper()
	for _, found := range f.findings {
		if found.Kind != KnownGap {
			f.Fatalf("found %v", found)
		}
	}
}

func TestLogLives(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprintf("closed=%v", clean), func(t *testing.T) {
			f := openLog(t, nil, testOptions())
			next := int64(0)
			for range 4 {
				for range 100 {
					f.add(next, next+7)
					next += 7
				}
				f.must(f.Sync())
				f.must(f.Background())
				f.holds(span{0, next})
				if clean {
					f.must(f.Close())
				}
				f.reopen()
				f.quiet()
				f.holds(span{0, next})
			}
			if f.Segments() < 4 {
				t.Fatalf("%d segments", f.Segments())
			}
			f.must(f.Close())
			sum, err := Verify(f.dir, func(found Finding) { t.Error(found) })
			if err != nil || sum.Records != next {
				t.Fatalf("verified %+v, %v", sum, err)
			}
		})
	}
}

// A quiet topic's last segment may be empty: it was begun so that the one before it could expire. What follows takes its name.
func TestEmptySegmentIsReplaced(t *testing.T) {
	f := openLog(t, nil, testOptions())
	f.addSynced(0, 5)
	f.must(f.RollOlder(f.now + 1))
	f.must(f.Background())
	if f.Segments() != 2 {
		t.Fatalf("%d segments", f.Segments())
	}
	f.must(f.Close())
	f.reopen()
	f.quiet()
	f.now += 1000
	f.addSynced(5, 9)
	f.holds(span{0, 9})
	if f.Segments() != 2 {
		t.Fatalf("%d segments after the empty one was written to", f.Segments())
	}
	for range 3 { // retention takes what is old, and what is new stays
		if _, err := f.Retire(f.now); err != nil {
			t.Fatal(err)
		}
	}
	f.holds(span{5, 9})
	f.must(f.Close())
	f.reopen()
	f.quiet()
	f.holds(span{5, 9})
}

// A record larger than the empty active segment begins another one under the same name.
func TestEmptySegmentTooSmall(t *testing.T) {
	d := disk.NewMem()
	d.Free = 100 << 10 // room for the smallest segment only
	o := testOptions()
	o.SegmentBytes = 1 << 20
	f := openLog(t, d, o)
	f.addSynced(0, 5)
	d.Free = 100 << 10 // and for one more
	f.must(f.RollOlder(f.now + 1))
	reader := f.Cursor(0)
	defer reader.Close()
	if _, err := reader.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Next(); !errors.Is(err, ErrTail) {
		t.Fatal(err)
	}
	d.Free = 10 << 20
	f.must(f.Reserve(200 << 10))
	big := bytes.Repeat([]byte{'x'}, 190<<10)
	f.Append(nil, big, 0)
	f.Commit()
	f.must(f.Sync())
	f.must(f.Background())
	if b, err := reader.Next(); err != nil || b.Base() != 5 {
		t.Fatalf("a reader found %d, %v", b.Base(), err)
	}
	if _, err := f.Retire(f.now + 1); err != nil {
		t.Fatal(err)
	}
	if d.File(segmentPath(f.dir, 5)) == nil {
		t.Fatalf("the active segment is gone:\n%v", d)
	}
}

// A segment that grows again after a restart does not keep the index of what it was.
func TestIndexOfGrownSegment(t *testing.T) {
	for name, was := range map[string]int64{"": 10, "from empty": 0} {
		t.Run("grown "+name, func(t *testing.T) {
			f := openLog(t, disk.NewMem(), testOptions())
			f.must(f.Reserve(1))
			if was > 0 {
				f.addSynced(0, was)
			}
			f.must(f.Close())
			f.reopen()
			f.addSynced(was, 20)
			f.must(f.RollOlder(f.now + 1))
			f.add(20, 30)
			f.must(f.Sync())
			f.reopen() // killed before the first segment was finished
			f.quiet()
			for n := range int64(30) {
				if at, err := f.OffsetAt(10 * n); err != nil || at != n {
					t.Fatalf("time %d is at offset %d, %v", 10*n, at, err)
				}
			}
			f.holds(span{0, 30})
		})
	}
}

// Retention goes by the log's own clock. A file that was never finished bears the machine's, which may be anything.
func TestUnfinishedSegmentIsNotOld(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 10)
	f.reopen()
	for _, path := range d.Paths() {
		f.must(d.SetTime(path, 1))
	}
	f.reopen()
	f.must(f.RollOlder(f.now + 1))
	f.addSynced(10, 20)
	if removed, err := f.Retire(f.now); err != nil || removed > 0 {
		t.Fatalf("%d removed, %v", removed, err)
	}
	if removed, err := f.Retire(f.now + 1); err != nil || removed != 1 {
		t.Fatalf("%d removed, %v", removed, err)
	}
}
