package intake

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"penstock/appliance/shard"
	"penstock/wire"
)

// busyWorkers counts the workers that are in work: none when nobody asks for anything.
func (r *rig) busyWorkers() (n int) {
	for _, d := range r.doors {
		d.workers.mu.Lock()
		n += d.workers.alive - len(d.workers.idle)
		d.workers.mu.Unlock()
	}
	return n
}

func numbered(topic string, from, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(post(topic, fmt.Sprintf(`{"n":%d}`, from+i)+"\n"))
	}
	return b.String()
}

func (r *rig) batches() (batches, syncs uint64) {
	for _, w := range r.set.Stats().Writers {
		batches += w.Batches
		syncs += w.Syncs
	}
	return batches, syncs
}

// Requests that are there at once are stored at once, in their order, whether in plain text or not.
func TestPipelineShares(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		for _, ack := range []shard.Ack{shard.AckLog, shard.AckDisk} {
			t.Run(scheme+" "+ack.String(), func(t *testing.T) {
				r := startToyOn(t, shard.Options{Shards: 1, Ack: ack}, func(o *Options) { o.HTTPS, o.DataDir = "127.0.0.1:0", t.TempDir() })
				c := dial(t, r.Addrs()[scheme].String())
				if scheme == "https" {
					c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
				}
				const n = 64
				answers, closed := converse(t, c, numbered("pipe", 0, n), n)
				if closed || len(answers) != n {
					t.Fatalf("%d answers, closed %v", len(answers), closed)
				}
				for i, a := range answers {
					if a.status != 202 {
						t.Fatalf("answer %d: %d %s", i, a.status, a.body)
					}
				}
				kept := r.texts(t, "pipe")
				if len(kept) != n {
					t.Fatalf("%d records are stored, not %d", len(kept), n)
				}
				for i, value := range kept {
					if want := fmt.Sprintf(`{"n":%d}`, i); value != want {
						t.Fatalf("record %d is %s", i, value)
					}
				}
				// The first may have come alone, and the kernel may part the rest; and a reply's buffer has its end.
				if batches, syncs := r.batches(); batches > n/4 || ack == shard.AckDisk && syncs > n/4 {
					t.Errorf("%d requests took %d batches and %d syncs", n, batches, syncs)
				}
				if w := r.Stats().Wires[0]; w.Received != n || w.Stored != n || w.InFlight != 0 {
					t.Errorf("%+v", w)
				}
				eventually(t, "all workers are idle", func() bool { return r.busyWorkers() == 0 })
			})
		}
	}
}

// What gathers must not pass, or be passed by, what does not gather.
func TestPipelineKeepsOrder(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog}, nil)
	large := strings.Repeat("x", pipelineRecord)
	requests := numbered("order", 0, 3) +
		post("order", `{"n":3}`, "Penstock-Ack: disk") +
		numbered("order", 4, 2) +
		post("order", `{"n":6,"x":"`+large+`"}`) +
		numbered("order", 7, 1) +
		post("order", `{"n":8}`, "Idempotency-Key: a") +
		post("order", `{"n":`) + // is refused
		numbered("order", 9, 3) +
		post("order", `{"n":12}`, "Penstock-Ack: ring")
	answers, _ := r.talk(t, requests, 14)
	for i, a := range answers {
		if want := map[bool]int{true: 400, false: 202}[i == 9]; a.status != want {
			t.Errorf("answer %d: %d %s", i, a.status, a.body)
		}
	}
	if len(answers) != 14 {
		t.Fatalf("%d answers", len(answers))
	}
	eventually(t, "the last is stored, for which nobody waits", func() bool { return r.stored("order") == 13 })
	for i, value := range r.texts(t, "order") {
		if !strings.HasPrefix(value, fmt.Sprintf(`{"n":%d`, i)) {
			t.Errorf("record %d is %.20s", i, value)
		}
	}
	if answers[3].header.Get("Penstock-Position") != "order/0@3-3" {
		t.Errorf("the position is %q", answers[3].header.Get("Penstock-Position"))
	}
}

