package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"penstock/segstore"
)

// appendRecord adds a record as one line of JSON, as `penstock tail` prints it. The admin listener has its own, which allocates
// nothing; a test of the whole program holds the two to the same bytes.
func appendRecord(dst []byte, topic string, shard int, r *segstore.Record) []byte {
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
	case !utf8.Valid(r.Value):
		dst = appendBase64(dst, r.Value)
		dst = append(dst, `,"encoding":"base64"`...)
	case json.Valid(r.Value):
		at := len(dst)
		dst = append(dst, r.Value...)
		for i := at; i < len(dst); i++ {
			if dst[i] == '\n' || dst[i] == '\r' { // between tokens only: within a string JSON has them escaped
				dst[i] = ' '
			}
		}
	default:
		dst = appendString(dst, r.Value)
	}
	return append(dst, "}\n"...)
}

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// appendString adds UTF-8 text as a JSON string; only what JSON must have escaped is.
func appendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < 0x20:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
