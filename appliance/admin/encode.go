package admin

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"penstock/segstore"
)

// AppendLine adds one record as one line of JSON, as `penstock tail` prints it:
//
//	{"topic":"t","shard":0,"offset":17,"time":1474921202000,"key":"u42","value":{"a":1}}
//
// The value is the record's bytes themselves where they are JSON: numbers keep every digit, members their order, strings their
// escapes. Line breaks of pretty-printed JSON, which can stand only between tokens, become spaces: one record is always one line.
// Other text is a JSON string; bytes that are not UTF-8 are base64, followed by "encoding":"base64". The key is null or a string,
// with "key_encoding":"base64" where it is not UTF-8. With exact, every value is base64, so that the bytes come through as they are.
// Nothing is allocated when dst has room, but for text that begins like JSON and is not.
func AppendLine(dst []byte, topic string, shard int, r *segstore.Record, exact bool) []byte {
	dst = append(dst, `{"topic":"`...)
	dst = append(dst, topic...) // a topic's name has nothing to escape
	dst = append(dst, `","shard":`...)
	dst = strconv.AppendInt(dst, int64(shard), 10)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendInt(dst, r.Offset, 10)
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, r.Time, 10)
	dst = append(dst, `,"key":`...)
	switch {
	case r.Key == nil:
		dst = append(dst, "null"...)
	case utf8.Valid(r.Key):
		dst = appendString(dst, r.Key)
	default:
		dst = appendBase64(dst, r.Key)
		dst = append(dst, `,"key_encoding":"base64"`...)
	}
	dst = append(dst, `,"value":`...)
	switch {
	case r.Value == nil:
		dst = append(dst, "null"...)
	case exact || !utf8.Valid(r.Value):
		dst = appendBase64(dst, r.Value)
		dst = append(dst, `,"encoding":"base64"`...)
	case beginsLikeJSON(r.Value) && json.Valid(r.Value):
		dst = appendOneLine(dst, r.Value)
	default:
		dst = appendString(dst, r.Value)
	}
	return append(dst, "}\n"...)
}

// beginsLikeJSON spares most text the attempt to read it as JSON, whose failure allocates an error.
func beginsLikeJSON(value []byte) bool {
	for _, c := range value {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case '{', '[', '"', '-', 't', 'f', 'n':
			return true
		}
		return c >= '0' && c <= '9'
	}
	return false
}

// appendOneLine adds valid JSON with its line breaks made spaces. Inside a string a raw line break is not valid JSON.
func appendOneLine(dst, value []byte) []byte {
	at := len(dst)
	dst = append(dst, value...)
	for i, c := range dst[at:] {
		if c == '\n' || c == '\r' {
			dst[at+i] = ' '
		}
	}
	return dst
}

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// appendString adds UTF-8 text as a JSON string; only what JSON must have escaped is.
func appendString(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i, c := range text {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, text[from:]...)
	return append(dst, '"')
}
