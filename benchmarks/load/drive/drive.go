// Package drive puts load on a server and measures how it bears it.
//
// In a closed loop each connection sends its next request when an earlier one is answered: as much as the server bears, and when it stalls the
// load stalls with it. In an open loop requests are due at times of their own, as the world has it: each is sent on a connection that is
// free, and when none is, it waits. Its latency counts from when it was due, so a stall is in the latency of all that it held up.
//
// Nothing is allocated for a request. Where requests are not answered, what was sent is counted and no latency is known.
package drive

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"penstock/benchmarks/load/report"
	"penstock/benchmarks/load/wires"
	"penstock/benchmarks/proc"
)

// Settings say what is driven and how.
type Settings struct {
	Address     string
	TLS         *tls.Config // nil: none
	Transport   wires.Transport
	Silent      bool // a transport that answers otherwise does not here: Kafka with acks 0
	Pool        []wires.Request
	Connections int
	Pipeline    int     // requests that may wait for their answers on a connection
	Rate        float64 // requests a second; 0: a closed loop
	Poisson     bool    // the open loop's requests are due at random; else evenly
	Warmup      time.Duration
	Duration    time.Duration // after the warm-up; 0: Requests decides
	Requests    int64         // in all; 0: Duration decides
	Timeout     time.Duration // to connect, and for an answer
	Pause       time.Duration // how long a connection of a closed loop is silent after "try again"
	PID         int           // the server, to measure its CPU time; 0: nobody
	Seed        uint64
	Progress    func(*report.Interval) // takes each interval as it ends; nil: nobody does
}

// interval is how often the timeline gets a point.
const interval = time.Second

func (s *Settings) answered() bool { return s.Transport.Answers() && !s.Silent }

// Validate says what can't be driven.
func (s *Settings) Validate() error {
	switch {
	case s.Connections < 1 || s.Connections > 200_000:
		return errors.New("there must be 1 to 200,000 connections")
	case s.Pipeline < 1 || s.Pipeline > 1<<16:
		return fmt.Errorf("a connection must bear 1 to %d requests", 1<<16)
	case s.Duration <= 0 && s.Requests <= 0:
		return errors.New("give a duration or a number of requests")
	case s.Duration < 0 || s.Warmup < 0 || s.Requests < 0 || s.Pause < 0:
		return errors.New("a time, and a number of requests, is not below 0")
	case s.Rate < 0 || s.Rate > 1e8:
		return errors.New("a rate is above 0 and at most 100,000,000")
	case s.Timeout <= 0 || s.Timeout > latencyMax:
		return fmt.Errorf("a timeout is above 0 and at most %v", latencyMax)
	case s.Rate == 0 && s.Transport == wires.Datagrams:
		return errors.New("datagrams need a rate: nothing holds a sender back, and the kernel drops what is too much")
	}
	return nil
}

// load is a run of a load.
type load struct {
	*Settings
	base  time.Time // of all times below, which are durations since
	rec   *recorder
	conns []*conn
	read  func(*bufio.Reader) (answer, error)

	left atomic.Int64 // requests that may yet be sent, where their number is what ends the load
	stop atomic.Bool  // no request is begun any more
	over atomic.Bool  // and no answer waited for
	dial dialer
}

func (l *load) now() int64 { return int64(time.Since(l.base)) }

// Run drives the load until it is done or the context ends, and returns what it measured. The report's settings are the caller's to fill in.
func Run(ctx context.Context, s Settings) (*report.Run, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	l := &load{Settings: &s, base: time.Now(), rec: newRecorder(&s), read: reader(s.Transport, s.Silent)}
	if err := l.dial.prepare(&s); err != nil {
		return nil, err
	}
	l.left.Store(s.Requests)
	rng := rand.New(rand.NewPCG(s.Seed, 0x64726976))
	for i := range s.Connections {
		l.conns = append(l.conns, newConn(l, i, rng.IntN(len(s.Pool))))
	}
	if err := l.connect(ctx); err != nil {
		l.hangUp()
		return nil, err
	}
	t := newTimeline(l)
	own := proc.OwnCPU()
	finished := make(chan struct{})
	watched := make(chan struct{})
	go func() { l.watchTimeouts(finished); close(watched) }()
	go func() { l.drive(); close(finished) }()
	t.follow(ctx, finished)
	<-watched
	return t.run(proc.OwnCPU() - own), nil
}

// drive has every connection send and receive until the load is done.
func (l *load) drive() {
	var all sync.WaitGroup
	each := (*conn).closed
	switch {
	case l.Rate > 0:
		each = (*conn).receiveAll
	case !l.answered():
		each = (*conn).stream
	}
	for _, c := range l.conns {
		all.Go(func() { each(c) })
	}
	if l.Rate > 0 {
		l.pace()
		l.awaitAnswers()
		l.over.Store(true)
		l.endStreams(&all)
		l.hangUp()
	}
	all.Wait()
	l.hangUp()
}

func (l *load) hangUp() {
	for _, c := range l.conns {
		c.shut()
	}
}

// take takes one request's turn; false when none is to be sent any more.
func (l *load) take() bool {
	if l.stop.Load() {
		return false
	}
	return l.Requests == 0 || l.left.Add(-1) >= 0
}

// awaitAnswers waits, as long as an answer may take, for those that are still due.
func (l *load) awaitAnswers() {
	for end := time.Now().Add(l.Timeout); time.Now().Before(end); time.Sleep(time.Millisecond) {
		waiting := false
		for _, c := range l.conns {
			waiting = waiting || !c.due.empty()
		}
		if !waiting {
			return
		}
	}
}

// watchTimeouts ends connections on which nothing was answered for too long.
func (l *load) watchTimeouts(finished <-chan struct{}) {
	type sight struct {
		answered uint32
		since    time.Time
	}
	seen := make([]sight, len(l.conns))
	tick := time.NewTicker(max(l.Timeout/20, time.Millisecond))
	defer tick.Stop()
	for {
		var now time.Time
		select {
		case <-finished:
			return
		case now = <-tick.C:
		}
		for i, c := range l.conns {
			switch n := c.due.head.Load(); {
			case c.due.empty() || n != seen[i].answered || seen[i].since.IsZero():
				seen[i] = sight{n, now}
			case now.Sub(seen[i].since) > l.Timeout:
				if s := c.sock.Load(); s != nil {
					_ = s.SetDeadline(time.Unix(1, 0)) // fails when it is closed, which is as well
				}
				seen[i].since = now
			}
		}
	}
}
