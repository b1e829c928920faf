package segstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"penstock/segstore/disk"
)

// failing makes the calls of one kind fail as long as on is set.
type failing struct {
	call string
	on   bool
}

func (f *failing) before(call, _ string) error {
	if f.on && call == f.call {
		return errIO
	}
	return nil
}

func TestFailedSync(t *testing.T) {
	for _, call := range []string{"sync", "sync dir"} {
		for _, readSynced := range []bool{true, false} {
			for _, writes := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s,ReadSynced=%v,written=%v", call, readSynced, writes), func(t *testing.T) {
					failedSync(t, call, readSynced, writes)
				})
			}
		}
	}
}

func failedSync(t *testing.T, call string, readSynced, writes bool) {
	d := disk.NewMem()
	d.FailedSyncsWrite = writes
	fault := &failing{call: call}
	d.Before = fault.before
	o := testOptions()
	o.ReadSynced = readSynced
	f := openLog(t, d, o)
	kept := int64(0)
	if call == "sync" { // a directory is synced only for a segment's first sync
		kept = 8
		f.add(0, kept)
		f.must(f.Sync())
	}
	before := f.Generation()
	f.add(kept, kept+4)
	fault.on = true
	if err := f.Sync(); !errors.Is(err, ErrLost) || !errors.Is(err, errIO) {
		t.Fatalf("syncing gave %v", err)
	}
	fault.on = false
	if !f.Lost(before) || f.Synced() != kept {
		t.Fatalf("lost: %v, synced up to %d", f.Lost(before), f.Synced())
	}
	for range 3 { // the disk is well again, but what it was asked for is not asked for again
		if err := f.Sync(); !errors.Is(err, ErrLost) || f.Synced() != kept {
			t.Fatalf("syncing again gave %v, synced up to %d", err, f.Synced())
		}
	}
	if readSynced && f.Next() != kept {
		t.Fatalf("readers see up to %d, synced is %d", f.Next(), kept)
	}

	f.add(kept+4, kept+7) // the writer goes on behind, in a new segment
	after := f.Generation()
	if after == before || f.Lost(after) || !f.Lost(before) {
		t.Fatalf("generations %d and %d, lost %v and %v", before, after, f.Lost(before), f.Lost(after))
	}
	f.must(f.Sync())
	f.must(f.Background())
	if f.Synced() != kept+7 {
		t.Fatalf("synced up to %d, want %d", f.Synced(), kept+7)
	}
	want := []span{{kept + 4, kept + 7}}
	if kept > 0 {
		want = slices.Insert(want, 0, span{0, kept})
	}
	f.holds(want...)
	if found := kinds(f.findings); found != fmt.Sprintf("sync failed %d-%d; given up %d-%d", kept, kept+4, kept, kept+4) {
		t.Fatalf("found %q", found)
	}

	f.disk = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
	f.reopen()
	f.quiet()
	f.holds(want...)
	f.addSynced(kept+7, kept+9)
	f.must(f.Close())
	f.readAll = true
	f.reopen()
	f.quiet()
	f.holds(join(want, kept+7, kept+9)...)
	if sum := verifyMem(t, f.disk, f.dir); sum.Damaged > 0 {
		t.Fatalf("verify: %+v", sum)
	}
}

// The first of two segments is synced before the second fails: its records are not among the lost.
func TestSecondSegmentFails(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	n := int64(0)
	for f.Segments() < 2 {
		f.add(n, n+50)
		n += 50
	}
	second := f.list()[1].base
	d.Before = func(call, path string) error {
		if call == "sync" && path == "/clicks-0/spare.tmp" && d.File(segmentPath(f.dir, second)) != nil && f.Synced() == second {
			return errIO
		}
		return nil
	}
	if err := f.Sync(); !errors.Is(err, ErrLost) || f.Synced() != second {
		t.Fatalf("syncing gave %v, synced up to %d, the second segment begins at %d", err, f.Synced(), second)
	}
	f.add(n, n+3)
	f.must(f.Sync())
	f.must(f.Background())
	f.holds(span{0, second}, span{n, n + 3})
	if found := kinds(f.findings); found != fmt.Sprintf("sync failed %d-%d; given up %d-%d", second, n, second, n) {
		t.Fatalf("found %q", found)
	}
	if d.File(segmentPath(f.dir, second)+cutSuffix) == nil {
		t.Fatalf("the second segment was not set aside:\n%v", d)
	}
}

