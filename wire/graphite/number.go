package graphite

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"penstock/wire"
)

// maxNumber is the most bytes a number may have.
const maxNumber = 64

// number is a number in text, taken apart: sign, digits, perhaps a point with digits on at least one side, perhaps an exponent.
type number struct {
	whole, fraction []byte
	exponent        []byte // "e+06"; nil: none
	negative        bool
	point           bool
	asSent          bool // it is a number in JSON, too
}

// readNumber takes text apart. Besides what JSON calls a number, "+1", "007", ".5", "5." and, after a point, the f or d of a Java
// literal are numbers. NaN and infinity, in any spelling, are notFinite.
func readNumber(text []byte) (n number, why reason) {
	if len(text) > maxNumber {
		return n, numberTooLong
	}
	at := 0
	if at < len(text) && (text[at] == '-' || text[at] == '+') {
		n.negative, at = text[at] == '-', at+1
	}
	n.asSent = n.negative || at == 0
	digits := at
	at = skipDigits(text, at)
	n.whole = text[digits:at]
	if at < len(text) && text[at] == '.' {
		n.point = true
		digits, at = at+1, skipDigits(text, at+1)
		n.fraction = text[digits:at]
	}
	if len(n.whole)+len(n.fraction) == 0 {
		return n, oddNumber(text)
	}
	if at < len(text) && text[at]|0x20 == 'e' {
		from := at
		if at++; at < len(text) && (text[at] == '-' || text[at] == '+') {
			at++
		}
		if digits, at = at, skipDigits(text, at); digits == at {
			return n, oddNumber(text)
		}
		n.exponent = text[from:at]
	}
	if n.point && at == len(text)-1 && (text[at]|0x20 == 'f' || text[at]|0x20 == 'd') {
		n.asSent, at = false, at+1
	}
	if at < len(text) {
		return n, oddNumber(text)
	}
	leadingZero := len(n.whole) > 1 && n.whole[0] == '0'
	n.asSent = n.asSent && len(n.whole) > 0 && !leadingZero && n.point == (len(n.fraction) > 0)
	return n, taken
}

// oddNumber says what is wrong with a text that is no number.
func oddNumber(text []byte) reason {
	bare := bytes.TrimLeft(text, "+-")
	if bytes.EqualFold(bare, []byte("nan")) || bytes.EqualFold(bare, []byte("inf")) || containsFold(text, "infinity") {
		return notFinite
	}
	return notANumber
}

// containsFold reports whether text contains word, which is in lower case, in any case.
func containsFold(text []byte, word string) bool {
	for ; len(text) >= len(word); text = text[1:] {
		if text[0]|0x20 == word[0] && bytes.EqualFold(text[:len(word)], []byte(word)) {
			return true
		}
	}
	return false
}

// appendJSON adds the number as JSON, digit by digit what it was.
func (n *number) appendJSON(dst []byte) []byte {
	if n.negative {
		dst = append(dst, '-')
	}
	whole := bytes.TrimLeft(n.whole, "0")
	if len(whole) == 0 {
		whole = zero
	}
	dst = append(dst, whole...)
	if n.point {
		fraction := n.fraction
		if len(fraction) == 0 {
			fraction = zero
		}
		dst = append(append(dst, '.'), fraction...)
	}
	return append(dst, n.exponent...)
}

var zero = []byte("0")

// fits reports whether the number is one that a reader can hold: a whole one 64 bits, signed or not, any other a finite double.
func (n *number) fits() bool {
	if n.exponent == nil && (n.point || len(n.whole) <= 18) {
		return true // no more than 64 digits
	}
	digits := bytes.TrimLeft(n.whole, "0")
	if n.exponent == nil {
		most := "18446744073709551615"
		if n.negative {
			most = "9223372036854775808"
		}
		return len(digits) < len(most) || len(digits) == len(most) && string(digits) <= most
	}
	// order is the power of ten of the first digit that is not 0: the double is below 10^(order+1).
	order := len(digits) - 1
	if len(digits) == 0 {
		behind := bytes.TrimLeft(n.fraction, "0")
		if len(behind) == 0 {
			return true // it is 0
		}
		order = len(behind) - len(n.fraction) - 1
	}
	exponent, err := strconv.Atoi(string(n.exponent[1:]))
	if err != nil {
		return n.exponent[1] == '-'
	}
	if order += exponent; order != 308 {
		return order < 308
	}
	return !math.IsInf(n.float(), 0)
}

// value reads a point's value and returns it as JSON. It aliases text or b's scratch.
func value(text []byte, b *wire.Batch) ([]byte, reason) {
	n, why := readNumber(text)
	if why != taken {
		return nil, why
	}
	if !n.fits() {
		return nil, numberTooLarge
	}
	if n.asSent {
		return text, taken
	}
	return b.Close(n.appendJSON(b.Open())), taken
}

// writtenSeconds reads a time like most, whose digits and three zeros are those of its milliseconds.
func writtenSeconds(text []byte) (ms int64, ok bool) {
	if len(text) == 0 || len(text) > 15 || text[0] == '0' {
		return 0, false
	}
	for _, c := range text {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		ms = 10*ms + int64(c)
	}
	return 1000 * ms, true
}

