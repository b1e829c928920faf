package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/appliance/shard"
	"penstock/wire"
)

// Lines are the same in whatever pieces they come, however they end, and the last one needs no end.
func TestStream_AnyPieces(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog}, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	var want []string
	for round := range 20 {
		var text strings.Builder
		for i := range 50 {
			line := fmt.Sprintf("%d/%d %s", round, i, strings.Repeat("x", rng.IntN(80)))
			want = append(want, line)
			text.WriteString(line)
			if i < 49 || round%2 == 0 {
				text.WriteString([]string{"\n", "\r\n", "\r\n\n"}[rng.IntN(3)])
			}
		}
		c := dial(t, r.at("toy"))
		for rest := text.String(); rest != ""; {
			n := min(1+rng.IntN(100), len(rest))
			tell(t, c, rest[:n])
			rest = rest[n:]
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		r.waitStored(t, "events", int64(len(want)))
	}
	if got := r.lines(t, "events"); !slices.Equal(got, want) {
		t.Errorf("got %d lines, want %d; the first that differs: %q", len(got), len(want), firstDifference(got, want))
	}
	if w := r.toyWire(); w.Stored != uint64(len(want)) || w.Received != w.Stored || w.InFlight != 0 || w.Requests < w.Stored {
		t.Errorf("counted %+v", w)
	}
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("%d: %.200q, want %.200q", i, got[i], want[i])
		}
	}
	return ""
}

// Frames of any size up to the largest, with small ones between them; what was lent for them is given back.
func TestStream_Frames(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog, RingBytes: 8 << 20}, nil)
	c := dial(t, r.at("toyframes"))
	var want []string
	for i, n := range []int{1, bufferOwn - 4, 1, bufferOwn, bufferLent, 5, toyFrameMost, 7, toyFrameMost - 1, bufferFast, 10} {
		frame := strings.Repeat(string(rune('a'+i)), n)
		want = append(want, frame)
		tell(t, c, toyFrame(frame))
	}
	r.waitStored(t, "events", int64(len(want)))
	if got := r.lines(t, "events"); !slices.Equal(got, want) {
		t.Errorf("got %d frames that are not those sent", len(got))
	}
	eventually(t, "nothing is lent", func() bool { return r.Stats().Buffered == 0 })
	tell(t, c, toyFrame("more")+toyFrame("cut")[:6])
	r.waitStored(t, "events", int64(len(want))+1)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	gone(t, c)
	if n := r.stored("events"); n != int64(len(want))+1 {
		t.Errorf("%d records: half a frame was stored", n)
	}
}

// A bad line costs itself, and is kept with its reason and its peer.
func TestStream_BadLines(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog}, nil)
	c := dial(t, r.at("toy"))
	tell(t, c, "one\nbad line\ntwo\r\n\nbad \xff\npart\n"+strings.Repeat("y", 500)+"\nthree\n")
	r.waitStored(t, "events", 4)
	if got, want := r.lines(t, "events"), []string{"one", "two", "part", "three"}; !slices.Equal(got, want) {
		t.Errorf("stored %q", got)
	}
	got := r.refused(t)
	if len(got) != 4 {
		t.Fatalf("kept %+v", got)
	}
	for i, want := range []refusedRecord{
		{Reason: "bad, says the toy", Raw: "bad line"},
		{Reason: "bad, says the toy", Raw: "YmFkIP8=", Encoding: "base64"},
		{Reason: wire.BadNumber.Text(), Raw: "part"},
		{Reason: wire.LineTooLong.Text(), Raw: strings.Repeat("y", 500) + "\n"},
	} {
		if g := got[i]; g.Reason != want.Reason || g.Raw != want.Raw || g.Encoding != want.Encoding || g.Wire != "toy" || g.Peer != "127.0.0.1" || g.Position == nil || g.Time == 0 {
			t.Errorf("kept %+v, want %+v", g, want)
		}
	}
	if w := r.toyWire(); w.Received != 8 || w.Stored != 4 || w.Refused != 4 || w.InFlight != 0 || w.RefusedBy[wire.BadLine] != 2 || w.RefusedBy[wire.LineTooLong] != 1 {
		t.Errorf("counted %+v", w)
	}
	tell(t, c, "four\n") // the connection lives
	r.waitStored(t, "events", 5)
}

