package segstore

import (
	"errors"
	"slices"
	"testing"

	"penstock/segstore/disk"
)

// The writer makes no segment while there is a keeper: that is called once, when the active segment is half full, readies one and no
// more, and the roll only names it.
func TestNextSegmentIsReadiedAhead(t *testing.T) {
	d := disk.NewMem()
	o := testOptions()
	called, created := 0, 0
	o.Background = func() { called++ }
	f := openLog(t, d, o)
	d.Before = func(call, path string) error {
		if call == "create" && path == f.spareTemporary {
			created++
		}
		return nil
	}
	expect := func(when string, calls, segments int) {
		t.Helper()
		if called != calls || created != segments {
			t.Fatalf("%s: the keeper was called %d times, want %d; segments made %d, want %d", when, called, calls, created, segments)
		}
	}
	n := int64(0)
	one := func() { f.add(n, n+1); n++ }
	one()
	expect("the first segment", 1, 1)
	for f.pos <= f.active.capacity/2 {
		f.must(f.Background())
		expect("less than half full", 1, 1)
		one()
	}
	one()
	expect("half full", 2, 1)
	f.must(f.Background())
	expect("readied", 2, 2)
	f.must(f.Background())
	expect("ready", 2, 2)
	for f.Segments() == 1 {
		one()
	}
	expect("begun", 3, 2)
	f.must(f.Background())
	expect("less than half full again", 3, 2)
	f.must(f.Sync())
	expect("a sealed one is on disk, and to be finished", 4, 2)
	f.holds(span{0, n})
}

// A log that started where there was no room for a checkpoint has one as soon as there is, though nothing is written meanwhile.
func TestCheckpointIsMadeWhenThereIsRoom(t *testing.T) {
	d := disk.NewMem()
	d.Free = 0
	f := openLog(t, d, testOptions())
	if found := kinds(f.findings); found != "gap" {
		t.Fatalf("found %q", found)
	}
	for range 2 {
		f.must(f.Background())
		d.Free = 1 << 20
	}
	for _, synced := range []int64{0, 4} {
		if m, ok, err := readCheckpoint(d, f.dir); !ok || err != nil || m.synced != synced || m.epoch != 1 {
			t.Fatalf("the checkpoint is %+v, %v, %v", m, ok, err)
		}
		f.addSynced(f.Next(), 4)
	}
}

// What the keeper can't do for a sealed segment it says, once, and no record or ID is the worse for it: the next start makes up for it.
func TestKeeperSaysWhatItCouldNotDo(t *testing.T) {
	for _, call := range []string{"", "truncate", "set time", "create", "open read-only"} {
		d := disk.NewMem()
		f := openLog(t, d, testOptions())
		f.addWithIDs(0, 20)
		f.must(f.RollOlder(f.now + 1))
		f.addWithIDs(20, 30)
		f.must(f.Sync())
		d.Before = (&failing{call: call, on: true}).before
		if err := f.Background(); errors.Is(err, errIO) != (call != "") {
			t.Errorf("%q fails: the keeper says %v", call, err)
		}
		d.Before = nil
		f.must(f.Background())
		if f.list()[0].index != nil {
			t.Errorf("%q fails: the index stays in memory", call)
		}
		if listed := f.IDs()[0].Listed; listed != (call == "") {
			t.Errorf("%q fails: IDs listed: %v", call, listed)
		}
		for range 2 {
			if got := f.ids(); !slices.Equal(got, wantIDs(0, 30)) {
				t.Errorf("%q fails: there are %d IDs, want %d", call, len(got), len(wantIDs(0, 30)))
			}
			f.must(f.Close())
			f.reopen()
			f.quiet()
		}
		if !f.IDs()[0].Listed {
			t.Errorf("%q failed: the next start does not list the IDs", call)
		}
	}
}

// A reader inside a segment that is finished does not keep the writer's index in memory, which has room for the largest segment.
func TestFinishedUnderAReader(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.addSynced(0, 4)
	c := f.Cursor(0)
	defer c.Close()
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	f.must(f.RollOlder(f.now + 1))
	f.must(f.Background())
	if s := f.list()[0]; !s.finished || !s.pinned() || s.index != nil {
		t.Fatalf("finished %v, pinned %v, index %v", s.finished, s.pinned(), s.index)
	}
}
