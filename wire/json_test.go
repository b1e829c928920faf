package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// corpus has every construct of the grammar at least once.
var corpus = []string{
	`{}`, `[]`, `""`, `0`, `-0`, `1`, `-12.5e+10`, `1E-2`, `0.001`, `true`, `false`, `null`,
	`{"ts":1474921202000, "sk" : "a truly awesome message" , "wow": 1}`,
	`[{"a":[1,2,{"b":[]}]},"x",null,[[[]]]]`,
	`{"":{"":{"":[]}}}`,
	`{"e":"\"\\\/\b\f\n\r\té\ud83d\ude00\ud800"}`,
	`{"long":"` + strings.Repeat("eight by eight, and some more ", 9) + `","t":true}`,
	"\"\u00e9\u4e16\U0001f600 \xff\xfe bytes that are no UTF-8\"",
	" \t\r\n[ 1 , 2 ] \n",
	`{"metrics":[{"name":"cpu.load","tags":{"host":"a"},"datapoints":[[1474921202000,0.5],[1474921203000,1e3,"double"]]}]}`,
}

// scanWhole is what json.Valid is: one value with nothing but white space around it. at is where it stops being so.
func scanWhole(scan func([]byte) (int, Code), src []byte) (ok bool, at int) {
	end, code := scan(src)
	if code != OK {
		return false, end
	}
	end = SkipSpace(src, end)
	return end == len(src), end
}

// agree requires the scanner, in each of its ways, to accept what encoding/json accepts, and to stop at the byte where it stops.
func agree(t *testing.T, src []byte) {
	t.Helper()
	want := json.Valid(src)
	stop := -1
	for way, scan := range scans {
		ok, at := scanWhole(scan, src)
		if ok != want {
			t.Fatalf("%q: accepted %s %v (stopped at %d), encoding/json %v", src, way, ok, at, want)
		}
		if ok {
			continue
		}
		if stop < 0 {
			stop = stopOf(t, src)
		}
		if at != stop {
			t.Fatalf("%q: stopped %s at %d, encoding/json at %d", src, way, at, stop)
		}
	}
}

// stopOf is the byte of bad JSON where encoding/json stops.
func stopOf(t *testing.T, src []byte) int {
	t.Helper()
	var discard json.RawMessage
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal(src, &discard), &syntax) {
		t.Fatalf("%q: encoding/json gives no syntax error", src)
	}
	want := int(syntax.Offset) - 1 // it counts the byte that cannot be there
	cut := len(src) > 0 && want == len(src)-1 && src[want] != ' ' && strings.Contains(syntax.Error(), "' '")
	if cut || strings.Contains(syntax.Error(), "unexpected end") {
		want = len(src) // within a number or a word it meets the end as a space that is not there
	}
	return want
}

func TestScanValue_AgreesWithEncodingJSON_EveryPrefix(t *testing.T) {
	for _, text := range corpus {
		if !json.Valid([]byte(text)) {
			t.Fatalf("the corpus has bad JSON: %q", text)
		}
		for i := range len(text) + 1 {
			agree(t, []byte(text[:i]))
		}
	}
}

// Every byte of the corpus replaced by, and followed by, each byte that means something to JSON.
func TestScanValue_AgreesWithEncodingJSON_EveryMutation(t *testing.T) {
	const telling = "{}[]\",:\\/ \t\n\r\x00\x1f\x20\x7f\x80\xff+-.eEu0123459abcfnrtlsFXN"
	for _, text := range corpus {
		for i := range len(text) {
			for _, c := range []byte(telling) {
				changed := []byte(text)
				changed[i] = c
				agree(t, changed)
				agree(t, append(append([]byte(text[:i+1]), c), text[i+1:]...))
			}
			agree(t, append([]byte(text[:i]), text[i+1:]...))
		}
	}
}

func TestScanValue_AgreesWithEncodingJSON_Random(t *testing.T) {
	const seed = 20160926
	r := rand.New(rand.NewPCG(seed, seed))
	pieces := strings.Split(`{ } [ ] " , : \ 0 1 - . e E + true false null "a" "a":1 \u00e9 {"k": [1, }, ]}`, " ")
	for range 200_000 {
		var src []byte
		for range 1 + r.IntN(9) {
			src = append(src, pieces[r.IntN(len(pieces))]...)
		}
		agree(t, src)
	}
}

