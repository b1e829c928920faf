package wire

import (
	"encoding/binary"
	"math/bits"
)

// MaxDepth is how deep arrays and objects may nest in one value. Real events nest three or four deep; the bound keeps the
// scanner's whole memory in one word, and stays below fastjson's own (300), so that fastjson accepts what the scanner accepted.
const MaxDepth = 64

// ScanValue reads one JSON value that starts at src[at], after white space, and says where it ends: src[start:end] is the value
// when code is OK. Otherwise code is BadJSON or TooDeep and end is the byte that cannot be there: len(src) when src stops too
// soon, the opening bracket for TooDeep. at must lie in [0, len(src)]. What follows the value is the caller's business.
//
// It is RFC 8259, strictly: numbers by its grammar, no control byte within a string, no comments, no trailing commas. Bytes are
// kept as sent: text that is not UTF-8 and escapes that are lone surrogates pass, for the RFC's grammar allows the second and
// changing either would store something that was never sent.
//
// Why not leave this to fastjson, which is what reads members: fastjson accepts NaN, 01 and raw control bytes; its errors allocate
// and carry no position; and it does not tell where an element begins and ends, which is what a record is here. The scanner
// allocates nothing, on good input and bad, and its stack is a word, whatever the input.
//
// It is the definition. Values gives the same answers and is faster for values that follow one another.
func ScanValue(src []byte, at int) (end int, code Code) {
	objects := uint64(0) // a bit for each open container, the innermost lowest: 1 is an object, 0 an array
	depth := 0
	ok := true
	for {
		at = SkipSpace(src, at)
		if at == len(src) {
			return at, BadJSON
		}
		switch c := src[at]; c {
		case '"':
			at, ok = scanString(src, at+1)
		case '{', '[':
			if depth == MaxDepth {
				return at, TooDeep
			}
			at = SkipSpace(src, at+1)
			if at < len(src) && src[at] == c+2 { // '{'+2 is '}', '['+2 is ']'
				at++
				break
			}
			depth++
			objects <<= 1
			if c == '[' {
				continue
			}
			objects |= 1
			if at, ok = scanName(src, at); !ok {
				return at, BadJSON
			}
			continue
		default:
			at, ok = scanScalar(src, at)
		}
		if !ok {
			return at, BadJSON
		}

		// A value has ended: close what ends with it, up to the next comma.
		for {
			if depth == 0 {
				return at, OK
			}
			at = SkipSpace(src, at)
			if at == len(src) {
				return at, BadJSON
			}
			if src[at] == ',' {
				at++
				break
			}
			if src[at] != ']'+byte(objects&1)<<5 { // ']'+0x20 is '}'
				return at, BadJSON
			}
			at++
			depth--
			objects >>= 1
		}
		if objects&1 == 1 {
			if at, ok = scanName(src, at); !ok {
				return at, BadJSON
			}
		}
	}
}

// SkipSpace returns the position of the first byte at or after at that is not JSON's white space, or len(src).
func SkipSpace(src []byte, at int) int {
	if at < len(src) && src[at] > ' ' {
		return at
	}
	return skipSpaceSlow(src, at)
}

func skipSpaceSlow(src []byte, at int) int {
	for at < len(src) && (src[at] == ' ' || src[at] == '\n' || src[at] == '\r' || src[at] == '\t') {
		at++
	}
	return at
}

// The scan functions below return the position after what they read and true, or the byte that cannot be there and false.

// scanName reads a member's name and its colon.
func scanName(src []byte, at int) (int, bool) {
	at = SkipSpace(src, at)
	if at == len(src) || src[at] != '"' {
		return at, false
	}
	at, ok := scanString(src, at+1)
	if !ok {
		return at, false
	}
	at = SkipSpace(src, at)
	if at == len(src) || src[at] != ':' {
		return at, false
	}
	return at + 1, true
}

// scanString reads the rest of a string, its opening quote already read: eight bytes at a time up to the first that is special.
func scanString(src []byte, at int) (int, bool) {
	for {
		at = skipPlain(src, at)
		if at == len(src) {
			return at, false
		}
		switch src[at] {
		case '"':
			return at + 1, true
		case '\\':
			var ok bool
			if at, ok = scanEscape(src, at+1); !ok {
				return at, false
			}
		default:
			return at, false // a control byte
		}
	}
}

// skipPlain returns the position of the first byte at or after at that is a quote, a backslash or a control byte, or len(src).
//
// The word test: y has a zero byte exactly where (y-ones) &^ y has a top bit at its lowest hit (hits above it may be false, by
// borrow, so only the lowest counts). x^quote and x^slash turn the two bytes sought into zeros; x-0x20 borrows below 0x20.
// Bytes of 0x80 and above never hit: their own top bit masks them out.
func skipPlain(src []byte, at int) int {
	const (
		ones  = 0x0101010101010101
		tops  = 0x80 * ones
		quote = '"' * ones
		slash = '\\' * ones
		space = ' ' * ones
	)
	for at+8 <= len(src) {
		x := binary.LittleEndian.Uint64(src[at:])
		q, s := x^quote, x^slash
		if hits := ((q-ones)&^q | (s-ones)&^s | (x-space)&^x) & tops; hits != 0 {
			return at + bits.TrailingZeros64(hits)>>3
		}
		at += 8
	}
	for at < len(src) && src[at] >= ' ' && src[at] != '"' && src[at] != '\\' {
		at++
	}
	return at
}

// scanEscape reads what follows a backslash.
func scanEscape(src []byte, at int) (int, bool) {
	if at == len(src) {
		return at, false
	}
	switch src[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 1, true
	case 'u':
		at++
		for range 4 {
			if at == len(src) || !isHex(src[at]) {
				return at, false
			}
			at++
		}
		return at, true
	}
	return at, false
}

func isHex(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// scanScalar reads a number, true, false or null.
func scanScalar(src []byte, at int) (int, bool) {
	switch src[at] {
	case 't':
		return scanWord(src, at, "true")
	case 'f':
		return scanWord(src, at, "false")
	case 'n':
		return scanWord(src, at, "null")
	}
	return scanNumber(src, at)
}

func scanWord(src []byte, at int, word string) (int, bool) {
	for i := range len(word) {
		if at == len(src) || src[at] != word[i] {
			return at, false
		}
		at++
	}
	return at, true
}
