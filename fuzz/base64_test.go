package fuzz

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/interana"
)

func FuzzDecodeBase64(f *testing.F) {
	for _, c := range goldens(f, "interana") {
		if c.Method == "GET" {
			f.Add(c.Query.Peek("ia_data"), uint16(interana.GetLimit))
		}
	}
	for _, text := range []string{"YQ==", "YQ", "YQ \n= =", "    ", "YWJj   ", "__-+", "Y", "YWJj=", "YW*j", "AAAA\r\nAA=="} {
		f.Add([]byte(text), uint16(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, room uint16) {
		if err := checkBase64(interana.DecodeBase64, text, int(room)%2048); err != nil {
			t.Fatal(err)
		}
	})
}

// checkBase64 compares a tolerant reader with encoding/base64 on tidied text.
func checkBase64(decode func(dst, text []byte) (int, wire.Code, int), text []byte, room int) error {
	dst := make([]byte, room+1)
	dst[room] = 0xa5
	n, code, at := decode(dst[:room:room], text)
	if dst[room] != 0xa5 || n < 0 || n > room || at < 0 || at > len(text) {
		return fmt.Errorf("%q into %d: %d bytes, stops at %d", text, room, n, at)
	}
	want, ok := tidyBase64(string(text))
	switch {
	case code == wire.OK && (!ok || string(dst[:n]) != string(want)):
		return fmt.Errorf("%q: gives %x, encoding/base64 %x (%v)", text, dst[:n], want, ok)
	case code == wire.BadBase64 && ok:
		return fmt.Errorf("%q: refused at %d, encoding/base64 gives %x", text, at, want)
	case code == wire.TooLarge && ok && len(want) <= room:
		return fmt.Errorf("%q: %d bytes are too large for %d", text, len(want), room)
	case code != wire.OK && code != wire.BadBase64 && code != wire.TooLarge:
		return fmt.Errorf("%q: code %v", text, code)
	}
	return nil
}

// tidyBase64 says in whole-string steps what the reader does byte by byte, and leaves the decoding to encoding/base64.
func tidyBase64(text string) ([]byte, bool) {
	text = strings.NewReplacer("\r", "", "\n", "", "\t", "", "-", "+", "_", "/").Replace(text)
	digits, padding := text, ""
	if i := strings.IndexByte(text, '='); i >= 0 {
		digits, padding = text[:i], strings.ReplaceAll(text[i:], " ", "")
	}
	for len(digits)%4 != 0 && strings.HasSuffix(digits, " ") {
		digits = digits[:len(digits)-1]
	}
	digits = strings.ReplaceAll(digits, " ", "+")
	if last := len(digits) % 4; padding != "" && (strings.Trim(padding, "=") != "" || last < 2 || last+len(padding) > 4) {
		return nil, false
	}
	out, err := base64.RawStdEncoding.DecodeString(digits)
	return out, err == nil
}
