package graphite

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/wiretest"
)

// Whatever lines a parser has seen, and in whatever order, it makes the same of a line as a new one.
func TestLine_Expected(t *testing.T) {
	p := open(t, Settings{Tags: NoTags}, "graphite").(*lines)
	var b wire.Batch
	usual := []string{"a.b 1.5 1790000000", "a 2 1790000000", "a.b;c=d -3.25 1790000000", "b 0 1790000010", "c 1.25 17900000"}
	for round := range 3 {
		for i, line := range usual {
			b.Reset()
			p.known.Begin(nil)
			if _, end := p.expected([]byte(line)); (end == len(line)) != (round > 1 || round == 1 && i > 0) {
				t.Fatalf("round %d: %s: expected: %d", round, line, end)
			}
			if fault := p.Parse(request([]byte(line)), &b); fault != nil {
				t.Fatal(fault)
			}
		}
	}
	many := append(usual, `"a" 2 1790000000`, ` "a 2" 2 1790000000`, `a 2 2 1790000000`, ` "a b" 2 1790000000`, `a b 2 1790000000`, `"""" 2 1790000000`, `"" 2 1790000000`,
		`" 2 1790000000`, `"a 2 1790000000`, `"a 2 1790000000"`, "a 2 1790000000 x", "a 2 1790000000 ", "a  2 1790000000", " a 2 1790000000", "a 2  1790000000", "a 2", "a", "", "a 2 ",
		"a 02 1790000000", "a -0 1790000000", "a 1e5 1790000000", "a +1 1790000000", "a 2 0179000000", "a 2 -1", "a 2 1790000000.5", "a 2 17900000001", "a 2 179000000000",
		"a 2 17900000000000", "a nan 1790000000", "a 1. 1790000000", "a .5 1790000000", "\xe9 2 1790000000", "\xc3\xa9 2 1790000000", "a 99999999999999999999 1790000000")
	const seed = 20261127
	random := rand.New(rand.NewPCG(seed, 0))
	order := random.Perm(len(many))
	for i := range 40 * len(many) {
		line := many[order[i%len(order)]]
		if random.IntN(6) == 0 {
			line = many[random.IntN(len(many))]
		}
		if got, want := tellAll(p, line), tellAll(open(t, Settings{Tags: NoTags}, "graphite"), line); got != want {
			t.Fatalf("seed %d, line %d: %q makes\n%s, and for a new parser\n%s", seed, i, line, got, want)
		}
	}
}

// A line that is expected but for its length is left to the splitter.
func TestLine_RunLong(t *testing.T) {
	line := "a.b.c 12.5 1790000000\n"
	p := open(t, Settings{MaxLine: len(line)}, "graphite").(wire.Runner)
	var b wire.Batch
	for range 2 {
		p.Parse(request([]byte(line[:len(line)-1])), &b)
	}
	long := strings.Replace(line, "12.5", "12.525", 1)
	for text, want := range map[string]int{line: 1, line + line + long + line: 2, long: 0, line[:len(line)-1]: 0, "": 0} {
		if taken, used, bytes := p.Run([]byte(text), 9, request(nil), &b); taken != want || used != want*len(line) || bytes != want*(len(line)-1) {
			t.Errorf("of %q it took %d lines, %d bytes of %d", text, taken, bytes, used)
		}
	}
}

// tellAll is what comes of a line.
func tellAll(p wire.Parser, line string) string {
	var b wire.Batch
	text := ""
	if fault := p.Parse(request([]byte(line)), &b); fault != nil {
		text = fmt.Sprintf("%v %s", fault, fault.Detail)
	}
	for i := range b.Records {
		text += wiretest.Tell(&b.Records[i])
	}
	return text
}
