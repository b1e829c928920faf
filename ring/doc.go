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
// A frame is one 8-byte word and a payload, padded to 8 bytes. A frame never wraps: when it does not fit in what is left up to the end
// of the buffer, that rest becomes a frame of padding. The word says what the frame is:
//
//	 0   nobody's yet, or claimed and still being written: the consumer stops here
//	> 0  published; the length of the payload
//	< 0  nothing to read; minus the bytes to skip, this word included (padding, or a claim that was given up)
//
// # Who may touch what
//
// tail is moved by producers, by compare-and-swap: whoever moves it owns the bytes it moved over, and nobody else touches them until he
// stores the word. head is moved by the consumer alone, after it has zeroed everything it goes past. So every word outside [head, tail) is zero,
// and so is every word a producer claims, wherever in an old payload it may lie: the consumer can't take stale bytes for a word.
//
// A producer may claim what the consumer has freed because it has seen head, stored after the zeroes. The consumer may read a payload
// because it has seen the word, stored after the payload. Go's atomics are sequentially consistent, so these two are all that is needed.
// Positions are 64 bits and never repeat, so a compare-and-swap can't succeed on a tail that has been away.
//
// A producer that is preempted between Claim and Commit holds up the frames behind its own, for as long as it is. So size first, claim late,
// copy, commit; nothing else in between.
package ring
