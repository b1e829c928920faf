package intake

import (
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"penstock/wire"
)

// feed turns a stream's bytes into stored records. One goroutine uses it.
type feed struct {
	*streamOf
	workers *workers
	closing <-chan struct{}
	peer    netip.Addr
	split   wire.Splitter
	out     *conn // nil for datagrams
	door    *doorCounts

	// Of the batch that gathers.
	w             *worker // nil while there is nothing to store
	frames, bytes uint64
	bugs          int
	bulk          bool // there is so much that it is laid while it is parsed
}

// The most that one batch gathers before it is stored: records, refused parts (of which a batch keeps no more than wire.MaxRejects),
// bytes to be said back.
const (
	feedRecords  = 8192
	feedRejected = wire.MaxRejects / 2
	feedEcho     = 64 << 10
	feedLaid     = 2560 // of records that are laid while they are parsed; half as many cost the same, and twice as many
	feedPacked   = 8192 // of samples that are packed: all of a read
)

// take parses the whole frames of buf into the batch and says how many bytes they took; when the batch has enough it stores it on the
// way. open is false when what follows cannot be read.
func (f *feed) take(buf []byte, atEOF bool) (used int, open bool) {
	f.bulk = f.server.opt.Set.Lays(f.server.opt.Ack, len(buf))
	for {
		advance, frame, fault := f.split(buf[used:], atEOF)
		if fault != nil {
			raw := buf[used : used+advance]
			if advance == 0 {
				raw = buf[used:]
				f.counts.cut.Add(1)
			}
			f.refuse(fault, raw)
		}
		if advance == 0 {
			return used, fault == nil
		}
		used += advance
		if frame != nil {
			f.parse(frame)
			used += f.run(buf[used:])
		}
		if f.isFull() && !f.store() {
			return used, false
		}
	}
}

func (f *feed) isFull() bool {
	if f.w == nil {
		return false
	}
	_, refused := f.w.batch.Rejected()
	return len(f.w.batch.Records) >= feedRecords || f.w.ticket.Laid() >= f.laidMost() || refused >= feedRejected || len(f.w.batch.Echo) >= feedEcho
}

func (f *feed) laidMost() int {
	if f.server.opt.Set.Packs() {
		return feedPacked
	}
	return feedLaid
}

func (f *feed) parse(frame []byte) {
	w := f.worker()
	f.frames++
	f.bytes += uint64(len(frame))
	w.request.Body = frame
	defer f.survive(w.batch.Mark())
	if fault := w.streamParser(f.streamOf).Parse(&w.request, &w.batch); fault != nil {
		f.refuse(fault, frame)
	}
}

// run has the parser take the lines that it takes many at once, and says how many bytes they took. A bug costs nothing: they are parsed
// one by one.
func (f *feed) run(text []byte) int {
	w := f.w
	runner, ok := w.parsers[f.number].(wire.Runner)
	if !ok {
		return 0
	}
	before := w.batch.Mark()
	defer func() {
		if bug := recover(); bug != nil {
			f.noteBug(bug)
			w.parsers[f.number] = nil
			w.batch.CutTo(before)
		}
	}()
	most := feedRecords - len(w.batch.Records)
	if w.batch.Layer != nil {
		most = min(most, f.laidMost()-w.ticket.Laid())
	}
	taken, used, bytes := runner.Run(text, most, &w.request, &w.batch)
	f.frames += uint64(taken)
	f.bytes += uint64(bytes)
	return used
}

func (f *feed) refuse(fault *wire.Fault, raw []byte) {
	code, offset, detail := fault.Code, fault.Offset, fault.Detail // the fault may be the batch's own, and make place for the next
	f.worker().batch.Refuse(code, offset, raw).Because(detail)
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
	f.frames, f.bytes, f.bugs = 0, 0, 0
	f.w.request = wire.Request{
		Method: "STREAM", Query: noFields{}, Header: noFields{}, Decode: &f.w.inflate, Tables: f.server.opt.Tables,
		Topics: f.server.topics[f.format], Limit: f.Max, Now: time.Now().UnixMilli(),
	}
	if f.bulk {
		f.w.batch.Layer, f.w.batch.Packs = f.w.ticket, f.server.opt.Set.Packs()
	}
	return f.w
}

func (w *worker) streamParser(of *streamOf) wire.Parser {
	if w.parsers[of.number] == nil {
		w.parsers[of.number] = of.New()
	}
	return w.parsers[of.number]
}

var hitBug = []byte("the appliance hit a bug with it")

// survive is deferred around a parser. A bug costs the frame that it was met in, which is kept as refused ones are, and the parser.
func (f *feed) survive(before wire.Mark) {
	bug := recover()
	if bug == nil {
		return
	}
	f.noteBug(bug)
	w := f.w
	w.parsers[f.number] = nil
	w.batch.CutTo(before)
	f.server.makeRejectedTopic()
	fault := wire.Fault{Code: wire.Dropped, Offset: wire.NoOffset, Detail: hitBug}
	w.layReject(f.wireName(), &fault, w.request.Body, f.peer, w.request.Now)
	f.bugs++
}

func (f *feed) noteBug(bug any) {
	if text, ok := bug.(string); ok && strings.HasPrefix(text, "FATAL: ") {
		panic(bug) // the machine's trouble, not a stream's: going on would make it worse
	}
	f.door.panics.Add(1)
	f.server.bugOnce.Do(func() {
		f.server.opt.Logger.Error("a line or frame hit a bug; the appliance goes on", "bug", bugText(bug), "stack", string(debug.Stack()))
	})
}

// end gives the worker back. After a bug outside of a parser, it throws the worker away and the connection is closed.
func (f *feed) end() {
	if bug := recover(); bug != nil {
		f.noteBug(bug)
		if w := f.w; w != nil {
			w.ticket.Drop()
			if w.owed > 0 {
				w.owedTo.failed.Add(uint64(w.owed))
			}
			f.workers.discard(w)
			f.w = nil
		}
	}
	if f.w != nil {
		f.workers.give(f.w)
		f.w = nil
	}
}

// noFields is a header or a query without a field, as a stream's are.
type noFields struct{}

func (noFields) Peek(string) []byte { return nil }
