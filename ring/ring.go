package ring

import (
	"fmt"
	"sync/atomic"
)

// The sizes a ring may have, in bytes.
const (
	CapacityMin = 4 << 10
	CapacityMax = 1 << 30
)

// line keeps counters that different cores write apart: two cache lines, since they are fetched in pairs.
type line [128]byte

// Ring is the ring. Any number of goroutines claim, one drains.
type Ring struct {
	// Set once, before anybody else knows the ring.
	memory
	step func(place, uint64) // nil but in the test that enumerates interleavings: called before each access to shared memory

	waiter atomic.Pointer[Waiter] // the consumer's; NewWaiter sets it, Abort calls it

	_    line
	tail atomic.Uint64 // producers
	_    line
	seen atomic.Uint64 // producers: head as one of them once saw it, so that few need to look at the consumer's line
	_    line
	head atomic.Uint64 // the consumer
	_    line

	draining atomic.Bool // checked builds: the consumer is inside Drain
}

// New makes a ring of that many bytes: a power of two, from CapacityMin to CapacityMax.
func New(capacity int) (*Ring, error) {
	if capacity < CapacityMin || capacity > CapacityMax || capacity&(capacity-1) != 0 {
		return nil, fmt.Errorf("ring: %d bytes can't be a ring: use a power of two from %d to %d", capacity, CapacityMin, CapacityMax)
	}
	return newRing(capacity), nil
}

// newRing makes rings of any power of two from 64: tests use tiny ones.
func newRing(capacity int) *Ring { return &Ring{memory: newMemory(capacity)} }

// MaxFrame is the largest payload in bytes: a quarter of the ring, so that a claim always succeeds in an empty ring, wherever it stands.
func (r *Ring) MaxFrame() int { return len(r.bytes)/4 - wordBytes }

// Used is how many bytes are claimed and not yet freed, frame words and padding included. Any goroutine may ask; it is a moment's view.
func (r *Ring) Used() int {
	r.pause(atHead, 0)
	head := r.head.Load() // first: no tail seen later is behind it
	r.pause(atTail, 0)
	used := r.tail.Load() - head // but by then head may have moved as well, and a lap be between the two
	return int(min(used, uint64(len(r.bytes))))
}

// Claim is a producer's own piece of the ring, from Ring.Claim until Commit or Abort. One of the two must follow, once, and soon: until then
// the frames claimed later wait. A Claim may be handed to another goroutine, but not shared.
type Claim struct {
	ring     *Ring
	position uint64
	size     int
}

// Claim takes room for a payload of n bytes, 1 ≤ n ≤ MaxFrame; another n is a BUG. It never blocks and allocates nothing; false means that the
// ring is full now.
func (r *Ring) Claim(n int) (Claim, bool) {
	if n < 1 || n > r.MaxFrame() {
		panic(fmt.Sprintf("BUG: a claim of %d bytes in a ring that takes 1 to %d", n, r.MaxFrame()))
	}
	need := frameBytes(n)
	for {
		r.pause(atTail, 0)
		tail := r.tail.Load()
		padding := r.padding(tail, need)
		if !r.fits(tail + padding + need) {
			return Claim{}, false
		}
		r.pause(atTail, 0)
		if !r.tail.CompareAndSwap(tail, tail+padding+need) {
			continue // another producer got ahead, so somebody did
		}
		if padding > 0 {
			r.pause(atWord, tail)
			r.word(tail).Store(skippedWord(padding))
		}
		if checked {
			r.checkClaimed(tail+padding, need)
		}
		return Claim{ring: r, position: tail + padding, size: n}, true
	}
}

// padding is what has to be skipped in front of a frame so that it does not wrap: nothing, or the rest up to the end of the buffer. That rest
// has room for its own word, as frames and the buffer are multiples of 8 bytes.
func (r *Ring) padding(tail, need uint64) uint64 {
	if rest := uint64(len(r.bytes)) - tail&r.mask; need > rest {
		return rest
	}
	return 0
}

// fits says whether the ring would hold everything up to that tail. What was seen of head may be old, and a slow producer may even turn it
// back: both only err on the safe side, and a look at head itself follows. A tail that is older than what was seen of head passes, and then
// fails to be swapped.
func (r *Ring) fits(tail uint64) bool {
	capacity := uint64(len(r.bytes))
	r.pause(atSeen, 0)
	if tail-r.seen.Load() <= capacity {
		return true
	}
	r.pause(atHead, 0)
	head := r.head.Load()
	r.pause(atSeen, 0)
	r.seen.Store(head)
	return int64(tail-head) <= int64(capacity)
}

// Bytes is the payload to be filled, the producer's alone until Commit or Abort and nobody's business afterwards. It comes zeroed.
func (c Claim) Bytes() []byte { return c.ring.payload(c.position, uint64(c.size)) }

// Commit publishes the frame. Frames are drained in the order in which they were claimed. It wakes nobody: call Waiter.Wake when all of the
// work's frames are committed.
func (c Claim) Commit() {
	if checked {
		c.ring.checkSettle(c)
	}
	c.ring.pause(atWord, c.position)
	c.ring.word(c.position).Store(publishedWord(c.size))
}

// Abort gives the claim up: the consumer skips it, and frees its space. Until it does, the space is taken, so Abort wakes it: else a ring
// whose consumer sleeps could fill up with claims that were given up, and nobody would ever be let in to call it.
func (c Claim) Abort() {
	if checked {
		c.ring.checkSettle(c)
	}
	c.ring.pause(atWord, c.position)
	c.ring.word(c.position).Store(skippedWord(frameBytes(c.size)))
	if w := c.ring.waiter.Load(); w != nil {
		w.Wake()
	}
}
