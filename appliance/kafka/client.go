package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// ownFrame is the bytes that every connection has for its frames; what is longer counts against framesMax.
const ownFrame = 4 << 10

// client is one connection. Its goroutine alone uses it, but for lastFrame.
type client struct {
	server *Server
	nc     net.Conn
	socket net.Conn        // nc, or what is below its TLS
	host   string          // the peer's address
	raw    syscall.RawConn // of the socket, where nothing stands before it
	last   atomic.Bool     // no more frames are read
	login  login
	may    Right

	size  [4]byte
	own   [ownFrame]byte
	reply []byte // reused
	fetch fetch  // reused

	copied []byte // of a segment, on its way through TLS
}

// errMalformed says that a client sent what is no request that is understood here.
var errMalformed = errors.New("malformed")

func newClient(s *Server, nc net.Conn, host string) *client {
	c := &client{server: s, nc: s.secured(nc), socket: nc, host: host, login: login{by: time.Now().Add(loginTime)}}
	if s.users == nil {
		c.login.done, c.may = true, s.everybody()
	}
	if socket, ok := c.nc.(*net.TCPConn); ok {
		c.raw, _ = socket.SyscallConn() // nil when it is closed already
	}
	return c
}

func hostOf(nc net.Conn) string { return nc.RemoteAddr().(*net.TCPAddr).IP.String() }

// serve answers frames until the client leaves, is too slow, or sends what is not understood.
func (c *client) serve() {
	defer c.end()
	for err := c.handshake(); ; err = c.frame() {
		if errors.Is(err, errMalformed) {
			c.server.malformed.Add(1)
		}
		if err != nil {
			return
		}
	}
}

// end closes the connection. A bug costs the client that met it, nobody else; but for one that may have left a log half written.
func (c *client) end() {
	if bug := recover(); bug != nil {
		if text, ok := bug.(string); ok && strings.HasPrefix(text, "FATAL: ") {
			panic(bug)
		}
		c.server.bugs.Add(1)
		c.server.opt.Logger.Error("BUG: a request hit a bug; its connection is closed", "listener", "kafka", "bug", bug, "stack", string(debug.Stack()))
	}
	c.fetch.let()
	c.fetch.drop(time.Now())
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
	if err := c.nextSize(); err != nil {
		return err
	}
	size := int32(binary.BigEndian.Uint32(c.size[:]))
	bare := c.login.bare && !c.login.done
	switch {
	case size < 0, size > frameMax, size < headerMin && !bare:
		return errMalformed
	case size > ownFrame && !c.login.done: // nothing is that long then
		return errMalformed
	}
	buffer := c.own[:min(int(size), ownFrame)]
	if _, err := c.readWithin(buffer, c.server.opt.ReadTimeout); err != nil {
		return err
	}
	if bare {
		return c.token(buffer)
	}
	if size > frameUsual && binary.BigEndian.Uint16(buffer) != uint16(kmsg.Produce) {
		return errMalformed
	}
	if size > ownFrame {
		return c.large(buffer, int(size))
	}
	return c.answer(buffer)
}

// large reads the rest of a frame that has begun to come, once there is room for it, and answers it.
func (c *client) large(begun []byte, size int) error {
	ctx, cancel := context.WithTimeout(c.server.ctx, c.server.opt.ReadTimeout)
	defer cancel()
	if !c.server.room.take(ctx, c.host, int64(size)) {
		return ctx.Err()
	}
	defer c.server.room.give(c.host, int64(size))
	whole := make([]byte, size)
	n := copy(whole, begun)
	if _, err := c.readWithin(whole[n:], c.frameTime(size)); err != nil {
		return err
	}
	return c.answer(whole)
}

// nextSize waits for the next frame's size. Who lets us wait for long loses the cursors.
func (c *client) nextSize() error {
	n := 0
	if len(c.fetch.kept) > 0 {
		var err error
		if n, err = c.readWithin(c.size[:], cursorTime); !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		c.fetch.drop(time.Now())
	}
	within := idleTimeout
	if !c.login.done {
		within = time.Until(c.login.by)
	}
	_, err := c.readWithin(c.size[n:], within)
	return err
}

func (c *client) readWithin(buffer []byte, within time.Duration) (n int, err error) {
	if err := c.nc.SetReadDeadline(time.Now().Add(within)); err != nil {
		return 0, err
	}
	if c.last.Load() { // after the deadline was set, which may have undone lastFrame's
		return 0, io.EOF
	}
	return io.ReadFull(c.nc, buffer)
}

const (
	// writeChunk is what a client must take within the write timeout: a slow one has as much time as its answer is long, one that stands still has not.
	writeChunk = 1 << 20
	// sendfileMin is the fewest bytes that are worth a sendfile of their own; what is less goes with its neighbours. It is where the system's
	// work for each page and the calls before and behind come near to that of a copy (BenchmarkSend).
	sendfileMin = 256 << 10
)

// write sends an answer's pieces: neighbours with one writev, many batches with a sendfile.
func (c *client) write(pieces []piece) error {
	var together net.Buffers
	bytes := 0
	for i := range pieces {
		p := &pieces[i]
		mapped := p.span != nil && c.raw == nil
		large := p.span != nil && len(p.bytes) >= sendfileMin && !mapped
		if large || mapped || bytes+len(p.bytes) > writeChunk {
			if err := c.writeTogether(together); err != nil {
				return err
			}
			together, bytes = nil, 0
		}
		if mapped {
			if err := c.writeMapped(p.bytes); err != nil {
				return err
			}
			continue
		}
		if large {
			if sent, err := c.sendFile(p.span); err != nil {
				return err
			} else if sent {
				continue
			}
		}
		together = append(together, p.bytes)
		bytes += len(p.bytes)
	}
	return c.writeTogether(together)
}

func (c *client) writeTogether(pieces net.Buffers) error {
	if len(pieces) == 0 {
		return nil
	}
	if err := c.writeSoon(); err != nil {
		return err
	}
	_, err := pieces.WriteTo(c.nc)
	return err
}

// sendFile sends batches from their file; sent is false where that can't be done.
func (c *client) sendFile(span *segstore.Span) (sent bool, err error) {
	for from := 0; from < len(span.Bytes); from += writeChunk {
		if err := c.writeSoon(); err != nil {
			return false, err
		}
		if sent, err = span.SendTo(c.raw, from, min(from+writeChunk, len(span.Bytes))); !sent || err != nil {
			return sent, err
		}
	}
	return true, nil
}

func (c *client) writeSoon() error {
	return c.nc.SetWriteDeadline(time.Now().Add(c.server.opt.WriteTimeout))
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
