package intake

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"penstock/appliance/shard"
	"penstock/wire"
)

// The header fields of our own.
const (
	ackHeader      = "Penstock-Ack"      // asks for a policy; names it back when the records are stored under it
	positionHeader = "Penstock-Position" // where the records are: topic/shard@first-last
)

// positionMax is the longest position sent back. A request whose records went to hundreds of places gets none: clients limit the
// headers they read, and a reply that cannot be read is a batch sent twice.
const positionMax = 4 << 10

// handle answers one request, read whole. It is the main road of the appliance, top to bottom.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	door, cl := s.doorOf(ctx)
	door.requests.Add(1)
	header := &ctx.Request.Header
	flaw, chunked := judge(header)
	if flaw != "" {
		door.malformed.Add(1)
		turnAway(ctx, cl, fasthttp.StatusBadRequest, flaw)
		return
	}
	if chunked && cl != nil && !cl.plainTail().isLastChunk() {
		ctx.SetConnectionClose() // trailers, or something behind the body: answer this request and read nothing more
	}
	path := pathOf(header)
	r, methods := s.routes.find(path, header.Method())
	if r == nil {
		door.unrouted.Add(1)
		noRoute(ctx, methods)
		return
	}
	w := door.workers.take()
	if w == nil {
		s.overloaded(ctx, r)
		return
	}
	defer s.finish(ctx, door, w) // gives the worker back, and survives a bug in a parser

	w.headers.raw = header.RawHeaders()
	ack, asked, known := s.policy(&w.headers)
	if !known {
		door.badPolicy.Add(1)
		plain(ctx, fasthttp.StatusBadRequest, "unknown acknowledgement policy in "+ackHeader+": disk, log and ring are known")
		return
	}
	w.request = wire.Request{
		Method: r.method,
		Path:   path,
		Query:  ctx.QueryArgs(),
		Header: &w.headers,
		Body:   ctx.PostBody(),
		Decode: &w.inflate,
		Tables: s.opt.Tables,
		Limit:  s.opt.MaxBody,
		Now:    time.Now().UnixMilli(),
	}
	w.keep(s, r, ack)
	w.answer(ctx, r)
	if asked && w.outcome.Verdict == wire.Stored {
		header := &ctx.Response.Header
		header.Set(ackHeader, ack.String())
		if w.where = w.ticket.AppendPosition(w.where[:0]); len(w.where) > 0 && len(w.where) <= positionMax {
			header.SetBytesV(positionHeader, w.where)
		}
	}
}

// keep parses the request and brings its records to the shards; the outcome says what became of them.
func (w *worker) keep(s *Server, r *route, ack shard.Ack) {
	count := &w.counts.wires[r.format]
	count.requests.Add(1)
	count.bytes.Add(uint64(len(w.request.Body)))
	w.outcome = wire.Outcome{Request: &w.request}

	if w.outcome.Fault = w.parser(r).Parse(&w.request, &w.batch); w.outcome.Fault != nil {
		w.outcome.Verdict = wire.Refused
		count.received.Add(1)
		count.settle(&w.outcome, 1)
		return
	}
	records := len(w.batch.Records)
	count.received.Add(uint64(records))
	w.owed, w.owedTo = records, count
	err := s.opt.Set.Offer(&w.batch, w.ticket, ack)
	if err == nil {
		err = w.ticket.Wait(shard.AckTimeout)
	}
	if w.outcome.Verdict, w.outcome.Reason = verdictOf(err); w.outcome.Verdict == wire.Refused {
		w.outcome.Fault = w.batch.Fail(wire.TooLarge, wire.NoOffset)
	}
	if w.outcome.Verdict == wire.Failed {
		s.complaints.note("storing records failed", err)
	}
	w.outcome.Records = records
	count.settle(&w.outcome, records)
	w.owed = 0
}

func (w *worker) parser(r *route) wire.Parser {
	if w.parsers[r.number] == nil {
		w.parsers[r.number] = r.New()
	}
	return w.parsers[r.number]
}

// verdictOf says what an error of the shards means to a client, and why in a sentence.
//
// A timeout is "busy", not "failed": the records may yet be stored, but nobody may rely on it, and sending them again is right.
// Too many topics is "busy" too: the data is good, and an operator can make room.
func verdictOf(err error) (wire.Verdict, string) {
	switch {
	case err == nil:
		return wire.Stored, ""
	case errors.Is(err, shard.ErrBusy):
		return wire.Busy, "the appliance is catching up; try again soon"
	case errors.Is(err, shard.ErrFull):
		return wire.Busy, "the disk is full; try again when there is room"
	case errors.Is(err, shard.ErrTopics):
		return wire.Busy, "there are as many topics as are allowed; remove one or allow more"
	case errors.Is(err, shard.ErrClosing):
		return wire.Busy, "the appliance is shutting down; try again soon"
	case errors.Is(err, shard.ErrTimeout):
		return wire.Busy, "the records were not acknowledged in time; send them again"
	case errors.Is(err, shard.ErrTooLarge):
		return wire.Refused, ""
	case errors.Is(err, shard.ErrSync):
		return wire.Failed, "the disk did not keep the records; send them again"
	}
	return wire.Failed, "storing the records failed; send them again"
}

