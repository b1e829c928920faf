package wire

import (
	"encoding/binary"
	"math/bits"
)

// plainMost is the most bytes of a plain number: as many digits fit an int64 whatever they are.
const plainMost = 18

// PlainNumber finds a number that text begins with and is plain: spelled as JSON has it, without an exponent, of 18 bytes at most, and
// no -0 but with a point. end is 0 when there is none. What is behind it may yet make it another number, or none.
func PlainNumber(text []byte) (end int, point bool) {
	if len(text) >= 8 {
		// A number that ends within eight bytes, as most do: which of them are no digits says where its point is and where it ends.
		others := otherThanDigits(binary.LittleEndian.Uint64(text))
		if end = bits.TrailingZeros64(others) / 8; end > 0 && end < 8 {
			if end > 1 && text[0] == '0' {
				return 0, false
			}
			if text[end] != '.' {
				return end, false
			}
			if others &= others - 1; others != 0 {
				if behind := bits.TrailingZeros64(others) / 8; behind > end+1 {
					return behind, true
				}
				return 0, false
			}
		}
	}
	return plainNumber(text)
}

func plainNumber(text []byte) (end int, point bool) {
	from := 0
	if len(text) > 0 && text[0] == '-' {
		from = 1
	}
	end = skipDigits(text, from)
	point = end < len(text) && text[end] == '.'
	if end == from || text[from] == '0' && (end > from+1 || from == 1 && !point) {
		return 0, false
	}
	if point {
		if from, end = end+1, skipDigits(text, end+1); end == from {
			return 0, false
		}
	}
	if end > plainMost {
		return 0, false
	}
	return end, point
}

// otherThanDigits has the highest bit of each byte that is no digit.
func otherThanDigits(word uint64) uint64 {
	const each = 0x0101010101010101
	word ^= '0' * each // a digit is below 10 then
	return (word&(0x7f*each) + (0x80-10)*each | word) & (0x80 * each)
}
