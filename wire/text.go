package wire

import (
	"bytes"
	"strings"

	"github.com/valyala/fastjson"
)

// Text reads JSON strings. One for each worker; the zero value is ready.
//
// Only strings with escapes reach fastjson. A fastjson parser that sees whole events keeps, for each place a value ever had in any
// event, room for the longest array or object that ever stood there: with events of a sender's choosing that grows as the square
// of the event, for as long as the worker lives.
type Text struct {
	json fastjson.Parser
	lone []byte // a string as guarded spells it
}

// Of returns what a JSON string, with its quotes and accepted by ScanValue, says. It aliases quoted, or, for a string with escapes,
// b's scratch. An escaped surrogate without its other half stays as it is spelled.
func (t *Text) Of(quoted []byte, b *Batch) []byte {
	text, borrowed := t.Borrow(quoted)
	if !borrowed {
		return text
	}
	return b.Close(append(b.Open(), text...))
}

// Borrow is Of without a batch: borrowed text is valid until the next call only.
func (t *Text) Borrow(quoted []byte) (text []byte, borrowed bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1 : len(quoted)-1], false
	}
	if bytes.Contains(quoted, []byte(`\ud`)) || bytes.Contains(quoted, []byte(`\uD`)) {
		t.lone = guarded(t.lone[:0], quoted)
		quoted = t.lone
	}
	v, err := t.json.ParseBytes(quoted)
	if err != nil {
		panic("BUG: fastjson refuses JSON that the scanner accepted: " + err.Error())
	}
	return v.GetStringBytes(), true
}

// Is reports whether a JSON string says name, however it is spelled.
func (t *Text) Is(quoted []byte, name string) bool {
	text, _ := t.Borrow(quoted)
	return string(text) == name
}

// guarded adds quoted to dst with the backslash doubled of every escaped surrogate that has no other half. fastjson takes whatever
// escape comes behind one for its half: to it \ud800\u0041 and \ud800\u0042 are the same.
func guarded(dst, quoted []byte) []byte {
	for len(quoted) > 0 {
		size := bytes.IndexByte(quoted, '\\')
		switch {
		case size < 0:
			size = len(quoted)
		case size > 0:
		case quoted[1] != 'u':
			size = 2
		case isSurrogate(quoted, "89ab") && isSurrogate(quoted[6:], "cdef"):
			size = 12
		default:
			size = 6
			if isSurrogate(quoted, "89abcdef") {
				dst = append(dst, '\\')
			}
		}
		dst, quoted = append(dst, quoted[:size]...), quoted[size:]
	}
	return dst
}

// isSurrogate reports whether text begins with an escape \uDnxx where n is one of digits: "89ab" are first halves, "cdef" second ones.
func isSurrogate(text []byte, digits string) bool {
	return len(text) > 6 && text[0] == '\\' && text[1] == 'u' && text[2]|0x20 == 'd' && strings.IndexByte(digits, text[3]|0x20) >= 0
}

// AppendPercentDecoded adds src with its %XX undone; a percent sign without two digits behind it stays. (RFC 3986, section 2.1; "+"
// is itself in a path.)
func AppendPercentDecoded(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		c := src[i]
		if c == '%' && i+2 < len(src) && isHex(src[i+1]) && isHex(src[i+2]) {
			c = unhex(src[i+1])<<4 | unhex(src[i+2])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
