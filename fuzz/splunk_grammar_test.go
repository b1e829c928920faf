package fuzz

import (
	"bytes"
	"testing"

	"penstock/wire"
	"penstock/wire/splunk"
)

// FuzzSplunk_Grammar has the fuzzer choose among well-formed bodies, which its own mutations of text seldom are: fields in any order
// and spelling, known ones and others, with values that fit and values that do not.
func FuzzSplunk_Grammar(f *testing.F) {
	f.Add([]byte("\x01\x00\x02\x03\x00\x01\x00"), true)
	f.Add([]byte("\x02\x00\x00\x01\x02\x00\x03\x04\x05\x06\x07\x08\x00\x00\x00\x00\x00\x00"), false)
	f.Add(bytes.Repeat([]byte{0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89}, 9), true)
	f.Add(bytes.Repeat([]byte{7, 0, 0, 0, 0, 3, 0, 0}, 20), false)
	f.Fuzz(func(t *testing.T, choices []byte, metrics bool) {
		g := grammar{choices: choices}
		door, same := "events", checkSplunkEvents
		if g.out = append(g.out, '['); metrics {
			door, same = "metrics", checkSplunkMetrics
		}
		g.many(1, func() {
			if metrics {
				g.object(splunkMembers, map[string]func(){"body": g.metrics, "attributes": g.defaults})
			} else {
				g.object(splunkMembers, map[string]func(){"body": g.value, "attributes": g.value})
			}
		})
		a := splunkPOST(door, "acme", append(g.out, ']'), nil)
		if err := check(splunk.Format, a); err != nil {
			t.Fatal(err)
		}
		if err := same(splunk.Format, a); err != nil {
			t.Fatal(err)
		}
	})
}

var splunkMembers = []string{"body", "body", "body", "attributes", "host", "source", "sourcetype", "source_type", "timestamp", "nanos", "id", "kind",
	"Body", "hoſt", "TimeStamp", "K\u0131nd", "other", ""}

// grammar writes JSON by the fuzzer's choices; when they run out it chooses the first of everything.
type grammar struct {
	choices []byte
	out     []byte
	written int
}

func (g *grammar) choose(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0]) % n
	g.choices = g.choices[1:]
	return c
}

// many writes up to seven elements, at least so many.
func (g *grammar) many(least int, each func()) {
	for i := range least + g.choose(8-least) {
		if g.written++; g.written > 200 {
			return
		}
		if i > 0 {
			g.out = append(g.out, ',')
		}
		each()
	}
	if g.choose(20) == 19 {
		g.out = bytes.TrimSuffix(g.out, []byte(","))
	}
}

// object writes an object of the members named, now and then something else.
func (g *grammar) object(names []string, values map[string]func()) {
	if g.choose(16) == 15 {
		g.value()
		return
	}
	g.out = append(g.out, '{')
	first := true
	g.many(1, func() {
		name := names[0]
		if !first {
			name = names[g.choose(len(names))]
		}
		first = false
		g.out = append(wire.AppendQuoted(g.out, name), ':')
		if value := values[name]; value != nil {
			value()
			return
		}
		g.value()
	})
	g.out = append(g.out, '}')
}

func (g *grammar) metrics() {
	if g.choose(12) == 11 {
		g.value()
		return
	}
	g.out = append(g.out, '[')
	g.many(0, func() {
		g.object([]string{"name", "value", "dimensions", "type", "unit", "name", "NAME", "other"}, map[string]func(){"name": g.text, "dimensions": g.dimensions})
	})
	g.out = append(g.out, ']')
}

func (g *grammar) defaults() {
	g.object([]string{"defaultDimensions", "defaultType", "defaultUnit", "defaultunit", "other"}, map[string]func(){"defaultDimensions": g.dimensions})
}

func (g *grammar) dimensions() {
	g.object([]string{"a", "b", "A", "", "é"}, map[string]func(){"a": g.text, "b": g.text, "A": g.text, "": g.text})
}

func (g *grammar) text() {
	g.out = append(g.out, [...]string{`"x"`, `"y"`, `""`, `null`, `"a\tb\""`, `"é"`, `1`}[g.choose(7)]...)
}

func (g *grammar) value() {
	g.out = append(g.out, [...]string{`null`, `"x"`, `1`, `-0`, `1.5`, `1e3`, `true`, `{}`, `[]`, `2147483648`, `-2147483648`, `9223372036854775807`,
		`9223372036854775808`, `1e999`, `""`, `{"a":null}`, `[{"b":1}]`, ` "x" `, `"\n"`, `0.00000000000000000000000000000000000000000000000000000000000000000001`}[g.choose(20)]...)
}
