// Package ring hands frames of bytes from many producers to one consumer, in order, without a lock and without an allocation.
//
// # Memory
//
// The buffer is a power of two long and is used round and round. Positions count bytes for ever; a position's place in the buffer is
// its low bits. [head, tail) is in use.
//
//	        head                                   tail
//	          │                                      │
//	──────────▼──────┬─────────┬──────┬──────────────▼──────────
//	 zeros    │ word │ payload │ word │ payload … pad │  zeros
//	──────────┴──────┴─────────┴──────┴───────────────┴─────────
//
// A frame is one 8-byte word and a payload, padded to 8 bytes; frame.go says what the word means. A frame never wraps: when it does not fit in what
// is left up to the end of the buffer, that rest becomes a frame of padding.
//
// # Who may touch what
//
// tail is moved by producers, by compare-and-swap: whoever moves it owns the bytes it moved over, and nobody else touches them until he
// stores the word. head is moved by the consumer alone, after it has zeroed everything it goes past. So every word outside [head, tail) is zero,
// and so is every word a producer claims, wherever in an old payload it may lie: the consumer can't take stale bytes for a word.
//
// A producer may claim what the consumer has freed because it has seen head, stored after the zeroes. The consumer may read a payload
// because it has seen the word, stored after the payload. Go's atomics are sequentially consistent, so these two are all that is needed.
// Positions only grow, and repeat after 2^64 bytes, which is centuries, so a compare-and-swap can't succeed on a tail that has been away.
//
// # Who waits for whom
//
// A producer never waits: a claim that does not fit is refused. A producer that is preempted between Claim and Commit holds up the frames behind
// its own, for as long as it is, and when they fill the ring, claims are refused. So size first, claim late, copy, commit; nothing else in between.
//
// The consumer sleeps in a Waiter. Commit does not call it, so that a group of frames is one call: commit them all, then Wake. Abort does call,
// since space that is given up comes back only through the consumer. So whoever is refused need do nothing: everything in the ring is either
// still open in some producer's hands, or its consumer was called or is about to be.
package ring
