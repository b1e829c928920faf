package shard

import (
	"fmt"
	"slices"

	"penstock/segstore"
	"penstock/wire"
)

// takeHelms takes the helms for those of the request's shares that can be written on the spot: nobody has that of their writer, nothing waits in its
// ring, and their log has room, which it reserves: nothing is asked of a disk that may be slow. It does not wait, so it matters not in which order
// they are taken.
func (t *Ticket) takeHelms() {
	for i := range t.shares {
		sh := &t.shares[i]
		w := sh.log.writer
		had := slices.Contains(t.helms, w)
		if !had && !w.helm.try() {
			continue
		}
		sh.held = w.ring.Empty() && t.hasRoom(i)
		switch {
		case had:
		case sh.held:
			t.helms = append(t.helms, w)
		default:
			w.helm.letGo()
		}
	}
}

// hasRoom reserves what a share needs in its log, if that is there.
func (t *Ticket) hasRoom(n int) bool {
	if sh := &t.shares[n]; !sh.laid {
		return sh.log.log.ReserveInPlace(int64(sh.bound))
	}
	return t.shares[n].log.log.FitsInPlace(&t.wait.drafts[n])
}

func (t *Ticket) letGo() {
	for i, w := range t.helms {
		t.helms[i] = nil
		w.helm.letGo()
	}
	t.helms = t.helms[:0]
}

// write lays the records of the shares whose helms it has into their logs and lets the helms go.
func (t *Ticket) write(records []wire.Record, ack Ack) {
	defer steady()
	if t.apart < len(t.shares) {
		t.append(records)
	}
	for i := range t.shares {
		sh := &t.shares[i]
		if !sh.held {
			continue
		}
		h := t.header(i, ack)
		if sh.laid {
			sh.log.writer.put(sh.log, &h)
		} else {
			sh.log.writer.laid(sh.log, &h, sh.last, sh.frame)
			t.set.sumLarge(sh.log, sh.bound)
		}
	}
	for _, w := range t.helms {
		w.commit()
	}
	t.letGo()
}

// sumLarge has the open batch's checksum go on to its end, where what it just got is large: the syncer, which closes it later, would find it out of the
// processor's cache.
func (s *Set) sumLarge(l *logState, bytes int) {
	if bytes >= s.o.apartLeast {
		l.log.SumOpen()
	}
}

// append lays records into the open batches of the logs whose helms it has, but those that were laid apart.
func (t *Ticket) append(records []wire.Record) {
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
		if sh.held && !sh.laid {
			sh.last = sh.log.log.AppendRecord(id, r.Key, r.Value, r.Headers, r.Time)
		}
	}
}

// steady is deferred where a request's goroutine has a helm: a bug there ends the process, as it does on the writer's own goroutine. It must
// not be answered with a 500 over half a batch.
func steady() {
	if bug := recover(); bug != nil {
		panic(fmt.Sprintf("FATAL: writing to a log: %v", bug))
	}
}