// answer writes the format's own reply.
func (w *worker) answer(ctx *fasthttp.RequestCtx, r *route) {
	body, status, contentType := r.Reply(w.reply[:0], &w.outcome)
	w.reply = body
	ctx.SetStatusCode(status)
	if contentType != "" {
		ctx.SetContentType(contentType)
	}
	ctx.SetBody(body) // copied: the worker moves on before the reply is written
	if w.outcome.Verdict == wire.Busy {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, "1")
	}
}

// policy is the acknowledgement a request asks for, or the appliance's own.
func (s *Server) policy(h *headers) (ack shard.Ack, asked, known bool) {
	name := h.Peek(ackHeader)
	if name == nil {
		return s.opt.Ack, false, true
	}
	ack, known = shard.ParseAck(name)
	return ack, true, known
}

// overloaded answers a request that no worker is left for.
func (s *Server) overloaded(ctx *fasthttp.RequestCtx, r *route) {
	w := worker{outcome: wire.Outcome{Verdict: wire.Busy, Reason: "too many requests are in work; try again soon"}}
	w.outcome.Request = &w.request
	w.request.Method, w.request.Path = r.method, pathOf(&ctx.Request.Header)
	w.headers.raw = ctx.Request.Header.RawHeaders()
	w.request.Header, w.request.Query, w.request.Decode, w.request.Tables = &w.headers, ctx.QueryArgs(), &w.inflate, s.opt.Tables
	s.shed.Add(1)
	w.answer(ctx, r)
}

// finish gives the worker back. After a bug in a format it throws the worker away, answers 500 and keeps the process.
func (s *Server) finish(ctx *fasthttp.RequestCtx, d *door, w *worker) {
	bug := recover()
	if bug == nil {
		d.workers.give(w)
		return
	}
	if text, ok := bug.(string); ok && strings.HasPrefix(text, "FATAL: ") {
		panic(bug) // the machine's trouble, not a request's: going on would make it worse
	}
	d.panics.Add(1)
	if w.owed > 0 {
		w.owedTo.failed.Add(uint64(w.owed))
	}
	d.workers.discard(w)
	s.bugOnce.Do(func() {
		s.opt.Logger.Error("a request hit a bug; it was answered 500 and the appliance goes on", "bug", bugText(bug), "stack", string(debug.Stack()))
	})
	ctx.Response.Reset()
	plain(ctx, fasthttp.StatusInternalServerError, "the appliance hit a bug with this request")
}

// bugText names a bug without a byte of the request: our own messages and the runtime's are constant or hold numbers only.
func bugText(bug any) string {
	switch b := bug.(type) {
	case string:
		return b
	case error:
		return b.Error()
	}
	return fmt.Sprintf("a panic with a %T", bug)
}

func pathOf(h *fasthttp.RequestHeader) []byte {
	target := h.RequestURI()
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		return target[:i]
	}
	return target
}

func noRoute(ctx *fasthttp.RequestCtx, m *methods) {
	if m == nil {
		plain(ctx, fasthttp.StatusNotFound, "nothing is here")
		return
	}
	ctx.Response.Header.Set(fasthttp.HeaderAllow, m.allow)
	plain(ctx, fasthttp.StatusMethodNotAllowed, "this path does not take that method")
}

// turnAway refuses a request whose framing cannot be trusted: nothing behind it is read.
func turnAway(ctx *fasthttp.RequestCtx, cl client, status int, sentence string) {
	plain(ctx, status, sentence)
	ctx.SetConnectionClose()
	if cl != nil {
		cl.base().linger.Store(true)
	}
}

func plain(ctx *fasthttp.RequestCtx, status int, sentence string) {
	ctx.SetStatusCode(status)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.Response.ResetBody()
	ctx.Response.AppendBodyString(sentence)
	ctx.Response.AppendBodyString("\n")
}

// doorOf tells which door a request came through. A request that came through none, as in a test that drives the handler
// directly, counts for the first.
func (s *Server) doorOf(ctx *fasthttp.RequestCtx) (*door, client) {
	if cl, ok := ctx.Conn().(client); ok {
		return cl.base().door, cl
	}
	return s.doors[0], nil
}
