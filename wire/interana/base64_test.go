package interana

import (
	"encoding/base64"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"penstock/wire"
)

func encodeBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestDecodeBase64_Success(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		dst := make([]byte, len(want)) // exactly enough room
		n, code, at := DecodeBase64(dst, []byte(text))
		if code != wire.OK || at != len(text) || string(dst[:n]) != want {
			t.Errorf("%q: %v at %d, %q; want %q", text, code, at, dst[:n], want)
		}
	}
	f("", "")
	f(" \r\n\t ", "")
	f("YQ==", "a")
	f("YQ=", "a") // padding cut short
	f("YQ", "a")  // and away
	f("YWI=", "ab")
	f("YWI", "ab")
	f("YWJj", "abc")
	f("Y\nW\r\nJ\tj\n", "abc") // lines as GNU base64 breaks them, and worse
	f("YQ=\n=\n", "a")

	f("++++", "\xfb\xef\xbe") // the digits 62 and 63, in both alphabets
	f("----", "\xfb\xef\xbe")
	f("////", "\xff\xff\xff")
	f("__-+", "\xff\xff\xbe")

	f("    ", "\xfb\xef\xbe")        // '+' four times, after form decoding
	f("YWJj    ", "abc\xfb\xef\xbe") // they complete a group, so they are digits
	f("YWI ", "ab>")                 // as is this one
	f("Y Jj", "c\xe2c")              // and any within
	f("YWJj   ", "abc")              // these do not
	f("YQ ", "a")
	f("YQ==  ", "a")
	f("YQ = = ", "a")
	f("YQ \n==\n ", "a")

	f("YR==", "a") // bits that no byte uses
	f("YWL", "ab")
}

func TestDecodeBase64_Failure(t *testing.T) {
	f := func(text string, room int, wantCode wire.Code, wantAt int) {
		t.Helper()
		written := ""
		if strings.HasPrefix(text, "YWJj") && room >= 3 { // the group before the trouble
			written = "abc"
		}
		dst := make([]byte, room)
		n, code, at := DecodeBase64(dst, []byte(text))
		if code != wantCode || at != wantAt || string(dst[:n]) != written {
			t.Errorf("%q into %d: %v at %d after %q, want %v at %d after %q", text, room, code, at, dst[:n], wantCode, wantAt, written)
		}
	}
	f("Y", 9, wire.BadBase64, 1) // a digit is missing
	f("YWJjY", 9, wire.BadBase64, 5)
	f("YWJjY  ", 9, wire.BadBase64, 7)
	f("Y===", 9, wire.BadBase64, 1)
	f("=", 9, wire.BadBase64, 0)
	f("YWJj=", 9, wire.BadBase64, 4)
	f("YQ===", 9, wire.BadBase64, 4)
	f("YWI==", 9, wire.BadBase64, 4)
	f("YQ==YQ==", 9, wire.BadBase64, 4)
	f("YQ=a", 9, wire.BadBase64, 3)
	f("YWJjYQ=a", 9, wire.BadBase64, 7)
	f("YW*j", 9, wire.BadBase64, 2)
	f("YWJj\x00", 9, wire.BadBase64, 4)
	f("YWJj\xff", 9, wire.BadBase64, 4)
	f("%3D", 9, wire.BadBase64, 0)

	f("YWJj", 2, wire.TooLarge, 3)
	f("YWI=", 1, wire.TooLarge, 4)
	f("YQ", 0, wire.TooLarge, 2)
	f("YWJjYWJj", 5, wire.TooLarge, 7)
	f("YWJjYWI=", 4, wire.TooLarge, 8)
}

// Whatever bytes go in, by whatever shell and form they travel, the same bytes come out.
func TestDecodeBase64_SurvivesTheTrip(t *testing.T) {
	wrap := func(s string) string { // as GNU base64 prints
		var out strings.Builder
		for len(s) > 76 {
			out.WriteString(s[:76] + "\n")
			s = s[76:]
		}
		return out.String() + s + "\n"
	}
	form := func(s string) string {
		s, _ = url.QueryUnescape(s)
		return s
	}
	trips := map[string]func(s string) string{
		"as it is":              func(s string) string { return s },
		"wrapped":               wrap,
		"unescaped in a URL":    form,
		"wrapped and unescaped": func(s string) string { return form(wrap(s)) },
		"crlf":                  func(s string) string { return strings.ReplaceAll(wrap(s), "\n", "\r\n") },
		"no padding":            func(s string) string { return strings.TrimRight(s, "=") },
		"no padding, unescaped": func(s string) string { return form(strings.TrimRight(s, "=")) },
		"URL alphabet":          strings.NewReplacer("+", "-", "/", "_").Replace,
		"a space after":         func(s string) string { return form(s) + " " },
		"three spaces after":    func(s string) string { return form(s) + "   " },
	}
	r := rand.New(rand.NewPCG(7, 7))
	for size := range 200 {
		for range 20 {
			src := make([]byte, size)
			for i := range src {
				src[i] = byte(r.Uint32()) | byte(r.Uint32())&0xfe // many ones, so many '+' and '/'
			}
			for name, trip := range trips {
				text := trip(base64.StdEncoding.EncodeToString(src))
				dst := make([]byte, size)
				n, code, at := DecodeBase64(dst, []byte(text))
				if code != wire.OK || string(dst[:n]) != string(src) {
					t.Fatalf("%s: %q: %v at %d, got %x want %x", name, text, code, at, dst[:n], src)
				}
			}
		}
	}
}
