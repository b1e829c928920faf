package fuzz

import (
	"bytes"
	"testing"

	"penstock/wire"
	"penstock/wire/graphite"
)

// A parser or splitter that is wrong does not pass.
func TestCanary_Graphite(t *testing.T) {
	lines, pickles := graphite.Format.Streams[graphiteLines], graphite.Format.Streams[graphitePickles]
	with := func(p wire.Parser, break_ func(b *wire.Batch)) wire.Parser {
		return parse(func(req *wire.Request, b *wire.Batch) *wire.Fault {
			fault := p.Parse(req, b)
			break_(b)
			return fault
		})
	}
	change := func(old, with string) func(b *wire.Batch) {
		return func(b *wire.Batch) {
			b.Records[0].Value = bytes.Replace(b.Records[0].Value, []byte(old), []byte(with), 1)
		}
	}
	line := []byte("a.h.x 1.5 7")
	pickle := []byte("](U\x05a.h.xK\x07G\x3f\xf8\x00\x00\x00\x00\x00\x00\x86\x86U\x03a.bK\x07K\x07\x86\x86e.")
	for name, breaks := range map[string]func(b *wire.Batch){
		"another value":  change("1.5", "1.50000000000000001"),
		"another time":   change("7000", "7001"),
		"another name":   change(`"a.x"`, `"a.h.x"`),
		"another host":   change(`"h"`, `""`),
		"a lost record":  (*wire.Batch).Clear,
		"no JSON":        change("}", ""),
		"another record": func(b *wire.Batch) { *b.Add() = b.Records[0] },
	} {
		if checkGraphiteLine(with(lines.New(), breaks), line) == nil {
			t.Errorf("%s of a line is not found", name)
		}
		if checkGraphitePickle(with(pickles.New(), breaks), pickle) == nil {
			t.Errorf("%s of a pickle is not found", name)
		}
	}
	for _, err := range []error{checkGraphiteLine(lines.New(), line), checkGraphitePickle(pickles.New(), pickle)} {
		if err != nil {
			t.Error(err)
		}
	}
	wrong := map[string]wire.Splitter{
		"takes what has come for a line": func(buf []byte, _ bool) (int, []byte, *wire.Fault) { return len(buf), buf, nil },
		"never takes anything":           func([]byte, bool) (int, []byte, *wire.Fault) { return 0, nil, nil },
		"takes more than there is":       func(buf []byte, _ bool) (int, []byte, *wire.Fault) { return len(buf) + 1, nil, nil },
	}
	for name, split := range wrong {
		s := wire.Stream{Max: 64, NewSplit: func() wire.Splitter { return split }, New: lines.New}
		if checkGraphite(&s, bytes.Repeat([]byte("a.h.x 1 1\n"), 20)) == nil {
			t.Errorf("a splitter that %s is not found", name)
		}
	}
}
