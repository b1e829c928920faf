package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// load sends until it has sent total events (0: until stop is closed), over many connections, and returns what they counted. The first
// sender's error that is not just an unseen answer ends the run; unseen answers end only their sender, as the server is then gone.
func load(w *workload, sh *shape, b *book, addr string, connections int, total int64, stop <-chan struct{}, progress io.Writer) (*stats, error) {
	var left, done atomic.Int64
	left.Store(total)
	b.round++
	senders := make([]*sender, connections)
	errs := make([]error, connections)
	var all sync.WaitGroup
	for i := range senders {
		senders[i] = newSender(w, sh, b, addr, i, connections)
		all.Go(func() { errs[i] = senders[i].run(&left, &done, total, stop) })
	}
	finished := make(chan struct{})
	go func() { all.Wait(); close(finished) }()
	watch(&done, total, finished, progress)
	sum := &stats{}
	sum.init()
	for _, s := range senders {
		sum.add(&s.sent)
	}
	return sum, errors.Join(errs...)
}

// run sends request after request.
func (s *sender) run(left, done *atomic.Int64, total int64, stop <-chan struct{}) error {
	defer s.close()
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		more := 1 << 20
		if total > 0 {
			// A share is taken before it is used, so that the connections together send exactly as many as were asked for.
			more = int(min(left.Add(-shareEvents)+shareEvents, shareEvents))
			if more <= 0 {
				return nil
			}
		}
		for more > 0 {
			n, err := s.one(more)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			done.Add(int64(n))
			if more -= n; total == 0 {
				break
			}
		}
	}
}

// shareEvents is how many events a connection takes on at a time.
const shareEvents = 500

// watch prints a line a second until the senders have finished.
func watch(done *atomic.Int64, total int64, finished <-chan struct{}, w io.Writer) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := int64(0)
	for {
		select {
		case <-finished:
			return
		case <-tick.C:
		}
		if w == nil {
			continue
		}
		n := done.Load()
		fmt.Fprintf(w, "\r%d of %d events, %d/s   ", n, total, n-last)
		last = n
	}
}
