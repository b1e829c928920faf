package wire

import (
	"strings"
	"testing"
)

func TestColumns(t *testing.T) {
	const arrival = 7
	f := func(c Columns, value, wantKey string, wantTime int64) {
		t.Helper()
		if _, code := ScanValue([]byte(value), 0); code != OK {
			t.Fatalf("%s: the case itself is bad JSON", value)
		}
		var text Text
		var b Batch
		r := Record{Value: []byte(value), Time: arrival}
		c.Read(&r, &text, &b)
		key := "null"
		if r.Key != nil {
			key = string(r.Key)
		}
		if key != wantKey || r.Time != wantTime || string(r.Value) != value {
			t.Errorf("%+v of %s: key %s time %d, want %s %d", c, value, key, r.Time, wantKey, wantTime)
		}
	}
	both := Columns{Time: "t", Key: "k"}
	f(both, `{}`, "null", arrival)
	f(both, `{"k":"a","t":1}`, "a", 1)
	f(both, ` { "t" : 1 , "x":[{"k":"not this"}], "k" : "a" } `, "a", 1)
	f(Columns{}, `{"k":"a","t":1,"":"b"}`, "null", arrival)
	f(Columns{Key: "k"}, `{"k":"a","t":1}`, "a", arrival)
	f(Columns{Time: "t"}, `{"k":"a","t":1}`, "null", 1)
	f(Columns{Time: "k", Key: "k"}, `{"k":"12"}`, "12", 12)
	f(Columns{Key: "a.b"}, `{"a":{"b":"not this"},"a.b":"this"}`, "this", arrival)
	f(Columns{Key: `"\`}, `{"\"\\":"x"}`, "x", arrival)
	f(both, `{"\u006b":"a\u0062","t":"1\u0032"}`, "ab", 12)
	f(both, `{"k":"first","k":"second","t":1,"t":2}`, "first", 1)

	for value, key := range map[string]string{`""`: "", `"é"`: "é", `12`: "12", `-1.50e3`: "-1.50e3", `true`: "true", `false`: "false",
		`null`: "null", `{}`: "null", `["a"]`: "null", `"null"`: "null"} {
		f(both, `{"k":`+value+`}`, key, arrival)
	}
	f(both, `{"k":null,"k":"the first counts, even so"}`, "null", arrival)

	for value, ms := range map[string]int64{
		"0": 0, "1474921202.999": 1474921202, `"1474921202"`: 1474921202, "1e3": 1000, "253402300799999": 253402300799999,
		"253402300800000": arrival, "-1": arrival, "-0.1": arrival, `"2016-09-26T20:20:02Z"`: arrival, `""`: arrival, `" 1"`: arrival,
		"null": arrival, "true": arrival, "{}": arrival, "[1]": arrival, "1e400": arrival, "9223372036854775808": arrival,
	} {
		f(both, `{"t":`+value+`}`, "null", ms)
	}
	f(Columns{Time: "t", Unit: Seconds}, `{"t":1474921202.1239}`, "null", 1474921202123)
	f(Columns{Time: "t", Unit: Seconds}, `{"t":253402300800}`, "null", arrival)
	f(Columns{Time: "t", Unit: Microseconds}, `{"t":1474921202000999}`, "null", 1474921202000)
}

// A key is the record's own bytes, or, with escapes, scratch that outlives the next one's.
func TestColumns_KeyStays(t *testing.T) {
	var text Text
	var b Batch
	c := Columns{Key: "k"}
	for range 3 {
		b.Reset()
		for i := range 100 {
			r := b.Add()
			r.Value = []byte(`{"k":"\u0041` + strings.Repeat("x", i) + `"}`)
			c.Read(r, &text, &b)
		}
		for i, r := range b.Records {
			if string(r.Key) != "A"+strings.Repeat("x", i) {
				t.Fatalf("key %d became %q", i, r.Key)
			}
		}
	}
}
