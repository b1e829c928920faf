package segstore

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"penstock/segstore/disk"
)

// survivors checks a log that was opened after a crash: the records below synced are there, and behind them whole batches up to some
// point, with nothing in between missing and nothing invented. It returns that point.
func (f *fixture) survivors(synced, appended int64) (next int64) {
	f.Helper()
	there, lost := f.read()
	switch {
	case len(lost) > 0 || len(there) > 1 || (len(there) == 1 && there[0].first != 0):
		f.Fatalf("there are %v, lost are %v", there, lost)
	case len(there) == 1:
		next = there[0].next
	}
	if next != f.Next() || next < synced || next > appended {
		f.Fatalf("the log ends at %d, its records at %d; %d were synced, %d appended", f.Next(), next, synced, appended)
	}
	for _, found := range f.findings {
		if found.Acknowledged() {
			f.Fatalf("found damage where nothing was damaged: %v", found)
		}
	}
	return next
}

// goesOn appends to a recovered log, kills and reopens it, and expects all of it to be there.
func (f *fixture) goesOn(next int64) {
	f.Helper()
	f.add(next, next+3)
	f.must(f.Sync())
	d := f.disk.(*disk.Mem).Crash(func(int) bool { return false }, func(string, int) bool { return false })
	f.disk = d
	f.reopen()
	f.quiet()
	if got := f.survivors(next+3, next+3); got != next+3 {
		f.Fatalf("the log ends at %d, want %d", got, next+3)
	}
}

// Every subset of the sectors that were not synced is lost once. There are few enough to try them all.
func TestEverySubsetOfLostPages(t *testing.T) {
	for _, synced := range []int64{0, 3} {
		t.Run(fmt.Sprintf("synced=%d", synced), func(t *testing.T) {
			d := disk.NewMem()
			f := openLog(t, d, testOptions())
			if synced > 0 {
				f.add(0, synced)
				f.must(f.Sync())
			}
			appended := synced
			segment := d.File(segmentPath(f.dir, 0))
			for segment == nil || segment.Dirty() < 11 {
				size := int64(1 + appended%3)
				f.add(appended, appended+size)
				appended += size
				segment = d.File(segmentPath(f.dir, 0))
			}
			n := segment.Dirty()
			if n > 12 {
				t.Fatalf("%d sectors make too many subsets", n)
			}
			ends := map[int64]int{}
			for subset := range 1 << n {
				i := 0
				after := d.Crash(func(int) bool { return true }, func(path string, sector int) bool {
					if filepath.Ext(path) != ".log" {
						return true
					}
					i++
					return subset>>(i-1)&1 == 1
				})
				g := openLog(t, after, testOptions())
				next := g.survivors(synced, appended)
				ends[next]++
				g.goesOn(next)
				if subset == 1<<n-1 && next != appended {
					t.Fatalf("nothing was lost, and the log ends at %d of %d", next, appended)
				}
			}
			if len(ends) < 4 {
				t.Fatalf("the subsets all end the same way: %v", ends)
			}
			t.Logf("%d subsets of %d sectors; ends and how often: %v", 1<<n, n, ends)
		})
	}
}

// life is a scripted life of a log: segments made, filled, rolled, sealed, retired, the log closed and opened again. After each step
// it notes what the log has promised. Steps that fail are given up; the promise is not.
type life struct {
	*fixture
	appended, synced int64
	first            int64 // the log begins here, or before
}

// givenUp are the offsets that failed syncs gave up, and whether all of them were cut off for sure.
func (v *life) givenUp() (spans []span, sure bool) {
	sure = true
	for _, found := range v.history {
		switch {
		case found.Kind == GivenUp && found.First < found.Next:
			spans = append(spans, span{found.First, found.Next})
		case found.Kind == GivenUp:
			sure = false
		}
	}
	return spans, sure
}

func (v *life) add(n int64) error {
	if err := v.tryAdd(v.next(), v.next()+n); err != nil {
		return err
	}
	v.appended = v.next()
	return nil
}

// next is the offset that the next record gets.
func (v *life) next() int64 { return v.Log.next }

func (v *life) sync() error {
	err := v.Sync()
	v.synced = v.Synced()
	return err
}

