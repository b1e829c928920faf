package group

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"penstock/segstore"
	"penstock/segstore/disk"
)

// seed is that of the random tests: PENSTOCK_SEED, or the clock's.
func seed(t *testing.T) uint64 {
	s := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("PENSTOCK_SEED"), 10, 64); err == nil {
		s = given
	}
	t.Logf("PENSTOCK_SEED=%d", s)
	return s
}

// storeOptions are those of a store that compacts often.
func storeOptions(d disk.Disk) *Options {
	o := Options{Dir: "/", Disk: d, segmentBytes: segstore.SegmentBytesMin, compactFloor: 8 << 10}.withDefaults()
	return &o
}

func openStoreOn(t testing.TB, d disk.Disk) *store {
	t.Helper()
	s, err := openStore(storeOptions(d), &memory{most: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// facts is what a store says, or should say: by group, and by group, topic and partition.
type facts map[string]string

func factsOf(s *store) facts {
	f := facts{}
	for name, g := range s.kept {
		if g.hasEra {
			f[name] = fmt.Sprint(g.era)
		}
		for p, o := range g.offsets {
			f[fmt.Sprint(name, "/", p)] = fmt.Sprint(o)
		}
	}
	return f
}

// with is the facts after a change.
func (f facts) with(c *change) facts {
	f = maps.Clone(f)
	key := fmt.Sprint(c.group, "/", c.partition)
	switch c.kind {
	case setGroup:
		f[c.group] = fmt.Sprint(c.era)
	case setOffset:
		f[key] = fmt.Sprint(c.offset)
	case dropOffset:
		delete(f, key)
	case dropGroup:
		maps.DeleteFunc(f, func(k, _ string) bool { return k == c.group || strings.HasPrefix(k, c.group+"/") })
	}
	return f
}

// script is a store's life: writes, each awaited, and what must be there after the last that was acknowledged, and after each since.
type script struct {
	rng   *rand.Rand
	n     int64
	acked facts
	maybe []facts
}

func (s *script) change() change {
	s.n++
	c := change{kind: setOffset, group: string(rune('a' + s.rng.IntN(3))), partition: partition{"topic", s.rng.Int32N(3)}}
	switch s.rng.IntN(12) {
	case 0:
		c.kind = dropOffset
	case 1:
		c = change{kind: dropGroup, group: c.group}
	case 2:
		c = change{kind: setGroup, group: c.group, era: era{generation: int32(s.n), protocolType: "consumer", protocol: "range", emptySince: occupied}}
	default:
		c.offset = offset{at: s.n, epoch: 3, metadata: strings.Repeat("m", s.rng.IntN(300)), time: 1000 + s.n}
	}
	return c
}

// run writes so often, or until something fails.
func (s *script) run(st *store, times int) error {
	for range times {
		changes := []change{s.change()}
		if s.rng.IntN(4) == 0 {
			changes = append(changes, s.change())
		}
		after := s.acked
		if len(s.maybe) > 0 {
			after = s.maybe[len(s.maybe)-1]
		}
		for i := range changes {
			after = after.with(&changes[i])
		}
		s.maybe = append(s.maybe, after)
		w := st.append(changes...)
		if s.rng.IntN(5) == 0 {
			continue // nobody waits for this one
		}
		if err := st.wait(w); err != nil {
			return err
		}
		s.acked, s.maybe = after, nil
	}
	return nil
}

// allows says whether a store that was opened after a crash may say this.
func (s *script) allows(got facts) bool {
	return maps.Equal(got, s.acked) || slices.ContainsFunc(s.maybe, func(f facts) bool { return maps.Equal(got, f) })
}

// The power fails at each call to the disk in turn, compactions included, and the disk keeps any choice of what it was not made to keep. What
// was acknowledged is there afterwards, and nothing that was taken back.
func TestCrashAtEveryCall(t *testing.T) {
	s := seed(t)
	cut := errors.New("power cut")
	for at := 1; ; at += step() {
		rng := rand.New(rand.NewPCG(s, uint64(at)))
		d := disk.NewMem()
		life := &script{rng: rand.New(rand.NewPCG(s, 0)), acked: facts{}}
		calls := 0
		d.Before = func(string, string) error {
			if calls++; calls >= at {
				panic(cut)
			}
			return nil
		}
		first, end := life.until(cut, func() (*store, error) { return openStore(storeOptions(d), &memory{most: 1 << 40}) }, 200)
		left := d.Crash(func(int) bool { return rng.IntN(2) == 0 }, func(string, int) bool { return rng.IntN(2) == 0 })
		again := openStoreOn(t, left)
		if got := factsOf(again); !life.allows(got) {
			t.Fatalf("cut at call %d: there is\n%v\nwant\n%v\nor, unacknowledged,\n%v", at, got, life.acked, life.maybe)
		}
		next := &script{rng: rng, acked: factsOf(again)}
		if err := errors.Join(next.run(again, 20), again.close()); err != nil {
			t.Fatalf("cut at call %d: going on: %v", at, err)
		}
		again = openStoreOn(t, left)
		if got := factsOf(again); len(next.maybe) == 0 && !maps.Equal(got, next.acked) {
			t.Fatalf("cut at call %d: a start later there is\n%v\nwant\n%v", at, got, next.acked)
		}
		if end == nil {
			if calls < 300 || first == 0 {
				t.Fatalf("the script makes %d calls only, and the log begins at %d", calls, first)
			}
			t.Logf("%d calls", calls)
			return
		}
	}
}

// until runs on a store until a call to its disk panics with cut, and says where its log begins in the end.
func (s *script) until(cut error, open func() (*store, error), times int) (first int64, end error) {
	defer func() {
		if r := recover(); r != nil {
			if end, _ = r.(error); !errors.Is(end, cut) {
				panic(r)
			}
		}
	}()
	st, err := open()
	if err != nil {
		return 0, err
	}
	err = s.run(st, times)
	return st.log.First(), err
}

// One call fails, and the disk goes on: whoever was told so finds nothing of it in memory, who was told otherwise finds it for ever.
func TestOneCallFails(t *testing.T) {
	s := seed(t)
	broken := errors.New("input/output error")
	failures := 0
	for at := 1; ; at += step() {
		d := disk.NewMem()
		life := &script{rng: rand.New(rand.NewPCG(s, 0)), acked: facts{}}
		st := openStoreOn(t, d)
		calls, failed := 0, false
		d.Before = func(call, _ string) error {
			if call == "unmap" || call == "close" { // a process that can't give back what it had ends
				return nil
			}
			if calls++; calls == at {
				failed = true
				return broken
			}
			return nil
		}
		var doubtful []facts // what the disk may have kept although it said no
		for range 20 {
			if life.run(st, 10) != nil {
				failures++
				if got := factsOf(st); !life.allows(got) {
					t.Fatalf("call %d failed: there is\n%v\nwant\n%v", at, got, life.acked)
				}
				doubtful = append(doubtful, life.maybe...)
				life.acked, life.maybe = factsOf(st), nil
			}
		}
		d.Before = nil
		if err := life.run(st, 1); err != nil {
			t.Fatalf("after call %d had failed: %v", at, err)
		}
		st.flush()
		want := factsOf(st)
		if err := st.close(); err != nil {
			t.Fatalf("call %d failed: closing: %v", at, err)
		}
		got := factsOf(openStoreOn(t, d))
		for key := range merged(got, want) {
			if got[key] != want[key] && !slices.ContainsFunc(doubtful, func(f facts) bool { return f[key] == got[key] }) {
				t.Fatalf("call %d failed: after a start %s is %q, want %q", at, key, got[key], want[key])
			}
		}
		if !failed {
			if failures == 0 {
				t.Fatal("nothing ever failed")
			}
			t.Logf("%d calls, %d failed writes", at-1, failures)
			return
		}
	}
}

func merged(a, b facts) facts {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// step is how many calls the tests of every call go on by: in a short run every seventh is tried.
func step() int {
	if testing.Short() {
		return 7
	}
	return 1
}
