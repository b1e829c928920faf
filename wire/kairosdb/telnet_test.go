package kairosdb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/wiretest"
)

// The words of lines as the server's own tests have them, and its splitter where they do not look.
func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"simple white space string": {"simple", "white", "space", "string"},
		"uses\ttab\tseparators":     {"uses", "tab", "separators"},
		"":                          nil,
		"  \t  \t":                  nil,
		"multiple \tinterstitial\t space \t chars": {"multiple", "interstitial", "space", "chars"},
		"  space at start and end  ":               {"space", "at", "start", "and", "end"},
		"nospace":                                  {"nospace"},
		`"quoted space"`:                           {"quoted space"},
		`"quoted space" at the begining`:           {"quoted space", "at", "the", "begining"},
		`quoted space at "the end"`:                {"quoted", "space", "at", "the end"},
		`quoted string "with"in" it`:               {"quoted", "string", `with"in`, "it"},
		`""`:                                       {""},
		`"" x`:                                     {"", "x"},
		`"`:                                        nil,
		`" x"`:                                     {`x"`},
		`a "`:                                      {"a"},
		`a "b c`:                                   {"a", "b c"},
		`a"b c"d`:                                  {`a"b`, `c"d`},
		"a\x00\x01\x1fb\x7f":                       {"a", "b\x7f"},
	} {
		var got []string
		for _, word := range words(nil, []byte(line)) {
			got = append(got, string(word))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// says feeds text to the stream, and tells how many points were stored, how many lines were refused and what was said back.
func says(s Settings, text string) (records, refused int, said string) {
	stream := New(s).Streams[0]
	split, parser := stream.NewSplit(), stream.New()
	var b wire.Batch
	for buf := []byte(text); ; {
		advance, frame, fault := split(buf, true)
		if advance == 0 {
			return len(b.Records), refused, string(b.Echo)
		}
		buf = buf[advance:]
		if frame != nil {
			req := post(string(frame))
			fault = parser.Parse(req, &b)
		}
		if fault != nil {
			refused++
		}
	}
}

func TestTelnet_Settings(t *testing.T) {
	const text = "put m 1 2 a=b\nput m 1 2 a\nget\tit\nput m\nversion\n\n" + `put "m` + "\t" + `x" y 2` + "\n"
	if records, refused, said := says(Settings{}, text); records != 1 || refused != 4 || said != "KairosDB 1.3.0-1\n" {
		t.Errorf("%d records, %d refused, says %q", records, refused, said)
	}
	const want = "put: tag[0] must be in the format 'name=value'.\nget: Unknown command: 'get'\n" +
		"put: the line has too few words, or too many\nKairosDB 1.3.0-1\nput: Malformed:  y\n"
	if _, _, said := says(Settings{Feedback: true}, text); said != want {
		t.Errorf("with feedback it says\n%s\nwant\n%s", said, want)
	}
	if records, refused, _ := says(Settings{MaxLine: 13}, "put m 1 2 a=b\r\nput m 1 2 a=bc\nput m 1 2 a=b\n"); records != 2 || refused != 1 {
		t.Errorf("%d records, %d refused", records, refused)
	}
}

// Whatever a connection's end cuts off is not taken.
func TestTelnet_Cut(t *testing.T) {
	const text = "put m 1 12.5 a=bc\nput m 1 12.5 a=bc\n"
	for cut := range len(text) + 1 {
		records, refused, _ := says(Settings{}, text[:cut])
		want, whole := strings.Count(text[:cut], "\n"), cut == 0 || text[cut-1] == '\n'
		if records != want || (refused == 0) != whole {
			t.Errorf("cut at %d: %d records, %d refused", cut, records, refused)
		}
	}
}

// Lines gather in one batch, and a bad one takes nothing from the others.
func TestTelnet_Gathers(t *testing.T) {
	records, refused, _ := says(Settings{}, strings.Repeat("put m 1 2 a=b\nput m x\n", 100))
	if records != 100 || refused != 100 {
		t.Errorf("%d records, %d refused", records, refused)
	}
	var p lines
	var b wire.Batch
	for i, line := range []string{"put m 1 2 b=2 a=1", "puts \xe9 3 x\xff", "puts \x80 3 x", "put m 5 1.5f", "put n 1 1 a", "put n 7 1 kairos_opt.ttl=9"} {
		if fault := p.Parse(post(line), &b); (fault != nil) != (i == 4) {
			t.Fatalf("%s: %v", line, fault)
		}
	}
	want := []string{
		`{"kind":"metric","metric":"m","tags":{"a":"1","b":"2"},"type":"long","points":[[1000,2]],"wire":"kairosdb"}`,
		`{"kind":"metric","metric":"é","tags":{"add":"tag"},"type":"string","points":[[3,"xÿ"]],"wire":"kairosdb"}`,
		`{"kind":"metric","metric":"` + "\u0080" + `","tags":{"add":"tag"},"type":"string","points":[[3,"x"]],"wire":"kairosdb"}`,
		`{"kind":"metric","metric":"m","tags":{"add":"tag"},"type":"double","points":[[5000,1.5]],"wire":"kairosdb"}`,
		`{"kind":"metric","metric":"n","tags":{"add":"tag"},"type":"long","points":[[7000,1]],"ttl":9,"wire":"kairosdb"}`,
	}
	var got []string
	for i := range b.Records {
		got = append(got, string(b.Records[i].Value))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// The earliest second that is a long in milliseconds, and one before; from secondsBelow on a time is in milliseconds already.
func TestTelnet_Times(t *testing.T) {
	for line, want := range map[string]int64{
		"put m -9223372036854775 1 a=b": -9223372036854775000, "put m 1 1 a=b": 1000, "putm m 1 1 a=b": 1, "putm m -9223372036854775808 1 a=b": math.MinInt64,
		fmt.Sprintf("put m %d 1 a=b", secondsBelow-1): (secondsBelow - 1) * 1000, fmt.Sprintf("put m %d 1 a=b", secondsBelow): secondsBelow,
	} {
		var p lines
		var b wire.Batch
		if fault := p.Parse(post(line), &b); fault != nil || len(b.Records) != 1 || b.Records[0].Time != want {
			t.Errorf("%s: %v, %+v; want %d", line, fault, b.Records, want)
		}
	}
	for line, want := range map[string]bool{
		"put m 1 1 kairos_opt.ttl=2147483647": true, "put m 1 1 kairos_opt.ttl=2147483648": false, "put m 1 1 kairos_opt.ttl=-2147483648": true,
		"put m 1 1 kairos_opt.ttl=-2147483649": false, "put m 1 1 kairos_opt.ttl=x": false,
	} {
		var p lines
		var b wire.Batch
		if fault := p.Parse(post(line), &b); (fault == nil) != want {
			t.Errorf("%s: %v", line, fault)
		}
	}
	for _, line := range []string{"put m -9223372036854776 1 a=b", "put m -9223372036854775809 1 a=b", "put m  1 a=b", "put m x 1 a=b"} {
		var p lines
		var b wire.Batch
		if fault := p.Parse(post(line), &b); fault == nil || len(b.Records) > 0 {
			t.Errorf("%s: %v, %+v", line, fault, b.Records)
		}
	}
	if max := New(Settings{MaxLine: 13}).Streams[0].Max; max != 13+len("\r\n") {
		t.Errorf("a line of 13 bytes and its end have room for %d", max)
	}
}

// Whatever lines a parser has seen, and in whatever order, it makes the same of a line as a new one.
func TestTelnet_Expected(t *testing.T) {
	var p lines
	var b wire.Batch
	usual := []string{
		"put a 1790000000 1.5 host=x", "put b 1790000000 2 host=x", "put b 1790000000 2.5 host=x", "put ab 1790000000000 -3 host=x y=\"z",
		"put a 1790000000 4 host=x kairos_opt.ttl=5", "put c 1790000000 0", "put d 17900000 0.25",
	}
	for round := range 3 {
		for i, line := range usual {
			b.Reset()
			p.known.Begin(nil)
			if _, end := p.expected([]byte(line)); (end == len(line)) != (round > 1 || round == 1 && i > 0) {
				t.Fatalf("round %d: %s: expected: %d", round, line, end)
			}
			if fault := p.Parse(post(line), &b); fault != nil {
				t.Fatal(fault)
			}
		}
	}
	many := append(usual, "put a 1790000000 1e5 host=x", "put a 1790000000 01 host=x", "put a 0179000000 1 host=x", "put a 1790000000 1.5 host=x ", "put a 1790000000 1.5  host=x",
		"put a  1790000000 1.5 host=x", "put  a 1790000000 1.5 host=x", "put a 1790000000 1.5", "put a 1790000000 -0 host=x", "put a 1790000000 1. host=x", "putm a 1790000000 1.5 host=x",
		"puts a 1790000000 1.5 host=x", "put a 17900000001 1.5 host=x", "put a 2999999999 1 host=x", "put a 3000000000 1 host=x", "put a 1790000000", "put a", "put ", "put", "", "version",
		"put \"a\" 1790000000 1.5 host=x", "put \xc3\xa9 1790000000 1.5 host=x", "put \xe9 1790000000 1.5 host=x", "put b 1790000000 2 host=\xc3\xa9", "put b 1790000000 2 host=\xe9",
		"put a 179000000000000000 1 host=x", "put a 1790000000000000 1 host=x", "put a 1790000000 999999999999999999 host=x", "put a 1790000000 9999999999999999999 host=x")
	const seed = 20261127
	random := rand.New(rand.NewPCG(seed, 0))
	p = lines{}
	order := random.Perm(len(many))
	for i := range 40 * len(many) {
		line := many[order[i%len(order)]]
		if random.IntN(6) == 0 {
			line = many[random.IntN(len(many))]
		}
		if got, want := told(&p, line), told(new(lines), line); got != want {
			t.Fatalf("seed %d, line %d: %q makes\n%s, and for a new parser\n%s", seed, i, line, got, want)
		}
	}
}

// A line that is expected but for its length is left to the splitter.
func TestTelnet_RunLong(t *testing.T) {
	line := "put m 1790000000 12.5 host=abc\n"
	p := New(Settings{MaxLine: len(line)}).Streams[0].New().(wire.Runner)
	var b wire.Batch
	for range 2 {
		p.Parse(post(line[:len(line)-1]), &b)
	}
	long := strings.Replace(line, "12.5", "12.525", 1)
	for text, want := range map[string]int{line: 1, line + line + long + line: 2, long: 0, line[:len(line)-1]: 0, "": 0} {
		if taken, used, bytes := p.Run([]byte(text), 9, post(""), &b); taken != want || used != want*len(line) || bytes != want*(len(line)-1) {
			t.Errorf("of %q it took %d lines, %d bytes of %d", text, taken, bytes, used)
		}
	}
}

// told is what comes of a line.
func told(p *lines, line string) string {
	var b wire.Batch
	text := ""
	if fault := p.Parse(post(line), &b); fault != nil {
		text = fmt.Sprintf("%v %s", fault, fault.Detail)
	}
	for i := range b.Records {
		text += wiretest.Tell(&b.Records[i])
	}
	return text
}
