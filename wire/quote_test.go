package wire

import (
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
		if string(AppendQuoted([]byte("x"), []byte(s))) != "x"+string(quoted) {
			t.Errorf("%q: text and bytes differ, or what was there before is lost", s)
		}
	}
	for c := range 256 {
		f(string([]byte{'a', byte(c), 'b'}))
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
