package formats

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/wiretest"
)

// However many lines a parser takes at once, the same comes of them as of each by itself.
func TestRun(t *testing.T) {
	const seed = 20261127
	for _, c := range []struct {
		stream string
		usual  string // of a series, a time and a value
		odd    []string
	}{
		{"telnet", "put m%d %d %d.5 host=a", []string{
			"", "version", "put m x 1 host=a", "put \xe9 1790000000 1 a=b", `put "m1" 1790000000 1 host=a`, "put m1 1790000000 1 host=a b=c", "put m1 1790000000 1 host=b",
			"put m3 1790000000 1 host=" + strings.Repeat("x", 998), "put m3 1790000000 1.75 host=" + strings.Repeat("x", 998), strings.Repeat("y", 1100),
		}},
		{"graphite", "a.host%d.m %[3]d.5 %[2]d", []string{
			"", "a.b 1 x", `"a.host1.m" 1 1790000000`, "a.host1.m 1 1790000000 x", "a.host1.m  1 1790000000", "a.host1.m 1e5 1790000000", "a.host1.m 1 1790000000.5",
			"a." + strings.Repeat("x", 4076) + ".m 1 1790000000", "a." + strings.Repeat("x", 4076) + ".m 1.75 1790000000", strings.Repeat("y", 4200),
		}},
	} {
		t.Run(c.stream, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			stream := streamNamed(t, c.stream)
			used, split := stream.New().(wire.Runner), stream.NewSplit()
			lines, together := 0, 0
			for round := range 60 {
				text := linesOf(random, c.usual, c.odd)
				var got, want wire.Batch
				alone := stream.New()
				for rest := text; len(rest) > 0; {
					advance, frame, _ := split(rest, false)
					if rest = rest[advance:]; frame == nil {
						continue
					}
					alone.Parse(lineRequest(frame), &want)
					used.Parse(lineRequest(frame), &got)
					taken, size, bytes := used.Run(rest, random.IntN(20), lineRequest(nil), &got)
					lines, together = lines+1+taken, together+taken
					for ran := rest[:size]; len(ran) > 0; taken-- {
						advance, frame, fault := split(ran, false)
						if fault != nil || frame == nil {
							t.Fatalf("seed %d, round %d: it took %q", seed, round, ran)
						}
						bytes, ran = bytes-len(frame), ran[advance:]
						alone.Parse(lineRequest(frame), &want)
					}
					if taken != 0 || bytes != 0 {
						t.Fatalf("seed %d, round %d: of %q it took %d lines and %d bytes more than there are", seed, round, rest[:size], taken, bytes)
					}
					rest = rest[size:]
				}
				if got, want := tellAll(&got), tellAll(&want); got != want {
					t.Fatalf("seed %d, round %d: it made\n%s, want\n%s", seed, round, got, want)
				}
			}
			if together < lines/3 {
				t.Errorf("of %d lines %d were taken with others", lines, together)
			}
		})
	}
}

func streamNamed(t *testing.T, name string) *wire.Stream {
	t.Helper()
	for _, f := range All() {
		for i := range f.Streams {
			if f.Streams[i].Name == name {
				return &f.Streams[i]
			}
		}
	}
	t.Fatalf("no stream %s", name)
	return nil
}

// linesOf is some lines, most of them usual, with their ends.
func linesOf(random *rand.Rand, usual string, odd []string) []byte {
	var text []byte
	for i := range random.IntN(80) {
		if random.IntN(12) > 0 {
			text = fmt.Appendf(text, usual, i%20, 1790000000+i/30, random.IntN(1000))
		} else {
			text = append(text, odd[random.IntN(len(odd))]...)
		}
		text = append(text, []string{"\n", "\n", "\r\n", "\r\r\n"}[random.IntN(4)*random.IntN(2)]...)
	}
	return text
}

func lineRequest(line []byte) *wire.Request {
	return &wire.Request{Body: line, Topics: wire.DefaultTopics(), Decode: new(wiretest.Decoder), Tables: wiretest.Tables{}, Now: 1790000000000}
}

func tellAll(b *wire.Batch) string {
	text := fmt.Sprintf("%q\n", b.Echo)
	for i := range b.Records {
		text += wiretest.Tell(&b.Records[i]) + "\n"
	}
	return text
}
