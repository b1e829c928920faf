package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"penstock/segstore/pack"
)

// simRecord is a record that a client sends. It says itself which one it is.
type simRecord struct {
	request, index uint32
	topic          string
	key            []byte
	time           int64
	size           int
	series         *pack.Series // of a sample; nil: it is none
	parts          []*simPart   // that it went in, once for each time it was sent and not taken for a repeat
}

// appendValue makes the record's value: which one it is, and bytes that follow from that.
func (r *simRecord) appendValue(dst []byte) []byte {
	if r.series != nil {
		x := r.sample()
		dst = append(append(dst, x.Text[:x.Head]...), x.Stamp...)
		return append(append(append(dst, ','), x.Value...), x.Text[x.Head:][:x.Tail]...)
	}
	return r.appendBytes(dst, r.size)
}

// sample is the record as what it is packed as.
func (r *simRecord) sample() *pack.Sample {
	head, tail := fmt.Sprintf(`{"kind":"metric","metric":"%s","points":[[`, r.key), `]],"wire":"sim"}`
	stamp := strconv.AppendInt(nil, r.time, 10)
	return &pack.Sample{
		Series: r.series, Text: []byte(head + tail + string(r.key)), Head: len(head), Tail: len(tail),
		Point: &pack.Point{Time: r.time, Stamp: stamp, Value: r.appendBytes(nil, r.size-len(head)-len(tail)-len(stamp)-len(","))},
	}
}

func (r *simRecord) appendBytes(dst []byte, size int) []byte {
	n := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, r.request)
	dst = binary.BigEndian.AppendUint32(dst, r.index)
	from := int(r.request*31+r.index) % 256
	return append(dst, filling[from:from+max(0, size-(len(dst)-n))]...)
}

