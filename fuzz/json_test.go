package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
)

func FuzzScanValue(f *testing.F) {
	for _, c := range goldens(f, "interana") {
		if len(c.Body) <= attackLimit {
			f.Add(c.Body)
		}
	}
	for _, text := range []string{`-12.5e+10`, `"\"\\\/\b\f\n\r\té\ud83d\ude00\ud800"`, "\"\xff 12345678\"", `[[[[{"":[]}]]]]`, `NaN`, `[01]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if err := checkScan(wire.ScanValue, src); err != nil {
			t.Fatal(err)
		}
		if err := checkMembers(src); err != nil {
			t.Fatal(err)
		}
	})
}

// checkScan holds a scanner to encoding/json's opinion: of what is JSON, and of the first byte that cannot be there.
func checkScan(scan func(src []byte, at int) (int, wire.Code), src []byte) error {
	end, code := scan(src, 0)
	if end < 0 || end > len(src) {
		return fmt.Errorf("%q: stops at %d of %d", src, end, len(src))
	}
	switch code {
	case wire.OK:
		if !json.Valid(src[:end]) {
			return fmt.Errorf("%q: accepts %q, which is no JSON", src, src[:end])
		}
		rest := bytes.Trim(src[end:], " \t\r\n")
		if valid := json.Valid(src); valid != (len(rest) == 0) {
			return fmt.Errorf("%q: ends at %d, encoding/json says %v of the whole", src, end, valid)
		}
	case wire.BadJSON:
		if json.Valid(src) {
			return fmt.Errorf("%q: refuses at %d what encoding/json accepts", src, end)
		}
		if want := stopOf(src); end != want {
			return fmt.Errorf("%q: stops at %d, encoding/json at %d", src, end, want)
		}
	case wire.TooDeep:
		if open := bytes.Count(src[:end], []byte("{")) + bytes.Count(src[:end], []byte("[")); open < wire.MaxDepth {
			return fmt.Errorf("%q: too deep at %d with %d brackets", src, end, open)
		}
	default:
		return fmt.Errorf("%q: code %v", src, code)
	}
	return nil
}

// stopOf is the byte of bad JSON at which encoding/json stops, len(src) when it wants more. Its offset counts the byte itself, and
// within a number or a word it meets the end of the source as a space that is not there.
func stopOf(src []byte) int {
	var discard json.RawMessage
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal(src, &discard), &syntax) {
		return -1
	}
	at := int(syntax.Offset) - 1
	atEnd := at == len(src)-1 && at >= 0 && src[at] != ' ' && strings.Contains(syntax.Error(), "' '")
	if atEnd || strings.Contains(syntax.Error(), "unexpected end") {
		return len(src)
	}
	return at
}

// checkMembers takes an object apart and puts it together again.
func checkMembers(src []byte) error {
	at := wire.SkipSpace(src, 0)
	end, code := wire.ScanValue(src, at)
	if code != wire.OK || src[at] != '{' {
		return nil
	}
	joined := []byte("{")
	for m, next, ok := wire.NextMember(src, at); ok; m, next, ok = wire.NextMember(src, next) {
		if len(joined) > 1 {
			joined = append(joined, ',')
		}
		joined = append(append(append(joined, m.Name...), ':'), m.Value...)
	}
	joined = append(joined, '}')
	var want, got bytes.Buffer
	if json.Compact(&want, src[at:end]) != nil || json.Compact(&got, joined) != nil || !bytes.Equal(want.Bytes(), got.Bytes()) {
		return fmt.Errorf("%q taken apart and joined is %q", src[at:end], joined)
	}
	return nil
}
