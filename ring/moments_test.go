package ring

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// Moments that chance seldom brings are made here: step is called in front of an access, and does there what another goroutine would.

// A call that comes just when a parked consumer has chosen to stop is not lost, nor is its token left behind.
func TestACallWhileStopping(t *testing.T) {
	r := newRing(4096)
	w := NewWaiter(r)
	w.looks, w.yields = 1, 0
	stop := make(chan struct{})
	close(stop)
	slept := false
	r.step = func(at place, _ uint64) {
		slept = slept || at == atSleep
		if slept && at == atState { // it was parked, and is about to say that it no longer is
			r.step = nil
			w.Wake()
		}
	}
	if !w.Wait(stop) {
		t.Error("the call was lost")
	}
	if w.Wait(stop) {
		t.Error("the call came twice")
	}
	if w.state.Load() != idle || len(w.wake) != 0 {
		t.Errorf("state %d, %d tokens", w.state.Load(), len(w.wake))
	}
}

// A waiter that yields has let others run before it parks.
func TestYieldsLetOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := newRing(4096)
	w := NewWaiter(r)
	w.looks, w.yields = 0, 4
	var ran atomic.Bool
	looked := 0
	r.step = func(at place, _ uint64) {
		if at != atWord {
			return
		}
		if looked++; looked == w.yields && !ran.Load() {
			t.Error("three yields have let nobody run")
		}
	}
	stop := make(chan struct{})
	close(stop)
	go ran.Store(true) // on the only processor there is
	if w.Wait(stop) || looked != w.yields {
		t.Errorf("the waiter looked %d times", looked)
	}
}

// Used is within the ring also when the ring goes round between its two looks.
func TestUsedAcrossALap(t *testing.T) {
	r := newRing(4096)
	lap := func() {
		for range 3 {
			for range 4 {
				put(t, r, r.MaxFrame(), 1)
			}
			if r.head.Load() < 2*4096 {
				r.Drain(1<<20, func([]byte) {})
			}
		}
	}
	r.step = func(at place, _ uint64) {
		if at == atTail {
			r.step = nil
			lap()
		}
	}
	if u := r.Used(); u != 4096 {
		t.Errorf("%d bytes used of 4096, which is full", u)
	}
}

// Whether a claim fits, by what the producer knows: its tail may be older than everything else.
func TestFits(t *testing.T) {
	const k = 4096
	for _, c := range []struct {
		name             string
		tail, seen, head uint64 // tail: with the claim
		want             bool
		seenAfter        uint64
	}{
		{"empty", 16, 0, 0, true, 0},
		{"exactly full", k, 0, 0, true, 0},
		{"8 bytes too much", k + 8, 0, 0, false, 0},
		{"seen is old", k + 8, 0, 8, true, 8},
		{"seen is old, and it is too much all the same", k + 16, 0, 8, false, 8},
		{"the tail is old: it is let try, and its swap will fail", 16, 64, 64, true, 64},
		{"seen is turned back by a slow producer", 3 * k, k, 2*k + 8, true, 2*k + 8},
		{"across the end of positions", 8, 1<<64 - k + 8, 1<<64 - k + 8, true, 1<<64 - k + 8},
		{"too much across the end of positions", 16, 1<<64 - k + 8, 1<<64 - k + 8, false, 1<<64 - k + 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRing(k)
			r.head.Store(c.head)
			r.seen.Store(c.seen)
			if got := r.fits(c.tail); got != c.want || r.seen.Load() != c.seenAfter {
				t.Errorf("%v, seen %d; want %v, %d", got, r.seen.Load(), c.want, c.seenAfter)
			}
		})
	}
}

// Nothing is wasted: frames may end exactly at the end of the buffer, and fill the ring to its last byte; any size takes its multiple of 8 and a word.
func TestFramesFillTheRing(t *testing.T) {
	for _, start := range []uint64{0, 1024, 3072, 1<<64 - 4096, 1<<64 - 1024} {
		r := at(newRing(4096), start)
		for range 4 {
			put(t, r, r.MaxFrame(), 1)
		}
		if _, ok := r.Claim(1); ok || r.Used() != 4096 {
			t.Errorf("from %d: a claim in a full ring says %v, %d bytes used", start, ok, r.Used())
		}
		if n := r.Drain(1<<20, func([]byte) {}); n != 4*r.MaxFrame() || r.Used() != 0 {
			t.Errorf("from %d: %d bytes drained, %d used", start, n, r.Used())
		}
	}
	for n, want := range map[int]int{1: 16, 7: 16, 8: 16, 9: 24, 16: 24, 17: 32} {
		r := newRing(4096)
		put(t, r, n, 1)
		if r.Used() != want {
			t.Errorf("a frame of %d takes %d, want %d", n, r.Used(), want)
		}
	}
}
