package fuzz

import (
	"bytes"
	"testing"

	"penstock/wire"
)

// A parser or splitter that is wrong does not pass.
func TestCanary_KairosDB(t *testing.T) {
	change := func(old, with string) func(b *wire.Batch) {
		return func(b *wire.Batch) {
			b.Records[0].Value = bytes.Replace(b.Records[0].Value, []byte(old), []byte(with), 1)
		}
	}
	with := func(p wire.Parser, break_ func(b *wire.Batch)) wire.Parser {
		return parse(func(req *wire.Request, b *wire.Batch) *wire.Fault {
			fault := p.Parse(req, b)
			break_(b)
			return fault
		})
	}
	datapoints, lines := kairos.Routes[0].New(), kairos.Streams[0].New()
	a := &attack{method: "POST", path: kairosDoor, body: []byte(`[{"name":"m","tags":{"k":"v"},"ttl":9,"datapoints":[[7000,1.5],[]]}]`)}
	line := []byte("put m 7 1.5 k=v kairos_opt.ttl=9")
	for name, breaks := range map[string]func(b *wire.Batch){
		"nothing":         func(*wire.Batch) {},
		"another value":   change("1.5", "1.51"),
		"another time":    change("7000", "7001"),
		"another name":    change(`"m"`, `"n"`),
		"another tag":     change(`"v"`, `"w"`),
		"another type":    change("double", "long"),
		"another ttl":     change(`"ttl":9`, `"ttl":8`),
		"a string":        change("1.5", `"1.5"`),
		"no JSON":         change("}", ""),
		"a lost record":   (*wire.Batch).Clear,
		"another record":  func(b *wire.Batch) { *b.Add() = b.Records[0] },
		"a record's time": func(b *wire.Batch) { b.Records[0].Time++ },
	} {
		if found := checkKairosDatapoints(with(datapoints, breaks), a) != nil; found == (name == "nothing") {
			t.Errorf("%s of a body is found: %v", name, found)
		}
		if found := checkKairosLine(with(lines, breaks), line) != nil; found == (name == "nothing") {
			t.Errorf("%s of a line is found: %v", name, found)
		}
	}
	more := with(datapoints, func(b *wire.Batch) { b.Refuse(wire.BadField, 0, nil) })
	if checkKairosDatapoints(more, a) == nil {
		t.Error("another refused part is not found")
	}
	for name, split := range map[string]wire.Splitter{
		"takes what has come for a line": func(buf []byte, _ bool) (int, []byte, *wire.Fault) { return len(buf), buf, nil },
		"never takes anything":           func([]byte, bool) (int, []byte, *wire.Fault) { return 0, nil, nil },
		"takes more than there is":       func(buf []byte, _ bool) (int, []byte, *wire.Fault) { return len(buf) + 1, nil, nil },
	} {
		s := wire.Stream{Max: 64, NewSplit: func() wire.Splitter { return split }, New: kairos.Streams[0].New}
		if checkKairosStream(&s, bytes.Repeat([]byte("put m 1 1\n"), 20)) == nil {
			t.Errorf("a splitter that %s is not found", name)
		}
	}
}
