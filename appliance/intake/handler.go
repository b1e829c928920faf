package intake

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime/debug"
	"strconv"
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

// serve answers one request, read whole, and takes its body's memory back.
func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	s.handle(ctx)
	s.takeBody(&ctx.Request)
}

// handle answers one request. It is the main road of the appliance, top to bottom.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	door, cl := s.doorOf(ctx)
	door.requests.Add(1)
	header, lines := &ctx.Request.Header, headers{}
	flaw, chunked := judge(header, &lines)
	if flaw != "" {
		door.malformed.Add(1)
		turnAway(ctx, cl, fasthttp.StatusBadRequest, flaw)
		return
	}
	if chunked && cl != nil && !cl.plainTail().isLastChunk() {
		ctx.SetConnectionClose() // trailers, or something behind the body: answer this request and read nothing more
	}
	var line *conn
	if cl != nil {
		line = cl.base()
		line.pipeline.took(header, ctx.PostBody(), chunked)
		line.phase = between
	}
	path := pathOf(header)
	r, methods, params := s.routes.find(path, header.Method())
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

	w.headers = lines
	ack, asked, known := s.policy(&w.headers)
	if !known {
		door.badPolicy.Add(1)
		plain(ctx, fasthttp.StatusBadRequest, "unknown acknowledgement policy in "+ackHeader+": disk, log and ring are known")
		return
	}
	w.request = wire.Request{
		Method: r.method,
		Path:   path,
		Params: params,
		Query:  queryOf(ctx),
		Header: &w.headers,
		Body:   ctx.PostBody(),
		Decode: &w.inflate,
		Tables: s.opt.Tables,
		Topics: s.topics[r.format],
		Limit:  cmp.Or(r.Limit, s.opt.MaxBody),
		Now:    arrival(ctx),
	}
	w.source, w.peer = &ctx.Request, peerOfRequest(cl)
	w.target = header.RequestURI()
	if r.Key == nil {
		_, w.query, _ = bytes.Cut(w.target, []byte("?"))
	}
	if r.New != nil && isDryRun(w.request.Query) {
		w.dryRun(s, ctx, r)
		return
	}
	w.keep(s, r, ack, line, asked)
	w.answer(ctx, r)
	w.tell(ctx, ack, asked)
}

// tell says beside the format's own reply what became of stored records, as far as the client wants to know.
func (w *worker) tell(ctx *fasthttp.RequestCtx, ack shard.Ack, asked bool) {
	if w.repeated > 0 && w.outcome.Verdict == wire.Stored {
		w.where = strconv.AppendInt(w.where[:0], int64(w.repeated), 10)
		ctx.Response.Header.SetBytesV(duplicatesHeader, w.where)
	}
	if (asked || w.spooled) && w.outcome.Verdict == wire.Stored {
		header := &ctx.Response.Header
		header.Set(ackHeader, w.safety(ack))
		if w.where = w.ticket.AppendPosition(w.where[:0]); len(w.where) > 0 && len(w.where) <= positionMax {
			header.SetBytesV(positionHeader, w.where)
		}
	}
}

// arrival is when a request had come, ms since 1970: fasthttp has looked at the clock just then. One that it did not read came now.
func arrival(ctx *fasthttp.RequestCtx) int64 {
	if t := ctx.Time(); !t.IsZero() {
		return t.UnixMilli()
	}
	return time.Now().UnixMilli()
}

// answer writes the format's own reply.
func (w *worker) answer(ctx *fasthttp.RequestCtx, r *route) {
	reply := r.Reply(w.reply[:0], &w.outcome)
	w.reply = reply.Body
	ctx.SetStatusCode(reply.Status)
	if reply.Type != "" {
		ctx.SetContentType(reply.Type)
	}
	for _, field := range reply.Fields {
		ctx.Response.Header.Set(field.Name, field.Value)
	}
	body := reply.Body
	if r.Gzip && len(body) >= gzipLeast && acceptsGzip(w.headers.Peek(fasthttp.HeaderAcceptEncoding)) {
		body = w.gzip(body)
		ctx.Response.Header.Set(fasthttp.HeaderContentEncoding, "gzip")
		ctx.Response.Header.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
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
	s.shed.Add(1)
	s.unparsed(ctx, r, wire.Outcome{Verdict: wire.Busy, Reason: "too many requests are in work; try again soon"})
}

// unparsed answers a request in its wire's words without a parser having seen it.
func (s *Server) unparsed(ctx *fasthttp.RequestCtx, r *route, o wire.Outcome) {
	w := worker{bench: new(bench), outcome: o}
	w.outcome.Request = &w.request
	w.request.Method, w.request.Path, w.request.Now = r.method, pathOf(&ctx.Request.Header), time.Now().UnixMilli()
	w.headers.raw = ctx.Request.Header.RawHeaders()
	w.request.Header, w.request.Query, w.request.Decode, w.request.Tables = &w.headers, queryOf(ctx), &w.inflate, s.opt.Tables
	w.request.Topics = s.topics[r.format]
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
	s.hitBug(d, w, bug)
	ctx.Response.Reset()
	plain(ctx, fasthttp.StatusInternalServerError, "the appliance hit a bug with this request")
}

// hitBug throws away a worker that met a bug, and tells of the first one.
func (s *Server) hitBug(d *door, w *worker, bug any) {
	d.panics.Add(1)
	if w.owed > 0 {
		w.owedTo.failed.Add(uint64(w.owed))
	}
	d.workers.discard(w)
	s.bugOnce.Do(func() {
		s.opt.Logger.Error("a request hit a bug; the appliance goes on", "bug", bugText(bug), "stack", string(debug.Stack()))
	})
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

// queryOf is what stands behind a target's question mark. One without is not taken apart, which fasthttp does whole, host and all.
func queryOf(ctx *fasthttp.RequestCtx) wire.Peeker {
	if bytes.IndexByte(ctx.Request.Header.RequestURI(), '?') < 0 {
		return noFields{}
	}
	return ctx.QueryArgs()
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