var filling = func() []byte {
	b := make([]byte, 8<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

// simRequest is what a client sends at once.
type simRequest struct {
	number  uint32
	at      int64 // when it was sent, the world's time
	ack     Ack
	records []*simRecord
	parts   []*simPart
	told    bool  // what became of it; err says it
	err     error // nil: acknowledged
}

// simPart is a request's records of one shard.
type simPart struct {
	log     *simLog
	request *simRequest
	records []*simRecord
	first   int // place of the first one in the request
	state   partState
	offset  int64 // of the first; -1: not laid into the log
	at      int64 // when it was laid into the log, the world's time
	boots   int   // and in which life of the machine
	doomed  bool  // a sync of its log failed before it was committed
	kept    bool  // the client was told that it is
	hung    bool  // it was gone before that: what was noted of it then may stay
}

type partState uint8

const (
	inRing    partState = iota
	refused             // by the writer
	laid                // into the log, and as far as anybody knows there
	expired             // retention has taken it; a crash may bring it back
	uncertain           // given up, but not for sure
	gone                // and never to be seen again
	deleted             // with its topic
)

func (p *simPart) end() int64 { return p.offset + int64(len(p.records)) }

func (p *simPart) String() string {
	return fmt.Sprintf("request %d's %d records at %d of %s", p.request.number, len(p.records), p.offset, p.log.dir)
}

// simClient sends one request at a time.
type simClient struct {
	ticket  *Ticket
	pending *simRequest
}

// offer has a client that waits for nothing send a request, or one again.
func (l *life) offer() {
	c := l.clients[l.IntN(len(l.clients))]
	if c.pending != nil {
		return
	}
	r := l.newRequest()
	switch {
	case l.plan.ids && len(l.sent) > 0 && l.chance(30):
		r.records = l.sent[l.IntN(len(l.sent))].records
	default:
		for n := 1 + l.IntN(6); len(r.records) == 0 || len(r.records) < n && !l.plan.uniform; {
			topic := fmt.Sprint("t", l.IntN(l.plan.topics))
			if len(r.records) > 0 && l.chance(75) {
				topic = r.records[0].topic
			}
			l.addRecord(r, topic)
		}
		l.sent = append(l.sent, r)
	}
	if !l.plan.onlyDisk {
		r.ack = []Ack{AckDisk, AckDisk, AckLog, AckRing}[l.IntN(4)]
	}
	l.send(c, r)
}

func (l *life) newRequest() *simRequest {
	l.numbers++
	return &simRequest{number: l.numbers, at: l.elapsed, ack: AckDisk}
}

func (l *life) addRecord(r *simRequest, topic string) {
	rec := &simRecord{request: r.number, index: uint32(len(r.records)), topic: topic, time: l.wall() - int64(l.IntN(1000)), size: l.IntN(l.plan.value)}
	if l.plan.uniform {
		rec.size = l.plan.value
	}
	if n := l.IntN(8); n < 6 || l.plan.uniform {
		rec.key = fmt.Appendf(nil, "k%d", n)
	}
	rec.series = l.seriesOf(rec.key)
	r.records = append(r.records, rec)
}

// seriesOf is the series of samples with a key; nil where there are none.
func (l *life) seriesOf(key []byte) *pack.Series {
	if !l.plan.packs || l.plan.ids || key == nil {
		return nil
	}
	if l.series[string(key)] == nil {
		l.series[string(key)] = new(pack.Series)
	}
	return l.series[string(key)]
}

// offerToAll sends a request to each shard there is.
func (l *life) offerToAll() (sent []*simRequest) {
	for _, s := range l.logs {
		if s.log == nil {
			continue
		}
		c := &simClient{ticket: l.set.NewTicket()}
		l.set.turn.Store(uint32(s.shard)) // where a record without a key goes
		l.clients = append(l.clients, c)
		r := l.newRequest()
		r.records = []*simRecord{{request: r.number, topic: s.topic, time: l.wall()}}
		l.send(c, r)
		sent = append(sent, r)
	}
	return sent
}

// send offers a request to the set.
func (l *life) send(c *simClient, r *simRequest) {
	l.sum[countRequests]++
	l.batch.Reset()
	values := make([]byte, 0, len(r.records)*(l.plan.value+8))
	for _, rec := range r.records {
		from, out := len(values), l.batch.Add()
		values = rec.appendValue(values)
		out.Topic, out.Key, out.Value, out.Time = []byte(rec.topic), rec.key, values[from:], rec.time
		if l.plan.ids {
			out.ID = values[from:][:8]
		}
	}
	c.ticket.Late = func() func(func(int) Fate) {
		return func(fate func(int) Fate) { l.told(r, nil, fate, nil) }
	}
	if l.chance(50) && l.lay(c, r) {
		return
	}
	l.note("request %d of %d records of request %d, %v", r.number, len(r.records), r.records[0].request, r.ack)
	var err error
	l.as(offering, func() { err = l.set.Offer(&l.batch, c.ticket, r.ack) })
	if err != nil {
		l.note("refused: %v", err)
		l.sum[countRefusals]++
		l.refused(r, err)
		return
	}
	l.divide(c, r)
	switch {
	case len(r.parts) == 0: // all of it was there
		r.told = true
	case r.ack != AckRing:
		c.pending = r
	}
}

// refused is what a request that was not taken may be told.
func (l *life) refused(r *simRequest, err error) {
	r.told, r.err = true, err
	switch {
	case errors.Is(err, ErrBusy):
		if !slices.ContainsFunc(l.set.writers, func(w *writer) bool { return w.ring.Used() > 0 }) {
			l.fail("the rings are empty, and the set says that it is busy")
		}
	case errors.Is(err, ErrUnderWay):
		if !slices.ContainsFunc(r.records, (*simRecord).underWay) {
			l.fail("no record of request %d is being stored, and the set says so", r.number)
		}
	case errors.Is(err, ErrFull):
		if !l.plan.small && l.fired == 0 {
			l.fail("the disk is not full, and the set says that it is")
		}
	case errors.Is(err, ErrSick) && len(l.set.sick) > 0:
	case errors.Is(err, ErrClosing) && l.set.closing.Load():
	case l.fired == 0:
		l.fail("a request was refused: %v", err)
	}
}

// underWay says whether the record may be on its way to a log.
func (r *simRecord) underWay() bool {
	return slices.ContainsFunc(r.parts, func(p *simPart) bool { return !p.request.told })
}

// divide says which records went into which ring, by a routing of its own.
func (l *life) divide(c *simClient, r *simRequest) {
	hash := hasher{seed: l.set.seed}
	for i, rec := range r.records {
		if c.ticket.of[i] == noShare {
			l.sum[countRepeated]++
			l.isRepeat(r, rec)
			continue
		}
		l.isNoRepeat(r, rec)
		t, ok := l.set.Topic(rec.topic)
		if !ok {
			l.fail("topic %s was not made", rec.topic)
		}
		shard := uint64(l.set.turn.Load())
		if rec.key != nil {
			shard = hash.sum(rec.key)
		}
		state := t.logs[shard%uint64(len(t.logs))]
		s := l.logOf(state.log.Dir())
		at := slices.IndexFunc(r.parts, func(p *simPart) bool { return p.log == s })
		if at < 0 {
			at = len(r.parts)
			r.parts = append(r.parts, &simPart{log: s, request: r, offset: -1, first: i})
			w := slices.Index(l.set.writers, state.writer)
			l.rings[w] = append(l.rings[w], r.parts[at])
		}
		p := r.parts[at]
		p.records = append(p.records, rec)
		rec.parts = append(rec.parts, p)
	}
}

// isRepeat holds a record that is not stored again against what is there: a copy that is as safe as was asked for.
func (l *life) isRepeat(r *simRequest, rec *simRecord) {
	for _, p := range rec.parts {
		s := p.log
		switch {
		case p.request == r: // it is in the request twice
		case p.state == expired:
		case p.hung:
		case r.ack == AckRing && p.request.ack == AckRing: // what is in a ring only is nowhere
		case r.ack == AckRing && (p.state == inRing || p.state == laid):
		case p.state == laid && r.ack == AckLog && p.end() <= s.log.Written():
		case p.state == laid && p.end() <= s.log.Synced():
		default:
			continue
		}
		return
	}
	l.fail("record %d/%d counts as a repeat under %v, and there is no such copy of it: %v", rec.request, rec.index, r.ack, rec.parts)
}

// isNoRepeat holds a record that is stored again against what is known: none is as safe as was asked for, and not too old.
func (l *life) isNoRepeat(r *simRequest, rec *simRecord) {
	if !l.plan.ids || l.plan.jumpy || l.fired > 0 || l.set.repeats.forgotten.Load() > 0 {
		return
	}
	for _, p := range rec.parts {
		age := time.Duration(l.elapsed-p.request.at) * time.Millisecond
		there := p.state == laid && !p.log.poisoned && p.offset >= p.log.log.First()
		if p.request != r && there && p.kept && p.request.ack <= r.ack && age < l.plan.retention {
			l.fail("record %d/%d is stored again, and is there: %v", rec.request, rec.index, p)
		}
	}
}

// answered takes a request's answer.
func (l *life) answered(c *simClient) {
	r := c.pending
	c.pending = nil
	err := c.ticket.Wait(AckTimeout)
	l.told(r, err, c.ticket.Fate, c.ticket)
	l.note("request %d is answered: %v", r.number, err)
	l.unkept(c, r)
	if err == nil {
		l.sum[countAcknowledged]++
	} else {
		l.sum[countFailures]++
	}
}

// told holds what a client is told of each record against what is there. t is nil where nobody waits any more.
func (l *life) told(r *simRequest, err error, fate func(int) Fate, t *Ticket) {
	if r.told {
		l.fail("request %d was answered twice", r.number)
	}
	r.told, r.err = true, err
	for slot, p := range r.parts {
		p.kept = fate(p.first) == Kept
		for i, rec := range r.records {
			if slices.Contains(p.records, rec) && (fate(i) == Kept) != p.kept {
				l.fail("%v was kept in pieces", p)
			}
		}
		if !p.kept {
			if t != nil && err == nil {
				l.fail("%v was not kept, and the request is acknowledged", p)
			}
			continue
		}
		if t != nil && p.offset >= 0 && (t.wait.spans[slot].first != p.offset || t.wait.spans[slot].last != p.end()-1) {
			l.fail("%v is acknowledged at %+v", p, t.wait.spans[slot])
		}
		p.acknowledged(r.ack)
	}
}

// acknowledged holds a part that is acknowledged against what is there. Under log it may have been given up since it was written, while
// others of its request were not written yet.
func (p *simPart) acknowledged(ack Ack) {
	l := p.log.l
	switch {
	case p.state == deleted:
		return
	case ack == AckLog && (p.state == gone || p.state == uncertain) && len(p.request.parts) > 1 && !p.doomed:
		p.hung = true
		return
	case p.state != laid && p.state != expired || p.doomed:
		l.fail("%v is acknowledged under %v, and is not there (%d)", p, ack, p.state)
	}
	safe := p.log.log.Synced()
	if ack == AckLog {
		safe = p.log.log.Written()
	}
	if p.end() > safe {
		l.fail("%v is acknowledged under %v, and safe is what is below %d", p, ack, safe)
	}
}

// settled is how it must be once the set is closed: nobody waits.
func (l *life) settled() {
	l.look()
	for _, c := range l.clients {
		if c.pending != nil {
			l.fail("request %d has no answer, and the set is closed", c.pending.number)
		}
	}
	if lent := l.set.drafts.Lent(); lent > 0 {
		l.fail("drafts have %d bytes of memory still", lent)
	}
	if idle, all := len(l.set.waits.idle), len(*l.set.waits.all.Load()); idle+len(l.clients) != all {
		l.fail("of %d waits %d are idle and %d tickets'", all, idle, len(l.clients))
	}
}
