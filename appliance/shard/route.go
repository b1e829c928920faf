package shard

import (
	"bytes"
	"slices"

	"penstock/ring"
	"penstock/segstore"
	"penstock/wire"
)

// Offer routes a batch's records to their shards and writes them there, or, where others are writing, puts them into the writers' rings, all or none: when it returns an error,
// nothing of the batch was or will be kept. The batch may be reused as soon as it returns. Then Wait, unless ack is AckRing.
//
// Errors: ErrBusy (a ring is full), ErrUnderWay (a record repeats one that is being stored for another request), ErrFull (no space on disk), ErrTopics (it would be a topic too many), ErrUnknownShard (the topic has no shard of the number that To named), ErrTooLarge (more than fits
// a ring's frame), ErrClosing, or what the disk said when a topic had to be made.
func (s *Set) Offer(b *wire.Batch, t *Ticket, ack Ack) error {
	t.shares, t.of, t.ids, t.repeated, t.ack = t.shares[:0], t.of[:0], t.ids[:0], 0, ack
	if t.pending {
		panic("BUG: a ticket was offered a batch while it waits for another")
	}
	if len(b.Records) == 0 {
		return nil
	}
	t.wait.lent = false
	t.busy.Store(true)
	defer t.busy.Store(false)
	if s.closing.Load() {
		return ErrClosing
	}
	err := t.divide(b.Records, ack)
	t.to = 0
	if err != nil {
		t.withdraw()
		return err
	}
	if len(t.shares) == 0 {
		return nil // all of it was there already
	}
	t.wait.makeSpans(len(t.shares))
	if t.layApart(ack); t.apart > 0 {
		t.layShares(b.Records)
	}
	if ack != AckRing && s.moving {
		t.takeHelms()
	}
	if !t.claim() {
		t.letGo()
		t.dropDrafts()
		t.withdraw()
		s.refusedBusy.Add(1)
		return ErrBusy
	}
	if ack != AckRing {
		t.arm(len(t.shares))
	}
	if len(t.helms) > 0 {
		t.write(b.Records, ack)
	}
	if len(t.parts) > 0 {
		t.leave(b.Records, ack)
	}
	if ack == AckRing {
		s.settleIDs(t.ids, t.wait, ack)
		t.shares, t.ids = t.shares[:0], t.ids[:0]
	}
	return nil
}

// divide finds each record's share and sizes the shares. Records that are there already have none.
func (t *Ticket) divide(records []wire.Record, ack Ack) error {
	t.round++
	t.of = slices.Grow(t.of, len(records))[:len(records)]
	alike, keyless, err := t.divideAlike(records)
	if err == nil && alike < len(records) {
		err = t.divideOthers(records, alike, keyless, ack)
	}
	if err != nil {
		return err
	}
	for i := range t.shares {
		sh := &t.shares[i]
		if sh.log.log.Full() {
			t.set.refusedFull.Add(1)
			return ErrFull
		}
		if sh.frame > sh.log.writer.ring.MaxFrame() {
			return ErrTooLarge
		}
	}
	return nil
}

// divideAlike is for the records that a request begins with, often all, that are of one topic and have nothing but their value: they go
// together, to the log that it returns, and are sized at once.
func (t *Ticket) divideAlike(records []wire.Record) (n int, keyless *logState, err error) {
	if t.to > 0 {
		return 0, nil, nil
	}
	name, size := records[0].Topic, 0
	for ; n < len(records); n++ {
		r := &records[n]
		if r.Key != nil || r.ID != nil || r.Headers != nil || len(r.Topic) == 0 || len(r.Topic) != len(name) || &r.Topic[0] != &name[0] {
			break
		}
		size += len(r.Value)
	}
	if n == 0 {
		return 0, nil, nil
	}
	topic, err := t.set.topicFor(name)
	if err != nil {
		return 0, nil, err
	}
	keyless = t.keyless(topic)
	at := t.shareOf(keyless)
	for i := range t.of[:n] {
		t.of[i] = at
	}
	sh := &t.shares[at]
	sh.count += n
	sh.frame += size + n*recordHead
	sh.bound += size + n*segstore.RecordOverhead
	return n, keyless, nil
}