// seconds reads a point's time: whole seconds, a fraction is cut off.
func seconds(text []byte) (int64, reason) {
	if at := skipDigits(text, 0); at == len(text) && at > 0 && at <= 18 {
		whole, _ := wholeNumber(text)
		return int64(whole), taken
	}
	n, why := readNumber(text)
	switch {
	case why == notANumber || why == numberTooLong:
		return 0, notATime
	case why != taken:
		return 0, why
	}
	before1970 := n.negative
	n.negative = false // cut off is not rounded down
	var room [2 * maxNumber]byte
	whole, ok := wire.ParseScaled(n.appendJSON(room[:0]), 0)
	if !ok {
		return 0, timeTooLarge
	}
	if before1970 {
		whole = -whole
	}
	return whole, taken
}

// milliseconds makes a point's time of its seconds; -1 is the time of arrival.
func milliseconds(seconds, now int64) (int64, reason) {
	if seconds == -1 {
		return now, taken
	}
	if seconds > math.MaxInt64/1000 || seconds < math.MinInt64/1000 {
		return 0, timeTooLarge
	}
	return seconds * 1000, taken
}

// appendDouble adds a finite double as JSON, in the fewest digits that are it again. It shows that it is a double: 1 is 1.0.
func appendDouble(dst []byte, f float64) []byte {
	if n, ok := thousandths(f); ok {
		dst = slices.Grow(dst, mostThousandths)
		at := len(dst)
		return dst[:at+writeThousandths((*[mostThousandths]byte)(dst[at:at+mostThousandths]), n, f < 0)]
	}
	return appendAnyDouble(dst, f)
}

// thousandths says of how many thousandths f is the nearest double, whatever its sign. ok is false where it is not, or too small or large.
// No two numbers of thousandths are one double there, so that it has no shorter digits than those of n without zeros at the end.
//
// A double is m * 2^-low: it is the nearest to n/1000 where 1000 * m is n * 2^low but for less than half of the thousand. A division would
// have to be waited for.
func thousandths(f float64) (n uint64, ok bool) {
	const fraction, leastLow, mostLow = 1<<52 - 1, 10, 62
	double := math.Float64bits(f)
	low := 1075 - double>>52&0x7ff
	if low-leastLow > mostLow-leastLow {
		return 0, double == 0 // "0.0": -0 keeps its sign
	}
	low &= 63 // it is: the shifts need not ask
	thousand := (double&fraction | (fraction + 1)) * 1000
	n = (thousand + 1<<low/2) >> low
	return n, thousand-n<<low+499 < 999
}

// mostThousandths is the room for them: a sign, thirteen digits in front of three, a point, and what is written for nothing.
const mostThousandths = 32

// writeThousandths writes n / 1000 and says how long it is.
func writeThousandths(room *[mostThousandths]byte, n uint64, negative bool) int {
	at := 0
	if negative {
		room[0], at = '-', 1
	}
	if n < 1e7 {
		return at + writeSeven((*[8]byte)(room[at:]), n)
	}
	at = len(strconv.AppendUint(room[:at], n/1000, 10))
	var text [8]byte
	return at + copy(room[at:], text[len("0"):writeSeven(&text, n%1000)])
}

// writeSeven is writeThousandths for seven digits: all of them at once, and the point among them. Their length is not asked of the text: all that
// comes to stand behind it can go on before its digits are known.
func writeSeven(room *[8]byte, n uint64) int {
	// (a-n)>>63 is 1 where n is above a, and else 0.
	whole := 1 + (9_999-n)>>63 + (99_999-n)>>63 + (999_999-n)>>63
	fraction := 1
	if n%100 != 0 {
		fraction++
	}
	if n%10 != 0 {
		fraction++
	}
	text := eightDigits(n) | zeros // the first is a zero too many
	binary.LittleEndian.PutUint64(room[:], (text>>8&(1<<32-1)|'.'<<32|text>>40<<40)>>(8*(4-whole)&63))
	return int(whole) + len(".") + fraction
}

// zeros is zeros as text.
const zeros = 0x3030303030303030

// eightDigits takes a number below 10^8 apart: the first digit in the lowest byte, zeros in front.
func eightDigits(n uint64) uint64 {
	const each4, each2 = 1<<32 + 1, 1<<48 + 1<<32 + 1<<16 + 1
	n = n/10_000 + (n%10_000)<<32 // two numbers of four digits
	high := n * 10_486 >> 20 & (127 * each4)
	n = high + (n-100*high)<<16 // four numbers of two digits
	high = n * 103 >> 10 & (15 * each2)
	return high + (n-10*high)<<8
}

func appendAnyDouble(dst []byte, f float64) []byte {
	from := len(dst)
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, '.', '0')
	}
	return dst
}

func skipDigits(text []byte, at int) int {
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		at++
	}
	return at
}

// float is the nearest double; what is too large for one is infinite.
func (n *number) float() float64 {
	var room [2 * maxNumber]byte
	f, _ := strconv.ParseFloat(string(n.appendJSON(room[:0])), 64)
	return f
}
