package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What is quoted is valid JSON, and read back it is what went in, bytes that are no UTF-8 aside.
func TestAppendQuoted(t *testing.T) {
	f := func(s string) {
		t.Helper()
		quoted := AppendQuoted(nil, s)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil {
			t.Fatalf("%q became %s: %v", s, quoted, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); back != want && len(back) < len(want) {
			t.Errorf("%q came back as %q", s, back)
		}
		if bytes.IndexByte(quoted, 0x7f) >= 0 {
			t.Errorf("%q became %q: DEL is a control byte", s, quoted)
		}
		if string(AppendQuoted([]byte("x"), []byte(s))) != "x"+string(quoted) {
			t.Errorf("%q: text and bytes differ, or what was there before is lost", s)
		}
	}
	for c := range 256 {
		f(string([]byte{'a', byte(c), 'b'}))
	}
	for size := range 25 { // words of eight bytes, and what is over
		for at := range size {
			for _, c := range []byte{' ', '!', '"', '\\', 0, 0x1f, '~', 0x7f, 0x80, 0xff} {
				text := bytes.Repeat([]byte{'x'}, size)
				text[at] = c
				f(string(text))
				text[0] = '"'
				f(string(text))
			}
		}
	}
	f("")
	f("the ring of shard 3 is full: \"try again\"\\")
	f("é 世 😀")
	f("\xf0\x9f cut short")
	f("\xe4\xb8")
}

// A fault's words go into JSON replies as they are.
func TestCodeTextsNeedNoEscaping(t *testing.T) {
	for _, c := range append(Codes(), OK) {
		for _, s := range []string{c.String(), c.Text()} {
			if string(AppendQuoted(nil, s)) != `"`+s+`"` {
				t.Errorf("%q needs escaping in JSON", s)
			}
		}
	}
}
