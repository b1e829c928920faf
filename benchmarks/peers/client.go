package main

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// tally is what became of a load.
type tally struct {
	Units   int64   // events or samples that were accepted
	Refused int64   // requests that were told to come again, and did
	Seconds float64 // until the last reply, or until all was written
}

// says is what a reply says about its request.
type says int

const (
	nothing  says = iota // it is no reply to a request
	accepted             // done
	again                // not now: the request is sent again
	failed               // never
)

// replies reads one kind of server's answers: the size of the first whole one in b, 0 when there is none yet, and what it says.
type replies func(b []byte) (size int, says says)

// loop is a closed loop: each connection writes depth messages at once, waits for their replies, and goes on, until enough units were
// accepted. It is as cheap as can be, as it runs beside the server on the same cores.
type loop struct {
	addr    string
	what    func(conn int) *messages // all of the same number of units
	greet   func(conn int) string    // what a connection says first; nil: nothing
	conns   int
	depth   int
	replies replies

	next, goal, accepted, refused atomic.Int64 // messages
}

// loadMax is how long one load may take.
const loadMax = 90 * time.Second

func (l *loop) run(units int64) (tally, error) {
	per := int64(l.what(0).units[0])
	l.goal.Store((units + per - 1) / per)
	began := time.Now()
	err := together(l.conns, func(i int) error { return l.converse(i, began.Add(loadMax)) })
	return tally{Units: l.accepted.Load() * per, Refused: l.refused.Load(), Seconds: time.Since(began).Seconds()}, err
}

func (l *loop) converse(me int, deadline time.Time) error {
	conn, err := net.Dial("tcp4", l.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if l.greet != nil {
		if _, err := conn.Write([]byte(l.greet(me))); err != nil {
			return err
		}
	}
	what := l.what(me)
	in := reader{conn: conn, buffer: make([]byte, 64<<10), replies: l.replies}
	rounds := len(what.ends) / l.depth
	for {
		from := l.next.Add(int64(l.depth)) - int64(l.depth)
		n := min(int64(l.depth), l.goal.Load()-from)
		if n <= 0 {
			return nil
		}
		at := int(from/int64(l.depth)) % rounds * l.depth
		if _, err := conn.Write(what.slice(at, int(n))); err != nil {
			return err
		}
		for left := n; left > 0; {
			said, err := in.next()
			switch {
			case err != nil:
				return err
			case said == accepted:
				l.accepted.Add(1)
				left--
			case said == again:
				if l.refused.Add(1) > 100*l.goal.Load() {
					return fmt.Errorf("told to come again %d times", l.refused.Load())
				}
				l.goal.Add(1) // who finds it reached has gone already; whoever is here sends another in its place
				left--
			}
		}
	}
}

// reader reads replies from a connection.
type reader struct {
	conn     net.Conn
	buffer   []byte
	from, to int
	replies  replies
}

func (r *reader) next() (says, error) {
	for {
		size, said := r.replies(r.buffer[r.from:r.to])
		if size > 0 {
			text := r.buffer[r.from : r.from+size]
			r.from += size
			if said == failed {
				return said, fmt.Errorf("refused: %.200q", text)
			}
			return said, nil
		}
		if r.from > 0 {
			r.to = copy(r.buffer, r.buffer[r.from:r.to])
			r.from = 0
		}
		if r.to == len(r.buffer) {
			return failed, fmt.Errorf("no end of a reply in %d bytes: %.200q", r.to, r.buffer)
		}
		n, err := r.conn.Read(r.buffer[r.to:])
		if r.to += n; n == 0 && err != nil {
			return failed, err
		}
	}
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// httpReply reads as little as tells where a response ends and what its status is.
func httpReply(b []byte) (int, says) {
	head := bytes.Index(b, headEnd)
	if head < 12 {
		return 0, nothing
	}
	size := head + len(headEnd)
	if at := bytes.Index(b[:head], contentLength); at >= 0 {
		n := 0
		for _, c := range b[at+len(contentLength) : head] {
			if c < '0' || c > '9' {
				break
			}
			n = n*10 + int(c-'0')
		}
		size += n
	}
	if size > len(b) {
		return 0, nothing
	}
	switch status := b[9:12]; {
	case status[0] == '2':
		return size, accepted
	case string(status) == "503":
		return size, again
	}
	return size, failed
}

// lineConns is how many connections bring lines.
const lineConns = 8

// pour writes a stream over several connections, piece by piece in turns, and then waits until the server has closed each: it has read
// all of it then.
func pour(addr string, what *messages, units int64) (tally, error) {
	var next, poured atomic.Int64
	began := time.Now()
	err := together(lineConns, func(int) error {
		conn, err := net.Dial("tcp4", addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(began.Add(loadMax)); err != nil {
			return err
		}
		for poured.Load() < units {
			at := int(next.Add(1)-1) % len(what.ends)
			poured.Add(int64(what.units[at]))
			if _, err := conn.Write(what.slice(at, 1)); err != nil {
				return err
			}
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
		for discard := make([]byte, 4096); ; {
			if _, err := conn.Read(discard); err != nil {
				if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
					return fmt.Errorf("the server did not close: %w", err)
				}
				return nil
			}
		}
	})
	return tally{Units: poured.Load(), Seconds: time.Since(began).Seconds()}, err
}

// together runs n of them at once and returns the first error.
func together(n int, one func(i int) error) error {
	var group sync.WaitGroup
	failures := make(chan error, n)
	for i := range n {
		group.Go(func() { failures <- one(i) })
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}
