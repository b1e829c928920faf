package kairosdb

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"penstock/wire"
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