// More bad lines than one batch keeps are all kept all the same, and a line without an end costs no memory.
func TestStream_ManyBadLines(t *testing.T) {
	r := startToy(t, nil)
	c := dial(t, r.at("toy"))
	tell(t, c, strings.Repeat("bad\n", 5000)+strings.Repeat("z", 4<<20)+"\ngood\n")
	r.waitStored(t, "events", 1)
	if n := r.stored(wire.RejectedTopic); n != 5001 {
		t.Errorf("%d refused lines were kept, want 5001", n)
	}
	if w := r.toyWire(); w.Refused != 5001 {
		t.Errorf("counted %+v", w)
	}
}

// Bytes that can't be split close the connection; what stood before them is stored.
func TestStream_UnsplittableBytes(t *testing.T) {
	r := startToy(t, nil)
	c := dial(t, r.at("toyframes"))
	tell(t, c, toyFrame("good")+"\xff\xff\xff\xff and more")
	gone(t, c)
	if n := r.stored("events"); n != 1 {
		t.Errorf("%d records", n)
	}
	if got := r.refused(t); len(got) != 1 || got[0].Reason != wire.TooLarge.Text() || got[0].Encoding != "base64" {
		t.Errorf("kept %+v", got)
	}
	if s := r.Stats(); s.Streams[1].Cut != 1 || s.Wires[1].Refused != 1 || s.Wires[1].Stored != 1 {
		t.Errorf("counted %+v %+v", s.Streams, s.Wires[1])
	}
}

// What is said back comes once what was said before it is stored.
func TestStream_SaysBack(t *testing.T) {
	r := startToy(t, nil)
	c := dial(t, r.at("toy"))
	for i := range 10 {
		tell(t, c, "line\nsay\nsay\nline\n")
		answer := make([]byte, 2*len(toySaid))
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "said\nsaid\n" {
			t.Fatalf("%q, %v", answer, err)
		}
		if n := r.stored("events"); n < int64(2*i+1) {
			t.Errorf("%d records when the answer came", n)
		}
	}
	tell(t, c, strings.Repeat("say\n", 30_000))
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n := len(gone(t, c)); n != 30_000*len(toySaid) {
		t.Errorf("%d bytes came back", n)
	}
}

func TestStream_ManyConnections(t *testing.T) {
	const senders, each = 50, 400
	r := startToyOn(t, shard.Options{Shards: 2, Ack: shard.AckLog, RingBytes: 64 << 10}, func(o *Options) { o.Listeners = 2 })
	text := make([]string, senders)
	for s := range senders {
		var b strings.Builder
		for i := range each {
			fmt.Fprintf(&b, "%d %d\n", s, i)
		}
		text[s] = b.String()
	}
	for s := range senders {
		go func() {
			c, err := net.Dial("tcp", r.at("toy"))
			if err == nil {
				defer c.Close()
				_, err = io.WriteString(c, text[s])
			}
			if err != nil {
				t.Error(err)
			}
		}()
	}
	r.waitStored(t, "events", senders*each)
	seen := map[string]int{}
	for _, line := range r.lines(t, "events") {
		seen[line]++
	}
	for s := range senders {
		for i := range each {
			if line := fmt.Sprintf("%d %d", s, i); seen[line] != 1 {
				t.Fatalf("line %q was stored %d times", line, seen[line])
			}
		}
	}
	eventually(t, "all connections are gone", func() bool {
		open := 0
		for _, l := range r.Stats().Listeners {
			open += l.Open
		}
		return open == 0
	})
	if s := r.Stats().Streams[0]; s.Frames != senders*each || s.Bytes == 0 {
		t.Errorf("counted %+v", s)
	}
}

// stalled runs a front door whose set has no room for the topic that lines go to, until release makes some.
func stalled(t *testing.T, change func(*Options)) (r *rig, release func()) {
	t.Helper()
	r = startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog, MaxTopics: 1}, change)
	if err := r.set.CreateTopic("other", 1); err != nil {
		t.Fatal(err)
	}
	return r, func() {
		t.Helper()
		if err := r.set.DeleteTopic("other"); err != nil {
			t.Fatal(err)
		}
	}
}

