package intake

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"penstock/appliance/shard"
	"penstock/wire"
)

// dialUDP is a sender of datagrams to a stream, from an address of its own.
func (r *rig) dialUDP(t testing.TB, stream, from string) net.Conn {
	t.Helper()
	to := r.Addrs()[stream].(*net.TCPAddr)
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, &net.UDPAddr{IP: to.IP, Port: to.Port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Each datagram is a stream of its own: its last line needs no end, and what is wrong with it is no other's affair.
func TestDatagram_Lines(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog}, nil)
	c := r.dialUDP(t, "toy", "127.0.0.1")
	want := []string{}
	for i, d := range []string{"a\nb\r\nc", "", "d\n", "\n\n", "e" + strings.Repeat("x", 200) + "\nf", strings.Repeat("y", 300), "g\nh\n", "say", "panic", "i"} {
		tell(t, c, d)
		for _, line := range strings.Fields(d) {
			if len(line) == 1 {
				want = append(want, line)
			}
		}
		eventually(t, "the datagram is read", func() bool { return r.Stats().Streams[0].Datagrams == uint64(i+1) })
	}
	r.waitStored(t, "events", int64(len(want)))
	if got := r.lines(t, "events"); !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
	if got := r.refused(t); len(got) != 3 || got[0].Reason != wire.LineTooLong.Text() || got[2].Raw != "panic" {
		t.Errorf("kept %+v", got)
	}
	if w := r.toyWire(); w.Stored != 8 || w.Refused != 2 || w.Failed != 1 || w.InFlight != 0 {
		t.Errorf("counted %+v", w)
	}
}

// Bytes that can't be split, and a splitter's bug, cost no more than their datagrams.
func TestDatagram_Frames(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog}, nil)
	c := r.dialUDP(t, "toyframes", "127.0.0.1")
	large := strings.Repeat("l", 60_000)
	for i, d := range []string{
		toyFrame("a") + toyFrame("b"), toyFrame("c") + "\xff\xff\xff\xff" + toyFrame("lost"), toyFrame(large), toyFrame("cut short")[:8], "\xde\xad\xbe\xef", toyFrame("d"),
	} {
		tell(t, c, d)
		eventually(t, "the datagram is read", func() bool { return r.Stats().Streams[1].Datagrams == uint64(i+1) })
		if i == 4 {
			eventually(t, "the bug is met", func() bool { return r.datagramPanics() == 1 })
		}
	}
	r.waitStored(t, "events", 5)
	if got, want := r.lines(t, "events"), []string{"a", "b", "c", large, "d"}; !slices.Equal(got, want) {
		t.Errorf("stored %.200q", got)
	}
	if w := r.toyWire(); w.Stored != 5 || w.Refused != 1 || w.InFlight != 0 {
		t.Errorf("counted %+v", w)
	}
}

func (r *rig) datagramPanics() (n uint64) {
	for _, d := range r.datagrams {
		n += d.panics.Load()
	}
	return n
}

// A burst from several senders is stored whole while the kernel's buffer holds it, and each refused line is its own sender's.
func TestDatagram_Burst(t *testing.T) {
	r := startToy(t, func(o *Options) { o.Listeners = 2 })
	const rounds, each = 20, 10
	senders := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	for round := range rounds {
		for _, from := range senders {
			c := r.dialUDP(t, "toy", from)
			for i := range each {
				tell(t, c, fmt.Sprintf("%s %d %d\nbad %s\nmore", from, round, i, from))
			}
		}
		r.waitStored(t, "events", int64((round+1)*len(senders)*each*2))
	}
	if got := r.refused(t); len(got) != rounds*each*len(senders) {
		t.Errorf("%d refused lines are kept", len(got))
	} else {
		for _, g := range got {
			if g.Raw != "bad "+g.Peer {
				t.Fatalf("%q was not sent by %s", g.Raw, g.Peer)
			}
		}
	}
	if s := r.Stats().Streams[0]; s.Datagrams != rounds*each*uint64(len(senders)) || s.Frames != 3*s.Datagrams {
		t.Errorf("counted %+v", s)
	}
}

// While there is no room the slots run out, no more is read, and the kernel drops what it can't hold. When there is room again, all
// that was read is stored, and all that was dropped is counted.
func TestDatagram_NoRoom(t *testing.T) {
	r, release := stalled(t, nil)
	c := r.dialUDP(t, "toy", "127.0.0.1")
	const sent = 10_000
	text := strings.Repeat(strings.Repeat("x", 99)+"\n", 10)
	for range sent {
		tell(t, c, text)
	}
	if s := r.Stats().Streams[0]; s.Waits == 0 || s.Datagrams > slots {
		t.Errorf("counted %+v", s)
	}
	release()
	eventually(t, "what the kernel held comes, too", func() bool {
		tell(t, c, "last") // it says how many were dropped before it
		return slices.Contains(r.lines(t, "events"), "last")
	})
	if s := r.Stats().Streams[0]; s.Datagrams+s.Dropped < sent || s.Dropped == 0 {
		t.Errorf("%d were sent before the last; counted %+v", sent, s)
	}
	eventually(t, "all is stored", func() bool {
		s := r.Stats()
		return s.Wires[1].Stored == s.Streams[0].Frames && s.Wires[1].InFlight == 0
	})
}

// A stop stores what was read.
func TestDatagram_Stop(t *testing.T) {
	r := open(t, withToy)
	ended := make(chan error, 1)
	go func() { ended <- r.Serve() }()
	c := r.dialUDP(t, "toy", "127.0.0.1")
	for range 20 {
		tell(t, c, "line")
	}
	eventually(t, "something is read", func() bool { return r.Stats().Streams[0].Datagrams > 0 })
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s := r.Stats(); r.stored("events") != int64(s.Streams[0].Datagrams) || s.Wires[1].InFlight != 0 {
		t.Errorf("%d of %d datagrams are stored", r.stored("events"), s.Streams[0].Datagrams)
	}
}
