package intake

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// conn is an accepted connection. It adds to the socket what fasthttp leaves open:
//
//   - Reads and writes have deadlines that cost next to nothing: see deadline.go. Every write has one; fasthttp sets one only before a
//     normal reply, so the "100 Continue" and the error reply of a connection that had been idle would meet the last request's.
//   - Line feeds without carriage returns in the first thing a client says are refused there and then. fasthttp would wait for
//     more until the header's deadline.
//   - The last bytes read are remembered, so that the handler can tell how a chunked body ended.
//   - What pipelined requests brought is stored before anything of their replies is written, or anything more is read.
//   - A large body counts against what all bodies may hold together, from the first read of it until the read behind it.
//   - A connection that is closed on a client still sending is drained first, or the kernel's reset would destroy the reply
//     before the client reads it.
//
// Reads happen on one goroutine; Close may come from another.
type conn struct {
	net.Conn
	door *door
	peer netip.Addr

	phase   phase
	phaseBy int64 // when what is waited for must be there, by the watch's clock
	reads   deadline
	writes  deadline

	ending  tail // unused under TLS, where the plain text matters
	holding holding

	pipeline pipeline // of the goroutine that serves the connection

	greeted atomic.Bool // the client has sent something
	linger  atomic.Bool // drain before closing
	hurried atomic.Bool // closing: write what there is quickly or not at all
	closed  atomic.Bool
}

var (
	errBareLF = errors.New("a line of the request's header ends without a carriage return")
	errUnkept = errors.New("pipelined requests could not be stored")
)

func (c *conn) Read(p []byte) (int, error) {
	if c.door.frames {
		c.greeted.Store(true)
		return c.Conn.Read(p) // a stream sets its own deadlines and looks at its own bytes
	}
	if c.door.secure != nil {
		return c.readSocket(p) // TLS reads here; what the client says is seen above
	}
	if !c.holding.take(len(p), c.door.room) {
		return 0, errNoRoom
	}
	if !c.settle() {
		return 0, errUnkept
	}
	n, err := c.readSocket(p)
	if n > 0 && !c.heard(&c.ending, p[:n]) {
		return 0, errBareLF
	}
	return n, err
}

// heard notes what the client said; false when the first thing it said is not to be trusted.
func (c *conn) heard(ending *tail, p []byte) bool {
	ending.note(p)
	c.pipeline.unread += len(p)
	if c.greeted.Load() {
		return true
	}
	c.greeted.Store(true)
	return !bareLF(p)
}

func (c *conn) readSocket(p []byte) (int, error) {
	c.reads.begin(c.readBy())
	n, err := c.Conn.Read(p)
	c.reads.end(c.Conn.SetReadDeadline)
	if n > 0 && c.phase == between {
		c.enter(inHeader, c.door.times.header)
	}
	return n, err
}

// hurry is how long a write may take once the connection is being closed.
const hurry = time.Second

// Write under TLS may come from any goroutine, and what it writes is not plain: there what is above looks after the pipeline.
func (c *conn) Write(p []byte) (int, error) {
	if c.door.secure == nil && !c.settle() {
		return 0, errUnkept
	}
	within := c.door.times.write
	if c.hurried.Load() {
		within = min(within, hurry)
	}
	if c.door.frames {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
			return 0, err
		}
		return c.Conn.Write(p)
	}
	c.writes.begin(c.door.watch.in(within))
	n, err := c.Conn.Write(p)
	c.writes.end(c.Conn.SetWriteDeadline)
	return n, err
}

// Close closes the connection, once; after a refusal it first tells the client that no more is coming and reads what the client
// is still sending.
func (c *conn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return nil
	}
	if c.linger.Load() {
		c.drain()
	}
	c.holding.take(0, c.door.room)
	err := c.Conn.Close()
	c.door.gone(c)
	return err
}

// What a client that was refused may go on sending: for so long, and so much.
const (
	drainTime  = time.Second
	drainBytes = 8 << 20
)

func (c *conn) drain() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if c.Conn.SetReadDeadline(time.Now().Add(drainTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c.Conn, drainBytes) // how it ends does not matter: the connection ends here
}

// base is the connection itself; a TLS connection's is the one below it.
func (c *conn) base() *conn { return c }

// plainTail is the end of what the client has said so far.
func (c *conn) plainTail() *tail { return &c.ending }

// client is what the handler needs of a connection, secured or not.
type client interface {
	base() *conn
	plainTail() *tail
}

// tail is the last few bytes of a stream.
type tail struct {
	b [len(lastChunk)]byte
}

// lastChunk ends a chunked body that has no trailer.
const lastChunk = "0\r\n\r\n"

func (t *tail) note(p []byte) {
	if len(p) >= len(t.b) {
		copy(t.b[:], p[len(p)-len(t.b):])
		return
	}
	copy(t.b[:], t.b[len(p):])
	copy(t.b[len(t.b)-len(p):], p)
}

func (t *tail) isLastChunk() bool { return string(t.b[:]) == lastChunk }

// bareLF reports whether a header that begins with p has a line that ends in a line feed alone. It looks no further than the
// header's end: a body may hold what it likes.
func bareLF(p []byte) bool {
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return false
		}
		if i == 0 || p[i-1] != '\r' {
			return true
		}
		if i == 1 { // the empty line, or an empty line before the request, which is allowed: either way enough is known
			return false
		}
		p = p[i+1:]
	}
}
