package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// retell walks what comes next to its end and writes it without white space.
func retell(r *Reader, out *strings.Builder) {
	for _, brackets := range []string{"{}", "[]"} {
		if !r.Enter(brackets[0]) {
			continue
		}
		out.WriteByte(brackets[0])
		for n := 0; r.Next(); n++ {
			if n > 0 {
				out.WriteByte(',')
			}
			if brackets == "{}" {
				out.Write(r.Name())
				out.WriteByte(':')
			}
			retell(r, out)
		}
		out.WriteByte(brackets[1])
		return
	}
	kind := r.Kind()
	value := r.Value()
	if value[0] != kind {
		panic(fmt.Sprintf("Kind is %c, Value is %s", kind, value))
	}
	out.Write(value)
}

func TestReader_Retells(t *testing.T) {
	f := func(src string) {
		t.Helper()
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(src)); err != nil {
			t.Fatalf("%s: the case itself is bad JSON: %v", src, err)
		}
		var got strings.Builder
		r := Reader{Src: []byte(src)}
		retell(&r, &got)
		if got.String() != want.String() || SkipSpace(r.Src, r.At) != len(src) {
			t.Errorf("%q\n got %s, to byte %d of %d\nwant %s", src, got.String(), r.At, len(src), want.String())
		}
		skipped := Reader{Src: []byte(src)}
		skipped.Skip()
		if whole := (&Reader{Src: []byte(src)}).Value(); skipped.At != r.At || string(whole) != strings.Trim(src, " \t\r\n") {
			t.Errorf("%q: walked to %d, skipped to %d, Value %q", src, r.At, skipped.At, whole)
		}
	}
	for _, text := range corpus {
		f(text)
		f(" [" + text + " , " + text + "\n]\t")
		f(`{"a":` + text + `,"]}":[` + text + `],"":{}}`)
	}
	f(`{"}":"{","]":"[","\"":"\"\\"}`)
	f("[ ]")
	f("{\n}")
	f("[[],{},[[]],[{}],\"\"]")
	f(`[1 ,2, -3.5e+7,true , false,null]`)
	f(strings.Repeat(`[{"a":`, MaxDepth/2) + "0" + strings.Repeat("}]", MaxDepth/2))
}

// What is long is read over to its end, wherever in it the blocks begin that the rest is read by, and whatever comes behind.
func TestReader_SkipsLongValues(t *testing.T) {
	for _, text := range append(corpus, `"]}"`, `"\\\"]"`, `"`+strings.Repeat(`\\`, 70)+`"`, strings.Repeat(`[{"a":`, 20)+"0"+strings.Repeat("}]", 20)) {
		for pad := range 2 * blockSize {
			for _, behind := range []string{"", "]", `,"]`, strings.Repeat(" ", 5*blockSize) + "[}"} {
				value := "[" + strings.Repeat("1,", smallValue/2-blockSize/2) + strings.Repeat(" ", pad) + text + `,{"]":[` + text + `],"a" : "{"},` + text + "]"
				r := Reader{Src: []byte("[0," + value + behind), At: 3}
				want, code := ScanValue(r.Src, 3)
				if r.Skip(); r.At != want || want != 3+len(value) || code != OK {
					t.Fatalf("%s: skipped to %d, want %d, %v", r.Src, r.At, want, code)
				}
			}
		}
	}
}

// Enter leaves what is no such container to be read otherwise.
func TestReader_Enter(t *testing.T) {
	for _, src := range []string{` 1 `, ` "{" `, ` null`, ` {"a":[1]}`, ` [{"a":1}]`} {
		r := Reader{Src: []byte(src)}
		for _, bracket := range []byte("{[") {
			if opens := src[1] == bracket; r.Enter(bracket) != opens {
				t.Errorf("%s: Enter(%c) is not %v", src, bracket, opens)
			} else if opens {
				r.At--
			}
		}
		if got := string(r.Value()); got != strings.TrimSpace(src) {
			t.Errorf("%s: after Enter, Value is %s", src, got)
		}
	}
}

// What Value and Name return cannot be appended to without leaving the source alone.
func TestReader_ReturnsCappedSlices(t *testing.T) {
	src := []byte(`{"name":[1,2],"other":3}`)
	want := string(src)
	r := Reader{Src: src}
	for r.Enter('{'); r.Next(); {
		_ = append(r.Name(), "xxx"...)
		_ = append(r.Value(), "xxx"...)
	}
	if string(src) != want {
		t.Errorf("the source became %s", src)
	}
}

