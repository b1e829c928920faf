package main

import (
	"errors"
	"hash/maphash"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// post runs a load against a contract and returns what it counted; and what a verifier then says of the whole.
func post(t *testing.T, c *contract, l *load) (sum *stats, v *verifier, loadErr error) {
	t.Helper()
	srv := httptest.NewUnstartedServer(c)
	srv.Config.ErrorLog = nil
	srv.Start()
	t.Cleanup(srv.Close)
	l.w = newWorkload(7, 2, 16, 50, 2000)
	l.shape, l.book, l.addr, l.connections = testShape(), newBook(l.w), strings.TrimPrefix(srv.URL, "http://"), 4
	if err := createTopics(l.w, srv.URL); err != nil {
		t.Fatal(err)
	}
	sum, loadErr = l.run()
	v = newVerifier(l.book, srv.URL, maphash.MakeSeed())
	if err := v.report(); err != nil {
		t.Errorf("%v: %s", err, strings.Join(v.First, "\n"))
	}
	return sum, v, loadErr
}

func TestLoadSendsExactlyWhatWasAskedFor(t *testing.T) {
	c := &contract{fault: func(n int) fault {
		if n%7 == 0 {
			return answerThenClose
		}
		return noFault
	}}
	l := &load{total: 3001}
	sum, v, err := post(t, c, l)
	if err != nil {
		t.Fatal(err)
	}
	if sum.events != 3001 || v.Records != 3001 || l.book.ackedEvents.Load() != 3001 || l.book.unknownEvents.Load() != 0 {
		t.Errorf("%d events sent, %d acknowledged, %d verified", sum.events, l.book.ackedEvents.Load(), v.Records)
	}
	if sum.retries != 0 || sum.requests != int64(c.n) || sum.latency.TotalCount() != sum.requests {
		t.Errorf("%d requests and %d retries, the server saw %d; %d latencies", sum.requests, sum.retries, c.n, sum.latency.TotalCount())
	}
}

// A refused request is sent again, the same one, until it is taken: nothing is missing, and nothing there twice.
func TestRefusedRequestsAreSentAgain(t *testing.T) {
	c := &contract{fault: func(n int) fault {
		if n%3 != 0 {
			return refuseIt
		}
		return noFault
	}}
	sum, v, err := post(t, c, &load{total: 2000})
	if err != nil || v.Records != 2000 || sum.retries == 0 || sum.requests+sum.retries != int64(c.n) {
		t.Errorf("%v; %d requests, %d retries, the server saw %d; %d verified", err, sum.requests, sum.retries, c.n, v.Records)
	}
}

// A load that is stopped while it is refused has its events verified as absent.
func TestStopWhileRefused(t *testing.T) {
	stop := make(chan struct{})
	l := &load{stop: stop}
	var once atomic.Bool
	c := &contract{fault: func(n int) fault {
		if n < 50 {
			return noFault
		}
		if n > 60 && once.CompareAndSwap(false, true) {
			close(stop)
		}
		return refuseIt
	}}
	_, v, err := post(t, c, l)
	if err != nil || l.book.refusedEvents.Load() == 0 || l.book.unknownEvents.Load() != 0 || v.Records != l.book.ackedEvents.Load() {
		t.Errorf("%v; %d refused, %d unknown, %d verified, %d acknowledged", err, l.book.refusedEvents.Load(), l.book.unknownEvents.Load(), v.Records, l.book.ackedEvents.Load())
	}
}

// What becomes of a request whose answer is not a 202 that was read to its end.
func TestUnseenAnswers(t *testing.T) {
	for _, c := range []struct {
		name       string
		fault      fault
		killed     bool // the server is said to be killed, so it owes no answer
		unseen     bool // what the error is
		kept, lost bool
	}{
		{"cut before it was kept", cutUnkept, false, true, false, true},
		{"cut after it was kept", cutKept, false, true, true, false},
		{"cut in the answer", cutInAnswer, false, true, true, false},
		{"cut by a kill", cutKept, true, false, true, false},
		{"an unexpected status", breakIt, false, false, false, true},
		{"an unexpected status although killed", breakIt, true, false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var gone atomic.Bool
			gone.Store(c.killed)
			l := &load{total: 100_000, gone: &gone}
			_, _, err := post(t, &contract{fault: func(n int) fault {
				if n >= 40 {
					return c.fault
				}
				return noFault
			}}, l)
			if forgiven := c.killed && c.fault != breakIt; (err == nil) != forgiven || errors.Is(err, errUnseen) != c.unseen {
				t.Errorf("error %v", err)
			}
			b := l.book
			if b.ackedEvents.Load() == 0 || (b.keptEvents > 0) != c.kept || (b.lostEvents > 0) != c.lost || b.keptEvents+b.lostEvents != b.unknownEvents.Load() {
				t.Errorf("%d events acknowledged, %d unknown, of which %d kept and %d not", b.ackedEvents.Load(), b.unknownEvents.Load(), b.keptEvents, b.lostEvents)
			}
		})
	}
}

// A server that is not there, and one that never answers, end a load with an error that says so.
func TestNoServer(t *testing.T) {
	w := newWorkload(1, 1, 4, 50, 100)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sh := testShape()
	sh.Timeout = 20 * time.Millisecond
	l := &load{w: w, shape: sh, book: newBook(w), addr: silent.Addr().String(), connections: 2, total: 10}
	if _, err := l.run(); !errors.Is(err, errUnseen) || l.book.unknownEvents.Load() == 0 {
		t.Errorf("a silent server: %v, %d unknown", err, l.book.unknownEvents.Load())
	}
	silent.Close()
	l = &load{w: w, shape: sh, book: newBook(w), addr: silent.Addr().String(), connections: 2, total: 10}
	if _, err := l.run(); !errors.Is(err, errUnreached) || l.book.unknownEvents.Load() != 0 {
		t.Errorf("no server: %v, %d unknown", err, l.book.unknownEvents.Load())
	}
}
