package kairosdb

import (
	"encoding/binary"
	"unicode/utf8"
)

// words splits a line into words as the server's WordSplitter does, and appends them to dst; they alias line.
//
// A byte up to the space separates words. A word that begins with a quote goes on to the first quote with a separator or the line's
// end behind it, or else to the line's end; it has neither quote, and what is between them as it is. So "" is a word that is empty;
// but a quote with a separator right behind it is none.
func words(dst [][]byte, line []byte) [][]byte {
	for at := 0; at < len(line); {
		switch {
		case line[at] <= ' ':
			at++
		case line[at] == '"':
			end, next := quoted(line, at+1)
			if end >= at+1 {
				dst = append(dst, line[at+1:end:end])
			}
			at = next
		default:
			end := at
			for end < len(line) && line[end] > ' ' {
				end++
			}
			dst = append(dst, line[at:end:end])
			at = end
		}
	}
	return dst
}

// quoted finds the end of a quoted word whose quote is already read, and where to go on. An end before start is no word.
func quoted(line []byte, start int) (end, next int) {
	for at := start; at < len(line); at++ {
		if line[at] <= ' ' && line[at-1] == '"' {
			return at - 1, at + 1
		}
	}
	switch {
	case start == len(line):
		return start - 1, start
	case line[len(line)-1] == '"':
		return len(line) - 1, len(line)
	}
	return len(line), len(line)
}

// latin1 appends text that is ISO-8859-1 to dst as UTF-8.
func latin1(dst, text []byte) []byte {
	for _, c := range text {
		dst = utf8.AppendRune(dst, rune(c))
	}
	return dst
}

func isASCII(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if binary.LittleEndian.Uint64(text)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
