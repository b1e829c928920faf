package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"penstock/appliance/shard"
	"penstock/segstore"
)

// serveRecords answers GET /v1/topics/{topic}/records: a page of records, one JSON object a line (see appendLine).
//
//	shard=N         one shard; without it all, merged by (time, shard, offset). Within a shard the log's order always stands
//	from=BOUND      where to begin, default beginning (see ParseBound). A time takes the records of that time or later
//	until=BOUND     where to stop: an offset or positions are the first not read; a time takes the records before it; end is the end now
//	limit=N         at most so many records, 0 to 100000, default 1000
//	wait=DURATION   when there is nothing yet, wait for the first record, at most a minute
//	next=POSITIONS  go on where a former page stopped, which Penstock-Next told; from and until still choose by time
//	encoding=base64 every value in base64, byte for byte
//
// A page reads what is there when it begins, so it always ends; it also ends after ten seconds' reading, which may find no record
// of the time asked for, so the whole is read when Penstock-Next has reached Penstock-End. Its headers:
//
//	Penstock-From   where each shard was begun, as 0:17,1:4
//	Penstock-End    where each shard's page ends when the limit does not end it before
//	Penstock-Next   where to go on
//	Penstock-Lost   ranges that could not be read, as "0:17-25 damaged, 1:3-9 expired" (17 to 24 are lost); reading went on behind them
//	Penstock-Error  why the page stopped before its end
//
// The last three are trailers when the page is larger than the buffer. 404: no such topic; 416: the place is not kept any more, or
// lies behind the end of a log that was cut back; the body says where to go on.
func (s *Server) serveRecords(w http.ResponseWriter, r *http.Request) {
	set := s.open(w)
	if set == nil {
		return
	}
	q, err := readQuery(r.URL.Query(), time.Now())
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	t, ok := set.Topic(r.PathValue("topic"))
	if !ok {
		unknownTopic(w, r)
		return
	}
	sources, err := q.sources(t)
	var outside *rangeError
	var unread *readError
	switch {
	case errors.As(err, &outside):
		reply(w, http.StatusRequestedRangeNotSatisfiable, outside)
		return
	case errors.Is(err, segstore.ErrClosed):
		s.closed(w, r, t)
		return
	case errors.As(err, &unread):
		refuse(w, http.StatusInternalServerError, "%v", err)
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	page := &page{w: w, topic: t.Name(), exact: q.exact, merger: merger{ctx: r.Context(), sources: sources}}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Penstock-From", page.positions(func(s *source) int64 { return s.next }))
	if r.Method == http.MethodHead {
		q.limit = 0
	}
	if err := page.fill(r.Context(), q); err != nil {
		if !page.started {
			s.closed(w, r, t)
		}
		return // the client is gone
	}
	page.finish()
}

// closed answers for a topic whose logs closed under the request: it was deleted, or the appliance stops.
func (s *Server) closed(w http.ResponseWriter, r *http.Request, t *shard.Topic) {
	if set := s.set(); set != nil {
		if now, ok := set.Topic(t.Name()); !ok || now != t {
			unknownTopic(w, r)
			return
		}
	}
	w.Header().Set("Retry-After", "1")
	refuse(w, http.StatusServiceUnavailable, "the appliance is stopping")
}

const (
	pageBuffer   = 64 << 10         // bytes gathered before they are sent
	searchMax    = 10 * time.Second // that a page is read for; its end is then where it got to
	flushTimeout = 30 * time.Second // for a client to take a buffer; a client that takes longer would hold segments back from retention
)

// page is one answer being written.
type page struct {
	merger
	w       http.ResponseWriter
	topic   string
	exact   bool
	buf     []byte
	count   int
	started bool // status and headers are sent
}

// fill writes records until the page is full, at its end, or without hope. It waits when nothing is there and the query says so.
// The error is ErrClosed before anything was sent, or the client's connection's.
func (p *page) fill(ctx context.Context, q *query) error {
	// The records are read in the mapping. When the disk fails under it, this request panics (net/http then cuts its connection)
	// and not the appliance.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer p.close()
	wait, cancel := context.WithTimeout(ctx, q.wait)
	defer cancel()
	for {
		p.w.Header().Set("Penstock-End", p.positions(func(s *source) int64 { return max(s.next, s.end) }))
		p.until = time.Now().Add(searchMax)
		for p.count < q.limit {
			s, ok := p.next()
			if !ok {
				break
			}
			p.buf = AppendLine(p.buf, p.topic, s.shard, &s.head, p.exact)
			s.take()
			p.count++
			if len(p.buf) >= pageBuffer {
				if err := p.flush(); err != nil {
					return err
				}
			}
		}
		if errors.Is(p.err, segstore.ErrClosed) && p.count == 0 {
			return segstore.ErrClosed
		}
		if p.count > 0 || p.late || p.err != nil || len(p.losses) > 0 || q.limit == 0 || wait.Err() != nil {
			return nil
		}
		p.close() // a waiting reader pins nothing
		if arrived, err := p.await(wait, q); err != nil || !arrived {
			return err
		}
		if err := p.extend(q); err != nil {
			return err
		}
	}
}

// await blocks until a source may have a record the query wants, and reports whether one may. The error is ErrClosed.
func (p *page) await(ctx context.Context, q *query) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrived := make(chan error, len(p.sources))
	waiting := 0
	for i := range p.sources {
		if s := &p.sources[i]; q.more(s) {
			waiting++
			log, offset := s.log, s.next
			go func() { arrived <- log.Wait(ctx, offset) }()
		}
	}
	for ; waiting > 0; waiting-- {
		switch err := <-arrived; {
		case err == nil:
			return true, nil
		case errors.Is(err, segstore.ErrClosed):
			return false, segstore.ErrClosed
		}
	}
	return false, nil
}

// extend moves the sources' ends to what is there after a wait.
func (p *page) extend(q *query) error {
	for i := range p.sources {
		s := &p.sources[i]
		s.done = false
		if err := q.stop(s); err != nil {
			return err
		}
	}
	return nil
}

// flush sends what is gathered. The first flush sends the headers, and announces as trailers what is known only at the end.
func (p *page) flush() error {
	if !p.started {
		p.started = true
		p.w.Header().Set("Trailer", "Penstock-Next, Penstock-Lost, Penstock-Error")
	}
	_ = http.NewResponseController(p.w).SetWriteDeadline(time.Now().Add(flushTimeout))
	_, err := p.w.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}

// finish sends the rest, with what is known at the end: as headers when nothing was sent before, else as trailers.
func (p *page) finish() {
	h := p.w.Header()
	h.Set("Penstock-Next", p.positions(func(s *source) int64 { return s.next }))
	if len(p.losses) > 0 {
		h.Set("Penstock-Lost", formatLosses(p.losses))
	}
	if p.err != nil {
		h.Set("Penstock-Error", strings.Join(strings.Fields(p.err.Error()), " "))
		if p.count == 0 && len(p.losses) == 0 {
			refuse(p.w, http.StatusInternalServerError, "%v", p.err)
			return
		}
	}
	_ = http.NewResponseController(p.w).SetWriteDeadline(time.Now().Add(flushTimeout))
	p.w.Write(p.buf)
}

func (p *page) positions(of func(*source) int64) string {
	var positions []int64
	for i := range p.sources {
		positions = setPosition(positions, p.sources[i].shard, of(&p.sources[i]))
	}
	return FormatPositions(positions)
}

func formatLosses(losses []loss) string {
	var b strings.Builder
	for i, l := range losses {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d:%d-%d %s", l.shard, l.first, l.next, l.why)
	}
	return b.String()
}
