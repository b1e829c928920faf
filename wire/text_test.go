package wire

import (
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestText_Of(t *testing.T) {
	var text Text
	f := func(quoted, want string) {
		t.Helper()
		if !scansAsString(quoted) {
			t.Fatalf("%s: the case itself is bad JSON", quoted)
		}
		var b Batch
		if got := text.Of([]byte(quoted), &b); string(got) != want || got == nil {
			t.Errorf("%s says %q, want %q", quoted, got, want)
		}
		if !text.Is([]byte(quoted), want) || text.Is([]byte(quoted), want+"x") {
			t.Errorf("%s: Is and Of differ", quoted)
		}
	}
	f(`""`, "")
	f(`"plain"`, "plain")
	f(`"é 世 😀"`, "é 世 😀")
	f("\"\x7f \xff\xfe no UTF-8\"", "\x7f \xff\xfe no UTF-8")
	f(`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t")
	f(`"a\nb"`, "a\nb")
	f(`"\u0000\u0041\u00e9\u4e16\uFFFF"`, "\x00Aé世\uffff")
	f("\"\\n \xff\xfe\"", "\n \xff\xfe")
	f(`"\\u0041"`, `\u0041`)
	f(`"\\\u0041\\"`, `\A\`)
	f(`"\ud83d\ude00"`, "😀")
	f(`"\uD83D\uDE00\ud83d\ude00"`, "😀😀")
	f(`"\uDBFF\uDFFF"`, "\U0010ffff")

	// An escaped surrogate without its other half stays as it is spelled, and nothing near it is lost.
	f(`"\ud800"`, `\ud800`)
	f(`"\uD800"`, `\uD800`)
	f(`"\udc00"`, `\udc00`)
	f(`"\ud800\n"`, "\\ud800\n")
	f(`"\ud800 \udc00"`, `\ud800 \udc00`)
	f(`"\ud800\\udc00"`, `\ud800\udc00`)
	f(`"\ud800\u0041"`, `\ud800A`)
	f(`"\ud800\ud83d\ude00"`, `\ud800😀`)
	f(`"\ud83d\ude00\ude00\ud83d"`, `😀\ude00\ud83d`)
	f(`"\udc00\ud800"`, `\udc00\ud800`)
	f(`"\udc00\udc00\u0042"`, `\udc00\udc00B`)
}

func scansAsString(quoted string) bool {
	end, code := ScanValue([]byte(quoted), 0)
	return code == OK && end == len(quoted) && quoted[0] == '"'
}

// Against encoding/json, on strings that are all UTF-8 and without lone surrogates, which it has no way to keep.
func TestText_AgreesWithEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	var text Text
	var b Batch
	for range 20_000 {
		quoted := randomQuoted(r)
		var want string
		if err := json.Unmarshal([]byte(quoted), &want); err != nil {
			t.Fatalf("%s: %v", quoted, err)
		}
		b.Reset()
		if got := text.Of([]byte(quoted), &b); string(got) != want {
			t.Fatalf("%s says %q, encoding/json %q", quoted, got, want)
		}
	}
}

// Two strings that are spelled alike but for their lone surrogates' digits never say the same: keys must not fall together.
func TestText_LoneSurrogatesStayApart(t *testing.T) {
	var text Text
	said := map[string]string{}
	for _, before := range []string{``, `x`, `\n`, `\u0041`, `\\`} {
		for _, lone := range []string{`\ud800`, `\udbff`, `\udc00`, `\udfff`} {
			for _, after := range []string{``, `y`, `\t`, `\u0041`, `\u0042`, `\ue000`, `\ud7ff`} {
				quoted := `"` + before + lone + after + `"`
				got, _ := text.Borrow([]byte(quoted))
				if other, taken := said[string(got)]; taken {
					t.Errorf("%s and %s both say %q", other, quoted, got)
				}
				said[string(got)] = quoted
			}
		}
	}
}

// randomQuoted is a JSON string in some spelling: every character as it is or escaped, in one of its ways.
func randomQuoted(r *rand.Rand) string {
	runes := []rune("ab \"\\/\b\f\n\r\té世😀\u0000\u001f\u007f\u2028\ufffd\U0010ffff")
	var out strings.Builder
	out.WriteByte('"')
	for range r.IntN(12) {
		c := runes[r.IntN(len(runes))]
		short := strings.IndexRune("\"\\/\b\f\n\r\t", c)
		switch must := c < ' ' || c == '"' || c == '\\'; {
		case short >= 0 && r.IntN(2) == 0:
			out.WriteString(`\` + `"\/bfnrt`[short:short+1])
		case must || r.IntN(2) == 0:
			units := utf16.Encode([]rune{c})
			for _, u := range units {
				hex := "0123456789abcdef"
				if r.IntN(2) == 0 {
					hex = "0123456789ABCDEF"
				}
				out.WriteString(`\u`)
				for shift := 12; shift >= 0; shift -= 4 {
					out.WriteByte(hex[u>>shift&15])
				}
			}
		default:
			out.WriteRune(c)
		}
	}
	return out.String() + `"`
}

// What Of returned stays, through what is read after it; what Borrow lent does so only when it says so.
func TestText_Stays(t *testing.T) {
	var text Text
	var b Batch
	r := rand.New(rand.NewPCG(4, 1))
	for range 20 {
		b.Reset()
		var kept [][]byte
		var want []string
		for range 300 {
			quoted := randomQuoted(r)
			got := text.Of([]byte(quoted), &b)
			_ = append(got, "this must not reach the next one"...)
			kept, want = append(kept, got), append(want, string(got))
			text.Borrow([]byte(randomQuoted(r)))
		}
		for i := range kept {
			if string(kept[i]) != want[i] {
				t.Fatalf("text %d was %q and became %q", i, want[i], kept[i])
			}
		}
	}
	plain, borrowed := text.Borrow([]byte(`"plain"`))
	escaped, borrowedToo := text.Borrow([]byte(`"a\tb"`))
	if borrowed || !borrowedToo || string(escaped) != "a\tb" || string(plain) != "plain" {
		t.Errorf("%q %v, %q %v", plain, borrowed, escaped, borrowedToo)
	}
}

func TestAppendPercentDecoded(t *testing.T) {
	f := func(src, want string) {
		t.Helper()
		if got := string(AppendPercentDecoded([]byte("kept "), []byte(src))); got != "kept "+want {
			t.Errorf("%q: %q, want %q", src, got, "kept "+want)
		}
		if standard, err := url.PathUnescape(src); err == nil && standard != want {
			t.Errorf("%q: the case itself is wrong, net/url says %q", src, standard)
		}
	}
	f("", "")
	f("a+b c/d", "a+b c/d")
	f("%41", "A")
	f("a%2Fb%2fc", "a/b/c")
	f("%c3%A9", "é")
	f("%00%ff", "\x00\xff")
	f("%2541", "%41") // once, not twice
	f("%", "%")
	f("%4", "%4")
	f("a%", "a%")
	f("%zz%41", "%zzA")
	f("%4g", "%4g")
	f("%%41", "%A")
	f("%\x00\x00", "%\x00\x00")
}

func TestAppendPercentDecoded_AgreesWithStandard(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	for range 20_000 {
		src := make([]byte, r.IntN(10))
		for i := range src {
			src[i] = "%%%0123456789abcdefABCDEF gz"[r.IntN(28)]
		}
		want, err := url.PathUnescape(string(src))
		if got := AppendPercentDecoded(nil, src); err == nil && string(got) != want {
			t.Fatalf("%q: %q, net/url says %q", src, got, want)
		}
	}
}
