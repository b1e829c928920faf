package splunk

import (
	"bytes"

	"penstock/wire"
)

// parameter finds a parameter of a header's value, as filename in
//
//	form-data; name="upfile"; filename="a \"b\".txt"
//
// and returns what it says: it aliases value, or b's scratch where there was something to unescape. The first one of a name counts,
// and names match in any case. ok is false when there is none, or none that can be read.
func parameter(value []byte, name string, b *wire.Batch) (text []byte, ok bool) {
	_, rest, _ := bytes.Cut(value, []byte(";"))
	for len(rest) > 0 {
		end := bytes.IndexAny(rest, "=;")
		if end < 0 {
			return nil, false
		}
		if rest[end] == ';' { // nothing, or a word without a value
			rest = rest[end+1:]
			continue
		}
		found := bytes.EqualFold(bytes.TrimSpace(rest[:end]), []byte(name))
		rest = bytes.TrimLeft(rest[end+1:], " \t\r\n")
		if len(rest) > 0 && rest[0] == '"' {
			size, good := quotedSize(rest)
			if !good {
				return nil, false
			}
			if found {
				return unquote(rest[1:size-1], b), true
			}
			rest = rest[size:]
		}
		text, rest, _ = bytes.Cut(rest, []byte(";"))
		if found {
			return bytes.TrimSpace(text), true
		}
	}
	return nil, false
}

// quotedSize is how long the quoted string is that text begins with.
func quotedSize(text []byte) (size int, ok bool) {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return i + 1, true
		case text[i] == '\\' && i+1 < len(text) && escapes(text[i+1]):
			i++
		}
	}
	return 0, false
}

// unquote undoes the escapes of a quoted string's inside.
func unquote(inside []byte, b *wire.Batch) []byte {
	if bytes.IndexByte(inside, '\\') < 0 {
		return inside
	}
	out := b.Open()
	for i := 0; i < len(inside); i++ {
		if inside[i] == '\\' && i+1 < len(inside) && escapes(inside[i+1]) {
			i++
		}
		out = append(out, inside[i])
	}
	return b.Close(out)
}

// escapes reports whether a backslash before c is an escape's. Before anything else it is itself, for there are senders that write
// C:\dir\file as it is.
func escapes(c byte) bool { return c == '"' || c == '\\' }
