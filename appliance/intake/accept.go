package intake

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// door is one listening socket: it accepts for ever, counts, and knows its open connections.
//
// Where HTTP is spoken it is the net.Listener fasthttp serves from. fasthttp stops serving at the first accept error that is not a timeout, and
// running out of descriptors is such an error; so no error but "closed" leaves Accept.
type door struct {
	scheme  string // "http", "https", or a stream's name: a label
	frames  bool   // a stream's door
	socket  net.Listener
	secure  func(*conn) net.Conn // puts TLS around a connection; nil on a plain door
	crowd   *crowd
	room    *room
	log     *slog.Logger
	watch   *watch
	times   times
	workers *workers

	closing chan struct{}
	once    sync.Once
	mu      sync.Mutex
	open    map[*conn]struct{}

	_ [64]byte // the counters below are written by this door's core; keep them off its neighbours' lines
	doorCounts
	_ [64]byte
}

// doorCounts is what a door counts, whatever it speaks.
type doorCounts struct {
	accepted     atomic.Uint64 // connections taken
	turnedAway   atomic.Uint64 // connections closed at once: over a cap
	acceptErrors atomic.Uint64 // failed accepts, retried
	requests     atomic.Uint64 // requests that reached the handler
	malformed    atomic.Uint64 // requests refused before a wire was chosen: framing, size, deadline
	unrouted     atomic.Uint64 // unknown path or wrong method
	badPolicy    atomic.Uint64 // unknown acknowledgement policy
	panics       atomic.Uint64 // requests that hit a bug of ours
	nextLog      atomic.Int64  // when an accept error may be logged again, nanoseconds since 1970
}

// The pauses between failed accepts: the first, and the longest.
const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
	acceptLogEvery = 10 * time.Second
)

// Accept returns the next connection, or io.EOF when the door is closed. Every other trouble (no descriptors left, no memory, a
// client gone before it was accepted) is counted, waited out and tried again.
func (d *door) Accept() (net.Conn, error) {
	pause := time.Duration(0)
	for {
		nc, err := d.socket.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil, io.EOF
			}
			pause = min(max(2*pause, acceptPauseMin), acceptPauseMax)
			d.troubled(err, pause)
			select {
			case <-d.closing:
				return nil, io.EOF
			case <-time.After(pause):
			}
			continue
		}
		pause = 0
		c := &conn{Conn: nc, door: d, peer: peerOf(nc)}
		if !d.frames {
			c.enter(greeting, d.times.header)
		}
		if !d.crowd.enter(c.peer) {
			d.turnedAway.Add(1)
			_ = nc.Close() // it was never ours
			continue
		}
		d.accepted.Add(1)
		d.admit(c)
		select {
		case <-d.closing: // accepted in the last moment; whoever closes the door may have missed it among the silent ones
			_ = c.Close()
			return nil, io.EOF
		default:
		}
		if d.secure != nil {
			return d.secure(c), nil
		}
		return c, nil
	}
}

func (d *door) troubled(err error, pause time.Duration) {
	n := d.acceptErrors.Add(1)
	now := time.Now().UnixNano()
	if next := d.nextLog.Load(); now >= next && d.nextLog.CompareAndSwap(next, now+int64(acceptLogEvery)) {
		d.log.Error("cannot accept connections; trying again", "listener", d.scheme, "address", d.socket.Addr().String(),
			"error", err.Error(), "pause", pause, "failures", n)
	}
}

func (d *door) admit(c *conn) {
	d.mu.Lock()
	d.open[c] = struct{}{}
	d.mu.Unlock()
}

func (d *door) gone(c *conn) {
	d.mu.Lock()
	delete(d.open, c)
	d.mu.Unlock()
	d.crowd.leave(c.peer)
}

// Close stops accepting; open connections live on. Calling it again does nothing.
func (d *door) Close() error {
	var err error
	d.once.Do(func() {
		close(d.closing)
		err = d.socket.Close()
	})
	return err
}

// Addr is where the door listens.
func (d *door) Addr() net.Addr { return d.socket.Addr() }

// hangUp ends open connections at once: all of them, or only those that have not yet said a word. It reports how many.
func (d *door) hangUp(all bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for c := range d.open {
		if all || !c.greeted.Load() {
			_ = c.Conn.Close() // its own goroutine sees the error and does the rest
			n++
		}
	}
	return n
}

func (d *door) openCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open)
}

// crowd is everybody connected, over all doors.
type crowd struct {
	max   int64
	perIP int
	now   atomic.Int64
	mu    sync.Mutex
	byIP  map[netip.Addr]int // only kept when perIP > 0
}

func newCrowd(maxAll, perIP int) *crowd {
	return &crowd{max: int64(maxAll), perIP: perIP, byIP: make(map[netip.Addr]int)}
}

// enter counts a connection in, or says that there is no room.
func (c *crowd) enter(ip netip.Addr) bool {
	if c.now.Add(1) > c.max {
		c.now.Add(-1)
		return false
	}
	if c.perIP == 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byIP[ip] >= c.perIP {
		c.now.Add(-1)
		return false
	}
	c.byIP[ip]++
	return true
}

func (c *crowd) leave(ip netip.Addr) {
	c.now.Add(-1)
	if c.perIP == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byIP[ip]--; c.byIP[ip] <= 0 {
		delete(c.byIP, ip)
	}
}

func peerOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
