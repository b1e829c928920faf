package shard

import (
	"penstock/segstore"
	"penstock/segstore/pack"
	"penstock/wire"
)

// laying is what a ticket's records become that are laid while they are parsed (see wire.Layer): for each shard a batch, as of a large share (see
// apartLeast), without a record having been anywhere else before. The batches are the ticket's until it is known that they are kept, so that what
// is not can be offered again.
type laying struct {
	topic   *Topic
	name    []byte           // the topic's, as it is asked for
	drafts  []segstore.Draft // by share; each has a record
	count   int              // records
	offered bool             // OfferLaid has taken them
	room    int              // what a draft has memory for at first

	marks  []segstore.Mark
	marked int // count then
}

// layFirst is what the first drafts have memory for, layMost the most that one has. Records are laid where layLeast bytes of them, as they are sent, come
// for each shard, and four times that: what is less is worth more in a batch that many share. As they are kept they are three times as large, or four.
const (
	layFirst = 64 << 10
	layMost  = 512 << 10
	layLeast = 4 << 10
)

// Lays reports whether records are to be laid as they are parsed, of which so many bytes have come at once: they are worth batches of their own, and
// a batch is published as soon as it is laid, and waited for.
func (s *Set) Lays(ack Ack, bytes int) bool {
	return ack == AckLog && s.o.Ack == AckLog && bytes >= layLeast*max(4, s.o.Shards)
}

// Laid is how many records are laid, and not offered.
func (t *Ticket) Laid() int { return t.laying.count }

// Lay implements wire.Layer. It takes records of one topic at a time, as long as there is memory for them. No batch is offered meanwhile, until Drop.
func (t *Ticket) Lay(name, key []byte, hash uint64, size int, ms int64) (value []byte) {
	l := &t.laying
	if len(l.drafts) == 0 && !t.beginLaying(name) || len(name) != len(l.name) || &name[0] != &l.name[0] {
		return nil
	}
	log := l.topic.logs[shardOf(hash, len(l.topic.logs))]
	at := int(t.shareOf(log))
	if at < len(l.drafts) {
		value = l.drafts[at].Lay(key, size, ms)
	}
	if value == nil {
		if !t.moreRoom(at, segstore.RecordOverhead+len(key)+size) {
			return nil
		}
		if value = l.drafts[at].Lay(key, size, ms); value == nil {
			return nil // among samples that are packed
		}
	}
	l.count++
	return value
}

// Packs reports whether samples are packed where they are laid; nothing else is laid then.
func (s *Set) Packs() bool { return s.o.Pack }

// Pack implements wire.Layer, as Lay does.
func (t *Ticket) Pack(name []byte, hash uint64, x *pack.Sample) bool {
	l := &t.laying
	if len(l.drafts) == 0 && !t.beginLaying(name) || len(name) != len(l.name) || &name[0] != &l.name[0] {
		return false
	}
	log := l.topic.logs[shardOf(hash, len(l.topic.logs))]
	at, had := int(t.shareOf(log)), len(l.drafts)
	if at == had || !l.drafts[at].Pack(x) {
		if !t.moreRoom(at, segstore.PackRoom(x)) {
			return false
		}
		if !l.drafts[at].Pack(x) {
			t.endDrafts(had)
			return false
		}
	}
	l.count++
	return true
}

// moreRoom makes room for n bytes in a share's draft, which may yet have to be begun.
func (t *Ticket) moreRoom(at, n int) bool {
	l := &t.laying
	if at < len(l.drafts) {
		d := &l.drafts[at]
		return int(d.Size())+n <= layMost && t.set.drafts.Grow(d, n)
	}
	if segstore.BatchOverhead+n <= layMost {
		if d, ok := t.set.drafts.Begin(max(l.room-segstore.BatchOverhead, n)); ok {
			l.drafts = append(l.drafts, d)
			return true
		}
	}
	t.unshare(at)
	return false
}