// run goes through the script. An error ends it, as it ends an Open; steps of a living log go on.
func (v *life) run() error {
	for chapter := range 3 {
		if err := v.tryOpen(); err != nil {
			return err
		}
		v.appended = max(v.appended, v.next())
		for step := range 14 {
			_ = v.add(int64(40 + step))
			if step%3 != 1 {
				_ = v.sync()
			}
			if step%4 == 3 {
				_ = v.Background()
			}
			v.now += 10
		}
		_ = v.RollOlder(v.now)
		_ = v.add(2)
		_ = v.sync()
		_ = v.Background()
		if chapter == 1 {
			v.first = max(v.first, v.Synced()) // retention may take up to here from now on
			_, _ = v.Retire(v.now - 60)
		}
		if chapter != 0 {
			err := v.Close()
			v.synced = max(v.synced, v.Synced())
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func newLife(t *testing.T, d *disk.Mem) *life {
	return &life{fixture: &fixture{TB: t, disk: d, dir: "/clicks-0", options: testOptions(), now: 1000}}
}

// calls counts the script's calls.
func callsOfALife(t *testing.T) int {
	d := disk.NewMem()
	if err := newLife(t, d).run(); err != nil {
		t.Fatal(err)
	}
	return d.Calls
}

// A crash before every call to the disk in a log's life, each with several choices of what was written and what was not.
func TestCrashAtEveryCall(t *testing.T) {
	seeds := 6
	if testing.Short() {
		seeds = 2
	}
	d := disk.NewMem()
	v := newLife(t, d)
	crashes := 0
	d.Before = func(call, path string) error {
		for seed := range seeds {
			crashes++
			r := rand.New(rand.NewPCG(uint64(seed), uint64(d.Calls)))
			after := d.Crash(names(r, seed), sectors(r, seed))
			g := &life{fixture: &fixture{TB: t, disk: after, dir: v.dir, options: v.options, now: v.now}}
			if err := g.tryOpen(); err != nil {
				t.Fatalf("seed %d, call %d (%s %s): the log does not open: %v\n%v", seed, d.Calls, call, path, err, after)
			}
			v.check(g, fmt.Sprintf("seed %d, call %d (%s %s)", seed, d.Calls, call, path))
		}
		return nil
	}
	if err := v.run(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d crashes at %d calls", crashes, d.Calls)
}

// names and sectors choose what a crash leaves: all, none, or each by a coin.
func names(r *rand.Rand, seed int) func(int) bool {
	switch seed % 3 {
	case 0:
		return func(int) bool { return true }
	case 1:
		return func(int) bool { return false }
	}
	keep := r.IntN(20) // a journal keeps a beginning
	return func(i int) bool { return i < keep }
}

func sectors(r *rand.Rand, seed int) func(string, int) bool {
	switch seed {
	case 0:
		return func(string, int) bool { return true }
	case 1:
		return func(string, int) bool { return false }
	}
	few := r.IntN(2) == 0
	return func(string, int) bool { return few && r.IntN(8) == 0 || !few && r.IntN(8) != 0 }
}

// check holds a log opened after a crash to what was promised before it.
func (v *life) check(g *life, when string) {
	v.Helper()
	there, _ := g.read()
	covered := v.first // of what must be there
	for _, s := range there {
		if s.first <= covered {
			covered = max(covered, s.next)
		}
		if s.next > v.appended {
			v.Fatalf("%s: the log holds %v, only %d were appended", when, there, v.appended)
		}
	}
	lost, sure := v.givenUp()
	for _, s := range lost {
		for _, kept := range there {
			if sure && kept.first < s.next && kept.next > s.first {
				v.Fatalf("%s: %v were given up, and %v are there", when, s, kept)
			}
		}
		if s.first <= covered {
			covered = max(covered, s.next)
		}
	}
	for _, s := range there { // behind what was given up
		if s.first <= covered {
			covered = max(covered, s.next)
		}
	}
	if covered < v.synced {
		v.Fatalf("%s: %d to %d were synced, the log holds %v from %d\n%v", when, v.first, v.synced, there, g.First(), g.disk)
	}
	for _, found := range g.findings {
		if found.Acknowledged() && found.First >= v.first && len(lost) == 0 {
			v.Fatalf("%s: found damage: %v", when, found)
		}
	}
	next := g.next()
	if next < v.synced {
		v.Fatalf("%s: offsets go back to %d, %d were synced", when, next, v.synced)
	}
	g.must(g.tryAdd(next, next+2))
	g.must(g.Sync())
	g.must(g.Background())
	want := join(there, next, next+2)
	g.disk = g.disk.(*disk.Mem).Crash(func(int) bool { return false }, func(string, int) bool { return false })
	g.reopen()
	g.quiet()
	g.holds(want...)
}

// Every call to the disk in a log's life fails once, or fails from then on. What was reported synced is on disk nevertheless, what was
// given up does not come back, and the log opens again as soon as the disk allows.
func TestEveryCallFails(t *testing.T) {
	full := fmt.Errorf("%w: no space left", ErrFull)
	calls := callsOfALife(t)
	for _, cause := range []error{errIO, full} {
		for _, forGood := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v,for good=%v", cause, forGood), func(t *testing.T) {
				step := 1
				if testing.Short() {
					step = 5
				}
				for at := 1; at <= calls; at += step {
					failAt(t, at, cause, forGood)
				}
			})
		}
	}
}

func failAt(t *testing.T, at int, cause error, forGood bool) {
	d := disk.NewMem()
	v := newLife(t, d)
	r := rand.New(rand.NewPCG(uint64(at), 1))
	failed, crashAt := "", at+1+r.IntN(40)
	crash := func() {
		after := d.Crash(names(r, 2), sectors(r, 2))
		g := &life{fixture: &fixture{TB: t, disk: after, dir: v.dir, options: v.options, now: v.now}}
		when := fmt.Sprintf("call %d (%s), %v, for good %v, crash at %d", at, failed, cause, forGood, d.Calls)
		if err := g.tryOpen(); err != nil {
			t.Fatalf("%s: the log does not open: %v", when, err)
		}
		v.check(g, when)
	}
	d.Before = func(call, path string) error {
		if d.Calls == crashAt {
			crash()
		}
		// The kernel unmaps and closes whatever the disk does, and time is no disk's.
		if d.Calls < at || (d.Calls > at && !forGood) || call == "unmap" || call == "close" {
			return nil
		}
		if failed == "" {
			failed = call + " " + path
		}
		return cause
	}
	err := v.run()
	d.Before = nil
	if err != nil && v.Log != nil {
		_ = v.Close()
	}
	crash()
	v.disk = d.Killed()
	if err := v.tryOpen(); err != nil {
		t.Fatalf("call %d (%s): %v", at, failed, err)
	}
	v.must(v.add(3))
	v.must(v.sync())
	if v.Synced() != v.next() {
		t.Fatalf("call %d (%s): %d synced of %d", at, failed, v.Synced(), v.next())
	}
}
