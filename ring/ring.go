package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// wordBytes is the size of a frame's word, and the alignment of frames.
const wordBytes = 8

// The sizes a ring may have.
const (
	CapacityMin = 4 << 10
	CapacityMax = 1 << 30
)

// line keeps counters that different cores write apart: two cache lines, since they are fetched in pairs.
type line [128]byte

// Ring is the ring. Any number of goroutines claim, one drains.
type Ring struct {
	// Set once.
	words []uint64 // the buffer, so that words are aligned for atomics
	bytes []byte   // the same memory
	mask  uint64
	step  func() // nil but in the test that enumerates interleavings: called before each access to shared memory

	_    line
	tail atomic.Uint64 // producers
	_    line
	seen atomic.Uint64 // producers: head as one of them last saw it, so that few need to look at the consumer's line
	_    line
	head atomic.Uint64 // the consumer
	_    line
}

// New makes a ring of that many bytes, a power of two.
func New(capacity int) (*Ring, error) {
	if capacity < CapacityMin || capacity > CapacityMax || capacity&(capacity-1) != 0 {
		return nil, fmt.Errorf("ring: %d bytes can't be a ring: use a power of two from %d to %d", capacity, CapacityMin, CapacityMax)
	}
	return newRing(capacity), nil
}

func newRing(capacity int) *Ring {
	words := make([]uint64, capacity/wordBytes)
	return &Ring{
		words: words,
		bytes: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), capacity),
		mask:  uint64(capacity - 1),
	}
}

// MaxFrame is the largest payload: a quarter of the ring, so that a claim can always succeed once the ring is empty, wherever it stands.
func (r *Ring) MaxFrame() int { return len(r.bytes)/4 - wordBytes }

// Used is how many bytes are claimed and not yet freed, frame words and padding included. Anyone may ask; it is a moment's view.
func (r *Ring) Used() int {
	head := r.head.Load() // first: tail is never behind a head seen before it
	return int(r.tail.Load() - head)
}

// at is the word at a position.
func (r *Ring) at(position uint64) *atomic.Int64 {
	return (*atomic.Int64)(unsafe.Pointer(&r.words[(position&r.mask)/wordBytes]))
}

func (r *Ring) pause() {
	if r.step != nil {
		r.step()
	}
}

// frameBytes is what a payload of n bytes takes.
func frameBytes(n int) uint64 { return wordBytes + (uint64(n)+wordBytes-1)&^(wordBytes-1) }

// Claim is a producer's own piece of the ring, from Ring.Claim until Commit or Abort. One of the two must follow, and soon.
type Claim struct {
	ring     *Ring
	position uint64
	size     int
}

// Claim takes room for a payload of n bytes, 1 ≤ n ≤ MaxFrame. It never blocks; false means that the ring is full.
func (r *Ring) Claim(n int) (Claim, bool) {
	if n < 1 || n > r.MaxFrame() {
		panic(fmt.Sprintf("BUG: a claim of %d bytes in a ring that takes 1 to %d", n, r.MaxFrame()))
	}
	need := frameBytes(n)
	for {
		r.pause()
		tail := r.tail.Load()
		padding := uint64(0)
		if rest := uint64(len(r.bytes)) - tail&r.mask; need > rest {
			padding = rest
		}
		if !r.fits(tail + padding + need) {
			return Claim{}, false
		}
		r.pause()
		if !r.tail.CompareAndSwap(tail, tail+padding+need) {
			continue
		}
		if padding > 0 {
			r.pause()
			r.at(tail).Store(-int64(padding))
		}
		return Claim{ring: r, position: tail + padding, size: n}, true
	}
}

// fits says whether the ring would hold everything up to that tail. What it has seen of head may be old, which errs on the safe side.
func (r *Ring) fits(tail uint64) bool {
	capacity := uint64(len(r.bytes))
	if tail-r.seen.Load() <= capacity {
		return true
	}
	r.pause()
	head := r.head.Load()
	r.seen.Store(head)
	return int64(tail-head) <= int64(capacity)
}

// Bytes is the payload to be filled. It must not be touched after Commit or Abort.
func (c Claim) Bytes() []byte {
	at := c.position&c.ring.mask + wordBytes
	return c.ring.bytes[at : at+uint64(c.size) : at+uint64(c.size)]
}

// Commit publishes the frame. Frames are drained in the order in which they were claimed.
func (c Claim) Commit() {
	c.ring.pause()
	c.ring.at(c.position).Store(int64(c.size))
}

// Abort gives the claim up; the consumer skips it.
func (c Claim) Abort() {
	c.ring.pause()
	c.ring.at(c.position).Store(-int64(frameBytes(c.size)))
}

// Part is one of the claims of a ClaimAll.
type Part struct {
	Ring  *Ring
	Size  int
	Claim Claim // set by ClaimAll
}

// ClaimAll claims every part, or none. A ring may be named more than once.
func ClaimAll(parts []Part) bool {
	for i := range parts {
		var ok bool
		if parts[i].Claim, ok = parts[i].Ring.Claim(parts[i].Size); !ok {
			for j := range parts[:i] {
				parts[j].Claim.Abort()
				parts[j].Claim = Claim{}
			}
			return false
		}
	}
	return true
}

// Empty reports that nothing is published at the head. Only the consumer may ask.
func (r *Ring) Empty() bool { return r.at(r.head.Load()).Load() == 0 }

// Drain hands published frames to fn, in order, until there are none or limit bytes of frames were gone through, and returns how many
// payload bytes that was. A frame is valid during its call of fn only. Only the consumer may call it. Should fn panic, what it was given since
// the last release stays in the ring.
func (r *Ring) Drain(limit int, fn func(frame []byte)) (drained int) {
	head := r.head.Load()
	freed, start := head, head
	for head-start < uint64(limit) {
		r.pause()
		word := r.at(head).Load()
		if word == 0 {
			break
		}
		if word < 0 {
			head += uint64(-word)
		} else {
			at := head&r.mask + wordBytes
			fn(r.bytes[at : at+uint64(word) : at+uint64(word)])
			drained += int(word)
			head += frameBytes(int(word))
		}
		if head-freed >= uint64(len(r.bytes)/8) { // a long drain gives room back on the way
			r.free(freed, head)
			freed = head
		}
	}
	r.free(freed, head)
	return drained
}

// free zeroes [from, to) and gives it back to the producers.
func (r *Ring) free(from, to uint64) {
	if from == to {
		return
	}
	if to-from > uint64(len(r.bytes)) {
		panic("BUG: the ring's consumer ran past its producers")
	}
	first, last := from&r.mask, to&r.mask
	if first < last {
		clear(r.bytes[first:last])
	} else {
		clear(r.bytes[first:])
		clear(r.bytes[:last])
	}
	r.pause()
	r.head.Store(to)
}
