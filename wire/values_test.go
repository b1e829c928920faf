package wire

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// scans are both ways of reading a value. A source shorter than a block is never read by blocks, hence the spaces.
var scans = map[string]func(text []byte) (end int, code Code){
	"byte by byte": func(text []byte) (int, Code) { return ScanValue(text, 0) },
	"by blocks": func(text []byte) (int, Code) {
		values := Values{Src: append([]byte(strings.Repeat(" ", blockSize)), text...)}
		end, code := values.Scan(blockSize)
		return end - blockSize, code
	},
}

// goOn scans text in both ways after another value, so far after it that text begins at the given byte of a block, and fails where the ways
// differ, or where what is good was read by blocks in vain.
func goOn(t testing.TB, text string, at int) {
	t.Helper()
	src := []byte("{}" + strings.Repeat(" ", blockSize-2+at) + text)
	at += blockSize
	values := Values{Src: src}
	if end, code := values.Scan(0); end != 2 || code != OK {
		t.Fatalf("{} ends at %d, %v", end, code)
	}
	end, code := values.Scan(at)
	wantEnd, wantCode := ScanValue(src, at)
	if end != wantEnd || code != wantCode {
		t.Fatalf("%q at %d: %d, %v by blocks; %d, %v byte by byte", text, at, end, code, wantEnd, wantCode)
	}
	if code != OK || !inBlocks(src, SkipSpace(src, at)) {
		return
	}
	if end, ok := values.ahead.scan(src, SkipSpace(src, at)); !ok || end != wantEnd {
		t.Fatalf("%q at %d: the blocks say %d, %v", text, at, end, ok)
	}
}

func TestValues_EveryPrefixAtEveryPlace(t *testing.T) {
	for _, text := range corpus {
		for i := range len(text) + 1 {
			for at := range blockSize {
				goOn(t, text[:i], at)
			}
		}
	}
}

// Words and numbers, escapes and rows of backslashes, spaces and brackets, where one block ends and the next begins.
func TestValues_AcrossBlocks(t *testing.T) {
	for _, piece := range []string{
		`true`, `false`, `null`, `nul`, `truex`, `-0.5e+10`, `0`, `00`, `1.`, `1.5.5`, `123456789012345678901234567890`, `1 2`, `.5`, `1e`, `-`,
		`"\u00e9\"\\"`, `"\\\\\\\\"`, `"\\\\\\\"`, `"\"`, `"\u00g0"`, `"\x"`, "\"a\tb\"", `",,::  [[]]{{}}: , 1true"`, `"` + strings.Repeat("x", 130) + `"`,
		`{}`, `[]`, `{"a":1}`, `{"a"}`, `{"a" : [ ] }`, `{"a":1,"b"}`, `{"a":1,}`, `[1,]`, `["a":1]`, `["a",{"b":[{"c":"d"}]}]`, `{1:2}`, `{"a":"b":1}`,
		`{"a",1}`, `{[]:1}`, `[}`, `{]`, `,`, `:`, `"a""b"`, `"a" "b"`, `"a"1`, `1"a"`, `[][]`, `{}{}`, `1[`, `"a"{}`, `[1}`, `\`, `\"`, "\x00", "\v", "\u00e9", "\xff",
	} {
		for _, form := range []string{`[%s]`, `{"k":%s}`, `[0,%s,0]`, `{"k":0,"l":%s,"m":0}`, `{"k" : %s , "l": 0}`, `[%s`, `{%s}`, `{%s:0}`, `{"k":0,%s:0}`, `[[%s]`, "[\n\t%s\r\n ]"} {
			for at := range blockSize {
				goOn(t, fmt.Sprintf(form, piece), at)
			}
		}
		spaced := `[` + strings.Repeat(" ", 2*blockSize) + piece + strings.Repeat(" ", 2*blockSize) + `]`
		goOn(t, spaced, 0)
	}
}

