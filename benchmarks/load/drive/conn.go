package drive

import (
	"bufio"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"penstock/benchmarks/load/wires"
)

// conn is one connection, made again when it is lost.
//
// In a closed loop one goroutine does all of it. In an open loop a pacer sends and the connection's own goroutine receives; mu is held while
// something is sent and while the connection is made again, so whoever gets it may send.
type conn struct {
	l      *load
	number int
	at     int // where in the pool the next request is
	group  *group
	due    queue // requests whose answers are awaited

	mu   sync.Mutex
	sock atomic.Pointer[socket] // nil: not connected
	in   *bufio.Reader
	out  []byte
}

// socket is a network connection, and its raw side where there is one.
type socket struct {
	net.Conn
	raw rawWriter
}

func newConn(l *load, number, at int) *conn {
	c := &conn{l: l, number: number, at: at, group: l.rec.group(number)}
	if l.answered() {
		c.due.init(l.Pipeline)
	}
	c.in = bufio.NewReaderSize(nil, 4<<10)
	return c
}

// next is the next request of the pool: each connection walks all of it, from a place of its own.
func (c *conn) next() *wires.Request {
	r := &c.l.Pool[c.at]
	if c.at++; c.at == len(c.l.Pool) {
		c.at = 0
	}
	return r
}

// open connects, once.
func (c *conn) open() error {
	n, err := c.l.dial.one(c.number)
	if err != nil {
		return err
	}
	s := &socket{Conn: n}
	s.raw.init(n)
	c.in.Reset(n)
	c.sock.Store(s)
	return nil
}

// shut ends the connection, from any goroutine.
func (c *conn) shut() {
	if s := c.sock.Load(); s != nil {
		s.Close()
	}
}

// lose counts the requests that will not be answered and forgets the connection.
func (c *conn) lose(err error) {
	what := kindOf(err)
	if c.l.over.Load() {
		what = kind{"no answer by the end", 0}
	}
	c.shut()
	c.sock.Store(nil)
	n := 0
	for ; !c.due.empty(); n++ {
		c.due.pop()
	}
	if n == 0 && !c.l.answered() {
		n = 1 // what was being sent
	}
	c.l.rec.failed(what, int64(n))
}

// reopen connects again, with patience; false when the load has ended meanwhile.
func (c *conn) reopen() bool {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		if c.l.stop.Load() || c.l.over.Load() {
			return false
		}
		err := c.open()
		if err == nil {
			return true
		}
		c.l.rec.refused(kindOf(err))
		for end := time.Now().Add(wait); time.Now().Before(end) && !c.l.stop.Load() && !c.l.over.Load(); {
			time.Sleep(min(wait, 10*time.Millisecond))
		}
	}
}

// settle counts the answer to the oldest request that waits for one.
func (c *conn) settle(a answer) {
	e := c.due.pop()
	if a.verdict == accepted {
		now := c.l.now()
		c.group.note(&c.l.Pool[e.request], now-e.due, now-e.sent)
		return
	}
	if a.verdict == overloaded {
		c.group.overload()
	}
	if a.verdict == refused {
		c.l.rec.failed(a.kind, 1)
	}
}

// entry is a request that waits for its answer.
type entry struct {
	due, sent int64 // ns since the load's base
	request   int32 // in the pool
}

// queue holds entries in the order of their requests. One goroutine pushes and one pops.
type queue struct {
	slots      []entry
	mask       uint32
	head, tail atomic.Uint32 // popped, pushed
	most       uint32
}

func (q *queue) init(most int) {
	size := 1
	for size < most {
		size *= 2
	}
	q.slots, q.mask, q.most = make([]entry, size), uint32(size-1), uint32(most)
}

func (q *queue) empty() bool { return q.head.Load() == q.tail.Load() }
func (q *queue) full() bool  { return q.tail.Load()-q.head.Load() >= q.most }

func (q *queue) push(e entry) {
	tail := q.tail.Load()
	q.slots[tail&q.mask] = e
	q.tail.Store(tail + 1)
}

func (q *queue) pop() entry {
	head := q.head.Load()
	e := q.slots[head&q.mask]
	q.head.Store(head + 1)
	return e
}
