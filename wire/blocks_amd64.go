package wire

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

// byBlocks says that the processor has what markBlocks is made of.
var byBlocks = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPCLMULQDQ

const (
	blockSize   = 64
	blocksAhead = 4 // are marked at a time, at most
)

// blocks are some blocks of a source, marked. The first begins where the first value does. A word of 64 bits is a set of a block's
// bytes, the first byte's bit the lowest.
type blocks struct {
	carry carry
	marks [blocksAhead]marks

	start, end int // what of the source is marked
	done       int // where the last value ended
	more       int // how many blocks are next
}

// carry is what of one block the next must know. All are 0 or 1, but for those that are 0 or all ones.
//
//lint:ignore U1000 its fields are the assembly's
type carry struct {
	escaped  uint64 // its last byte was a backslash, not itself escaped
	inString uint64 // all ones: it ended within a string
	naming   uint64 // all ones: which will be a name if a colon comes after it
	scalar   uint64 // its last byte was a number's or a word's
	comma    uint64 // its last token was a comma
	colon    uint64 // a colon
	open     uint64 // an opening bracket
	name     uint64 // a string that is a name if a colon is next
}

// marks is what can be said of a block's bytes without knowing which containers they are in. Nothing is said of bytes within strings
// but what says so.
type marks struct {
	brackets  uint64    // open or shut a container
	wrong     uint64    // cannot be there: a control byte in a string, or a token that the one before it cannot have after it
	misplaced [2]uint64 // cannot be there in an array, and in an object
	scalar    uint64    // are neither space, nor brackets, commas, colons, nor strings: numbers, words, and what has no business here
	digits    uint64    // are 0 to 9, in strings too
	starts    uint64    // the first bytes of scalars
	escaped   uint64    // come after a backslash that escapes them, in strings
}

// markBlocks marks size bytes, at least one and at most blocksAhead blocks, and carries on from b.carry. Where the last block is short
// the whole 64 bytes before its end are read, so that much of the source must be there; what is beyond its end it marks as space.
//
//go:noescape
func markBlocks(b *blocks, src *byte, size int)

// scan reads the array or object that starts at src[at]. It does not say what is wrong with one: ok is false where it is not certain that
// all is well.
//
// The marks leave three questions open, which go with what is asked here of each part of a block up to its next bracket: is a bracket of
// the same kind as its partner; is a colon or a comma with a name after it in an object, and any other comma in an array; are numbers,
// words and escapes well formed. That suffices: a name is the string after an opening bracket or a comma that has a colon after it;
// a colon not after a name is marked wrong, and in an array misplaced; where after an opening bracket or a comma stands a value that
// is no name, that is misplaced in an object; and of two other neighbours it is known from them alone whether they may be.
func (b *blocks) scan(src []byte, at int) (end int, ok bool) {
	b.reach(src, at)
	depth, objects := 1, uint64(src[at]>>5&1) // as ScanValue's: '{' and '}' have the bit that '[' and ']' lack
	skip := (at - b.start) % blockSize
	rest := ^uint64(1) << skip // of the block, after the opening bracket
	for at -= skip; ; {
		m := &b.marks[uint(at-b.start)/blockSize%blocksAhead]
		for brackets := m.brackets & rest; brackets != 0; brackets &= brackets - 1 {
			part := (brackets ^ (brackets - 1)) & rest // to this bracket
			if (m.wrong|m.misplaced[objects&1])&part != 0 || (m.starts|m.escaped)&part != 0 && !m.wellFormed(src, at, part) {
				return 0, false
			}
			rest &^= part
			place := at + bits.TrailingZeros64(brackets)
			c := src[place]
			if c&2 != 0 { // '{' or '[': '}' and ']' lack this bit
				if depth == MaxDepth {
					return 0, false
				}
				depth++
				objects = objects<<1 | uint64(c>>5&1)
				continue
			}
			if uint64(c>>5&1) != objects&1 {
				return 0, false
			}
			objects >>= 1
			if depth--; depth == 0 {
				b.done = place + 1
				return b.done, true
			}
		}
		if (m.wrong|m.misplaced[objects&1])&rest != 0 || (m.starts|m.escaped)&rest != 0 && !m.wellFormed(src, at, rest) {
			return 0, false
		}
		rest = ^uint64(0)
		if at += blockSize; at >= b.end && !b.next(src) {
			return 0, false
		}
	}
}

