package shard

import (
	"penstock/segstore"
	"penstock/wire"
)

// apartLeast is from how many bytes on a share is laid apart: as a batch, in memory of its own, before anybody is asked for the log's helm. The helm is then
// had for no longer than the batch takes to be put in its place, and who finds it taken leaves word of the batch in the ring, and not a copy of the
// records. Small shares are worth more in a batch that many share.
const apartLeast = 16 << 10

// layApart says which shares are laid apart: those that are large, where a batch is published as soon as it is laid, and its request waits for that; as long as
// there is memory for it.
func (t *Ticket) layApart(ack Ack) {
	t.apart = 0
	if ack == AckRing || ack != AckLog && t.set.o.Ack == AckDisk {
		return
	}
	for i := range t.shares {
		sh := &t.shares[i]
		if sh.bound < t.set.o.apartLeast || sh.bound > segstore.BatchBytesMax {
			continue
		}
		if t.wait.drafts[i], sh.laid = t.set.drafts.Begin(sh.bound); sh.laid {
			t.apart++
		}
	}
}

// layShares lays the records of the shares that are laid apart.
func (t *Ticket) layShares(records []wire.Record) {
	ids, of, shares, drafts := t.ids, t.of[:len(records)], t.shares, t.wait.drafts
	for i := range records {
		at := of[i]
		if at == noShare {
			continue
		}
		r := &records[i]
		var id *segstore.ID
		if len(ids) > 0 && r.ID != nil {
			id, ids = &ids[0].id, ids[1:]
		}
		if shares[at].laid {
			drafts[at].Append(id, r.Key, r.Value, r.Headers, r.Time)
		}
	}
}

// dropDrafts gives up what was laid apart.
func (t *Ticket) dropDrafts() {
	for i := range t.shares {
		if t.shares[i].laid {
			t.set.drafts.End(&t.wait.drafts[i])
		}
	}
}

// put puts a part that was laid apart, and fits in place, into its log. The caller has the helm.
func (w *writer) put(l *logState, h *frameHeader) {
	l.commit() // counted as a batch, as the next is
	w.placed(l, h, l.log.Put(w.draft(h)))
}

// place is put where room must perhaps be made, by the writer's own goroutine.
func (w *writer) place(l *logState, h *frameHeader) error {
	l.commit()
	last, err := l.log.Place(w.draft(h))
	if err != nil {
		w.endDraft(h)
		return err
	}
	w.placed(l, h, last)
	return nil
}

func (w *writer) draft(h *frameHeader) *segstore.Draft {
	return &w.set.waits.get(h.ticket).drafts[h.slot]
}

func (w *writer) placed(l *logState, h *frameHeader, last int64) {
	draft := w.draft(h)
	w.counts.batches.Add(1)
	w.laid(l, h, last, int(draft.Size()))
	w.endDraft(h)
}

// endDraft gives a draft's memory back, if that is not up to who lent it.
func (w *writer) endDraft(h *frameHeader) {
	wait := w.set.waits.get(h.ticket)
	if wait.lent {
		wait.drafts[h.slot] = segstore.Draft{}
		return
	}
	w.set.drafts.End(&wait.drafts[h.slot])
}
