package wire

import "math"

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// scanNumber reads a JSON number: -? (0 | [1-9][0-9]*) (.[0-9]+)? ([eE][+-]?[0-9]+)?
// It returns the position after it and true, or the byte that cannot be there and false.
func scanNumber(src []byte, at int) (int, bool) {
	if at < len(src) && src[at] == '-' {
		at++
	}
	if at < len(src) && src[at] == '0' {
		at++ // nothing but a point or an exponent may follow, so 01 is a number 0 and a stray 1
	} else if next := skipDigits(src, at); next > at {
		at = next
	} else {
		return at, false
	}
	if at < len(src) && src[at] == '.' {
		next := skipDigits(src, at+1)
		if next == at+1 {
			return next, false
		}
		at = next
	}
	if at < len(src) && src[at]|0x20 == 'e' {
		at++
		if at < len(src) && (src[at] == '+' || src[at] == '-') {
			at++
		}
		next := skipDigits(src, at)
		if next == at {
			return at, false
		}
		at = next
	}
	return at, true
}

func skipDigits(src []byte, at int) int {
	for at < len(src) && isDigit(src[at]) {
		at++
	}
	return at
}

// ParseScaled reads text, which must be one JSON number and nothing else, and returns it times 10^shift, rounded down to a whole
// number. It is exact: no float on the way, so 1474921202.123 seconds are 1474921202123 milliseconds. ok is false when text is
// no number or the result does not fit.
func ParseScaled(text []byte, shift int) (n int64, ok bool) {
	if end, good := scanNumber(text, 0); !good || end != len(text) {
		return 0, false
	}
	at, negative := 0, text[0] == '-'
	if negative {
		at++
	}
	mantissa, lost := uint64(0), false // lost: digits other than 0 that the mantissa had no room for
	for point := false; at < len(text) && text[at]|0x20 != 'e'; at++ {
		if text[at] == '.' {
			point = true
			continue
		}
		digit := uint64(text[at] - '0')
		if mantissa <= (math.MaxUint64-9)/10 {
			mantissa = mantissa*10 + digit
			if point {
				shift--
			}
			continue
		}
		lost = lost || digit != 0
		if !point {
			shift++
		}
	}
	if at < len(text) {
		shift += parseExponent(text[at+1:])
	}
	return scale(mantissa, lost, negative, shift)
}

// parseExponent reads an exponent's sign and digits; beyond a million, far past what any int64 can use, it stops counting.
func parseExponent(text []byte) int {
	n, negative := 0, text[0] == '-'
	for _, c := range text {
		if isDigit(c) && n < 1e6 {
			n = n*10 + int(c-'0')
		}
	}
	if negative {
		return -n
	}
	return n
}

// scale is ±mantissa × 10^shift rounded down; lost says that the true mantissa is a little more.
func scale(mantissa uint64, lost, negative bool, shift int) (int64, bool) {
	for ; shift > 0 && mantissa != 0; shift-- {
		if mantissa > math.MaxInt64/10 {
			return 0, false
		}
		mantissa *= 10
	}
	for ; shift < 0 && mantissa != 0; shift++ {
		lost = lost || mantissa%10 != 0
		mantissa /= 10
	}
	if !negative {
		return int64(mantissa), mantissa <= math.MaxInt64
	}
	if lost {
		mantissa++ // down is away from zero here
	}
	return -int64(mantissa), mantissa <= 1<<63 // of 2^63 both conversions are the smallest int64
}
