package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
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
	clients sync.WaitGroup
}

// streamOf is a stream with what the server knows of it; all doors and datagram sockets of the stream share it.
type streamOf struct {
	wire.Stream
	server *Server
	format int // index of the format
	number int // of its parser, among all routes and streams
	idle   time.Duration
	counts streamCounts
}

type streamCounts struct {
	frames    atomic.Uint64 // lines or frames given to the parser
	datagrams atomic.Uint64
	cut       atomic.Uint64 // connections closed for bytes that are no frames, or for want of memory
	waits     atomic.Uint64 // times that a batch had to wait for room
}

// The sizes of a connection's buffer: what it begins with, what it keeps between reads, and what large frames get beyond that, which
// is taken from the room that all large bodies share.
const (
	bufferFirst = 4 << 10
	bufferKeep  = 64 << 10
)

// openStreams opens every stream's sockets.
func (s *Server) openStreams(crowd *crowd) error {
	number := s.routes.count
	for i, f := range s.opt.Formats {
		for _, stream := range f.Streams {
			of := &streamOf{Stream: stream, server: s, format: i, number: number, idle: s.opt.StreamIdleTimeout}
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
	sockets, packets, err := listenBoth(addr, "--"+of.Name, s.opt.Listeners, of.UDP)
	if err != nil {
		return err
	}
	for _, l := range sockets {
		d := s.newDoor(of.Name, l)
		d.crowd, d.room, d.frames = crowd, &s.room, true
		s.streams = append(s.streams, &streamDoor{door: d, streamOf: of})
	}
	for _, p := range packets {
		s.datagrams = append(s.datagrams, newDatagramDoor(of, p, &workers{make: s.newWorker, limit: s.opt.MaxInFlight}))
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
		d.clients.Add(1)
		go func() {
			defer d.clients.Done()
			d.talk(c.(*conn))
		}()
	}
}

// talk is one connection's life.
func (d *streamDoor) talk(c *conn) {
	defer c.Close()
	in := feed{streamOf: d.streamOf, workers: d.workers, closing: d.closing, peer: c.peer, split: d.NewSplit(), out: c}
	defer in.end(&d.doorCounts)
	b := buffer{room: &d.server.room, most: max(d.Max+1, bufferFirst), bytes: make([]byte, bufferFirst)}
	defer b.free()
	for late := 0; late < lastReads; {
		n, err := d.read(c, b.rest())
		b.filled += n
		used, open := in.take(b.bytes[:b.filled], err == io.EOF)
		if !in.store() || !open || err != nil {
			return // at its end: the sender has finished, is gone, or was silent for too long, or the appliance stops
		}
		b.drop(used)
		if !b.grow() {
			d.counts.cut.Add(1)
			return
		}
		if d.isClosing() {
			late++
		}
	}
}

// A stopping appliance takes what senders have already sent: it waits so long for it, and reads so often.
const (
	lastRead  = 50 * time.Millisecond
	lastReads = 64
)

// read reads once.
func (d *streamDoor) read(c *conn, into []byte) (int, error) {
	for {
		stopping, wait := d.isClosing(), d.idle
		if stopping {
			wait = lastRead
		}
		if err := c.Conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return 0, err
		}
		if !stopping && d.isClosing() {
			continue // hurry came before the deadline that it was to cut short
		}
		n, err := c.Read(into)
		if n == 0 && err != nil && !stopping && d.isClosing() {
			continue // woken by hurry: look once more whether anything is there
		}
		return n, err
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
	ended := make(chan struct{})
	go func() {
		for _, d := range s.streams {
			d.clients.Wait()
		}
		for _, d := range s.datagrams {
			<-d.ended
		}
		close(ended)
	}()
	select {
	case <-ended:
		return err
	case <-ctx.Done():
	}
	cut := 0
	for _, d := range s.streams {
		cut += d.hangUp(true)
	}
	<-ended
	return errors.Join(err, fmt.Errorf("intake: %d streams were still busy and were cut: %w", cut, context.Cause(ctx)))
}

// feed turns a stream's bytes into stored records. One goroutine uses it.
type feed struct {
	*streamOf
	workers *workers
	closing <-chan struct{}
	peer    netip.Addr
	split   wire.Splitter
	out     net.Conn // nil for datagrams
	w       *worker  // while there is something to store
}

// The most that one batch gathers before it is stored.
const feedRecords = 8192

// take parses the whole frames of buf into the batch and says how many bytes they took; with too many records it stores them on the
// way. open is false when what follows cannot be read.
func (f *feed) take(buf []byte, atEOF bool) (used int, open bool) {
	for {
		advance, frame, fault := f.split(buf[used:], atEOF)
		if fault != nil {
			raw := buf[used : used+advance]
			if advance == 0 {
				raw = buf[used:]
				f.counts.cut.Add(1)
			}
			f.worker().batch.Refuse(fault.Code, fault.Offset, raw).Because(fault.Detail)
		}
		if advance == 0 {
			return used, fault == nil
		}
		used += advance
		if frame != nil {
			f.parse(frame)
		}
		if f.w != nil && len(f.w.batch.Records) >= feedRecords && !f.store() {
			return used, false
		}
	}
}

func (f *feed) parse(frame []byte) {
	w := f.worker()
	w.request.Body = frame
	if fault := w.streamParser(f.streamOf).Parse(&w.request, &w.batch); fault != nil {
		w.batch.Refuse(fault.Code, fault.Offset, frame).Because(fault.Detail)
	}
	f.counts.frames.Add(1)
	count := &w.counts.wires[f.format]
	count.requests.Add(1)
	count.bytes.Add(uint64(len(frame)))
}

// worker takes a worker for the batch that begins. When all are taken it waits for one: a stream has nobody to send away.
func (f *feed) worker() *worker {
	if f.w != nil {
		return f.w
	}
	for f.w = f.workers.take(); f.w == nil; f.w = f.workers.take() {
		f.counts.waits.Add(1)
		time.Sleep(retryFirst)
	}
	f.w.request = wire.Request{
		Method: "STREAM", Query: noFields{}, Header: noFields{}, Decode: &f.w.inflate, Tables: f.server.opt.Tables,
		Topics: f.server.topics[f.format], Limit: f.Max, Now: time.Now().UnixMilli(),
	}
	return f.w
}

func (w *worker) streamParser(of *streamOf) wire.Parser {
	if w.parsers[of.number] == nil {
		w.parsers[of.number] = of.New()
	}
	return w.parsers[of.number]
}

// store stores the batch, however long that takes, and says back what is to be said. false: the connection is at its end.
func (f *feed) store() bool {
	w := f.w
	if w == nil {
		return true
	}
	f.layRefused()
	parts, refused := w.batch.Rejected()
	records := len(w.batch.Records) - w.told
	count := &w.counts.wires[f.format]
	count.received.Add(uint64(records + refused))
	w.owed, w.owedTo = records+refused, count
	err := f.insist(w)
	w.outcome = wire.Outcome{Request: &w.request, Rejected: parts}
	if w.outcome.Verdict, _ = verdictOf(err); w.outcome.Verdict == wire.Refused {
		w.outcome.Fault = w.batch.Fail(wire.TooLarge, wire.NoOffset)
	}
	if w.outcome.Verdict == wire.Failed {
		f.server.complaints.note("storing records failed", err)
	}
	count.settle(&w.outcome, records, refused)
	w.owed = 0
	if len(w.batch.Echo) > 0 && f.out != nil {
		_, err = f.out.Write(w.batch.Echo)
	} else {
		err = nil
	}
	f.w = nil
	f.workers.give(w)
	return err == nil
}

// layRefused keeps the refused parts that are not kept yet, as this peer's.
func (f *feed) layRefused() {
	if parts, _ := f.w.batch.Rejected(); len(parts) > f.w.asked {
		f.server.makeRejectedTopic()
		f.w.layRejected(f.server.opt.Formats[f.format].Name, f.peer, f.w.request.Now)
	}
}

// The pauses between tries to store a batch.
const (
	retryFirst = time.Millisecond
	retryMost  = 250 * time.Millisecond
)

// insist stores the batch; when there is no room it tries again until there is, or until the appliance stops.
func (f *feed) insist(w *worker) error {
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		err := w.store(f.server, f.server.opt.Ack)
		if verdict, _ := verdictOf(err); verdict != wire.Busy {
			return err
		}
		f.counts.waits.Add(1)
		select {
		case <-f.closing:
			return err
		case <-time.After(pause):
		}
	}
}

// end gives the worker back; after a bug in a format it throws the worker away and keeps the process.
func (f *feed) end(counts *doorCounts) {
	bug := recover()
	if bug == nil {
		if f.w != nil {
			f.workers.give(f.w)
		}
		return
	}
	if text, ok := bug.(string); ok && strings.HasPrefix(text, "FATAL: ") {
		panic(bug) // the machine's trouble, not a stream's: going on would make it worse
	}
	counts.panics.Add(1)
	if w := f.w; w != nil {
		if w.owed > 0 {
			w.owedTo.failed.Add(uint64(w.owed))
		}
		f.workers.discard(w)
	}
	f.server.bugOnce.Do(func() {
		f.server.opt.Logger.Error("a line hit a bug; its connection was closed and the appliance goes on", "bug", bugText(bug), "stack", string(debug.Stack()))
	})
}

// noFields is a stream's header and query: there are none.
type noFields struct{}

func (noFields) Peek(string) []byte { return nil }
