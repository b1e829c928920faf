package intake

import (
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"penstock/appliance/shard"
	"penstock/wire"
)

// pipeline is what a connection's requests have brought and what is not stored yet. Of a client that does not wait for an answer before
// it sends the next request, the next stands in the buffer already: then the records of small requests gather, and are stored at
// once, so that they share a batch, its checksum and a sync. Their replies gather with them, in fasthttp's buffer.
//
// Invariant: no byte leaves the connection, and it does not wait for one to come, while records wait (see conn.settle). When they
// can't be stored their replies, which say that they are, must not leave either: the connection is closed, and the client, which has no
// answer, sends them again.
type pipeline struct {
	unread int // about how many bytes the client has sent that no request has taken: nothing but whether to gather hangs on it

	w      *worker // whose batch they gather in; nil while there are none
	server *Server
	door   *door
	ack    shard.Ack
	bytes  int
	failed bool // something could not be stored: the connection is at its end
}

// The most that gathers: a request's records, and all of them. Records in bytes of what they hold.
const (
	pipelineRecord = 4 << 10
	pipelineBytes  = 64 << 10
)

// upsetTime is for how long nothing gathers after something that had gathered could not be stored: each request is told why for itself.
const upsetTime = time.Second

// took notes that a request was read whole.
func (p *pipeline) took(h *fasthttp.RequestHeader, body []byte, chunked bool) {
	size := len(h.Method()) + len(" ") + len(h.RequestURI()) + len(" HTTP/1.1\r\n") + len(h.RawHeaders()) + len(body)
	if p.unread -= size; p.unread < 0 || chunked { // what chunks took is not known
		p.unread = 0
	}
}

// gather takes over the records of a request whose answer need not leave yet, and which would be the same whatever becomes of others:
// nobody asked where they are, and none can be a repeat. false: they are to be stored now.
func (p *pipeline) gather(s *Server, d *door, from *worker, ack shard.Ack) bool {
	if p.unread == 0 || ack == shard.AckRing || from.request.Now < s.upset.Load() || s.opt.Set.Closing() || s.opt.Set.Spools() {
		return false
	}
	records, size := from.batch.Records, 0
	for i := range records {
		r := &records[i]
		if size += len(r.Key) + len(r.Value) + len(r.Headers); r.ID != nil || size > pipelineRecord {
			return false
		}
	}
	if p.w == nil {
		if p.w = d.workers.take(); p.w == nil {
			return false
		}
		p.server, p.door, p.ack, p.bytes, p.w.owedTo = s, d, ack, 0, from.owedTo
	} else if p.ack != ack || p.w.owedTo != from.owedTo || p.bytes+size > pipelineBytes {
		return false
	}
	p.bytes += size
	p.w.owed += len(records)
	for i := range records {
		keepCopy(&p.w.batch, &records[i])
	}
	return true
}

// keepCopy adds a copy of another batch's record.
func keepCopy(b *wire.Batch, r *wire.Record) {
	text := b.Scratch(len(r.Topic) + len(r.Key) + len(r.Value) + len(r.Headers))
	part := func(of []byte) []byte {
		if of == nil {
			return nil
		}
		n := copy(text, of)
		kept := text[:n:n]
		text = text[n:]
		return kept
	}
	*b.Add() = wire.Record{Topic: part(r.Topic), Key: part(r.Key), Value: part(r.Value), Headers: part(r.Headers), Time: r.Time}
}

// settle stores what has gathered, and reports whether the connection may go on.
func (c *conn) settle() bool {
	p := &c.pipeline
	if p.w != nil {
		p.store()
	}
	return !p.failed
}

func (p *pipeline) store() {
	w, s := p.w, p.server
	p.w = nil
	defer p.survive(w)
	w.bring(s, p.ack)
	if w.outcome.Verdict != wire.Stored {
		p.failed = true
		s.upset.Store(time.Now().Add(upsetTime).UnixMilli())
		w.owedTo.settle(&w.outcome, w.owed-w.kept-w.repeated-w.late)
	}
	w.owed = 0
}

// survive gives the worker back. After a bug it throws the worker away, and the connection is closed.
func (p *pipeline) survive(w *worker) {
	bug := recover()
	if bug == nil {
		p.door.workers.give(w)
		return
	}
	if text, ok := bug.(string); ok && strings.HasPrefix(text, "FATAL: ") {
		panic(bug)
	}
	p.failed = true
	p.server.hitBug(p.door, w, bug)
}
