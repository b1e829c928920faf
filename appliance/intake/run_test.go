package intake

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"penstock/appliance/shard"
	"penstock/wire"
	"penstock/wire/kairosdb"
)

// Lines that are taken many at once are stored and counted like others, in their order, in whatever pieces they come; where many come at once,
// and a batch is published as soon as it is laid, they are laid while they are parsed.
func TestStream_Run(t *testing.T) {
	for name, c := range map[string]struct {
		ack         shard.Ack
		rounds, cut int
	}{"in pieces": {shard.AckDisk, 40, 3000}, "many at once": {shard.AckLog, 200, 200_000}} {
		t.Run(name, func(t *testing.T) { runLines(t, c.ack, c.rounds, c.cut) })
	}
}

func runLines(t *testing.T, ack shard.Ack, rounds, cut int) {
	r := startToyOn(t, shard.Options{Shards: 2, Ack: ack}, func(o *Options) {
		o.Formats = []wire.Format{kairosdb.New(kairosdb.Settings{})}
		o.Streams = map[string]string{"telnet": "127.0.0.1:0"}
	})
	const seed, series = 20261127, 30
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
			host := fmt.Sprint("h", i)
			if i == 0 { // is not remembered
				host = strings.Repeat("h", 400)
			}
			if random.IntN(series) == 0 { // so that its next one is not after it, in a batch that has its
				host = "h0"
			}
			add(fmt.Sprintf("put m %d %d host=%s", 1795324341+round/2, round, host))
			want["m;host="+host] = append(want["m;host="+host], fmt.Sprintf("[[%d000,%d]]", 1795324341+round/2, round))
			if random.IntN(20) == 0 {
				add("put m x 1 host=a")
				refused++
			}
		}
	}
	c := dial(t, r.at("telnet"))
	for rest := text.String(); rest != ""; {
		n := min(len(rest), 1+random.IntN(cut))
		tell(t, c, rest[:n])
		rest = rest[n:]
	}
	r.waitStored(t, "metrics", int64(rounds*series))
	got := map[string][]string{}
	for _, rec := range r.records(t, "metrics") {
		_, points, _ := strings.Cut(string(rec.Value), `"points":`)
		points, _, _ = strings.Cut(points, `,"wire"`)
		got[string(rec.Key)] = append(got[string(rec.Key)], points)
	}
	for key, points := range want {
		if !slices.Equal(got[key], points) {
			t.Errorf("seed %d: of %.20s are stored %q, want %q", seed, key, got[key], points)
		}
	}
	eventually(t, "all lines are counted", func() bool {
		s := r.Stats()
		return s.Streams[0].Frames == frames && s.Wires[0].InFlight == 0
	})
	if s := r.Stats(); s.Streams[0].Bytes != size || s.Wires[0].Refused != uint64(refused) || s.Wires[0].Stored != uint64(rounds*series) || s.Wires[0].Received != frames {
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

// A bug in lines that are taken many at once costs the line it was met in, as it does when they are taken one by one, also where they are laid
// while they are parsed.
func TestStream_BugInARun(t *testing.T) {
	for _, fill := range []string{"", strings.Repeat("x", 80)} {
		runs := toy
		runs.Streams = slices.Clone(toy.Streams[:1])
		var laid atomic.Int64
		runs.Streams[0].New = func() wire.Parser { return buggyRun{layingToy(&laid)} }
		r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog}, func(o *Options) {
			o.Formats = []wire.Format{o.Formats[0], runs}
			o.Streams = map[string]string{"toy": "127.0.0.1:0"}
		})
		var want []string
		text, size := "", 0
		for n := range 500 {
			line := fmt.Sprint(n, fill)
			if n == 300 {
				line = "panic here"
			} else {
				want = append(want, line)
			}
			text, size = text+line+"\n", size+len(line)
		}
		tell(t, dial(t, r.at("toy")), text)
		r.waitStored(t, "events", 499)
		if got := r.lines(t, "events"); !slices.Equal(got, want) {
			t.Errorf("stored %q", got)
		}
		if got := r.refused(t); len(got) != 1 || got[0].Raw != "panic here" {
			t.Errorf("kept %+v", got)
		}
		eventually(t, "all are counted", func() bool { return r.toyWire().InFlight == 0 })
		if w := r.toyWire(); w.Received != 500 || w.Stored != 499 || w.Failed != 1 {
			t.Errorf("counted %+v", w)
		}
		if s := r.Stats().Streams[0]; s.Frames != 500 || s.Bytes != uint64(size) {
			t.Errorf("counted %+v", s)
		}
		if (laid.Load() > 0) != (fill != "") {
			t.Errorf("%d bytes behind each line: %d were laid while they were parsed", len(fill), laid.Load())
		}
	}
}

// layingToy is the toy, but that it has lines laid while it parses them, if it may.
func layingToy(laid *atomic.Int64) parserFunc {
	rest := newToy()
	return func(req *wire.Request, b *wire.Batch) *wire.Fault {
		value := b.Lay(req.Topics[wire.KindEvent], nil, 1, len(req.Body), req.Now)
		if value == nil {
			return rest.Parse(req, b)
		}
		laid.Add(1)
		if bytes.HasPrefix(req.Body, []byte("panic")) {
			panic("the parser has a bug")
		}
		copy(value, req.Body)
		return nil
	}
}
