package cloudwisdom

import (
	"bytes"

	"penstock/wire"
)

// allowed are the bytes an id may have.
var allowed = func() (set [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-" {
		set[c] = true
	}
	return set
}()

// cleanID makes an id of a text as the vendor's server does: a space becomes _, any other byte that is not allowed goes. It returns
// text itself where nothing is to be done, else b's scratch.
func cleanID(text []byte, b *wire.Batch) []byte {
	if isClean(text) {
		return text
	}
	return b.Close(appendID(b.Open(), text))
}

func isClean(text []byte) bool {
	for _, c := range text {
		if !allowed[c] {
			return false
		}
	}
	return true
}

func appendID(dst, text []byte) []byte {
	for _, c := range text {
		if c == ' ' {
			c = '_'
		}
		if allowed[c] {
			dst = append(dst, c)
		}
	}
	return dst
}

// hasOption reports whether the request's list of options names one.
func hasOption(req *wire.Request, option string) bool {
	list := req.Header.Peek("X-Netuitive-Api-Options")
	for len(list) > 0 {
		var word []byte
		word, list, _ = bytes.Cut(list, []byte(","))
		if equalFold(bytes.TrimSpace(word), option) {
			return true
		}
	}
	return false
}

// equalFold compares ASCII, the option in upper case.
func equalFold(word []byte, option string) bool {
	if len(word) != len(option) {
		return false
	}
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != option[i] {
			return false
		}
	}
	return true
}
