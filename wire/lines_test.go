package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// splitAll feeds text in pieces and tells the frames and faults, one a line.
func splitAll(split Splitter, text string, piece func() int) string {
	var out strings.Builder
	var buf []byte
	for {
		advance, frame, fault := split(buf, text == "")
		switch {
		case fault != nil:
			fmt.Fprintf(&out, "fault %v\n", fault)
		case frame != nil:
			fmt.Fprintf(&out, "%q\n", frame)
		}
		if advance == 0 {
			if text == "" {
				return out.String()
			}
			n := min(piece(), len(text))
			buf, text = append(buf, text[:n]...), text[n:]
		}
		buf = buf[advance:]
	}
}

func TestSplitLines(t *testing.T) {
	const long = "fault the line is longer than the limit at byte 5\n"
	f := func(text, want string) {
		t.Helper()
		for _, piece := range []int{1, 2, 3, 7, 1000} {
			if got := splitAll(SplitLines(5), text, func() int { return piece }); got != want {
				t.Errorf("%q in pieces of %d\ngot  %q\nwant %q", text, piece, got, want)
			}
		}
	}
	f("", "")
	f("a", `"a"`+"\n")
	f("a\nb\r\nc", "\"a\"\n\"b\"\n\"c\"\n")
	f("\n\r\n\n", "\"\"\n\"\"\n\"\"\n")
	f("12345\n12345\r\n12345", "\"12345\"\n\"12345\"\n\"12345\"\n")
	f("a\rb\n", `"a\rb"`+"\n")
	f("a\r", `"a"`+"\n")
	f("123456\nok\n", long+"\"ok\"\n")
	f("123456\r\nok", long+"\"ok\"\n")
	f("ok\n"+strings.Repeat("x", 100)+"\nok\n"+strings.Repeat("y", 100), "\"ok\"\n"+long+"\"ok\"\n"+long)
	f("12345\r\r\nok", long+"\"ok\"\n")
}

// However lines arrive, they are the lines, and a splitter that came to an end is as new.
func TestSplitLines_Model(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	split := SplitLines(8)
	for range 20_000 {
		var text bytes.Buffer
		for range r.IntN(40) {
			text.WriteByte("abc\n\n\r"[r.IntN(6)])
		}
		var want strings.Builder
		for line := range strings.Lines(text.String()) {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if len(line) > 8 {
				fmt.Fprintln(&want, "fault the line is longer than the limit at byte 8")
			} else {
				fmt.Fprintf(&want, "%q\n", line)
			}
		}
		if got := splitAll(split, text.String(), func() int { return 1 + r.IntN(6) }); got != want.String() {
			t.Fatalf("%q\ngot  %q\nwant %q", text.String(), got, want.String())
		}
	}
}

// A line without an end is given up as it comes.
func TestSplitLines_NoEnd(t *testing.T) {
	split := SplitLines(8)
	faults := 0
	for range 1000 {
		advance, frame, fault := split(bytes.Repeat([]byte("x"), 100), false)
		if advance != 100 || frame != nil {
			t.Fatalf("advanced %d with frame %q", advance, frame)
		}
		if fault != nil {
			faults++
		}
	}
	if faults != 1 {
		t.Errorf("%d faults for one line", faults)
	}
}

func TestLineEnd(t *testing.T) {
	for text, want := range map[string]int{"": 0, "a": 0, "\n": 1, "\nb": 1, "\r\n": 2, "\r\nb": 2, "\r": 0, "\rb": 0, "\r\r\n": 0, "b\n": 0} {
		if got := LineEnd([]byte(text), 0); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
		if want > 0 {
			want += len("line")
		}
		if got := LineEnd([]byte("line"+text), len("line")); got != want {
			t.Errorf("%q: %d, want %d", "line"+text, got, want)
		}
	}
	if LineEnd([]byte("line\r\n"), len("line\r")) != 0 || LineEnd([]byte("a"), 7) != 0 {
		t.Error("a line end begins within one, or behind all")
	}
}