func TestValues_Random(t *testing.T) {
	const seed = 20261127
	r := rand.New(rand.NewPCG(seed, seed))
	pieces := strings.Split(`{ } [ ] " , : \ 0 1 - . e true null "a" "a":1 "\\" "\" \u00e9 {"k": [1, }, ]} {"k":[{"l":1}],"m": ,"n":"o" 12.50`, " ")
	pieces = append(pieces, " ", "\n", strings.Repeat(" ", 70), strings.Repeat("long ", 20))
	for range 300_000 {
		var text strings.Builder
		text.WriteByte("{["[r.IntN(2)])
		for range 1 + r.IntN(20) {
			text.WriteString(pieces[r.IntN(len(pieces))])
		}
		goOn(t, text.String(), r.IntN(blockSize))
	}
}

// Good values, then one thing changed in each: what random bytes seldom are.
func TestValues_RandomMutationsOfGood(t *testing.T) {
	const seed = 20261128
	r := rand.New(rand.NewPCG(seed, seed))
	const telling = "{}[]\",:\\/ \n\x00\x1f\x80+-.eEu019atfn"
	for range 50_000 {
		text := []byte(goodValue(r, 0))
		goOn(t, string(text), r.IntN(blockSize))
		for range 3 {
			changed, i, c := slices.Clone(text), r.IntN(len(text)), telling[r.IntN(len(telling))]
			switch r.IntN(3) {
			case 0:
				changed[i] = c
			case 1:
				changed = slices.Insert(changed, i, c)
			default:
				changed = slices.Delete(changed, i, i+1)
			}
			goOn(t, string(changed), r.IntN(blockSize))
		}
	}
}

// goodValue is a container with whatever may be in one.
func goodValue(r *rand.Rand, depth int) string {
	space := func() string { return strings.Repeat(" ", max(0, r.IntN(12)-9)) }
	leaves := []string{`0`, `-1.5e3`, `42`, `12.75`, `true`, `false`, `null`, `""`, `"a \"b\" \\"`, `"\u00e9\n"`, `"` + strings.Repeat("é", r.IntN(60)) + `"`}
	object := r.IntN(2) == 0
	var parts []string
	for range r.IntN(5) {
		part := leaves[r.IntN(len(leaves))]
		if depth < 4 && r.IntN(3) == 0 {
			part = goodValue(r, depth+1)
		}
		if object {
			part = `"` + strings.Repeat("n", r.IntN(20)) + `"` + space() + ":" + space() + part
		}
		parts = append(parts, space()+part+space())
	}
	if object {
		return "{" + strings.Join(parts, ",") + "}"
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// Whatever is asked for in whatever order, the answer is that of a scan which starts there.
func TestValues_InAnyOrder(t *testing.T) {
	const seed = 20261129
	r := rand.New(rand.NewPCG(seed, seed))
	for range 300 {
		var src []byte
		for range 30 {
			src = append(src, goodValue(r, 0)...)
			src = append(src, []string{"", "\n", ",", "]\n[", `"`, `\`, `"{`, "1", `{"a":`}[r.IntN(9)]...)
		}
		values := Values{Src: src}
		at := 0
		for range 200 {
			end, code := values.Scan(at)
			if wantEnd, wantCode := ScanValue(src, at); end != wantEnd || code != wantCode {
				t.Fatalf("%q at %d: %d, %v, want %d, %v", src, at, end, code, wantEnd, wantCode)
			}
			if at = end; r.IntN(4) == 0 || at == len(src) {
				at = r.IntN(len(src))
			} else if code != OK {
				at++
			}
		}
	}
}

func TestValues_ShortSource(t *testing.T) {
	for size := range blockSize + 2 {
		src := []byte(`[` + strings.Repeat(`1`, size) + `]`)
		values := Values{Src: src}
		end, code := values.Scan(0)
		if wantEnd, wantCode := ScanValue(src, 0); end != wantEnd || code != wantCode {
			t.Fatalf("%q: %d, %v, want %d, %v", src, end, code, wantEnd, wantCode)
		}
	}
}
