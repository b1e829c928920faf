package fuzz

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"penstock/wire"
)

// FuzzValues holds wire.Values, which reads by blocks of 64 bytes where the processor can, to wire.ScanValue, which never does: one value
// after another, and whatever follows a bad one, with the first at any byte of a block.
func FuzzValues(f *testing.F) {
	for _, c := range goldens(f, "interana") {
		if len(c.Body) <= attackLimit {
			f.Add(c.Body, byte(len(c.Body)))
		}
	}
	long := strings.Repeat("eight by eight, and some more ", 5)
	for i, text := range []string{
		`{"a":1,"b":[true,false,null,-12.5e+10],"c":{"d":"` + long + `"}}` + "\n" + `{"e":[]}`, `[{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud800"},{"b":"\\\\\\"},1,"x"]`,
		`[[[[{"":[]}]]]]`, `{"a":"b":1}`, `["a":1]`, `{"a"}`, `[01]`, `[1,]`, `{"` + long + `":0` + strings.Repeat(" ", 70) + `,}`, `{"a":"` + long + "\x1f" + `"}`,
		strings.Repeat(`[`, wire.MaxDepth+1), strings.Repeat(`{"a":`, wire.MaxDepth) + `0` + strings.Repeat(`}`, wire.MaxDepth),
	} {
		f.Add([]byte(text), byte(7*i))
	}
	f.Fuzz(func(t *testing.T, src []byte, place byte) {
		if err := checkValues(src, int(place)%64, (*wire.Values).Scan); err != nil {
			t.Fatal(err)
		}
	})
}

func checkValues(text []byte, place int, scan func(*wire.Values, int) (int, wire.Code)) error {
	src := append([]byte("{}"+strings.Repeat(" ", 62+place)), text...)
	values := wire.Values{Src: src}
	for at, asked := 0, 0; at < len(src) && asked < 100; asked++ {
		end, code := scan(&values, at)
		if wantEnd, wantCode := wire.ScanValue(src, at); end != wantEnd || code != wantCode {
			return fmt.Errorf("%q at %d: %d, %v; by itself %d, %v", src, at, end, code, wantEnd, wantCode)
		}
		if code == wire.OK {
			if err := fastjson.ValidateBytes(bytes.TrimSpace(src[at:end])); err != nil {
				return fmt.Errorf("%q at %d: accepts what fastjson does not: %w", src, at, err)
			}
		} else {
			end++
		}
		at = end
	}
	return nil
}

func TestCanary_Values(t *testing.T) {
	lenient := func(values *wire.Values, at int) (int, wire.Code) {
		if end, code := wire.ScanValue(values.Src, at); code == wire.OK || !bytes.Contains(values.Src, []byte(`"a":1]`)) {
			return end, code
		}
		return len(values.Src), wire.OK
	}
	early := func(values *wire.Values, at int) (int, wire.Code) {
		end, code := wire.ScanValue(values.Src, at)
		if code != wire.OK {
			end = max(end-1, 0)
		}
		return end, code
	}
	for name, scan := range map[string]func(*wire.Values, int) (int, wire.Code){"lenient": lenient, "early": early} {
		if checkValues([]byte(`["a":1]`), 5, scan) == nil {
			t.Errorf("a scanner that is %s passes", name)
		}
	}
}
