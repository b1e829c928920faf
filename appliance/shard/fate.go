package shard

import (
	"encoding/binary"
	"slices"

	"penstock/segstore"
	"penstock/wire"
)

// Fate is what became of one record of a batch.
type Fate uint8

// The fates of a record.
const (
	Lost     Fate = iota // it is not stored
	Kept                 // it is stored, and as safe as was asked for
	Repeated             // it was there already, and as safe as was asked for: see Record.ID
)

// noShare is the share of a record that is not stored because it repeats another.
const noShare = -1

// claimedID is an ID that the ticket's request has claimed, and the share its record is in.
type claimedID struct {
	id    segstore.ID
	share int32
}

// Repeated is how many records of the batch offered last were there already.
func (t *Ticket) Repeated() int { return t.repeated }

// Fate tells what became of a record of the batch offered last, by its place in it. It is known once Wait has returned anything but
// ErrTimeout; with AckRing, once Offer has returned.
func (t *Ticket) Fate(record int) Fate { return fateOf(t.of, t.wait, record) }

func fateOf(of []int32, w *wait, record int) Fate {
	switch {
	case record >= len(of):
		return Lost
	case of[record] == noShare:
		return Repeated
	case w.spans[of[record]].fault == nil:
		return Kept
	}
	return Lost
}

// claimID asks for a record's ID: of the topic's finished segments, and then of the memory. What the former know the latter need not:
// it has no room to waste.
func (t *Ticket) claimID(r *wire.Record, topic *Topic, ack Ack, now int64) (verdict idVerdict) {
	id, repeats := t.fingerprint(r), t.set.repeats
	for _, l := range topic.logs {
		if l.log.HasID(&id, now-repeats.window) {
			repeats.found.Add(1)
			return idRepeated
		}
	}
	if verdict = repeats.claim(id, t.wait.index, ack, now); verdict == idFresh {
		t.ids = append(t.ids, claimedID{id: id})
	}
	return verdict
}

// fingerprint is what is kept of a record's ID: a hash, by a seed that nobody outside knows, of it, of its topic and of whose it is.
func (t *Ticket) fingerprint(r *wire.Record) (id segstore.ID) {
	t.text = append(append(t.text[:0], t.Scope...), 0)
	t.text = append(append(t.text, r.Topic...), 0)
	t.text = append(t.text, r.ID...)
	high, low := hasher{seed: t.hash.seed ^ idSeedHigh}, hasher{seed: t.hash.seed ^ idSeedLow}
	binary.BigEndian.PutUint64(id[:], high.sum(t.text))
	binary.BigEndian.PutUint32(id[8:], uint32(low.sum(t.text)))
	return id
}

// The two halves of a fingerprint, and the routing, have hashes of their own.
const (
	idSeedHigh = 0x9ae16a3b2f90404f
	idSeedLow  = 0xc949d7c7509e6557
)

// settleIDs notes what became of the claimed IDs, once all parts are done.
func (s *Set) settleIDs(ids []claimedID, w *wait, ack Ack) {
	if len(ids) == 0 {
		return
	}
	now := s.clock.now()
	for i := range ids {
		s.repeats.settle(ids[i].id, w.index, w.spans[ids[i].share].fault == nil, ack, now)
	}
}

// withdraw takes a request back of which nothing was or will be stored.
func (t *Ticket) withdraw() {
	if len(t.ids) > 0 {
		now := t.set.clock.now()
		for i := range t.ids {
			t.set.repeats.settle(t.ids[i].id, t.wait.index, false, AckRing, now)
		}
	}
	t.ids, t.of, t.shares, t.repeated = t.ids[:0], t.of[:0], t.shares[:0], 0
}

// late is what is left to do for a request that gave up waiting, when its last part is done: it can no longer be told, but what was
// counted as under way, and the IDs that are claimed, are not left hanging.
type late struct {
	ack  Ack
	ids  []claimedID
	of   []int32
	laid []segstore.Draft // lent to the wait, and the request's no more
	tell func(fate func(record int) Fate)
}

// leaveLate hands what is left to do to whoever finishes the last part.
func (t *Ticket) leaveLate() {
	l := &late{ack: t.ack, ids: slices.Clone(t.ids), of: slices.Clone(t.of)}
	if t.wait.lent {
		l.laid = slices.Clone(t.laying.drafts)
	}
	if t.Late != nil {
		l.tell = t.Late()
	}
	t.wait.late = l
}

func (s *Set) settleLate(w *wait) {
	l := w.late
	w.late = nil
	for i := range l.laid {
		s.drafts.End(&l.laid[i])
	}
	s.settleIDs(l.ids, w, l.ack)
	if l.tell != nil {
		l.tell(func(record int) Fate { return fateOf(l.of, w, record) })
	}
}

// forgetID forgets a record that was acknowledged as in the log only, and is not there any more: sent again, it is stored.
func (s *Set) forgetID(id segstore.ID) {
	if s.repeats != nil {
		s.repeats.forget(id)
	}
}

// learnIDs tells the memory of repeats of the IDs that are not in files: those of segments that still grow.
func (s *Set) learnIDs(logs []*logState) {
	if s.repeats == nil {
		return
	}
	now := s.clock.now()
	for _, l := range logs {
		for _, ids := range l.log.IDs() {
			if ids.Listed || ids.Newest < now-s.repeats.window {
				continue
			}
			if err := ids.Each(func(id segstore.ID) { s.repeats.learn(id, now) }); err != nil {
				s.o.Logger.Warn("the records' IDs can't be read: their repeats will be stored", "log", l.log.Dir(), "error", err)
			}
		}
	}
}

// listedBefore is the time before which all IDs are in files: when the oldest segment was begun whose IDs are not.
func (s *Set) listedBefore(now int64) int64 {
	before := now
	for _, l := range *s.logs.Load() {
		if since, some := l.log.UnlistedSince(); some {
			before = min(before, since)
		}
	}
	return before
}