// Against the tokens of encoding/json: values are walked, skipped or taken whole as chance will have it, and what is left is what
// the standard decoder sees there.
func TestReader_AgreesWithEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	for range 2000 {
		var src strings.Builder
		randomJSON(r, &src, 5)
		text := src.String()
		if _, code := ScanValue([]byte(text), 0); code != OK || !json.Valid([]byte(text)) {
			t.Fatalf("the generator made bad JSON: %s", text)
		}
		walk := walk{t: t, rand: r, reader: Reader{Src: []byte(text)}, decoder: json.NewDecoder(strings.NewReader(text)), src: text}
		walk.decoder.UseNumber()
		walk.value()
		if end := SkipSpace(walk.reader.Src, walk.reader.At); end != len(text) || walk.decoder.More() {
			t.Fatalf("%s: ends at %d of %d", text, end, len(text))
		}
	}
}

type walk struct {
	t       *testing.T
	rand    *rand.Rand
	reader  Reader
	text    Text
	decoder *json.Decoder
	src     string
}

func (w *walk) value() {
	switch w.rand.IntN(6) {
	case 0:
		w.reader.Skip()
		w.raw()
		return
	case 1:
		if got, want := string(w.reader.Value()), string(w.raw()); got != want {
			w.t.Fatalf("%s: Value is %s, encoding/json has %s", w.src, got, want)
		}
		return
	}
	switch token := w.token(); token {
	case json.Delim('['), json.Delim('{'):
		bracket := byte(token.(json.Delim))
		if !w.reader.Enter(bracket) {
			w.t.Fatalf("%s: no %c at %d", w.src, bracket, w.reader.At)
		}
		for w.reader.Next() {
			if bracket == '{' {
				w.same(w.reader.Name(), w.token())
			}
			w.value()
		}
		if end := w.token(); end != json.Delim(bracket+2) {
			w.t.Fatalf("%s: left a container at %d, encoding/json sees %v", w.src, w.reader.At, end)
		}
	default:
		w.same(w.reader.Value(), token)
	}
}

func (w *walk) raw() (raw json.RawMessage) {
	if err := w.decoder.Decode(&raw); err != nil {
		w.t.Fatal(err)
	}
	return raw
}

func (w *walk) token() json.Token {
	token, err := w.decoder.Token()
	if err != nil {
		w.t.Fatalf("%s: at %d: %v", w.src, w.reader.At, err)
	}
	return token
}

// same requires a scalar as sent to be what the standard decoder made of it.
func (w *walk) same(raw []byte, token json.Token) {
	got := string(raw)
	if raw[0] == '"' {
		text, _ := w.text.Borrow(raw)
		got = strconv.Quote(string(text))
	}
	want := fmt.Sprint(token)
	switch token := token.(type) {
	case string:
		want = strconv.Quote(token)
	case nil:
		want = "null"
	}
	if got != want {
		w.t.Fatalf("%s: at %d there is %s, encoding/json sees %s", w.src, w.reader.At, got, want)
	}
}

// randomJSON writes a value of any shape, with white space wherever it may be.
func randomJSON(r *rand.Rand, out *strings.Builder, depth int) {
	space := func() { out.WriteString([]string{"", "", "", " ", "\n\t", "\r\n "}[r.IntN(6)]) }
	space()
	defer space()
	kind := r.IntN(8)
	if depth == 0 {
		kind %= 6
	}
	switch kind {
	case 0:
		out.WriteString([]string{"true", "false", "null"}[r.IntN(3)])
	case 1:
		out.WriteString(strconv.FormatInt(int64(r.Uint64()), 10))
	case 2:
		out.WriteString(strconv.FormatFloat(r.NormFloat64()*1e6, "eg"[r.IntN(2)], -1, 64))
	case 3, 4, 5:
		out.WriteString(randomQuoted(r))
	case 6, 7:
		brackets := []string{"[]", "{}"}[kind-6]
		out.WriteByte(brackets[0])
		n := r.IntN(5)
		for i := range n {
			if brackets == "{}" {
				space()
				out.WriteString(randomQuoted(r))
				space()
				out.WriteByte(':')
			}
			randomJSON(r, out, depth-1)
			if i < n-1 {
				out.WriteByte(',')
			}
		}
		if n == 0 {
			space()
		}
		out.WriteByte(brackets[1])
	}
}
