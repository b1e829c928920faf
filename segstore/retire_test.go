package segstore

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// A segment whose file can't be removed is not left at the front of a hole: nothing behind it goes before it has gone.
func TestFailedRemovalLeavesNoHole(t *testing.T) {
	for _, call := range []string{"remove", "sync dir"} {
		t.Run(call, func(t *testing.T) {
			d := disk.NewMem()
			f := openLog(t, d, testOptions())
			for n := int64(0); n < 40; n += 10 {
				f.now = 1000 + n
				f.addSynced(n, n+10)
				f.must(f.RollOlder(f.now + 1))
			}
			f.must(f.Sync())
			f.must(f.Background())
			fault := &failing{call: call, on: true}
			d.Before = fault.before
			for range 2 {
				if removed, err := f.Retire(1015); removed != 0 || !errors.Is(err, errIO) {
					t.Fatalf("removed %d, %v", removed, err)
				}
			}
			if err := f.DropOldest(); !errors.Is(err, errIO) {
				t.Fatalf("removing gave %v", err)
			}
			if _, _, ok := f.Oldest(); ok {
				t.Fatal("another segment may be removed before this one is gone")
			}
			f.holds(span{10, 40})

			left := d.Killed()
			g := &fixture{TB: t, disk: left, dir: f.dir, options: f.options, now: f.now, readAll: true}
			g.reopen()
			g.quiet()
			g.holds(span{g.First(), 40})

			fault.on = false
			f.must(f.Background())
			if gone := d.Crash(func(int) bool { return false }, func(string, int) bool { return false }); gone.File(segmentPath(f.dir, 0)) != nil {
				t.Fatal("the keeper did not remove it when that could be done")
			}
			if removed, err := f.Retire(1025); err != nil || removed != 2 {
				t.Fatalf("removed %d more, %v", removed, err)
			}
			f.holds(span{30, 40})
			f.reopen()
			f.quiet()
			f.holds(span{30, 40})
		})
	}
}

// Who asked for old segments to be removed is told how many went before one could not.
func TestRemovedBeforeTheFailure(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	f.reopen()
	d.Before = func(call, path string) error {
		if call == "remove" && path == segmentPath(f.dir, perSegment) {
			return errIO
		}
		return nil
	}
	if removed, err := f.Retire(f.now + 1); removed != 1 || !errors.Is(err, errIO) {
		t.Fatalf("removed %d, %v", removed, err)
	}
}

// With a segment go all of its files, whether it was sealed by this run or by an earlier one.
func TestAllFilesOfASegmentGo(t *testing.T) {
	for _, reopened := range []bool{false, true} {
		d := disk.NewMem()
		f := openLog(t, d, testOptions())
		f.addWithIDs(0, 20)
		f.must(f.RollOlder(f.now + 1))
		f.addWithIDs(20, 30)
		f.must(f.RollOlder(f.now + 1))
		f.addWithIDs(30, 40)
		f.must(f.Sync())
		f.must(f.Background())
		if reopened {
			f.must(f.Close())
			f.reopen()
		}
		before := len(d.Paths())
		f.must(f.DropOldest())
		for _, path := range d.Paths() {
			if strings.HasPrefix(path, strings.TrimSuffix(segmentPath(f.dir, 0), ".log")) {
				t.Errorf("reopened %v: %s is still there", reopened, path)
			}
		}
		if gone := before - len(d.Paths()); gone != 4 {
			t.Errorf("reopened %v: %d files were removed", reopened, gone)
		}
		if first, second := idOf(1), idOf(22); f.HasID(&first, 0) || !f.HasID(&second, 0) {
			t.Errorf("reopened %v: its IDs are found: %v; those behind it: %v", reopened, f.HasID(&first, 0), f.HasID(&second, 0))
		}
		d.Before = func(call, path string) error {
			if call == "unmap" && strings.HasSuffix(path, idsSuffix) {
				return errIO
			}
			return nil
		}
		if err := f.DropOldest(); !errors.Is(err, errIO) {
			t.Errorf("reopened %v: IDs that could not be unmapped gave %v", reopened, err)
		}
	}
}

// What was set aside goes with its time. Whatever else is in the directory is not what that call is for, however old.
func TestOnlyWhatWasSetAsideGoes(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	f.reopen()
	f.now += day
	before := d.Paths()
	d.Put(f.dir+"/somebody's.gap", []byte("not ours, but of our kind"))
	d.Put(segmentPath(f.dir, 0)+cutSuffix, []byte("cut off"))
	f.must(f.RetireAside(f.now))
	if after := d.Paths(); !slices.Equal(after, before) {
		t.Fatalf("of\n%s\nthere is left\n%s", before, after)
	}
	d.Put(segmentPath(f.dir, 0)+cutSuffix, []byte("cut off"))
	f.must(d.SetTime(segmentPath(f.dir, 0)+cutSuffix, f.now+1)) // from the future
	d.Before = (&failing{call: "set time", on: true}).before
	if err := f.RetireAside(f.now); !errors.Is(err, errIO) {
		t.Fatalf("what could not be made young gave %v", err)
	}
}
