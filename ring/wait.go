package ring

import (
	"runtime"
	"sync/atomic"
)

// Waiter lets the consumer sleep while there is nothing to do. It first looks a few times, then lets others run a few times, and then parks.
//
// No wake-up is lost: a producer publishes first and then swaps the state to called; the consumer swaps called to idle first and then drains.
// Whichever swap comes second in the state's one order, either the consumer sees called and drains again, or it drains after the frame was
// published. A consumer that parks does so by a swap from idle, so it can't miss a call; and the one caller who finds it parked, and nobody
// else, sends the one token it waits for.
type Waiter struct {
	ring *Ring
	wake chan struct{} // room for the one token

	_     line
	state atomic.Uint32
	_     line
}

const (
	idle   uint32 = iota // the consumer is awake, and has not been called since it last looked
	called               // somebody called
	parked               // the consumer sleeps, or is about to
)

// How long the consumer looks before it parks. Looking steals time from those it waits for when there are few cores; letting them run once or
// twice gathers larger batches.
const (
	looks  = 30
	yields = 2
)

// NewWaiter makes the waiter of a ring's consumer.
func NewWaiter(r *Ring) *Waiter { return &Waiter{ring: r, wake: make(chan struct{}, 1)} }

// Wake tells the consumer to look again: after a Commit, or after posting other work for it. Anyone may call it; while the consumer is awake it
// costs an atomic load or two.
func (w *Waiter) Wake() {
	if w.state.Load() == called {
		return
	}
	if w.state.Swap(called) == parked {
		w.wake <- struct{}{}
	}
}

// Wait returns true when there is a frame to drain or Wake was called since the last Wait, and false when stop is closed. Only the consumer
// may call it.
func (w *Waiter) Wait(stop <-chan struct{}) bool {
	for {
		if w.look() {
			return true
		}
		if !w.state.CompareAndSwap(idle, parked) {
			continue // called
		}
		select {
		case <-w.wake:
		case <-stop:
			if !w.state.CompareAndSwap(parked, idle) {
				<-w.wake // a caller has found us parked
			}
			return false
		}
	}
}

// look tries for a while.
func (w *Waiter) look() bool {
	for i := range looks + yields {
		if w.state.Load() == called {
			w.state.Store(idle)
			return true
		}
		if !w.ring.Empty() {
			return true
		}
		if i >= looks {
			runtime.Gosched()
		}
	}
	return false
}
