package graphite

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"penstock/wire"
)

// unicodeLine reads what Python calls raw-unicode-escape: ISO-8859-1 with \uXXXX and \UXXXXXXXX. It aliases line when there is
// nothing to change, else the batch's scratch.
func (m *machine) unicodeLine(line []byte) []byte {
	if isPlain(line) {
		return line
	}
	out := m.b.Open()
	for i := 0; i < len(line); {
		if bytes.HasPrefix(line[i:], twoBackslashes) { // they stand for themselves, and begin no escape
			out = append(out, twoBackslashes...)
			i += len(twoBackslashes)
			continue
		}
		r, size := rawRune(line[i:])
		i += size
		if utf16.IsSurrogate(r) && i < len(line) {
			// A narrow build of Python 2 wrote what is beyond 16 bits in two halves.
			if low, size := rawRune(line[i:]); utf16.DecodeRune(r, low) != utf8.RuneError {
				r = utf16.DecodeRune(r, low)
				i += size
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return m.b.Close(out)
}

var twoBackslashes = []byte(`\\`)

// rawRune reads one character of raw-unicode-escape, and how many bytes it takes. A backslash that is no escape is itself.
func rawRune(text []byte) (r rune, size int) {
	if len(text) < 2 || text[0] != '\\' {
		return rune(text[0]), 1
	}
	digits := 0
	switch text[1] {
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	}
	if n, ok := hexNumber(text[2:], digits); ok && n <= utf8.MaxRune {
		return rune(n), 2 + digits
	}
	return '\\', 1
}

// hexNumber reads exactly n hex digits, one at least and 8 at most, off the front of text.
func hexNumber(text []byte, n int) (number uint32, ok bool) {
	if n == 0 || len(text) < n {
		return 0, false
	}
	for _, c := range text[:n] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		number = number<<4 | uint32(c)
	}
	return number, true
}

// stringLine reads a byte string as Python 2's repr has it: in quotes, with escapes.
func (m *machine) stringLine(line []byte) []byte {
	n := len(line)
	if n < 2 || line[0] != line[n-1] || line[0] != '\'' && line[0] != '"' {
		m.refuse(wire.BadPickle, whyLine)
		return nil
	}
	line = line[1 : n-1 : n-1]
	if bytes.IndexByte(line, '\\') < 0 {
		return line
	}
	out := m.b.Open()
	for i := 0; i < len(line); {
		if line[i] != '\\' || i+1 == len(line) {
			out = append(out, line[i])
			i++
			continue
		}
		c, size := escaped(line[i+1:])
		if size == 0 { // no escape: the backslash stands for itself
			c = '\\'
		}
		out = append(out, c)
		i += 1 + size
	}
	return m.b.Close(out)
}

// escaped reads what stands behind a backslash, and how many bytes of it there are; 0 when it is no escape.
func escaped(text []byte) (c byte, size int) {
	const letters, bytesOf = `\'"abfnrtv`, "\\'\"\a\b\f\n\r\t\v"
	if i := bytes.IndexByte([]byte(letters), text[0]); i >= 0 {
		return bytesOf[i], 1
	}
	if text[0] == 'x' {
		if n, ok := hexNumber(text[1:], 2); ok {
			return byte(n), 3
		}
		return 0, 0
	}
	for size < len(text) && size < 3 && text[size] >= '0' && text[size] <= '7' {
		c = c<<3 | (text[size] - '0')
		size++
	}
	return c, size
}

// isPlain reports whether text is ASCII without a backslash.
func isPlain(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf || c == '\\' {
			return false
		}
	}
	return true
}
