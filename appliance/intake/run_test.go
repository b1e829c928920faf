package intake

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"penstock/appliance/shard"
	"penstock/wire"
	"penstock/wire/kairosdb"
)

// Lines that are taken many at once are stored and counted like others, in their order, in whatever pieces they come.
func TestStream_Run(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Formats = []wire.Format{kairosdb.New(kairosdb.Settings{})}
		o.Streams = map[string]string{"telnet": "127.0.0.1:0"}
	})
	const seed, rounds, series = 20261127, 40, 30
	random := rand.New(rand.NewPCG(seed, 0))
	var text strings.Builder
	var frames, size uint64
	refused := 0
	want := map[string][]string{}
	add := func(line string) {
		text.WriteString(line + []string{"\n", "\r\n"}[random.IntN(2)])
		frames, size = frames+1, size+uint64(len(line))
	}
	for round := range rounds {
		for i := range series {
			add(fmt.Sprintf("put m %d %d host=h%d", 1795324341+round/2, round, i))
			want[fmt.Sprintf("m;host=h%d", i)] = append(want[fmt.Sprintf("m;host=h%d", i)], fmt.Sprintf("[[%d000,%d]]", 1795324341+round/2, round))
			if random.IntN(20) == 0 {
				add("put m x 1 host=a")
				refused++
			}
		}
	}
	c := dial(t, r.at("telnet"))
	for rest := text.String(); rest != ""; {
		n := min(len(rest), 1+random.IntN(3000))
		tell(t, c, rest[:n])
		rest = rest[n:]
	}
	r.waitStored(t, "metrics", rounds*series)
	got := map[string][]string{}
	for _, rec := range r.records(t, "metrics") {
		_, points, _ := strings.Cut(string(rec.Value), `"points":`)
		points, _, _ = strings.Cut(points, `,"wire"`)
		got[string(rec.Key)] = append(got[string(rec.Key)], points)
	}
	for key, points := range want {
		if !slices.Equal(got[key], points) {
			t.Errorf("seed %d: of %s are stored %q, want %q", seed, key, got[key], points)
		}
	}
	eventually(t, "all lines are counted", func() bool { return r.Stats().Streams[0].Frames == frames })
	if s := r.Stats(); s.Streams[0].Bytes != size || s.Wires[0].Refused != uint64(refused) || s.Wires[0].Stored != rounds*series {
		t.Errorf("seed %d: counted %+v %+v, want %d bytes, %d refused", seed, s.Streams[0], s.Wires[0], size, refused)
	}
}

// buggyRun takes all lines at once, up to one that has a bug.
type buggyRun struct{ parserFunc }

func (p buggyRun) Run(text []byte, most int, req *wire.Request, b *wire.Batch) (taken, used, bytesOf int) {
	for ; taken < most; taken++ {
		line, rest, whole := bytes.Cut(text[used:], []byte("\n"))
		if !whole {
			break
		}
		one := *req
		one.Body = line
		p.parserFunc(&one, b)
		used, bytesOf = len(text)-len(rest), bytesOf+len(line)
	}
	return taken, used, bytesOf
}

// A bug in lines that are taken many at once costs the line it was met in, as it does when they are taken one by one.
func TestStream_BugInARun(t *testing.T) {
	runs := toy
	runs.Streams = slices.Clone(toy.Streams[:1])
	runs.Streams[0].New = func() wire.Parser { return buggyRun{newToy().(parserFunc)} }
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog}, func(o *Options) {
		o.Formats = []wire.Format{o.Formats[0], runs}
		o.Streams = map[string]string{"toy": "127.0.0.1:0"}
	})
	c := dial(t, r.at("toy"))
	if _, err := io.WriteString(c, "one\ntwo\nthree\npanic here\nfour\nfive\n"); err != nil {
		t.Fatal(err)
	}
	r.waitStored(t, "events", 5)
	if got, want := r.lines(t, "events"), []string{"one", "two", "three", "four", "five"}; !slices.Equal(got, want) {
		t.Errorf("stored %q", got)
	}
	if got := r.refused(t); len(got) != 1 || got[0].Raw != "panic here" {
		t.Errorf("kept %+v", got)
	}
	if w := r.toyWire(); w.Received != 6 || w.Stored != 5 || w.Failed != 1 || w.InFlight != 0 {
		t.Errorf("counted %+v", w)
	}
	if s := r.Stats().Streams[0]; s.Frames != 6 || s.Bytes != uint64(len("onetwothreepanic herefourfive")) {
		t.Errorf("counted %+v", s)
	}
}
