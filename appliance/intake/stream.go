package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"penstock/wire"
)

// streamDoor is one listening socket of a line or frame protocol. Each connection has a goroutine, which reads what has come, lays
// the records of all whole frames in it into one batch, stores that, and only then reads on: when the shards are busy or the disk is
// full it waits with what it has, the kernel's buffers fill, and the sender's window closes. Nothing is dropped for want of room.
type streamDoor struct {
	*door
	*streamOf
}

// streamOf is a stream with what the server knows of it; all doors and datagram sockets of the stream share it.
type streamOf struct {
	wire.Stream
	server  *Server
	format  int // index of the format
	number  int // of its parser, among all routes and streams
	buffers *buffers
	counts  streamCounts
}

// streamCounts are written once a batch, not once a line: all cores share them.
type streamCounts struct {
	frames    atomic.Uint64 // lines or frames given to the parser
	bytes     atomic.Uint64 // of them
	datagrams atomic.Uint64 // read
	dropped   atomic.Uint64 // by the kernel, as its buffer was full; known when the next one comes
	cut       atomic.Uint64 // connections closed for bytes that are no frames, for slowness within a large frame, or for want of memory
	waits     atomic.Uint64 // times that a batch, or a large frame, had to wait for room
}

// openStreams opens every stream's sockets.
func (s *Server) openStreams(crowd *crowd) error {
	number, lent := s.routes.count, newBuffers(&s.room)
	for i, f := range s.opt.Formats {
		for _, stream := range f.Streams {
			of := &streamOf{Stream: stream, server: s, format: i, number: number, buffers: lent}
			number++
			addr := s.opt.Streams[stream.Name]
			if addr == "" || addr == off {
				continue
			}
			if err := s.openStream(of, addr, crowd); err != nil {
				return err
			}
			s.streamsOf = append(s.streamsOf, of)
		}
	}
	return nil
}

// openStream opens a stream's TCP sockets and, where it comes in datagrams too, UDP sockets on the same port.
func (s *Server) openStream(of *streamOf, addr string, crowd *crowd) error {
	sockets, packets, err := listenBoth(addr, "--"+of.Name, s.opt.Listeners, s.opt.Steer, of.UDP)
	if err != nil {
		return err
	}
	for _, l := range sockets {
		d := s.newDoor(of.Name, l)
		d.crowd, d.room, d.frames = crowd, &s.room, true
		s.streams = append(s.streams, &streamDoor{door: d, streamOf: of})
	}
	for _, p := range packets {
		s.datagrams = append(s.datagrams, newDatagramDoor(of, p, &workers{server: s, limit: 1}))
	}
	return nil
}

// serve takes connections until the door is closed.
func (d *streamDoor) serve() {
	for {
		c, err := d.Accept()
		if err != nil {
			return // closed; Accept takes care of everything else
		}
		go d.talk(c.(*conn))
	}
}

// talk is one connection's life.
func (d *streamDoor) talk(c *conn) {
	defer c.Close() // last: who waits for the connections' end waits for this
	in := feed{streamOf: d.streamOf, workers: d.workers, closing: d.closing, peer: c.peer, split: d.NewSplit(), out: c, door: &d.doorCounts}
	defer in.end()
	b := newBuffer(d.buffers, d.Max)
	defer b.free()
	var begun time.Time // when the frame that is not yet whole began to come
	for late := 0; late < lastReads; {
		if !d.makeRoom(b) {
			d.counts.cut.Add(1)
			return
		}
		n, err := d.read(c, b)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && b.isLent() && !d.isClosing() {
			if b.shrink(); b.isLent() && time.Since(begun) > d.server.opt.ReadTimeout {
				d.counts.cut.Add(1) // memory is not lent for ever
				return
			}
			continue
		}
		if b.filled == 0 {
			begun = time.Now()
		}
		used, open := in.take(b.came(n), errors.Is(err, io.EOF))
		if !in.store() || !open || err != nil {
			return // at its end: the sender has finished, is gone, or was silent for too long, or the appliance stops
		}
		if b.drop(used); used > 0 {
			begun = time.Now()
		}
		if b.isLarge() && time.Since(begun) > d.server.opt.ReadTimeout {
			d.counts.cut.Add(1)
			return
		}
		if d.isClosing() {
			late++
		}
	}
}

// lentFor is how long a connection that is silent keeps what was lent to it; a sender that writes without pause has it all the time.
const lentFor = 100 * time.Millisecond

// A stopping appliance takes what senders have already sent: it waits so long for it, and reads so often.
const (
	lastRead  = 20 * time.Millisecond
	lastReads = 64
)

// read reads once.
func (d *streamDoor) read(c *conn, b *buffer) (int, error) {
	for {
		stopping, wait := d.isClosing(), d.server.opt.StreamIdleTimeout
		switch {
		case stopping:
			wait = lastRead
		case b.isLent():
			wait = min(wait, lentFor)
		}
		if err := c.Conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return 0, err
		}
		if !stopping && d.isClosing() {
			continue // hurry came before the deadline that it was to cut short
		}
		n, err := c.Read(b.rest())
		if n == 0 && err != nil && !stopping && d.isClosing() {
			continue // woken by hurry: look once more whether anything is there
		}
		return n, err
	}
}

// makeRoom sees to it that there is room for the next read. Where memory must be lent for that and none is left, it waits for a
// while. false: the frame may not be as large, or the wait was in vain.
func (d *streamDoor) makeRoom(b *buffer) bool {
	for patience := d.server.opt.ReadTimeout; ; patience -= retryMost {
		if b.grow() {
			return true
		}
		if b.atMost() || patience <= 0 || d.isClosing() {
			return false
		}
		d.counts.waits.Add(1)
		time.Sleep(retryMost)
	}
}

func (d *streamDoor) isClosing() bool {
	select {
	case <-d.closing:
		return true
	default:
		return false
	}
}

// hurry wakes every connection that waits for bytes. The door is closed by then.
func (d *streamDoor) hurry() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		_ = c.Conn.SetReadDeadline(time.Now()) // a connection that is gone needs no waking
	}
}

// closeStreams stops reading, lets every connection store what it has, and waits for them; when ctx ends it cuts them.
func (s *Server) closeStreams(ctx context.Context) error {
	var err error
	for _, d := range s.streams {
		err = errors.Join(err, d.Close())
		d.hurry()
	}
	for _, d := range s.datagrams {
		err = errors.Join(err, d.close())
	}
	for !s.streamsEnded() {
		select {
		case <-time.After(time.Millisecond):
			continue
		case <-ctx.Done():
		}
		close(s.cut)
		cut := 0
		for _, d := range s.streams {
			cut += d.hangUp(true)
		}
		return errors.Join(err, fmt.Errorf("intake: %d streams were still busy and were cut: %w", cut, context.Cause(ctx)))
	}
	return err
}

func (s *Server) streamsEnded() bool {
	for _, d := range s.streams {
		if d.openCount() > 0 {
			return false
		}
	}
	for _, d := range s.datagrams {
		select {
		case <-d.ended:
		default:
			return false
		}
	}
	return true
}