// Control bytes, quotes and backslashes are found wherever they stand within the words that the scanner reads.
func TestScanString_EveryByteAtEveryPlace(t *testing.T) {
	for size := range 20 {
		for at := range size {
			for c := range 256 {
				src := []byte(`"` + strings.Repeat("x", size) + `"`)
				src[1+at] = byte(c)
				agree(t, src)
			}
		}
	}
}

// A row of values is tiled by the extents of its values and what stands between them.
func TestScanValue_ExtentsTileTheSource(t *testing.T) {
	between := []string{"", "\n", " \r\n\t"}
	for _, gap := range between {
		var src []byte
		var values []string
		for _, text := range corpus {
			text = strings.TrimSpace(text)
			if gap == "" && !strings.ContainsAny(text[:1], `{["`) {
				continue // 0 and 1 would join
			}
			values = append(values, text)
			src = append(append(src, text...), gap...)
		}
		for way, scan := range map[string]func(at int) (int, Code){
			"byte by byte": func(at int) (int, Code) { return ScanValue(src, at) },
			"by blocks":    (&Values{Src: src}).Scan,
		} {
			var tiled []byte
			at := 0
			for _, want := range values {
				end, code := scan(at)
				if code != OK || string(src[at:end]) != want {
					t.Fatalf("gap %q at %d, %s: %v, got %q want %q", gap, at, way, code, src[at:end], want)
				}
				next := SkipSpace(src, end)
				tiled = append(append(tiled, src[at:end]...), src[end:next]...)
				at = next
			}
			if !bytes.Equal(tiled, src) {
				t.Fatalf("gap %q, %s: the extents do not make up the source", gap, way)
			}
		}
	}
}

func TestScanValue_Depth(t *testing.T) {
	f := func(depth int, open, inner, shut string, wantCode Code) {
		t.Helper()
		src := []byte(strings.Repeat(open, depth) + inner + strings.Repeat(shut, depth))
		wantEnd := len(src)
		if wantCode == TooDeep {
			wantEnd = MaxDepth * len(open)
		}
		for way, scan := range scans {
			if end, code := scan(src); code != wantCode || end != wantEnd {
				t.Errorf("depth %d of %q around %q, %s: %v at %d, want %v at %d", depth, open, inner, way, code, end, wantCode, wantEnd)
			}
		}
	}
	f(MaxDepth, `[`, ``, `]`, OK)
	f(MaxDepth, `[`, `0`, `]`, OK)
	f(MaxDepth, `{"a":`, `0`, `}`, OK)
	f(MaxDepth-1, `{"a":`, `{}`, `}`, OK)
	f(MaxDepth/2, `[{"a":`, `0`, `}]`, OK)
	f(MaxDepth, `[`, `{}`, `]`, TooDeep)
	f(MaxDepth+1, `[`, ``, `]`, TooDeep)
	f(MaxDepth+1, `{"a":`, `0`, `}`, TooDeep)
	f(1_000_000, `[`, ``, `]`, TooDeep)
}

// What fastjson and others let pass and we do not, one by one; the byte is where it is noticed.
func TestScanValue_Strict(t *testing.T) {
	f := func(src string, want int) {
		t.Helper()
		for way, scan := range scans {
			if end, code := scan([]byte(src)); code != BadJSON || end != want {
				t.Errorf("%q %s: %v at %d, want bad_json at %d", src, way, code, end, want)
			}
		}
	}
	f(``, 0)
	f(`  `, 2)
	f(`NaN`, 0)
	f(`nan`, 1)
	f(`Infinity`, 0)
	f(`[-inf]`, 2)
	f(`[01]`, 2)
	f(`[+1]`, 1)
	f(`[.5]`, 1)
	f(`[1.]`, 3)
	f(`[1e]`, 3)
	f(`[0x10]`, 2)
	f("\"a\tb\"", 2)
	f("\"\x00\"", 1)
	f(`"\x41"`, 2)
	f(`"\u00g0"`, 5)
	f(`[1,]`, 3)
	f(`[,1]`, 1)
	f(`{"a":1,}`, 7)
	f(`{a:1}`, 1)
	f(`{'a':1}`, 1)
	f(`{"a" 1}`, 5)
	f(`{"a":1]`, 6)
	f(`[1}`, 2)
	f(`[1 2]`, 3)
	f(`[1/**/]`, 2)
	f("[1\v]", 2)
	f("\ufeff{}", 0)
	f(`}`, 0)
}
