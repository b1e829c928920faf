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

// lay lays the records of the shares that are laid apart.
func (t *Ticket) lay(records []wire.Record) {
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

// place puts a part that was laid apart into its log. The caller has the helm.
func (w *writer) place(l *logState, h *frameHeader) error {
	draft := &w.set.waits.get(h.ticket).drafts[h.slot]
	defer w.set.drafts.End(draft)
	l.commit() // counted as a batch, as the next is
	size := int(draft.Size())
	last, err := l.log.Place(draft)
	if err != nil {
		return err
	}
	w.counts.batches.Add(1)
	w.laid(l, h, last, size)
	return nil
}