// skip goes from src[at], which is in so many arrays and objects, to the end of the outermost. It is for what is known to be well formed,
// and asks for brackets only.
func (b *blocks) skip(src []byte, at, depth int) (end int) {
	b.reach(src, at)
	skip := (at - b.start) % blockSize
	rest := ^uint64(0) << skip
	for at -= skip; at < b.end || b.next(src); at += blockSize {
		brackets := b.marks[uint(at-b.start)/blockSize%blocksAhead].brackets & rest
		for ; brackets != 0; brackets &= brackets - 1 {
			place := at + bits.TrailingZeros64(brackets)
			if src[place]&2 != 0 { // see scan
				depth++
			} else if depth--; depth == 0 {
				return place + 1
			}
		}
		rest = ^uint64(0)
	}
	return len(src)
}

// reach has src[at] marked, in blocks that go on from those before if what is between the last value and at cannot have misled them, and
// else begin anew: a quote, say, that the caller has passed over.
func (b *blocks) reach(src []byte, at int) {
	goesOn := b.end > 0 && at >= b.start && at >= b.done
	for i := b.done; i < at && goesOn; i++ {
		switch src[i] {
		case ' ', '\n', '\r', '\t', ',', '[', ']':
		default:
			goesOn = false
		}
	}
	if !goesOn {
		b.carry = carry{}
		b.start, b.end, b.done = at, at, at
		b.more = blocksAhead
		if len(src)-at > blocksAhead*blockSize {
			b.more = 1 // the value may be small, and nothing asked for after it
		}
	}
	for at >= b.end {
		b.next(src)
	}
}

// next marks further blocks, if there is more of the source.
func (b *blocks) next(src []byte) bool {
	if b.end == len(src) {
		return false
	}
	b.start = b.end
	b.end = min(b.start+b.more*blockSize, len(src))
	b.more = blocksAhead
	markBlocks(b, &src[b.start], b.end-b.start)
	return true
}

// wellFormed says whether the scalars and escapes in a part of the block at src[at:] are.
func (m *marks) wellFormed(src []byte, at int, part uint64) bool {
	for starts := m.starts & part; starts != 0; starts &= starts - 1 {
		first := bits.TrailingZeros64(starts)
		size := bits.TrailingZeros64(^(m.scalar >> first))
		if first+size == blockSize { // it may go on in the next
			end, ok := scanScalar(src, at+first)
			if !ok || end < len(src) && !endsScalar(src[end]) {
				return false
			}
			continue
		}
		text := src[at+first : at+first+size]
		if m.plainNumber(text, first) || string(text) == "true" || string(text) == "false" || string(text) == "null" {
			continue
		}
		if end, ok := scanScalar(text, 0); !ok || end != size {
			return false
		}
	}
	for escaped := m.escaped & part; escaped != 0; escaped &= escaped - 1 {
		if _, ok := scanEscape(src, at+bits.TrailingZeros64(escaped)); !ok {
			return false
		}
	}
	return true
}

// plainNumber says whether text, which begins at a block's byte first, is digits, or digits with a point within them.
func (m *marks) plainNumber(text []byte, first int) bool {
	whole := bits.TrailingZeros64(^(m.digits >> first))
	if whole == 0 || text[0] == '0' && whole > 1 {
		return false
	}
	if whole == len(text) {
		return true
	}
	fraction := bits.TrailingZeros64(^(m.digits >> (first + whole + 1)))
	return text[whole] == '.' && fraction > 0 && whole+1+fraction == len(text)
}

func endsScalar(c byte) bool {
	return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' || c == '\r' || c == '\t'
}