// divideOthers is for the records from the one on that begins them. keyless is where those without a key already go, or nil.
func (t *Ticket) divideOthers(records []wire.Record, begins int, keyless *logState, ack Ack) error {
	now := int64(0)
	var topic *Topic
	for i := begins; i < len(records); i++ {
		r := &records[i]
		if topic == nil || !bytes.Equal(topic.nameBytes, r.Topic) {
			var err error
			if topic, err = t.set.topicFor(r.Topic); err != nil {
				return err
			}
		}
		hasID := r.ID != nil && t.set.repeats != nil
		if hasID {
			if now == 0 {
				now = t.set.clock.now()
			}
			switch t.claimID(r, topic, ack, now) {
			case idUnderWay:
				return ErrUnderWay
			case idRepeated:
				t.of[i] = noShare
				t.repeated++
				continue
			}
		}
		var log *logState
		switch {
		case t.to > len(topic.logs):
			return ErrUnknownShard
		case t.to > 0:
			log = topic.logs[t.to-1]
		case r.Key != nil:
			log = topic.logs[shardOf(t.hashOf(r), len(topic.logs))]
		default:
			if keyless == nil || keyless.topic != topic {
				keyless = t.keyless(topic)
			}
			log = keyless
		}
		at := t.shareOf(log)
		t.of[i] = at
		sh := &t.shares[at]
		sh.count++
		sh.frame += frameBytes(r)
		sh.bound += logBytes(r)
		if hasID {
			t.ids[len(t.ids)-1].share = at
			sh.frame += len(segstore.ID{})
			sh.bound += segstore.IDOverhead
		}
	}
	return nil
}

// turnBytes is how much is written before records without a key go to the next shard.
const turnBytes = 256 << 10

// keyless is where a request's records of a topic go that have no key: together, so that they stay in their order, and for a while to the shard that
// everybody's went to, so that those who share a batch and a sync are many. Not to one that somebody is writing to just now, while
// there are others.
func (t *Ticket) keyless(topic *Topic) *logState {
	at, all := int(t.set.turn.Load()), len(topic.logs)
	for i := range min(all, len(t.set.writers)) {
		if l := topic.logs[(at+i)%all]; l.writer.helm.free() {
			return l
		}
	}
	t.turn++
	return topic.logs[int(t.turn)%all]
}

// shareOf finds or makes the share of a log in this request.
func (t *Ticket) shareOf(log *logState) int32 {
	if int(log.index) < len(t.slots) && t.slots[log.index].round == t.round {
		return t.slots[log.index].share
	}
	return t.newShare(log)
}

func (t *Ticket) newShare(log *logState) int32 {
	for int(log.index) >= len(t.slots) {
		t.slots = append(t.slots, slot{})
	}
	t.slots[log.index] = slot{round: t.round, share: int32(len(t.shares))}
	t.shares = append(t.shares, share{log: log, frame: frameHead})
	return int32(len(t.shares) - 1)
}

// claim claims room in the rings for the shares that are not to be written on the spot: for all of them, or for none.
func (t *Ticket) claim() bool {
	t.parts = t.parts[:0]
	for i := range t.shares {
		sh := &t.shares[i]
		if sh.held {
			continue
		}
		sh.part, sh.at = len(t.parts), frameHead
		size := sh.frame
		if sh.laid {
			size = frameHead
		}
		t.parts = append(t.parts, ring.Part{Ring: sh.log.writer.ring, Size: size})
	}
	return ring.ClaimAll(t.parts)
}

// leave fills the claims, and wakes the writers. Nothing here can fail or block: a claimed frame holds up the ones behind it.
func (t *Ticket) leave(records []wire.Record, ack Ack) {
	copied := false
	for i := range t.shares {
		if sh := &t.shares[i]; !sh.held {
			h := t.header(i, ack)
			h.put(t.parts[sh.part].Claim.Bytes())
			copied = copied || !sh.laid
		}
	}
	if copied {
		t.encode(records)
	}
	for i := range t.parts {
		t.parts[i].Claim.Commit()
	}
	for i := range t.shares {
		if sh := &t.shares[i]; !sh.held {
			sh.log.writer.waiter.Wake()
		}
	}
}

// encode copies records into their shares' claims, but those that were laid apart, or are written on the spot.
func (t *Ticket) encode(records []wire.Record) {
	ids := t.ids
	for i := range records {
		if t.of[i] == noShare {
			continue
		}
		var id *segstore.ID
		if len(t.ids) > 0 && records[i].ID != nil {
			id, ids = &ids[0].id, ids[1:]
		}
		if sh := &t.shares[t.of[i]]; !sh.laid && !sh.held {
			sh.at += putRecord(t.parts[sh.part].Claim.Bytes()[sh.at:], id, &records[i])
		}
	}
}

// header says what the nth share is, and who waits for it.
func (t *Ticket) header(n int, ack Ack) frameHeader {
	sh := &t.shares[n]
	h := frameHeader{log: sh.log.index, ticket: noTicket, slot: uint32(n), ack: ack, count: uint32(sh.count), bound: uint32(sh.bound)}
	if ack != AckRing {
		h.ticket = t.wait.index
	}
	return h
}