// A close whose sync fails gives up as a running log does.
func TestCloseAfterFailedSync(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.add(4, 9)
	once := true
	d.Before = func(call, _ string) error {
		if call == "sync" && once {
			once = false
			return errIO
		}
		return nil
	}
	if err := f.Close(); !errors.Is(err, ErrLost) {
		t.Fatalf("closing gave %v", err)
	}
	f.must(f.Close())
	f.reopen()
	f.quiet()
	f.holds(span{0, 4})
	if f.Next() != 9 {
		t.Fatalf("offsets go on at %d, want 9: none is used twice", f.Next())
	}
	f.addSynced(9, 12)
	f.holds(span{0, 4}, span{9, 12})
}

// Without ReadSynced a reader may hold a batch that is given up. Its bytes stay, and when the log is closed, too.
func TestReaderHoldsWhatIsGivenUp(t *testing.T) {
	for _, closed := range []bool{false, true} {
		o := testOptions()
		o.ReadSynced = false
		fault := &failing{call: "sync"}
		d := &failingOS{fault: fault}
		f := openLog(t, nil, o)
		f.must(f.Close())
		f.disk = d
		f.reopen()
		f.addSynced(0, 4)
		for n := int64(4); n < 104; n += 20 { // pages behind the end, which a truncation would take away
			f.add(n, n+20)
		}
		c := f.Cursor(60)
		b, err := c.Next()
		f.must(err)
		fault.on = true
		if err := f.Sync(); !errors.Is(err, ErrLost) {
			t.Fatal(err)
		}
		fault.on = false
		f.add(104, 107)
		f.must(f.Sync())
		f.must(f.Background())
		if closed {
			f.must(f.Close())
		}
		f.must(guard(b.bytes, func() {
			for records, n := b.Records(), b.Base(); n <= b.Last(); n++ {
				if r, ok := records.Next(); !ok || string(r.Value) != string(value(n)) {
					t.Errorf("offset %d holds %q", n, r.Value)
				}
			}
		}))
		c.Close()
		if closed {
			f.reopen()
		}
		f.must(f.Background())
		if size, err := fileSize(d, segmentPath(f.dir, 0)); err != nil || size > pageBytes {
			t.Fatalf("the segment still has %d bytes, %v", size, err)
		}
		f.holds(span{0, 4}, span{104, 107})
	}
}

// A close that can neither sync nor give up leaves the segment as a kill would: an index would say that all of it is there.
func TestCloseThatCanDoNothing(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.add(4, 9)
	d.Before = func(call, path string) error {
		if call == "sync" || call == "sync dir" {
			return errIO
		}
		return nil
	}
	if err := f.Close(); !errors.Is(err, ErrLost) {
		t.Fatalf("closing gave %v", err)
	}
	if index, _ := indexPaths(segmentPath(f.dir, 4)); d.File(index) != nil {
		t.Errorf("a segment that is not on disk has an index:\n%v", d)
	}
	f.disk = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
	f.reopen()
	f.holds(span{0, 4})
}

func fileSize(d disk.Disk, path string) (int64, error) {
	f, err := d.OpenReadOnly(path)
	if err != nil {
		return 0, err
	}
	size, err := f.Size()
	return size, errors.Join(err, f.Close())
}

// failingOS is the real disk, with files that fail to sync.
type failingOS struct {
	disk.OS
	fault *failing
}

type failingFile struct {
	disk.File
	fault *failing
}

func (d *failingOS) Create(path string, size int64) (disk.File, error) {
	f, err := d.OS.Create(path, size)
	return failingFile{f, d.fault}, err
}

func (d *failingOS) Open(path string) (disk.File, error) {
	f, err := d.OS.Open(path)
	return failingFile{f, d.fault}, err
}

func (f failingFile) Sync() error {
	if err := f.fault.before("sync", ""); err != nil {
		return err
	}
	return f.File.Sync()
}

// A process is killed, the next one opens what the kernel still has, and then the power fails: what the second process called synced
// was on disk.
func TestKilledThenPowerCut(t *testing.T) {
	for name, c := range map[string]struct{ failed, reads bool }{"written": {}, "its sync failed": {failed: true}} {
		t.Run(name, func(t *testing.T) {
			d := disk.NewMem()
			f := openLog(t, d, testOptions())
			f.add(0, 5)
			if c.failed {
				d.Before = (&failing{call: "sync", on: true}).before
				if err := f.Sync(); !errors.Is(err, ErrLost) {
					t.Fatal(err)
				}
				d.Before = nil
			}
			f.reopen()
			synced := f.Synced()
			if !c.failed && synced != 5 {
				t.Fatalf("a kill lost records: the log ends at %d", synced)
			}
			there, _ := f.read()
			f.disk = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
			f.reopen()
			f.quiet()
			if after, _ := f.read(); f.Synced() < synced || fmt.Sprint(after) != fmt.Sprint(there) {
				t.Fatalf("before the power cut: %v, after: %v", there, after)
			}
		})
	}
}

var errIO = errors.New("input/output error")
