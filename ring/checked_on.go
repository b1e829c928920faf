//go:build invariants || race

package ring

import "fmt"

// checked turns on what costs too much for every build, and what only a BUG of the caller's can break.
const checked = true

// checkClaimed: what a producer claims is inside the ring and all zeroes, so that no stale byte can be taken for a word.
func (r *Ring) checkClaimed(position, size uint64) {
	if position&(wordBytes-1) != 0 || position&r.mask+size > uint64(len(r.bytes)) {
		panic(fmt.Sprintf("BUG: a frame of %d bytes at %d wraps or is not aligned", size, position))
	}
	for at := position; at < position+size; at += wordBytes {
		if word := r.words[at&r.mask/wordBytes]; word != 0 {
			panic(fmt.Sprintf("BUG: claimed memory at %d is %#x, not zero", at, word))
		}
	}
}

// checkSettle: a claim is settled once. Positions only grow, and head can't pass a claim that is open.
func (r *Ring) checkSettle(c Claim) {
	if head := r.head.Load(); int64(c.position-head) < 0 || r.word(c.position).Load() != 0 {
		panic(fmt.Sprintf("BUG: the claim at %d is settled a second time", c.position))
	}
}

// checkEnter: there is one consumer, and it is not in Drain already.
func (r *Ring) checkEnter() {
	if r.draining.Swap(true) {
		panic("BUG: Drain is called while Drain runs: a ring has one consumer")
	}
}

// checkWord: a frame the consumer goes through lies inside what producers have claimed, and does not wrap.
func (r *Ring) checkWord(position uint64, word int64) {
	size := uint64(-word)
	if word > 0 {
		size = frameBytes(int(word))
	}
	if size&(wordBytes-1) != 0 || size > r.tail.Load()-position || position&r.mask+size > uint64(len(r.bytes)) {
		panic(fmt.Sprintf("BUG: the word at %d is %d, which no producer wrote", position, word))
	}
}
