package segstore

import (
	"errors"
	"testing"

	"penstock/segstore/disk"
)

// A disk carries out a call and says that it failed. The log refuses records for that moment, no longer.
func TestCallsCarriedOutAndDenied(t *testing.T) {
	for _, denied := range []string{"rename", "remove", "create", "truncate", "sync", "sync dir"} {
		t.Run(denied, func(t *testing.T) {
			on := false
			d := &disk.Trace{Disk: disk.NewMem(), After: func(call, _ string, err error) error {
				if on && call == denied {
					on = false
					return errIO
				}
				return err
			}}
			f := openLog(t, d, testOptions())
			refused := 0
			add := func() {
				n := f.Log.next
				if err := errors.Join(f.tryAdd(n, n+100), f.Sync()); err != nil {
					refused++
				}
				_ = f.Background()
				f.now += 10
				_, _ = f.Retire(f.now - 50)
			}
			for range 12 {
				on = true
				add()
				add()
			}
			on = false
			before, next := refused, f.Log.next
			f.add(next, next+3)
			f.must(f.Sync())
			f.reopen()
			there, _ := f.read()
			if refused != before || len(there) == 0 || there[len(there)-1].next != next+3 || refused > 12 {
				t.Fatalf("refused %d times, the log holds %v of %d", refused, there, next+3)
			}
		})
	}
}

// A rename that was carried out and denied may have put an empty segment behind the one that is being written, or in its place. Nothing
// is written before that is settled: the next start would take what follows for the rest of an untrimmed file, or not find it at all.
func TestRenameDeniedWhileThereIsRoom(t *testing.T) {
	for _, empty := range []bool{false, true} {
		for _, done := range []bool{false, true} {
			on := false
			mem := disk.NewMem()
			fail := func(call, _ string, err error) error {
				if on && call == "rename" {
					on = false
					return errIO
				}
				return err
			}
			d := &disk.Trace{Disk: mem}
			if done {
				d.After = fail
			} else {
				d.Before = func(call, path string) error { return fail(call, path, nil) }
			}
			o := testOptions()
			o.SegmentBytes = 2 * SegmentBytesMin
			f := openLog(t, d, o)
			f.addSynced(0, 5)
			if on = true; empty {
				on = false
				f.must(f.RollOlder(f.now + 1))
				on = true
				if err := f.Reserve(o.SegmentBytes); err == nil { // more than the empty one takes
					t.Fatal("nothing failed")
				}
			} else if err := f.RollOlder(f.now + 1); err == nil {
				t.Fatal("nothing failed")
			}
			f.addSynced(5, 9)
			f.holds(span{0, 9})
			f.disk = mem.Killed()
			f.reopen()
			f.quiet()
			f.holds(span{0, 9})
		}
	}
}
