//go:build !race

package intake

import (
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/appliance/shard"
	"penstock/wire"
	"penstock/wire/graphite"
	"penstock/wire/kairosdb"
)

// A sender of lines that waits for an answer in place sees a server that allocates nothing for a batch of them, sockets and all; for
// refused ones neither.
func TestStreamAllocations(t *testing.T) {
	line := "a line of a usual length, as they are\n"
	for _, c := range []struct{ name, text string }{
		{"one line", line},
		{"a hundred lines", strings.Repeat(line, 100)},
		{"ten thousand lines", strings.Repeat(line, 10_000)},
		{"bad lines", strings.Repeat("bad\n"+line, 20)},
		{"a line that is too long", strings.Repeat("x", 5000) + "\n"},
	} {
		for _, ack := range []shard.Ack{shard.AckLog, shard.AckDisk, shard.AckRing} {
			t.Run(c.name+", "+ack.String(), func(t *testing.T) {
				r := startToyOn(t, shard.Options{Shards: 2, Ack: ack, SegmentBytes: 256 << 20}, nil)
				conn := dial(t, r.at("toy"))
				text, answer := []byte(c.text+"say\n"), make([]byte, len(toySaid))
				exchange := func() {
					if _, err := conn.Write(text); err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadFull(conn, answer); err != nil {
						t.Fatal(err)
					}
				}
				for range 30 {
					exchange()
				}
				if n := usualAllocs(exchange); n != 0 {
					t.Errorf("%v allocations an exchange", n)
				}
			})
		}
	}
}

// usualAllocs is what three of four of a hundred runs of f allocate at most. A segment begins, is readied and is finished in a few of them, and the keeper
// looks at the disk in some, each of which is not free; most exchanges of ten thousand lines are spared it.
func usualAllocs(f func()) float64 {
	var all [100]float64
	for i := range all {
		all[i] = testing.AllocsPerRun(1, f)
	}
	slices.Sort(all[:])
	return all[len(all)*3/4]
}

func TestDatagramAllocations(t *testing.T) {
	for _, c := range []struct {
		name, text string
		lines      uint64
	}{
		{"one line", "a line of a usual length, as they are", 1},
		{"a full datagram", strings.Repeat("a line of a usual length, as they are\n", 36), 36},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startToy(t, func(o *Options) { o.Listeners = 1 })
			conn := r.dialUDP(t, "toy", "127.0.0.1")
			text, want := []byte(c.text), uint64(0)
			send := func() {
				want += c.lines
				if _, err := conn.Write(text); err != nil {
					t.Fatal(err)
				}
				for end := time.Now().Add(patience); r.datagramsStored() < want; time.Sleep(20 * time.Microsecond) {
					if time.Now().After(end) {
						t.Fatal("the datagram was never stored")
					}
				}
			}
			for range 100 { // every slot has been used
				send()
			}
			if n := testing.AllocsPerRun(allocRuns, send); n != 0 {
				t.Errorf("%v allocations a datagram", n)
			}
		})
	}
}

// datagramsStored counts the records that the first datagram socket's worker has stored, and allocates nothing.
func (r *rig) datagramsStored() (n uint64) {
	for _, tally := range r.datagrams[0].workers.tallies() {
		for i := range tally.wires {
			n += tally.wires[i].stored.Load()
		}
	}
	return n
}

// The real wires, from the socket to the log.
func TestWiresOfLinesAllocations(t *testing.T) {
	formats := []wire.Format{graphite.Format, kairosdb.New(kairosdb.Settings{})}
	r := start(t, func(o *Options) {
		o.Formats, o.Streams = formats, map[string]string{"telnet": "127.0.0.1:0", "graphite": "127.0.0.1:0"}
		o.Listeners = 1
	})
	lines := strings.Repeat("put load.value.test 1349109376000 12.5 host=server-17.dc2 cpu=3\n", 50)
	conn := dial(t, r.at("telnet"))
	text, answer := []byte(lines+"version\n"), make([]byte, 4096)
	exchange := func() {
		if _, err := conn.Write(text); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(answer); err != nil {
			t.Fatal(err)
		}
	}
	for range 30 {
		exchange()
	}
	if n := testing.AllocsPerRun(allocRuns, exchange); n != 0 {
		t.Errorf("telnet: %v allocations an exchange", n)
	}

	datagram := r.dialUDP(t, "graphite", "127.0.0.1")
	text, want := []byte(strings.Repeat("servers.web01.cpu.load 1.5 1795324341\n", 20)), r.datagramsStored()
	send := func() {
		want += 20
		if _, err := datagram.Write(text); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(patience); r.datagramsStored() < want; time.Sleep(20 * time.Microsecond) {
			if time.Now().After(end) {
				t.Fatal("the datagram was never stored")
			}
		}
	}
	for range 100 {
		send()
	}
	if n := testing.AllocsPerRun(allocRuns, send); n != 0 {
		t.Errorf("graphite: %v allocations a datagram", n)
	}
}

// Silent connections cost little, also after they have sent much.
func TestIdleStreamsCostLittle(t *testing.T) {
	r := startToy(t, nil)
	const n, most = 300, 16 << 10
	memory := func() int64 {
		for range 6 { // each halves the stacks that are larger than they need to be
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		lent := r.streams[0].buffers
		lent.mu.Lock()
		defer lent.mu.Unlock()
		return int64(m.HeapInuse+m.StackInuse) - int64(lent.kept)
	}
	text := strings.Repeat("a line that a sender has sent\n", 10_000) + "say\n"
	talk := func(c net.Conn) {
		tell(t, c, text)
		if _, err := io.ReadFull(c, make([]byte, len(toySaid))); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // workers and buffers have grown
		talk(dial(t, r.at("toy")))
	}
	eventually(t, "nothing is lent", func() bool { return r.Stats().Buffered == 0 })
	before := memory()
	for range n {
		talk(dial(t, r.at("toy")))
	}
	eventually(t, "nothing is lent", func() bool { return r.Stats().Buffered == 0 })
	if each := (memory() - before) / n; each > most {
		t.Errorf("a silent connection costs %d bytes, the bound is %d", each, most)
	} else {
		t.Logf("%d bytes a connection, the test's own end included", each)
	}
}

func BenchmarkStream(b *testing.B) {
	line := "put load.value.test 1349109376000 12.5 host=server-17.dc2 cpu=3\n"
	r := start(b, func(o *Options) {
		o.Formats, o.Streams = []wire.Format{kairosdb.New(kairosdb.Settings{})}, map[string]string{"telnet": "127.0.0.1:0"}
	})
	conn := dial(b, r.at("telnet"))
	_ = conn.SetDeadline(time.Time{})
	const n = 10_000
	text, answer := []byte(strings.Repeat(line, n)+"version\n"), make([]byte, 4096)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(text); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(answer); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "lines/s")
}