// A client that is still sending its next request need not have the answer; but its records are stored, and hold nothing up.
func TestPipelineHalfSent(t *testing.T) {
	r := start(t, nil)
	c := r.dial(t)
	next := post("half", strings.TrimSpace(event))
	at := len(next) - 5
	if _, err := io.WriteString(c, numbered("half", 0, 3)+next[:at]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first three are stored", func() bool { return r.stored("half") == 3 })
	eventually(t, "no worker is held", func() bool { return r.busyWorkers() == 0 })
	if _, err := io.WriteString(c, next[at:]); err != nil {
		t.Fatal(err)
	}
	b := bufio.NewReader(c)
	for i := range 4 {
		if a, err := readReply(b); err != nil || a.status != 202 {
			t.Fatalf("answer %d: %+v, %v", i, a, err)
		}
	}
}

// What can't be stored has no answer at all; those after it are told why.
func TestPipelineUnkept(t *testing.T) {
	r := startToyOn(t, shard.Options{Shards: 1, Ack: shard.AckLog, MaxTopics: 1}, nil)
	if a := r.one(t, post("first", event)); a.status != 202 {
		t.Fatal(a)
	}
	answers, closed := r.talk(t, numbered("second", 0, 5), 5)
	if len(answers) != 0 || !closed {
		t.Fatalf("%d answers, closed %v", len(answers), closed)
	}
	if w := r.Stats().Wires[0]; w.Received < 2 || w.Stored != 1 || w.Busy != w.Received-1 || w.InFlight != 0 {
		t.Errorf("%+v", w)
	}
	answers, closed = r.talk(t, numbered("second", 0, 5), 5)
	if len(answers) != 5 || closed {
		t.Fatalf("%d answers, closed %v", len(answers), closed)
	}
	for _, a := range answers {
		if a.status != 503 || !strings.Contains(a.body, "as many topics") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	r.upset.Store(0)
	if answers, closed = r.talk(t, numbered("first", 0, 5), 5); len(answers) != 5 || closed || r.stored("first") != 6 {
		t.Errorf("%d answers, closed %v, %d records", len(answers), closed, r.stored("first"))
	}
	eventually(t, "all workers are idle", func() bool { return r.busyWorkers() == 0 })
}

// A bug while it is stored costs the worker and the connection, nothing else.
func TestPipelineSurvivesABug(t *testing.T) {
	r := start(t, nil)
	d := r.doors[0]
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := &conn{Conn: near, door: d}
	from := d.workers.take()
	from.owedTo = &from.counts.wires[0]
	from.owedTo.received.Add(1)
	*from.batch.Add() = wire.Record{Topic: []byte("bug"), Value: []byte("{}")}
	from.request.Now = time.Now().UnixMilli()
	c.pipeline.unread = 1
	if !c.pipeline.gather(r.Server, d, from, shard.AckLog) {
		t.Fatal("it does not gather")
	}
	d.workers.give(from)
	c.pipeline.w.ticket = nil
	if _, err := c.Write([]byte("a reply")); err != errUnkept {
		t.Errorf("%v", err)
	}
	if _, err := c.Write([]byte("another")); err != errUnkept {
		t.Errorf("and then %v", err)
	}
	if w := r.Stats().Wires[0]; w.Failed != 1 || w.InFlight != 0 || d.panics.Load() != 1 || r.busyWorkers() != 0 {
		t.Errorf("%+v, %d bugs, %d workers", w, d.panics.Load(), r.busyWorkers())
	}
}

// Clients that pipeline while the server stops: what they have an answer to is stored, and nothing stays in flight.
func TestPipelineWhileStopping(t *testing.T) {
	r := open(t, nil)
	ended := make(chan error, 1)
	go func() { ended <- r.Serve() }()
	const clients = 8
	answered := make(chan int, clients)
	for range clients {
		go func() {
			n := 0
			defer func() { answered <- n }()
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			b := bufio.NewReader(c)
			for {
				if _, err := io.WriteString(c, numbered("stop", 0, 8)); err != nil {
					return
				}
				for range 8 {
					a, err := readReply(b)
					if err != nil || a.status != 202 {
						return
					}
					n++
				}
			}
		}()
	}
	eventually(t, "they are at it", func() bool { return r.stored("stop") > 100 })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	told := 0
	for range clients {
		told += <-answered
	}
	w := r.Stats().Wires[0]
	if stored := r.stored("stop"); int64(told) > stored || int64(w.Stored) != stored || w.InFlight != 0 {
		t.Errorf("%d were acknowledged and %d are stored; %+v", told, stored, w)
	}
	if n := r.busyWorkers(); n != 0 {
		t.Errorf("%d workers are still in work", n)
	}
}
