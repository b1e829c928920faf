package shard

import (
	"fmt"
	"slices"

	"penstock/segstore"
	"penstock/wire"
)

// takeHelms takes the helms of all writers that the request's shares belong to, if its records can be written on the spot: nobody has one of
// them, nothing waits in their rings, and all logs have room, which it reserves: nothing is asked of a disk that may be slow. Else it takes
// none. It does not wait, so it matters not in which order they are taken.
func (t *Ticket) takeHelms() bool {
	for i := range t.shares {
		sh := &t.shares[i]
		w := sh.log.writer
		if !slices.Contains(t.helms, w) {
			if !w.helm.try() {
				t.letGo()
				return false
			}
			t.helms = append(t.helms, w)
		}
		if !w.ring.Empty() || !sh.log.log.ReserveInPlace(int64(sh.bound)) {
			t.letGo()
			return false
		}
	}
	return true
}

func (t *Ticket) letGo() {
	for i, w := range t.helms {
		t.helms[i] = nil
		w.helm.letGo()
	}
	t.helms = t.helms[:0]
}

// write lays the request's records into their logs and lets the helms go.
func (t *Ticket) write(records []wire.Record, ack Ack) {
	defer steady()
	t.wait.makeSpans(len(t.shares))
	t.arm(len(t.shares))
	ids, of, shares := t.ids, t.of[:len(records)], t.shares
	for i := range records {
		if of[i] == noShare {
			continue
		}
		r, sh := &records[i], &shares[of[i]]
		var id *segstore.ID
		if len(ids) > 0 && r.ID != nil {
			id, ids = &ids[0].id, ids[1:]
		}
		sh.last = sh.log.log.AppendRecord(id, r.Key, r.Value, r.Headers, r.Time)
	}
	for i := range t.shares {
		sh := &t.shares[i]
		h := t.header(i, ack)
		sh.log.writer.laid(sh.log, &h, sh.last, sh.frame)
	}
	for _, w := range t.helms {
		w.commit()
	}
	t.letGo()
}

// steady is deferred where a request's goroutine has a helm: a bug there ends the process, as it does on the writer's own goroutine. It must
// not be answered with a 500 over half a batch.
func steady() {
	if bug := recover(); bug != nil {
		panic(fmt.Sprintf("FATAL: writing to a log: %v", bug))
	}
}
