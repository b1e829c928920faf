package ring

import (
	"slices"
	"testing"
)

// TestEveryAccessIsAStep: whatever another goroutine can see or change is announced before it is touched. An access that is not would be one with the
// access before it when interleavings are enumerated, and what can happen between the two never tried.
func TestEveryAccessIsAStep(t *testing.T) {
	type at struct {
		place
		position uint64
	}
	nothing := func(*Ring, *Waiter) {}
	take := func([]byte) {}
	var claim Claim
	claimed := func(r *Ring, _ *Waiter) { claim, _ = r.Claim(8) }
	committed := func(r *Ring, _ *Waiter) {
		for range 2 {
			c, _ := r.Claim(8)
			c.Commit()
		}
	}
	call := func(_ *Ring, w *Waiter) { w.Wake() }
	stopped := make(chan struct{})
	close(stopped)
	for _, c := range []struct {
		name       string
		before, do func(*Ring, *Waiter)
		want       []at
	}{
		{"a claim", nothing, func(r *Ring, _ *Waiter) { r.Claim(8) }, []at{{atTail, 0}, {atSeen, 0}, {atTail, 0}}},
		{"a claim that does not fit in the rest of the buffer",
			func(r *Ring, _ *Waiter) { r.tail.Store(56); r.head.Store(56); r.seen.Store(56) },
			func(r *Ring, _ *Waiter) { r.Claim(8) }, []at{{atTail, 0}, {atSeen, 0}, {atTail, 0}, {atWord, 56}}},
		{"a claim that fills the ring: what was seen of head is enough", func(r *Ring, _ *Waiter) { r.tail.Store(48) },
			func(r *Ring, _ *Waiter) { r.Claim(8) }, []at{{atTail, 0}, {atSeen, 0}, {atTail, 0}}},
		{"a claim that is refused", func(r *Ring, _ *Waiter) { r.tail.Store(64) },
			func(r *Ring, _ *Waiter) { r.Claim(8) }, []at{{atTail, 0}, {atSeen, 0}, {atHead, 0}, {atSeen, 0}}},
		{"a commit", claimed, func(*Ring, *Waiter) { claim.Commit() }, []at{{atWord, 0}}},
		{"an abort, and its call", claimed, func(*Ring, *Waiter) { claim.Abort() }, []at{{atWord, 0}, {atState, 0}, {atState, 0}}},
		{"a second call", call, call, []at{{atState, 0}}},
		{"a call that finds the consumer parked", func(_ *Ring, w *Waiter) { w.state.Store(parked) }, call,
			[]at{{atState, 0}, {atState, 0}, {atSleep, 0}}},
		{"how much is used", nothing, func(r *Ring, _ *Waiter) { r.Used() }, []at{{atHead, 0}, {atTail, 0}}},
		{"a look whether it is empty", committed, func(r *Ring, _ *Waiter) { r.Empty() }, []at{{atWord, 0}}},
		{"a drain of two", committed, func(r *Ring, _ *Waiter) { r.Drain(64, take) },
			[]at{{atWord, 0}, {atPayload, 0}, {atHead, 0}, {atWord, 16}, {atPayload, 16}, {atHead, 0}, {atWord, 32}}},
		{"a wait that finds a call", call, func(_ *Ring, w *Waiter) { w.Wait(nil) }, []at{{atState, 0}, {atState, 0}}},
		{"a wait that finds a frame", committed, func(_ *Ring, w *Waiter) { w.Wait(nil) }, []at{{atState, 0}, {atWord, 0}}},
		{"a wait that parks and is stopped", nothing, func(_ *Ring, w *Waiter) { w.Wait(stopped) },
			[]at{{atState, 0}, {atWord, 0}, {atState, 0}, {atSleep, 0}, {atState, 0}}},
		{"a wait that looks more often", func(_ *Ring, w *Waiter) { w.looks, w.yields = 2, 1 }, func(_ *Ring, w *Waiter) { w.Wait(stopped) },
			[]at{{atState, 0}, {atWord, 0}, {atState, 0}, {atWord, 0}, {atState, 0}, {atWord, 0}, {atState, 0}, {atSleep, 0}, {atState, 0}}},
		{"a wait that is stopped, and called before it can say so", nothing, func(r *Ring, w *Waiter) {
			record := r.step
			r.step = func(place place, position uint64) {
				if record(place, position); place == atState && w.state.Load() == parked {
					w.state.Store(called)
					w.wake <- struct{}{}
				}
			}
			w.Wait(stopped)
		}, []at{{atState, 0}, {atWord, 0}, {atState, 0}, {atSleep, 0}, {atState, 0}, {atSleep, 0}, {atState, 0}, {atState, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRing(64)
			w := NewWaiter(r)
			w.looks, w.yields = 1, 0
			c.before(r, w)
			var steps []at
			r.step = func(place place, position uint64) { steps = append(steps, at{place, position}) }
			c.do(r, w)
			if !slices.Equal(steps, c.want) {
				t.Errorf("the steps were %v, want %v", steps, c.want)
			}
		})
	}
}
