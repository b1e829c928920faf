package ring

import (
	"runtime"
	"sync/atomic"
)

// Waiter lets the consumer sleep while there is nothing to do. It first looks a few times, then lets others run a few times, and then parks.
//
// No wake-up is lost. A producer publishes first and then makes the state called. The consumer makes called idle first and then drains. Go's
// atomics have one order, so of the two either the consumer's comes second, and it drains after the frame was published; or the producer's does, and
// the consumer finds called and drains again. (A producer that finds the state called already need not store it again: the consumer has yet
// to make it idle, and drains after that.) The consumer parks by a swap from idle, so it can't sleep over a call. Whoever turns parked into called,
// and nobody else, sends the one token that the sleeper waits for, and the sleeper does not leave without it: the channel never fills.
// The test that enumerates interleavings runs this too.
type Waiter struct {
	ring          *Ring
	wake          chan struct{} // room for the one token
	looks, yields int           // not both 0: a look must be had

	_     line
	state atomic.Uint32
	_     line
}

const (
	idle   uint32 = iota // the consumer is awake, and has not been called since it last looked
	called               // somebody called
	parked               // the consumer sleeps, or is about to
)

// How often the consumer looks before it parks. Looking steals time from those it waits for when there are few cores; letting them run once or
// twice gathers larger batches. BenchmarkPatience, on 2 cores, for a single frame: ten times the looks take three times as long, a hundred times
// the looks thirty times, no yields one and a half times; one look a fifth less. A stream's differences drown in noise, so few looks it is.
const (
	looksDefault  = 30
	yieldsDefault = 2
)

// NewWaiter makes the waiter of a ring's consumer, before the ring is used. A later one takes an earlier one's place.
func NewWaiter(r *Ring) *Waiter {
	w := &Waiter{ring: r, wake: make(chan struct{}, 1), looks: looksDefault, yields: yieldsDefault}
	r.waiter.Store(w)
	return w
}

// Wake tells the consumer to look again: after a Commit, or after posting other work for it. Any goroutine may call it. It never blocks and
// allocates nothing: one atomic load when the consumer was called already, a swap when it is awake, and a send when it sleeps.
func (w *Waiter) Wake() {
	w.ring.pause(atState, 0)
	if w.state.Load() == called {
		return
	}
	w.ring.pause(atState, 0)
	if w.state.Swap(called) == parked {
		w.ring.pause(atSleep, 0)
		w.wake <- struct{}{}
	}
}

// Wait returns true when there is something to drain or Wake was called since the last Wait, and false when stop is closed and there is
// neither. It may return true once too often. Only the consumer may call it.
func (w *Waiter) Wait(stop <-chan struct{}) bool {
	for {
		if w.look() {
			return true
		}
		w.ring.pause(atState, 0)
		if !w.state.CompareAndSwap(idle, parked) {
			continue // called
		}
		w.ring.pause(atSleep, 0)
		select {
		case <-w.wake:
		case <-stop:
			w.ring.pause(atState, 0)
			if w.state.CompareAndSwap(parked, idle) {
				return false
			}
			w.ring.pause(atSleep, 0)
			<-w.wake // a caller has found us parked, and is about to send
			return w.look()
		}
	}
}

// look tries for a while.
func (w *Waiter) look() bool {
	for i := range w.looks + w.yields {
		w.ring.pause(atState, 0)
		if w.state.Load() == called {
			w.ring.pause(atState, 0)
			w.state.Store(idle) // nobody else leaves called, so nothing is overwritten
			return true
		}
		if !w.ring.Empty() {
			return true
		}
		if i >= w.looks {
			runtime.Gosched()
		}
	}
	return false
}
