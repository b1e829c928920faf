package intake

import (
	"bytes"
	"cmp"
	"errors"
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

// handle answers one request, read whole. It is the main road of the appliance, top to bottom.
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
		Query:  ctx.QueryArgs(),
		Header: &w.headers,
		Body:   ctx.PostBody(),
		Decode: &w.inflate,
		Tables: s.opt.Tables,
		Topics: s.topics[r.format],
		Limit:  cmp.Or(r.Limit, s.opt.MaxBody),
		Now:    arrival(ctx),
	}
	w.peer = peerOfRequest(cl)
	w.target = header.RequestURI()
	if r.Key == nil {
		_, w.query, _ = bytes.Cut(w.target, []byte("?"))
	}
	if r.New != nil && isDryRun(ctx.QueryArgs()) {
		w.dryRun(s, ctx, r)
		return
	}
	w.keep(s, r, ack)
	w.answer(ctx, r)
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

// keep parses the request and brings its records to the shards; the outcome says what became of them.
func (w *worker) keep(s *Server, r *route, ack shard.Ack) {
	count := &w.counts.wires[r.format]
	count.requests.Add(1)
	count.bytes.Add(uint64(len(w.request.Body)))
	w.outcome = wire.Outcome{Request: &w.request}
	name := s.opt.Formats[r.format].Name

	if fault := w.parse(s, r); fault != nil {
		count.received.Add(1)
		w.outcome.Verdict, w.outcome.Fault = wire.Refused, fault
		w.refuse(s, r, name, ack)
		count.settle(&w.outcome, 1)
		return
	}
	records := len(w.batch.Records)
	parts, refused := w.batch.Rejected()
	count.received.Add(uint64(records + refused))
	w.owed, w.owedTo = records+refused, count
	w.identify(name)
	if refused > 0 {
		w.key = presented(r, &w.request)
		s.makeRejectedTopic()
		w.layRejected(name, w.peer, w.request.Now)
	}
	err := w.store(s, ack)
	if w.outcome.Verdict, w.outcome.Reason = verdictOf(err); w.outcome.Verdict == wire.Refused {
		w.outcome.Fault = w.batch.Fail(wire.TooLarge, wire.NoOffset)
	}
	if w.outcome.Verdict == wire.Failed {
		s.complaints.note("storing records failed", err)
	}
	w.outcome.Records, w.outcome.Items, w.outcome.Echo, w.outcome.Rejected = records, w.batch.Items, w.batch.Echo, parts
	count.stored.Add(uint64(w.kept))
	count.duplicate.Add(uint64(w.repeated))
	if w.outcome.Verdict == wire.Stored {
		count.refuse(parts, refused)
	} else {
		count.settle(&w.outcome, records+refused-w.kept-w.repeated-w.late)
	}
	w.owed = 0
}

// parse lets the request in and has its wire read it; nil, or why it is refused whole.
func (w *worker) parse(s *Server, r *route) *wire.Fault {
	tenant, code := s.keys.admit(r, &w.request)
	if code != wire.OK {
		return w.batch.Fail(code, wire.NoOffset)
	}
	if r.New == nil {
		return nil
	}
	w.request.Tenant = tenant
	return w.parser(r).Parse(&w.request, &w.batch)
}

// refuse keeps what was refused whole, if that can be done; the sender is told the same in any case.
func (w *worker) refuse(s *Server, r *route, name string, ack shard.Ack) {
	w.batch.Clear()
	w.key = presented(r, &w.request)
	s.makeRejectedTopic()
	w.layRejected(name, w.peer, w.request.Now)
	w.layRefusal(name, w.outcome.Fault, w.peer, w.request.Now)
	if err := w.store(s, ack); err != nil {
		s.unkept.Add(1)
	}
	w.batch.Clear()
}

// store brings the batch's records to their shards and waits until the policy is met. A batch that is larger than a ring takes at
// once goes in pieces: when a later one fails, what went before stays, and is there twice when the sender tries again, unless the
// records have IDs.
func (w *worker) store(s *Server, ack shard.Ack) error {
	err := s.opt.Set.Offer(&w.batch, w.ticket, ack)
	if err == nil {
		err = w.ticket.Wait(shard.AckTimeout)
	}
	if err == nil && ack == shard.AckDisk {
		w.waitCluster()
	}
	if !errors.Is(err, shard.ErrTooLarge) || len(w.batch.Records) < 2 {
		w.account(err)
		return err
	}
	all := w.batch.Records
	defer func() { w.batch.Records = all }()
	half := len(all) / 2
	w.batch.Records = all[:half:half]
	if err := w.store(s, ack); err != nil {
		return err
	}
	w.batch.Records = all[half:]
	return w.store(s, ack)
}

// waitCluster waits until the cluster has the records of the batch just stored, where one keeps their topics and is not away.
func (w *worker) waitCluster() {
	if !w.ticket.Spooled() {
		return
	}
	has := w.ticket.WaitCluster()
	w.inCluster = has && (w.inCluster || !w.spooled)
	w.spooled = true
}

// inKafka is the name of what is safer than any policy of ours: a cluster has it.
const inKafka = "kafka"

// safety names how safe the records are that were stored.
func (w *worker) safety(ack shard.Ack) string {
	if w.inCluster {
		return inKafka
	}
	return ack.String()
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
	case errors.Is(err, shard.ErrUnderWay):
		return wire.Busy, "the same records are being stored for another request; try again soon"
	case errors.Is(err, shard.ErrFull):
		return wire.Busy, "the disk is full; try again when there is room"
	case errors.Is(err, shard.ErrSick):
		return wire.Busy, "the disk does not give the topic's log back; try again when it is well"
	case errors.Is(err, shard.ErrSync): // what follows goes to a new segment
		return wire.Busy, "the disk did not keep the records; send them again"
	case errors.Is(err, shard.ErrTopics):
		return wire.Busy, "there are as many topics as are allowed; remove one or allow more"
	case errors.Is(err, shard.ErrClosing):
		return wire.Busy, "the appliance is shutting down; try again soon"
	case errors.Is(err, shard.ErrTimeout):
		return wire.Busy, "the records were not acknowledged in time; send them again"
	case errors.Is(err, shard.ErrTooLarge):
		return wire.Refused, ""
	}
	return wire.Failed, "storing the records failed; send them again"
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
	w := worker{outcome: o}
	w.outcome.Request = &w.request
	w.request.Method, w.request.Path, w.request.Now = r.method, pathOf(&ctx.Request.Header), time.Now().UnixMilli()
	w.headers.raw = ctx.Request.Header.RawHeaders()
	w.request.Header, w.request.Query, w.request.Decode, w.request.Tables = &w.headers, ctx.QueryArgs(), &w.inflate, s.opt.Tables
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
