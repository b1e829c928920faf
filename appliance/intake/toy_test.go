package intake

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"

	"penstock/appliance/shard"
	"penstock/wire"
	"penstock/wire/interana"
)

// toy is a format with two streams: "toy" has lines of up to 100 bytes, "toyframes" frames behind their length in four bytes, of up
// to 1 MiB. A frame is a record, unless it begins with one of the words that the parser knows.
var toy = wire.Format{Name: "toy", Streams: []wire.Stream{
	{Name: "toy", UDP: true, Max: 102, NewSplit: func() wire.Splitter { return wire.SplitLines(100) }, New: newToy},
	{Name: "toyframes", UDP: true, Max: 4 + toyFrameMost, NewSplit: func() wire.Splitter { return splitToyFrames }, New: newToy},
}}

const toyFrameMost = 1 << 20

var errToyFrame = wire.Fault{Code: wire.TooLarge, Offset: wire.NoOffset}

func splitToyFrames(buf []byte, atEOF bool) (int, []byte, *wire.Fault) {
	if len(buf) < 4 {
		return 0, nil, nil // what is left is lost
	}
	n := int(binary.BigEndian.Uint32(buf))
	switch {
	case n == 0xdeadbeef:
		panic("the splitter has a bug")
	case n > toyFrameMost:
		return 0, nil, &errToyFrame
	case len(buf) < 4+n:
		return 0, nil, nil
	}
	return 4 + n, buf[4 : 4+n], nil
}

func toyFrame(text string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text
}

// toyGate holds up a parser that meets the word "wait".
var toyGate = make(chan struct{})

var (
	toySaid = []byte("said\n")
	toyBad  = []byte("bad, says the toy")
)

func newToy() wire.Parser {
	return parserFunc(func(req *wire.Request, b *wire.Batch) *wire.Fault {
		switch line := req.Body; {
		case len(line) == 0:
			return nil
		case bytes.HasPrefix(line, []byte("bad")):
			return b.Fail(wire.BadLine, 3).Because(toyBad)
		case bytes.HasPrefix(line, []byte("part")):
			b.Refuse(wire.BadNumber, 1, line)
		case bytes.HasPrefix(line, []byte("say")):
			if b.Echo == nil {
				b.Echo = toySaid[:len(toySaid):len(toySaid)]
			} else {
				b.Echo = append(b.Echo, toySaid...)
			}
			return nil
		case bytes.HasPrefix(line, []byte("wait")):
			<-toyGate
		case bytes.HasPrefix(line, []byte("panic")):
			b.Add().Topic = []byte("half a record")
			panic("the parser has a bug")
		}
		r := b.Add()
		r.Topic, r.Value, r.Time = req.Topics[wire.KindEvent], req.Body, req.Now
		return nil
	})
}

func withToy(o *Options) {
	o.Formats = []wire.Format{interana.Format, toy}
	o.Streams = map[string]string{"toy": "127.0.0.1:0", "toyframes": "127.0.0.1:0"}
}

// startToy runs a front door with the toy's streams.
func startToy(t testing.TB, change func(*Options)) *rig {
	t.Helper()
	return start(t, func(o *Options) {
		withToy(o)
		if change != nil {
			change(o)
		}
	})
}

// startToyOn is startToy with a set of its own.
func startToyOn(t testing.TB, so shard.Options, change func(*Options)) *rig {
	t.Helper()
	if so.Dir == "" {
		so.Dir = t.TempDir()
	}
	so.SegmentBytes = cmp.Or(so.SegmentBytes, 4<<20)
	set, err := shard.Open(so)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := set.Close(ctx); err != nil {
			t.Errorf("closing the shards: %v", err)
		}
	})
	r := startToy(t, func(o *Options) {
		o.Set, o.Ack = set, so.Ack
		if change != nil {
			change(o)
		}
	})
	r.set = set
	return r
}

func (r *rig) at(stream string) string { return r.Addrs()[stream].String() }

func (r *rig) toyWire() WireStats { return r.Stats().Wires[1] }

func tell(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// gone waits for the server to close the connection, and returns what it said before.
func gone(t testing.TB, c net.Conn) string {
	t.Helper()
	said, err := io.ReadAll(c)
	if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
		t.Fatalf("the connection was not closed")
	}
	return string(said)
}

func (r *rig) waitStored(t testing.TB, topic string, n int64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d records are in %s", n, topic), func() bool { return r.stored(topic) == n })
	eventually(t, "all of them are counted", func() bool { // a moment after they are stored
		return !slices.ContainsFunc(r.Stats().Wires, func(w WireStats) bool { return w.InFlight > 0 })
	})
}

// lines are the values of a topic's records, by shard in their order.
func (r *rig) lines(t testing.TB, topic string) (all []string) {
	t.Helper()
	for _, rec := range r.records(t, topic) {
		all = append(all, string(rec.Value))
	}
	return all
}
