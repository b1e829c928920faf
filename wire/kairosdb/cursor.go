package kairosdb

import (
	"bytes"

	"penstock/wire"
)

// cursor reads JSON of which it knows what must come next. Where that does not come it is lost, and stays so.
type cursor struct {
	src  []byte
	at   int // never at white space
	lost bool
}

// sees reports whether this byte comes next.
func (c *cursor) sees(next byte) bool { return c.at < len(c.src) && c.src[c.at] == next }

// pass goes past this byte, which must come next.
func (c *cursor) pass(next byte) {
	if !c.sees(next) {
		c.lost = true
		return
	}
	c.at = wire.SkipSpace(c.src, c.at+1)
}

// take goes to end, which must be further on, and returns what is before it.
func (c *cursor) take(end int) []byte {
	if end <= c.at {
		c.lost = true
		return nil
	}
	text := c.src[c.at:end:end]
	c.at = wire.SkipSpace(c.src, end)
	return text
}

// enclosed takes what begins with this byte, up to the next that is the last.
func (c *cursor) enclosed(first, last byte) []byte {
	if c.sees(first) {
		within := c.at + 1
		if size := bytes.IndexByte(c.src[within:], last); size >= 0 {
			return c.take(within + size + 1)
		}
	}
	c.lost = true
	return nil
}

// digits takes digits, one at least.
func (c *cursor) digits() []byte { return c.take(skipDigits(c.src, c.at)) }

// stamp takes a time that is spelled as a record spells it.
func (c *cursor) stamp() (text []byte, ms int64) {
	size, ms := leadingStamp(c.src[c.at:])
	return c.take(c.at + size), ms
}

// leadingStamp finds the time that text begins with, if it is spelled as a record spells it and above 0; else size is 0.
func leadingStamp(text []byte) (size int, ms int64) {
	if len(text) == 0 || text[0] == '0' {
		return 0, 0
	}
	for ; size < len(text); size++ {
		digit := text[size] - '0'
		if digit > 9 {
			break
		}
		if size == 18 {
			return 0, 0
		}
		ms = 10*ms + int64(digit)
	}
	return size, ms
}

// number takes a number that is spelled as a record spells it.
func (c *cursor) number() (text []byte, kind pointKind) {
	size, point := wire.PlainNumber(c.src[c.at:])
	if kind = longKind; point {
		kind = doubleKind
	}
	return c.take(c.at + size), kind
}

// word takes this string, as it is spelled.
func (c *cursor) word(quoted string) {
	if string(c.enclosed('"', '"')) != quoted {
		c.lost = true
	}
}
