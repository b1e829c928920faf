package kafka

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"
)

// ownFrame is the bytes that every connection has for its frames; what is longer counts against framesMax.
const ownFrame = 4 << 10

// client is one connection. Its goroutine alone uses it, but for lastFrame.
type client struct {
	server *Server
	nc     net.Conn
	last   atomic.Bool // no more frames are read

	size  [4]byte
	own   [ownFrame]byte
	reply []byte // reused
	fetch fetch  // reused
}

// errMalformed says that a client sent what is no request that is understood here.
var errMalformed = errors.New("malformed")

func newClient(s *Server, nc net.Conn) *client { return &client{server: s, nc: nc} }

// serve answers frames until the client leaves, is too slow, or sends what is not understood.
func (c *client) serve() {
	defer c.end()
	for {
		err := c.frame()
		if errors.Is(err, errMalformed) {
			c.server.malformed.Add(1)
		}
		if err != nil {
			return
		}
	}
}

// end closes the connection. A bug costs the client that met it, nobody else.
func (c *client) end() {
	if bug := recover(); bug != nil {
		c.server.bugs.Add(1)
		c.server.opt.Logger.Error("BUG: a request hit a bug; its connection is closed", "listener", "kafka", "bug", bug, "stack", string(debug.Stack()))
	}
	_ = c.nc.Close() // nothing is owed to it
	c.server.gone(c)
}

// lastFrame lets the client finish the frame that is at work and read no other.
func (c *client) lastFrame() {
	c.last.Store(true)
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // on error the connection is gone already
}

// frame reads one frame and answers it.
func (c *client) frame() error {
	if err := c.readWithin(c.size[:], idleTimeout); err != nil {
		return err
	}
	size := int32(binary.BigEndian.Uint32(c.size[:]))
	if size < headerMin || size > frameMax {
		return errMalformed
	}
	buffer := c.own[:]
	if size > ownFrame {
		defer c.server.held.Add(-int64(size))
		if c.server.held.Add(int64(size)) > framesMax {
			return errMalformed
		}
		buffer = make([]byte, size)
	}
	buffer = buffer[:size]
	if err := c.readWithin(buffer, c.server.opt.ReadTimeout); err != nil {
		return err
	}
	return c.answer(buffer)
}

func (c *client) readWithin(buffer []byte, within time.Duration) error {
	if err := c.nc.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if c.last.Load() { // after the deadline was set, which may have undone lastFrame's
		return io.EOF
	}
	_, err := io.ReadFull(c.nc, buffer)
	return err
}

// writeChunk is what a client must take within the write timeout: a slow one has as much time as its answer is long.
const writeChunk = 1 << 20

// write sends an answer's pieces. Neighbours share a writev.
func (c *client) write(pieces net.Buffers) error {
	for len(pieces) > 0 {
		n, bytes := 0, 0
		for n < len(pieces) && (n == 0 || bytes+len(pieces[n]) <= writeChunk) {
			bytes += len(pieces[n])
			n++
		}
		within := c.server.opt.WriteTimeout * time.Duration(1+bytes/writeChunk)
		if err := c.nc.SetWriteDeadline(time.Now().Add(within)); err != nil {
			return err
		}
		now := pieces[:n]
		if _, err := now.WriteTo(c.nc); err != nil {
			return err
		}
		pieces = pieces[n:]
	}
	return nil
}

// address is where this client is told to come back to.
func (c *client) address() (host string, port int32) {
	if c.server.host != "" {
		return c.server.host, c.server.port
	}
	at := c.nc.LocalAddr().(*net.TCPAddr)
	return at.IP.String(), int32(at.Port)
}

func splitAddress(address string) (host string, port int32, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || host == "" {
		return "", 0, errors.New("it must be host:port as clients can reach it, and is " + strconv.Quote(address))
	}
	return host, int32(n), nil
}