// beginLaying begins with a topic's records.
func (t *Ticket) beginLaying(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	topic, err := t.set.topicFor(name)
	if err != nil || t.pending {
		return false
	}
	t.round++
	t.shares, t.of, t.ids, t.repeated, t.to = t.shares[:0], t.of[:0], t.ids[:0], 0, 0
	t.laying.topic, t.laying.name, t.laying.room = topic, name, min(max(t.laying.room, layFirst), layMost)
	return true
}

// endDrafts ends all drafts but the first ones.
func (t *Ticket) endDrafts(first int) {
	l := &t.laying
	for i := len(l.drafts) - 1; i >= first; i-- {
		t.set.drafts.End(&l.drafts[i])
		t.unshare(i)
	}
	l.drafts = l.drafts[:first]
}

// unshare forgets the last share.
func (t *Ticket) unshare(at int) {
	t.slots[t.shares[at].log.index] = slot{}
	t.shares = t.shares[:at]
}

// Mark implements wire.Layer.
func (t *Ticket) Mark() {
	l := &t.laying
	l.marks, l.marked = l.marks[:0], l.count
	for i := range l.drafts {
		l.marks = append(l.marks, l.drafts[i].Mark())
	}
}

// Back implements wire.Layer.
func (t *Ticket) Back() {
	l := &t.laying
	t.endDrafts(len(l.marks))
	l.count = l.marked
	for i := range l.drafts {
		l.drafts[i].Back(&l.marks[i])
	}
}

// OfferLaid is Offer for what was laid: first the records of the shard that came first, then those of the next. Once it is known what became of them, Unkept and
// then Drop are called.
func (s *Set) OfferLaid(t *Ticket, ack Ack) error {
	t.busy.Store(true)
	defer t.busy.Store(false)
	if s.closing.Load() {
		return ErrClosing
	}
	l, w := &t.laying, t.wait
	w.makeSpans(len(t.shares))
	t.of = t.of[:0]
	for i := range t.shares {
		sh, d := &t.shares[i], &l.drafts[i]
		if sh.log.log.Full() {
			s.refusedFull.Add(1)
			return ErrFull
		}
		d.Sum()
		size := int(d.Size())
		sh.count, sh.frame, sh.bound, sh.laid = d.Count(), size, size, true
		w.drafts[i] = *d
		for range sh.count {
			t.of = append(t.of, int32(i))
		}
	}
	t.ack, t.apart = ack, len(t.shares)
	if s.moving {
		t.takeHelms()
	}
	if !t.claim() {
		t.letGo()
		s.refusedBusy.Add(1)
		return ErrBusy
	}
	l.offered, w.lent = true, true
	t.arm(len(t.shares))
	if len(t.helms) > 0 {
		t.write(nil, ack)
	}
	if len(t.parts) > 0 {
		t.leave(nil, ack)
	}
	return nil
}

// Unkept appends what was laid and is not kept: all of it, if it was not offered. The records live until Drop.
func (t *Ticket) Unkept(to []wire.Record) []wire.Record {
	l := &t.laying
	l.count = 0
	for i := range l.drafts {
		if l.offered && t.wait.spans[i].fault == nil {
			continue
		}
		for records := l.drafts[i].Records(); ; {
			r, more := records.Next()
			if !more {
				break
			}
			to = append(to, wire.Record{Topic: l.topic.nameBytes, Key: r.Key, Value: r.Value, Time: r.Time})
		}
	}
	return to
}

// Drop gives the memory back of what was laid.
func (t *Ticket) Drop() {
	l := &t.laying
	if len(l.drafts) == 0 {
		return
	}
	if t.pending { // nobody has waited: a writer may have it still
		t.leaveLaid()
		return
	}
	largest := 0
	for i := range l.drafts {
		largest = max(largest, int(l.drafts[i].Size()))
		t.set.drafts.End(&l.drafts[i])
	}
	t.leaveLaid()
	// The next are seldom as many; nor are they as few, where these are what was left of one read.
	l.room = max(largest+largest/4, l.room-l.room/8)
}

// leaveLaid leaves what was laid to somebody else.
func (t *Ticket) leaveLaid() {
	l := &t.laying
	clear(l.drafts)
	l.topic, l.name, l.drafts, l.count, l.offered = nil, nil, l.drafts[:0], 0, false
}
