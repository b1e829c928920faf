package kairosdb

import (
	"bytes"
	"math"

	"penstock/wire"
)

// maxNumber is the most bytes a number may have. A double needs 25.
const maxNumber = 64

// What wholeNumber finds.
type wholeness uint8

const (
	isWhole  wholeness = iota
	notWhole           // a number, but not a whole one or too large
	notOne             // no number
)

// wholeNumber reads a number, in any spelling, that must be a whole one and a long: 5, 5.0 and 5e3 are.
func wholeNumber(text []byte) (int64, wholeness) {
	if size, point := wire.PlainNumber(text); size > 0 && size == len(text) && !point {
		n, _ := parseLong(text)
		return n, isWhole
	}
	var room, other [2 * maxNumber]byte
	number, ok := appendDouble(room[:0], text)
	if !ok {
		return 0, notOne
	}
	floor, ok := wire.ParseScaled(number, 0)
	if !ok {
		return 0, notWhole
	}
	if number[0] == '-' {
		number = number[1:]
	} else {
		number = append(append(other[:0], '-'), number...)
	}
	ceiling, ok := wire.ParseScaled(number, 0)
	if !ok && floor != math.MinInt64 || ok && floor != -ceiling {
		return 0, notWhole
	}
	return floor, isWhole
}

// isWritten reports whether a JSON number is a long just as Java writes it.
func isWritten(number []byte) bool {
	digits := bytes.TrimPrefix(number, minus)
	if len(digits) > 18 || digits[0] == '0' && len(number) > 1 {
		return false // 19 digits may be too many: parsing tells
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

var minus = []byte("-")

// truncated reads a JSON number and cuts off its fraction; ok is false when what is left is no long.
func truncated(number []byte) (n int64, ok bool) {
	if number[0] != '-' {
		return wire.ParseScaled(number, 0)
	}
	if n, ok = wire.ParseScaled(number[1:], 0); ok {
		return -n, true
	}
	return wire.ParseScaled(number, 0) // only the smallest long has no positive
}

// isFinite reports whether a JSON number of maxNumber bytes or fewer is one that a double can hold.
func isFinite(number []byte) bool {
	if bytes.IndexByte(number, 'e') < 0 && bytes.IndexByte(number, 'E') < 0 {
		return true
	}
	// The largest double is 1.7976931348623157e308, and all below 1.7976931348623158079…e308 are rounded to it.
	n, ok := wire.ParseScaled(bytes.TrimPrefix(number, minus), -290)
	return ok && n < 1797693134862315807
}

// parseLong reads what Java's Long.parseLong does: digits, behind a sign or not.
func parseLong(text []byte) (n int64, ok bool) {
	digits := text
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative, digits = text[0] == '-', text[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	sum := uint64(0)
	for _, c := range digits {
		if c < '0' || c > '9' || sum > math.MaxInt64/10 {
			return 0, false
		}
		sum = sum*10 + uint64(c-'0')
	}
	switch {
	case negative && sum <= 1<<63:
		return -int64(sum), true
	case negative || sum > math.MaxInt64:
		return 0, false
	}
	return int64(sum), true
}

// appendDouble adds what Java's Double.parseDouble reads of a text, as a JSON number with the digits that were sent: 1.5f is 1.5, .5
// is 0.5, 5. is 5.0, +1 is 1. It reads no hexadecimal numbers, and neither NaN nor infinity, which JSON cannot say.
func appendDouble(dst, text []byte) (json []byte, ok bool) {
	text = bytes.TrimFunc(text, func(r rune) bool { return r <= ' ' })
	if len(text) > maxNumber {
		return dst, false
	}
	from := len(dst)
	at := 0
	if at < len(text) && (text[at] == '-' || text[at] == '+') {
		if text[at] == '-' {
			dst = append(dst, '-')
		}
		at++
	}
	end := skipDigits(text, at)
	whole := bytes.TrimLeft(text[at:end], "0")
	digits := end - at
	if len(whole) == 0 {
		whole = []byte("0")
	}
	dst = append(dst, whole...)
	if at = end; at < len(text) && text[at] == '.' {
		end = skipDigits(text, at+1)
		fraction := text[at+1 : end]
		digits += len(fraction)
		if len(fraction) == 0 {
			fraction = []byte("0")
		}
		dst = append(append(dst, '.'), fraction...)
		at = end
	}
	if digits == 0 {
		return dst, false
	}
	if at < len(text) && text[at]|0x20 == 'e' {
		from := at
		if at++; at < len(text) && (text[at] == '-' || text[at] == '+') {
			at++
		}
		if end = skipDigits(text, at); end == at {
			return dst, false
		}
		dst, at = append(dst, text[from:end]...), end
	}
	if at < len(text) && (text[at]|0x20 == 'f' || text[at]|0x20 == 'd') {
		at++
	}
	return dst, at == len(text) && isFinite(dst[from:])
}

func skipDigits(text []byte, at int) int {
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		at++
	}
	return at
}
