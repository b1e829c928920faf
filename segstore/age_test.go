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

const minute, hour, day = 60 * 1000, 3600 * 1000, 24 * 3600 * 1000

// A quiet log whose process is killed again and again, before its segment is due to be sealed, or long before it is started again:
// its records go a day after the last of them came, and a segment's time later at most.
func TestAgeOutlivesKills(t *testing.T) {
	for _, c := range []struct{ life, off int64 }{{10 * minute, 0}, {10 * minute, 7 * hour}, {2 * hour, 0}, {20 * hour, minute}} {
		d := disk.NewMem()
		f := openLog(t, d, testOptions())
		f.now = 1000 * day
		f.addSynced(0, 5)
		added := f.now
		for f.First() == 0 {
			for end := f.now + c.life; f.now < end; f.now += 5 * minute { // as the keeper does
				f.must(f.RollOlder(f.now - 3*hour))
				f.must(f.Background())
				if removed, err := f.Retire(f.now - day); err != nil || removed > 0 && f.now-added <= day {
					t.Fatalf("%+v: removed %d segments of age %d min, %v", c, removed, (f.now-added)/minute, err)
				}
			}
			if f.now-added > day+3*hour+max(c.life, c.off)+10*minute {
				t.Fatalf("%+v: still there after %d min", c, (f.now-added)/minute)
			}
			d = d.Killed()
			f.disk = d
			f.now += c.off
			f.reopen()
		}
	}
}

// When the last record came is known to a kill if all of them were reported to be on disk, else it may have been just before the start.
func TestAgeOfWhatWasNotReported(t *testing.T) {
	for _, reported := range []bool{true, false} {
		f := openLog(t, disk.NewMem(), testOptions())
		f.addSynced(0, 5)
		if !reported {
			f.add(5, 6)
		}
		f.now += 7 * hour
		f.reopen()
		f.must(f.RollOlder(f.now))
		f.must(f.Background())
		if removed, err := f.Retire(f.now); err != nil || (removed == 1) != reported {
			t.Errorf("reported %v: %d removed, %v", reported, removed, err)
		}
	}
}

// Starts that add nothing make nothing younger, however many there are.
func TestAgeOverSeveralKills(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.addSynced(0, 5)
	added := f.now
	for range 3 {
		f.now += hour
		f.disk = f.disk.(*disk.Mem).Killed()
		f.reopen()
	}
	f.must(f.RollOlder(f.now + 1))
	f.must(f.Background())
	if newest, _, ok := f.Oldest(); newest != added || !ok {
		t.Errorf("the last record came at %d, not at %d", added, newest)
	}
}

// A segment from the future, stamped by a retention clock that was lost since, is as young as the first start that finds it: it does
// not stay until the clock gets there, and neither do those behind it.
func TestAgeFromTheFuture(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.now = 4000 * day
	f.addSynced(0, 5)
	f.must(f.RollOlder(f.now + 1))
	f.must(f.Background())
	f.addSynced(5, 9)
	f.now = 1000 * day
	for range 5 {
		f.reopen()
		f.must(f.RollOlder(f.now - 3*hour))
		f.must(f.Background())
		if removed, err := f.Retire(f.now - day); err != nil || removed > 0 {
			t.Fatalf("%d removed, %v", removed, err)
		}
		f.now += 6 * hour
	}
	f.must(f.RollOlder(f.now - 3*hour))
	f.must(f.Background())
	if removed, err := f.Retire(f.now - day); err != nil || removed != 2 {
		t.Fatalf("%d removed, %v", removed, err)
	}
}

// Repair has no retention clock. Whatever the machine's says, it makes nothing old.
func TestAgeAfterRepair(t *testing.T) {
	f := openLog(t, nil, testOptions())
	f.now = 40_000 * day // the machine's clock is far behind
	f.addSynced(0, 5)
	if _, err := Repair(f.dir, nil); err != nil {
		t.Fatal(err)
	}
	f.reopen()
	f.addSynced(5, 9)
	f.must(f.RollOlder(f.now + 1))
	f.must(f.Background())
	if removed, err := f.Retire(f.now); err != nil || removed > 0 {
		t.Fatalf("%d removed, %v", removed, err)
	}
	f.must(f.Close())
}

// A file that has lost all its bytes keeps nothing, so it holds nothing up.
func TestAgeOfNothing(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.now = 1000 * day
	for n := int64(0); n < 15; n += 5 {
		f.addSynced(n, n+5)
		f.must(f.RollOlder(f.now + 1))
		f.must(f.Background())
	}
	d.Put(segmentPath(f.dir, 0), []byte{})
	f.now += day + 1
	f.reopen()
	if removed, err := f.Retire(f.now - day); err != nil || removed != 3 {
		t.Fatalf("%d removed, %v", removed, err)
	}
}

// What a start sets aside behind a torn segment is kept for as long as anything else.
func TestAgeOfWhatIsSetAside(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.now = 1000 * day
	f.add(0, 5)
	f.must(f.RollOlder(f.now + 1))
	f.add(5, 9) // nothing was ever synced
	d = d.Crash(func(int) bool { return true }, func(path string, _ int) bool { return path != segmentPath(f.dir, 0) })
	f.disk = d
	f.reopen()
	aside := segmentPath(f.dir, 5) + cutSuffix
	if d.File(aside) == nil {
		t.Fatalf("nothing was set aside:\n%v", d)
	}
	f.must(f.RetireAside(f.now))
	if d.File(aside) == nil {
		t.Fatal("it is gone at once")
	}
	f.must(d.SetTime(aside, f.now+10_000*day)) // by a clock that was lost since, or by Repair
	f.must(f.RetireAside(f.now))
	f.must(f.RetireAside(f.now + 1))
	if d.File(aside) != nil {
		t.Fatal("it stays for good")
	}
}

// Nothing is from the future: a finished segment whose file says so is of now, and goes in its time, not in the time of the clock that was wrong.
func TestFinishedSegmentOfTheFuture(t *testing.T) {
	f := threeSegments(t, disk.NewMem())
	f.must(f.disk.SetTime(segmentPath(f.dir, 0), f.now+1_000_000))
	f.reopen()
	if removed, err := f.Retire(f.now + 1); removed != 2 || err != nil {
		t.Errorf("%d of the 2 finished segments were removed, %v", removed, err)
	}
}