// While there is no room nothing is read and nothing is lost: the sender's writes block, and go on when there is room.
func TestStream_BackPressure(t *testing.T) {
	r, release := stalled(t, nil)
	c := dial(t, r.at("toy"))
	line := strings.Repeat("p", 79) + "\n"
	text := []byte(strings.Repeat(line, 400_000)) // 32 MB: far more than the kernel holds
	if err := c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	sent, err := c.Write(text)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("sent %d bytes, and then %v: the window never closed", sent, err)
	}
	if s := r.Stats(); s.Streams[0].Waits == 0 || s.Wires[1].InFlight == 0 || s.Wires[1].Busy != 0 {
		t.Errorf("counted %+v %+v", s.Streams[0], s.Wires[1])
	}
	release()
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	end := (sent/len(line) + 1000) * len(line)
	tell(t, c, string(text[sent:end]))
	r.waitStored(t, "events", int64(end/len(line)))
	eventually(t, "all lines count as stored", func() bool { // a moment after they are
		w := r.toyWire()
		return w.Stored == uint64(end/len(line)) && w.InFlight == 0
	})
}

// Where there may be no topic for what was refused, the good lines are stored without it.
func TestStream_NoTopicForTheRefused(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog, MaxTopics: 1}, nil)
	if err := r.set.CreateTopic("events", 1); err != nil {
		t.Fatal(err)
	}
	tell(t, dial(t, r.at("toy")), "good\nbad\ngood\n")
	r.waitStored(t, "events", 2)
	eventually(t, "it is counted", func() bool { w := r.toyWire(); return w.Stored == 2 && w.Refused == 1 && w.InFlight == 0 })
	if n := r.Stats().Unkept; n != 1 {
		t.Errorf("%d refused lines are counted as not kept", n)
	}
}

// What the machine fails to store is tried again, and then given up and counted: its sender can't be told.
func TestStream_StorageFails(t *testing.T) {
	dir := t.TempDir()
	r := startToyOn(t, shard.Options{Dir: dir, Shards: 1, Ack: shard.AckLog}, nil)
	topics := filepath.Join(dir, "topics")
	if err := os.Remove(topics); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(topics, nil, 0o600); err != nil { // no topic can be made there
		t.Fatal(err)
	}
	c := dial(t, r.at("toy"))
	tell(t, c, "one\ntwo\n")
	eventually(t, "they are given up", func() bool { return r.toyWire().Failed == 2 })
	if s := r.Stats(); s.Streams[0].Waits != triesMost-1 || s.Wires[1].InFlight != 0 {
		t.Errorf("counted %+v", s)
	}
	if logs := r.logs.String(); !strings.Contains(logs, "records of a stream were not stored") {
		t.Errorf("logged %s", logs)
	}
	if err := os.Remove(topics); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(topics, 0o700); err != nil {
		t.Fatal(err)
	}
	tell(t, c, "three\n")
	r.waitStored(t, "events", 1)
}

// With a ring that fills all the time, batches larger than it go in pieces, and each line is stored once, in order.
func TestStream_SmallRing(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckRing, RingBytes: 64 << 10}, nil)
	const n = 50_000
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "line %d of a great many that come as fast as they can\n", i)
	}
	tell(t, dial(t, r.at("toy")), text.String())
	r.waitStored(t, "events", n)
	for i, line := range r.lines(t, "events") {
		if want := fmt.Sprintf("line %d of a great many that come as fast as they can", i); line != want {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

// A parser's bug costs the line it was met in; the line is kept, and the connection lives.
func TestStream_BugInAParser(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog}, nil)
	c := dial(t, r.at("toy"))
	tell(t, c, "one\npanic here\nbad\ntwo\n")
	r.waitStored(t, "events", 2)
	tell(t, c, "three\n")
	r.waitStored(t, "events", 3)
	if got, want := r.lines(t, "events"), []string{"one", "two", "three"}; !slices.Equal(got, want) {
		t.Errorf("stored %q", got)
	}
	if got := r.refused(t); len(got) != 2 || got[0].Raw != "panic here" || got[0].Reason != string(hitBug) || got[1].Raw != "bad" {
		t.Errorf("kept %+v", got)
	}
	if w := r.toyWire(); w.Received != 5 || w.Stored != 3 || w.Failed != 1 || w.Refused != 1 || w.InFlight != 0 {
		t.Errorf("counted %+v", w)
	}
	if logs := r.logs.String(); !strings.Contains(logs, "the parser has a bug") || strings.Contains(logs, "panic here") {
		t.Errorf("logged %s", logs)
	}
}

