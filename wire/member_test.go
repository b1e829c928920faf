package wire

import (
	"strings"
	"testing"
)

func TestNextMember(t *testing.T) {
	f := func(src string, want ...string) {
		t.Helper()
		if end, code := ScanValue([]byte(src), 0); code != OK || SkipSpace([]byte(src), end) != len(src) {
			t.Fatalf("%s: the case itself is bad JSON", src)
		}
		if m, end, ok := NextMember([]byte(src), 0); !ok && (src[end] != '}' || m.Name != nil || m.Value != nil) {
			t.Errorf("%s: it ends at %d, with %s", src, end, m)
		}
		var got []string
		for m, at, ok := NextMember([]byte(src), 0); ok; m, at, ok = NextMember([]byte(src), at) {
			got = append(got, string(m.Name)+"="+string(m.Value))
			if m, end, ok := NextMember([]byte(src), at); !ok && (src[end] != '}' || m.Name != nil || m.Value != nil) {
				t.Errorf("%s: it ends at %d, with %s", src, end, m)
			}
		}
		if g, w := strings.Join(got, " | "), strings.Join(want, " | "); g != w {
			t.Errorf("%s\n got %s\nwant %s", src, g, w)
		}
	}
	f(`{}`)
	f("{ \n }")
	f(`{"a":1}`, `"a"=1`)
	f(`{"a":1,"b":"x"}`, `"a"=1`, `"b"="x"`)
	f(" { \"a\" : 1 ,\n\"b\"\t:\r[1, {\"a\":2}] } ", `"a"=1`, `"b"=[1, {"a":2}]`)
	f(`{"a":{},"a":{"b":{}},"":""}`, `"a"={}`, `"a"={"b":{}}`, `""=""`)
	f(`{"\"}":"{","\\":null}`, `"\"}"="{"`, `"\\"=null`)
}
