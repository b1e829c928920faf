package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// breaker is a way to the appliance that breaks: each connection is cut after some bytes of answers.
type breaker struct {
	addr     string
	mu       sync.Mutex
	random   *rand.Rand
	attempts atomic.Int64
}

// breakEvery opens a breaker that cuts after 1 to most bytes.
func breakEvery(s *served, most int64) *breaker {
	s.Helper()
	real := s.addr
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	b := &breaker{addr: listener.Addr().String(), random: rand.New(rand.NewPCG(1, 2))}
	var open sync.WaitGroup
	var clients []net.Conn
	s.Cleanup(func() {
		listener.Close()
		b.mu.Lock()
		for _, c := range clients { // some are kept alive, idle
			c.Close()
		}
		b.mu.Unlock()
		open.Wait()
	})
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.attempts.Add(1)
			clients = append(clients, client)
			left := 1 + b.random.Int64N(most)
			b.mu.Unlock()
			open.Go(func() { b.carry(real, client, left) })
		}
	})
	return b
}

func (b *breaker) carry(addr string, client net.Conn, left int64) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client) // until either is closed
		server.Close()
	}()
	io.CopyN(client, server, left)
}

// However often the connection breaks, a follower prints every record once, and those of a key in order.
func TestFollowOverABrokenLine(t *testing.T) {
	s := serveAdmin(t, 2)
	const keys, each = 5, 2000
	fill := func(from, to int) {
		for i := from; i < to; i += 100 {
			for key := range keys {
				var values []string
				for n := i; n < i+100; n++ {
					values = append(values, fmt.Sprintf("%d %d", key, n))
				}
				s.put("t", fmt.Sprint(key), int64(i), values...)
			}
		}
	}
	fill(0, each/2)
	b := breakEvery(s, 200_000)
	real := s.addr
	s.addr = b.addr
	f := s.followTopic("t")
	s.addr = real
	filled := make(chan struct{})
	go func() { defer close(filled); fill(each/2, each) }()
	var next [keys]int
	for range keys * each {
		if !f.lines.Scan() {
			t.Fatal(f.lines.Err(), f.notes())
		}
		var key, n int
		if _, err := fmt.Sscan(f.lines.Text(), &key, &n); err != nil || n != next[key] {
			t.Fatalf("got %q, want number %d of its key, %v", f.lines.Text(), next[key], err)
		}
		next[key]++
	}
	<-filled
	f.end()
	if n := b.attempts.Load(); n < 5 || !strings.Contains(f.notes(), "the answer was cut off") {
		t.Errorf("the line broke %d times only; notes: %s", n, f.notes())
	}
}

// Without --follow a broken line is an error, and what was printed until then is whole lines.
func TestTailOverABrokenLine(t *testing.T) {
	s := serveAdmin(t, 1)
	s.put("t", "k", 0, numbers(0, 30_000)...)
	real := s.addr
	s.addr = breakEvery(s, 1_000_000).addr
	out, _, err := s.run("tail", "t")
	s.addr = real
	if err == nil || !strings.Contains(err.Error(), "the answer was cut off") {
		t.Fatalf("%v, %d bytes", err, len(out))
	}
	whole, _, err := s.run("tail", "t")
	if err != nil || !strings.HasPrefix(whole, out) || out == "" || !strings.HasSuffix(out, "}\n") {
		t.Errorf("%v, %d bytes of %d", err, len(out), len(whole))
	}
}
