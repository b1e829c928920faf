package intake

import (
	"sync"
	"sync/atomic"
	"time"
)

// The deadlines of HTTP connections. A socket's own would cost three looks at the clock and two changes of a timer for each request; these cost
// two stores. A watch looks at all connections twice a second, and wakes those whose read or write has taken too long. It counts its looks,
// between any two of which a tick passes at least: so a deadline may pass a little late, by two ticks on an idle machine, and never early.

// watch is the clock of a server's deadlines.
type watch struct {
	tick time.Duration
	now  atomic.Int64 // ticks
	stop chan struct{}
}

// The watch looks so often that a deadline is late by a small part of the shortest time there is, but no more often than it must.
const (
	ticksPerLimit = 8
	tickLeast     = 5 * time.Millisecond
	tickMost      = 500 * time.Millisecond
)

func newWatch(times ...time.Duration) *watch {
	tick := tickMost
	for _, t := range times {
		if t > 0 {
			tick = min(tick, t/ticksPerLimit)
		}
	}
	return &watch{tick: max(tick, tickLeast), stop: make(chan struct{})}
}

// run ticks until stop is closed.
func (w *watch) run(doors []*door) {
	timer := time.NewTimer(w.tick)
	defer timer.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-timer.C:
		}
		now := w.now.Add(1)
		for _, d := range doors {
			d.overdue(now)
		}
		timer.Reset(w.tick)
	}
}

// in is the tick with which so much time will have passed.
func (w *watch) in(d time.Duration) int64 { return w.now.Load() + int64((d+w.tick-1)/w.tick) + 1 }

// overdue wakes who has waited for too long.
func (d *door) overdue(now int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		c.reads.wake(now, c.Conn.SetReadDeadline)
		c.writes.wake(now, c.Conn.SetWriteDeadline)
	}
}

// deadline is that of the read, or the write, that a connection is in.
type deadline struct {
	by atomic.Int64 // a tick; 0: it is in none; missed: it was woken
	mu sync.Mutex   // orders who wakes it and who wakes up
}

const missed = -1

// long past: a socket that is given it as its deadline returns at once.
var longPast = time.Unix(1, 0)

func (w *deadline) begin(by int64) { w.by.Store(by) }

// end takes what woke the read or write away again, so that a reply may follow.
func (w *deadline) end(socket func(time.Time) error) {
	if w.by.Swap(0) == missed {
		w.mu.Lock()
		defer w.mu.Unlock()
		_ = socket(time.Time{}) // who can't set it has a socket that is closed
	}
}

func (w *deadline) wake(now int64, socket func(time.Time) error) {
	by := w.by.Load()
	if by <= 0 || by > now {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by.CompareAndSwap(by, missed) {
		_ = socket(longPast) // the same
	}
}

// phase is what a connection waits for when it reads.
type phase uint8

const (
	greeting phase = iota // a handshake, or the first request
	between               // requests
	inHeader              // of a request
	inBody
)

// times says how long a connection's client may take.
type times struct {
	handshake, header, body, write, idle time.Duration
}

// readBy is when the next read must end. Not to be asked twice for the same read.
func (c *conn) readBy() int64 {
	if c.phase == between {
		if c.pipeline.unread == 0 {
			return c.door.watch.in(c.door.times.idle)
		}
		c.enter(inHeader, c.door.times.header)
	}
	return c.phaseBy
}

// enter begins a phase, which may take so long.
func (c *conn) enter(p phase, within time.Duration) {
	c.phase, c.phaseBy = p, c.door.watch.in(within)
}

// SetReadDeadline is what fasthttp calls when a large body begins (see Server.headerReceived), and at no other time: it is given no deadlines of
// its own.
func (c *conn) SetReadDeadline(time.Time) error {
	c.enter(inBody, c.door.times.body)
	return nil
}

// SetDeadline does nothing: it would be called for protocols that are not spoken.
func (c *conn) SetDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: Write sets its own.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
