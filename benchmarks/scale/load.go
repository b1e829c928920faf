package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// sendersMost is how many requests are under way at once, however many connections there are.
const sendersMost = 8

// load is connections that stay open, over which requests go in turn.
type load struct {
	conns    []net.Conn
	requests *requests
	next     atomic.Int64 // request
	refused  atomic.Int64 // told to come again
}

// connect opens the connections.
func connect(addr string, n int, r *requests) (*load, error) {
	l := &load{requests: r}
	for range n {
		conn, err := net.DialTimeout("tcp4", addr, 20*time.Second)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("connection %d: %w", len(l.conns)+1, err)
		}
		l.conns = append(l.conns, conn)
	}
	return l, nil
}

func (l *load) close() {
	for _, conn := range l.conns {
		conn.Close()
	}
}

// loadMax is how long one load may take.
const loadMax = 5 * time.Minute

// send sends so many bytes of bodies and returns how many events were accepted.
func (l *load) send(size int64) (events int64, err error) {
	var left atomic.Int64
	left.Store(max(1, size/int64(l.requests.body)))
	return l.together(func(int) bool { return left.Add(-1) >= 0 })
}

// once sends a request over each connection.
func (l *load) once() (events int64, err error) {
	return l.together(func(nth int) bool { return nth < len(l.conns) })
}

// together has every sender send as long as it is to: it is asked with the number of the connection that is next, which goes on counting
// when all have had their turn. Each sender has connections of its own, and goes on to the next one with each request.
func (l *load) together(more func(nth int) bool) (events int64, err error) {
	deadline := time.Now().Add(loadMax)
	senders := min(len(l.conns), sendersMost)
	errs, accepted := make([]error, senders), make([]int64, senders)
	var all sync.WaitGroup
	for me := range senders {
		mine := (len(l.conns) - me + senders - 1) / senders
		all.Go(func() {
			reply := make([]byte, 4096)
			for i := 0; more(me + i*senders); i++ {
				if errs[me] = l.exchange(l.conns[me+i%mine*senders], reply, deadline); errs[me] != nil {
					return
				}
				accepted[me] += int64(l.requests.events)
			}
		})
	}
	all.Wait()
	for _, n := range accepted {
		events += n
	}
	return events, errors.Join(errs...)
}

// exchange sends a request until it is taken.
func (l *load) exchange(conn net.Conn, reply []byte, deadline time.Time) error {
	request := l.requests.all[int(l.next.Add(1)-1)%len(l.requests.all)]
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	for {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		n := 0
		for !whole(reply[:n]) {
			if n == len(reply) {
				return fmt.Errorf("no end of a reply: %.200q", reply)
			}
			got, err := conn.Read(reply[n:])
			if n += got; err != nil {
				return err
			}
		}
		switch {
		case bytes.HasPrefix(reply, []byte("HTTP/1.1 202")):
			return nil
		case !bytes.HasPrefix(reply, []byte("HTTP/1.1 503")):
			return fmt.Errorf("refused: %.200q", reply[:n])
		}
		l.refused.Add(1)
		time.Sleep(time.Millisecond)
	}
}

// whole reports that b has a reply from its beginning to its end.
func whole(b []byte) bool {
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found {
		return false
	}
	size := 0
	if _, length, has := bytes.Cut(head, []byte("\r\nContent-Length: ")); has {
		for _, c := range length {
			if c < '0' || c > '9' {
				break
			}
			size = size*10 + int(c-'0')
		}
	}
	return len(body) >= size
}

// roomForFiles lets this process, and those it starts, have as many files open as the machine allows.
func roomForFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
