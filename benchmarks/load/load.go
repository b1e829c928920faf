package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// load drives a server over many connections.
type load struct {
	w           *workload
	shape       *shape
	book        *book
	addr        string
	connections int
	total       int64           // events to send; 0: until stop is closed
	gone        *atomic.Bool    // set before the server is killed: from then on it owes no answers. nil: it is never killed
	progress    io.Writer       // takes a line a second; nil: no lines
	stop        <-chan struct{} // its closing ends the load

	left, done, retries atomic.Int64
	failed              chan struct{} // closed on the first error
	once                sync.Once
}

// run sends until all is sent, stop is closed, or a sender fails, and returns what the senders counted.
func (l *load) run() (*stats, error) {
	l.left.Store(l.total)
	l.failed = make(chan struct{})
	l.book.round++
	senders := make([]*sender, l.connections)
	errs := make([]error, l.connections)
	var all sync.WaitGroup
	for i := range senders {
		senders[i] = newSender(l.w, l.shape, l.book, l.addr, i, l.connections)
		all.Go(func() {
			if errs[i] = l.drive(senders[i]); errs[i] != nil {
				l.once.Do(func() { close(l.failed) })
			}
		})
	}
	finished := make(chan struct{})
	go func() { all.Wait(); close(finished) }()
	l.watch(finished)
	sum := &stats{}
	sum.init()
	for _, s := range senders {
		sum.add(&s.sent)
	}
	return sum, firstFew(errs)
}

// firstFew joins the first errors: one broken server makes as many as there are connections.
func firstFew(errs []error) error {
	var some []error
	n := 0
	for _, err := range errs {
		if err == nil {
			continue
		}
		if n++; n <= 3 {
			some = append(some, err)
		}
	}
	if n > len(some) {
		some = append(some, fmt.Errorf("and %d more errors", n-len(some)))
	}
	return errors.Join(some...)
}

// shareEvents is how many events a connection takes on at a time. A share is taken before it is used, so that the connections together send
// exactly as many as were asked for.
const shareEvents = 500

// drive has one sender send request after request.
func (l *load) drive(s *sender) error {
	defer s.close()
	share, counted := int64(0), int64(0)
	for {
		select {
		case <-l.stop:
			return nil
		case <-l.failed:
			return nil
		default:
		}
		if share == 0 {
			if share = shareEvents; l.total > 0 {
				share = min(l.left.Add(-shareEvents)+shareEvents, shareEvents)
			}
			if share <= 0 {
				return nil
			}
		}
		n, err := s.one(share, l.stop)
		if s.sent.retries > counted {
			l.retries.Add(s.sent.retries - counted)
			counted = s.sent.retries
		}
		if err != nil {
			if l.gone != nil && l.gone.Load() && (errors.Is(err, errUnseen) || errors.Is(err, errUnreached)) {
				return nil
			}
			return err
		}
		l.done.Add(n)
		share -= n
	}
}

// watch prints a line a second until the senders have finished.
func (l *load) watch(finished <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, of := int64(0), ""
	if l.total > 0 {
		of = fmt.Sprintf(" of %d", l.total)
	}
	for {
		select {
		case <-finished:
			return
		case <-tick.C:
		}
		if n := l.done.Load(); l.progress != nil {
			fmt.Fprintf(l.progress, "%d%s events, %d/s, %d retries\n", n, of, n-last, l.retries.Load())
			last = n
		}
	}
}
