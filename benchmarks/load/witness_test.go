package main

import (
	"hash/maphash"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// witnessed has a witness read all that a server has.
func witnessed(t *testing.T, b *book, admin string, seed maphash.Seed) map[shardID]*sight {
	t.Helper()
	var gone atomic.Bool
	to, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	empty := make(chan string, 1000)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.ContentLength == 0 {
			empty <- r.Request.FormValue("shard")
		}
		return nil
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	w := newWitness(b.w, seed)
	w.follow(front.URL, ends{{0: 0, 1: 0}}, &gone)
	for shards := map[string]bool{}; len(shards) < 2; { // a shard that has nothing more was read to its end
		shards[<-empty] = true
	}
	gone.Store(true)
	saw, err := w.saw()
	if err != nil {
		t.Fatal(err)
	}
	if saw[shardID{0, 0}].next() != 20 || saw[shardID{0, 1}].next() != 39 {
		t.Fatalf("the witness saw up to %d and %d", saw[shardID{0, 0}].next(), saw[shardID{0, 1}].next())
	}
	return saw
}

// Whatever a reader has seen must be there after a restart, also where the book would let it go.
func TestVerifierAsksTheWitness(t *testing.T) {
	for _, c := range []struct {
		name  string
		after func(s *stored)
		says  string // part of a violation; "" = none
	}{
		{"nothing changed", func(*stored) {}, ""},
		{"what was of unknown fate is gone", func(s *stored) { s.remove(0, 15, 16) }, "a reader has seen what is below offset 20, and now the shard ends at 19"},
		{"two keys' records changed places", func(s *stored) {
			l := s.lines[1]
			l[0], l[1] = l[1], l[0]
			renumber(l)
		}, "a reader has seen another record here"},
		{"a shard is empty", func(s *stored) { s.lines[0] = nil }, "a reader has seen"},
		{"a hole where something of unknown fate was", func(s *stored) { s.lines[0][15], s.lost = "", "0:15-16 damaged" }, "says that it lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, s := testWorld()
			admin, seed := s.serve(t), maphash.MakeSeed()
			saw := witnessed(t, b, admin, seed)
			c.after(s)
			v := newVerifier(b, admin, seed)
			v.saw = saw
			err := v.run()
			said := strings.Join(v.First, "\n")
			if (err != nil) != (c.says != "") || !strings.Contains(said, c.says) {
				t.Fatalf("%v\n%s", err, said)
			}
			if c.says == "" && v.Sighted != 59 {
				t.Errorf("the witness had seen %d of 59 records", v.Sighted)
			}
		})
	}
}

// A witness tells at once when it is given another record than the one that is due.
func TestWitnessSeesGaps(t *testing.T) {
	b, s := testWorld()
	s.lines[0][4] = ""
	admin, seed := s.serve(t), maphash.MakeSeed()
	var gone atomic.Bool
	w := newWitness(b.w, seed)
	w.follow(admin, ends{{0: 0}}, &gone)
	saw, err := w.saw()
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(b, admin, seed)
	v.saw = saw
	if err := v.run(); err == nil || !strings.Contains(v.First[0], "was given at offset 4") {
		t.Fatalf("%v, %v", err, v.First)
	}
}