// A splitter's bug costs the connection.
func TestStream_BugInASplitter(t *testing.T) {
	r := startToy(t, func(o *Options) { o.MaxInFlight = 1 })
	for range 3 { // more often than there are workers
		c := dial(t, r.at("toyframes"))
		tell(t, c, "\xde\xad\xbe\xef")
		gone(t, c)
	}
	tell(t, dial(t, r.at("toyframes")), toyFrame("good"))
	r.waitStored(t, "events", 1)
	panics := uint64(0)
	for _, l := range r.Stats().Listeners {
		panics += l.Panics
	}
	if panics != 3 {
		t.Errorf("%d panics are counted", panics)
	}
}

// A stop stores the whole lines that were sent, and closes every connection: silent ones, and those in the middle of a line.
func TestStream_Stop(t *testing.T) {
	r := open(t, withToy)
	ended := make(chan error, 1)
	go func() { ended <- r.Serve() }()
	silent, half := dial(t, r.at("toy")), dial(t, r.at("toy"))
	tell(t, half, "one\ntwo\nthr")
	r.waitStored(t, "events", 2)
	tell(t, half, "ee\nfour\nfi")
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	gone(t, silent)
	gone(t, half)
	if n := r.stored("events"); n != 4 {
		t.Errorf("%d lines are stored, want 4", n)
	}
	if _, err := net.Dial("tcp", r.at("toy")); err == nil {
		t.Error("somebody still listens")
	}
}

// A stop does not wait for room that only an operator can make.
func TestStream_StopWithoutRoom(t *testing.T) {
	r, _ := stalled(t, nil)
	c := dial(t, r.at("toy"))
	tell(t, c, "one\ntwo\n")
	eventually(t, "it waits", func() bool { return r.Stats().Streams[0].Waits > 0 })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
	gone(t, c)
	if w := r.toyWire(); w.Busy != 2 || w.InFlight != 0 {
		t.Errorf("counted %+v", w)
	}
}

// A stop keeps to its time, whatever a connection does.
func TestStream_StopInTime(t *testing.T) {
	r := open(t, withToy)
	ended := make(chan error, 1)
	go func() { ended <- r.Serve() }()
	c := dial(t, r.at("toy"))
	tell(t, c, "wait\n")
	eventually(t, "it hangs", func() bool { return r.toyWireBusy() })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 streams") {
		t.Errorf("closing: %v", err)
	}
	gone(t, c)
	toyGate <- struct{}{}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	eventually(t, "the line is stored", func() bool { return r.stored("events") == 1 })
}

// toyWireBusy reports whether a stream's worker is in work.
func (r *rig) toyWireBusy() bool {
	for _, d := range r.streams {
		d.workers.mu.Lock()
		busy := d.workers.alive - len(d.workers.idle)
		d.workers.mu.Unlock()
		if busy > 0 {
			return true
		}
	}
	return false
}

// A server that was never served from is closed at once.
func TestStream_CloseUnserved(t *testing.T) {
	r := open(t, withToy)
	for range 2 {
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := r.Serve(); err != nil {
		t.Error(err)
	}
}

// Who is silent for too long is let go, also within a line; who sends is not.
func TestStream_Idle(t *testing.T) {
	r := startToy(t, func(o *Options) { o.StreamIdleTimeout = 2 * time.Second })
	silent, half, busy := dial(t, r.at("toy")), dial(t, r.at("toy")), dial(t, r.at("toy"))
	tell(t, half, "whole\nhalf a li")
	begun := time.Now()
	for time.Since(begun) < 4*time.Second { // long enough for a busy machine not to be the silence
		tell(t, busy, "line\n")
		time.Sleep(50 * time.Millisecond)
	}
	gone(t, silent)
	gone(t, half)
	tell(t, busy, "say\n")
	if _, err := io.ReadFull(busy, make([]byte, len(toySaid))); err != nil {
		t.Errorf("who sends is let go: %v", err)
	}
}

// Memory is lent for a large frame only as long as a request may take.
func TestStream_SlowFrame(t *testing.T) {
	r := startToy(t, func(o *Options) { o.HeaderTimeout, o.ReadTimeout = 200*time.Millisecond, 400*time.Millisecond })
	silent, slow := dial(t, r.at("toyframes")), dial(t, r.at("toyframes"))
	frame := toyFrame(strings.Repeat("f", toyFrameMost))
	tell(t, silent, frame[:100_000])
	tell(t, slow, frame[:100_000])
	for rest := frame[100_000:200_000]; rest != ""; rest = rest[1:] {
		if _, err := io.WriteString(slow, rest[:1]); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	gone(t, silent)
	gone(t, slow)
	if s := r.Stats(); s.Streams[1].Cut != 2 || s.Buffered != 0 {
		t.Errorf("counted %+v, %d bytes are lent", s.Streams[1], s.Buffered)
	}
}

// When no memory is left to lend, small frames still come, and a large one waits until there is some.
func TestStream_NoMemoryToLend(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog, RingBytes: 8 << 20}, func(o *Options) { o.MaxBuffered = 1 << 20 })
	r.room.held.Add(1 << 20)
	small, large := dial(t, r.at("toyframes")), dial(t, r.at("toyframes"))
	tell(t, small, strings.Repeat(toyFrame("small"), 1000))
	r.waitStored(t, "events", 1000)
	tell(t, large, toyFrame(strings.Repeat("l", 100_000)))
	eventually(t, "the large frame waits", func() bool { return r.Stats().Streams[1].Waits > 0 })
	r.room.held.Add(-1 << 20)
	r.waitStored(t, "events", 1001)
}

