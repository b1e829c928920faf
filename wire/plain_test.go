package wire

import (
	"regexp"
	"strings"
	"testing"
)

// Every text of up to five bytes that a number may have, with and without more around it.
func TestPlainNumber(t *testing.T) {
	longest, plain := regexp.MustCompile(`^-?[0-9]*(\.[0-9]*)?`), regexp.MustCompile(`^(-?(0|[1-9][0-9]*)\.[0-9]+|-?[1-9][0-9]*|0)$`)
	check := func(text string) {
		want := longest.FindString(text)
		if !plain.MatchString(want) || len(want) > plainMost {
			want = ""
		}
		end, point := PlainNumber([]byte(text))
		if end != len(want) || end > 0 && point != strings.Contains(want, ".") {
			t.Fatalf("%q: a plain number of %d bytes, point: %t; want %q", text, end, point, want)
		}
		if _, ok := scanNumber([]byte(want), 0); want != "" && !ok {
			t.Fatalf("%q is no number in JSON", want)
		}
	}
	texts := []string{""}
	for range 5 {
		var longer []string
		for _, text := range texts {
			for _, c := range "019.-e " {
				longer = append(longer, text+string(c))
			}
		}
		texts = longer
		for _, text := range texts {
			check(text)
			check(text + " host=web01")
			check("12345" + text)
			check("12345" + text + " host=web01")
			check("1234567890123" + text)
		}
	}
	for text, want := range map[string]int{
		"123456789012345678": 18, "1234567890123456789": 0, "12345678.123456789": 18, "12345678.1234567890": 0, "-12345678.12345678 x": 18, "0.1": 3, "00.1": 0,
	} {
		if end, _ := PlainNumber([]byte(text)); end != want {
			t.Errorf("%q: %d, want %d", text, end, want)
		}
	}
}
