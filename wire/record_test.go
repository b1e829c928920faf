package wire

import (
	"strings"
	"testing"
)

func TestValidTopic(t *testing.T) {
	f := func(name string, want bool) {
		t.Helper()
		if ValidTopic(name) != want || ValidTopic([]byte(name)) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
	f("cooltopic", true)
	f("a.B-c_9", true)
	f("_rejected", true)
	f("...", true)
	f(".a", true)
	f(strings.Repeat("x", TopicMax), true)
	f("", false)
	f(".", false)
	f("..", false)
	f("a/b", false)
	f("a b", false)
	f("a\x00", false)
	f("é", false)
	f(strings.Repeat("x", TopicMax+1), false)
}

// Every byte alone, so that each end of each range of letters and digits counts.
func TestValidTopic_EveryByte(t *testing.T) {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	for c := range 256 {
		name := string([]byte{byte(c)})
		if want := strings.Contains(allowed, name); ValidTopic(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

func TestParseUnit(t *testing.T) {
	for _, u := range []Unit{Milliseconds, Seconds, Microseconds} {
		if back, ok := ParseUnit(u.String()); !ok || back != u {
			t.Errorf("%v comes back as %v", u, back)
		}
	}
	for _, name := range []string{"", "ms", "Seconds", "nanoseconds"} {
		if u, ok := ParseUnit(name); ok || u != 0 {
			t.Errorf("%q is %v, %v", name, u, ok)
		}
	}
}

// Every code has a name and a sentence of its own, since names are metric labels.
func TestCodes(t *testing.T) {
	seen := map[string]bool{OK.String(): true}
	for _, c := range Codes() {
		if c == OK || c.String() == "" || c.Text() == "" || seen[c.String()] {
			t.Errorf("code %d is %q: %q", c, c.String(), c.Text())
		}
		seen[c.String()] = true
	}
	if len(seen) != len(codeTexts) {
		t.Errorf("%d codes of %d", len(seen), len(codeTexts))
	}
}
