package segstore

import (
	"testing"

	"penstock/segstore/disk"
)

// A segment whose age could not be written down, or is lost with the power, is as young as the start that finds it: the machine's clock,
// which may be years behind, makes nothing old.
func TestAgeThatWasNotWrittenDown(t *testing.T) {
	sealed := func(t *testing.T) (*fixture, *disk.Mem) {
		d := disk.NewMem()
		d.Now = func() int64 { return 5 }
		f := openLog(t, d, testOptions())
		f.addSynced(0, 4)
		f.must(f.RollOlder(f.now + 1))
		f.add(4, 6)
		f.must(f.Sync())
		return f, d
	}
	stays := func(f *fixture, d *disk.Mem) {
		t.Helper()
		f.disk = d
		f.reopen()
		if removed, err := f.Retire(500); removed > 0 || err != nil {
			t.Errorf("removed %d segments of time %d, %v", removed, f.now, err)
		}
	}
	t.Run("the call fails", func(t *testing.T) {
		f, d := sealed(t)
		d.Before = (&failing{call: "set time", on: true}).before
		if err := f.Background(); err == nil {
			t.Fatal("nothing failed")
		}
		stays(f, d.Killed())
	})
	t.Run("the call fails in recovery", func(t *testing.T) {
		f, d := sealed(t)
		d = d.Killed()
		d.Before = (&failing{call: "set time", on: true}).before
		stays(f, d)
		stays(f, d.Killed())
	})
	t.Run("killed between the trim and the time", func(t *testing.T) {
		f, d := sealed(t)
		d.Before = (&failing{call: "set time", on: true}).before
		_ = f.Background()
		d = d.Killed()
		stays(f, d)
		stays(f, d.Killed())
	})
	t.Run("the power fails", func(t *testing.T) {
		f, d := sealed(t)
		f.must(f.Background())
		for kept := range 10 {
			stays(f, d.Crash(func(i int) bool { return i < kept }, func(string, int) bool { return true }))
		}
	})
}