// Streams and HTTP share the caps on connections.
func TestStream_Caps(t *testing.T) {
	r := startToy(t, func(o *Options) { o.MaxConnsPerIP = 2 })
	first, second := dial(t, r.at("toy")), dial(t, r.at("toyframes"))
	tell(t, first, "say\n")
	tell(t, second, toyFrame("say"))
	for _, c := range []net.Conn{first, second} {
		if _, err := io.ReadFull(c, make([]byte, len(toySaid))); err != nil {
			t.Fatal(err)
		}
	}
	gone(t, dial(t, r.at("toy")))
	gone(t, dial(t, r.addr))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is room for one more", func() bool {
		c, err := net.Dial("tcp", r.at("toy"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		_, err = io.WriteString(c, "say\n")
		if err == nil {
			_, err = io.ReadFull(c, make([]byte, len(toySaid)))
		}
		return err == nil
	})
}

// Streams that are off, or that nobody named, do not listen; an address in use is an error that names the setting.
func TestStream_Doors(t *testing.T) {
	r := open(t, func(o *Options) { withToy(o); o.Streams = map[string]string{"toy": off, "nothing": "127.0.0.1:0"} })
	if len(r.Addrs()) != 1 {
		t.Errorf("listening on %v", r.Addrs())
	}
	for _, network := range []string{"tcp", "udp"} {
		at := ""
		if network == "tcp" {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			at = l.Addr().String()
		} else {
			p, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			at = p.LocalAddr().String()
		}
		o := Options{Set: r.set, Formats: []wire.Format{toy}, Streams: map[string]string{"toy": at}}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "--toy") || !strings.Contains(err.Error(), at) {
			t.Errorf("%s: %v", network, err)
		}
	}
	only, err := New(Options{Set: r.set, Formats: []wire.Format{toy}, Streams: map[string]string{"toy": "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := only.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Frames of all sizes in pieces of all sizes, with pauses in which what was lent is given back: the buffer never mixes bytes up.
func TestStream_BufferInAnyOrder(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog, SegmentBytes: 64 << 20}, nil)
	rng := rand.New(rand.NewPCG(3, 4))
	var text strings.Builder
	var want []string
	for i := range 300 {
		frame := fmt.Sprintf("%d ", i) + strings.Repeat(string(rune('a'+i%26)), rng.IntN(1<<rng.IntN(18)))
		want = append(want, frame)
		text.WriteString(toyFrame(frame))
	}
	c := dial(t, r.at("toyframes"))
	for rest := text.String(); rest != ""; {
		n := min(1+rng.IntN(1<<rng.IntN(20)), len(rest))
		tell(t, c, rest[:n])
		rest = rest[n:]
		if rng.IntN(50) == 0 {
			time.Sleep(lentFor + lentFor/4)
		}
	}
	r.waitStored(t, "events", int64(len(want)))
	if got := r.lines(t, "events"); !slices.Equal(got, want) {
		t.Errorf("the first that differs: %s", firstDifference(got, want))
	}
	eventually(t, "nothing is lent", func() bool { return r.Stats().Buffered == 0 })
}
