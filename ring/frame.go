package ring

import (
	"sync/atomic"
	"unsafe"
)

// A frame is a word of 8 bytes and a payload, padded to 8 bytes. The word says what the frame is:
//
//	  0   free, or claimed and still being written: the consumer stops here
//	> 0   published: the bytes of the payload
//	< 0   nothing to read, an aborted claim or padding: minus the bytes to skip, this word included
//
// Free and claimed need not differ. Which of the two it is follows from tail, nobody asks, and a producer saves a store.
const wordBytes = 8

// frameBytes is what a payload of n bytes takes, word and padding included.
func frameBytes(n int) uint64 { return wordBytes + (uint64(n)+wordBytes-1)&^(wordBytes-1) }

func publishedWord(n int) int64           { return int64(n) }
func skippedWord(frameBytes uint64) int64 { return -int64(frameBytes) }

// memory is the buffer, seen as words, which makes it aligned for atomics, and as bytes. This file is the only one that uses unsafe.
type memory struct {
	words []uint64
	bytes []byte
	mask  uint64 // a position's place in the buffer is its low bits
}

func newMemory(capacity int) memory {
	words := make([]uint64, capacity/wordBytes)
	return memory{
		words: words,
		bytes: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), capacity),
		mask:  uint64(capacity - 1),
	}
}

// word is the word of the frame at a position.
func (m *memory) word(position uint64) *atomic.Int64 {
	return (*atomic.Int64)(unsafe.Pointer(&m.words[(position&m.mask)/wordBytes]))
}

// payload is the n bytes behind the word of the frame at a position. A frame never wraps, so they are in one piece; the capacity ends with
// them, so an append can't reach the next frame.
func (m *memory) payload(position, n uint64) []byte {
	at := position&m.mask + wordBytes
	return m.bytes[at : at+n : at+n]
}

// zero clears [from, to), which may wrap.
func (m *memory) zero(from, to uint64) {
	first, last := from&m.mask, to&m.mask
	if first < last {
		clear(m.bytes[first:last])
		return
	}
	clear(m.bytes[first:])
	clear(m.bytes[:last])
}
