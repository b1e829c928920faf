package intake

import (
	"encoding/binary"

	"penstock/appliance/shard"
)

// idempotencyHeader names a request, so that the same one sent again is not stored again (draft-ietf-httpapi-idempotency-key-header).
const idempotencyHeader = "Idempotency-Key"

// duplicatesHeader says how many of a request's records were there already.
const duplicatesHeader = "Penstock-Duplicates"

// identify says whose the records are, and gives those of a request that has a name, and that have no ID of their wire's, one made of
// that name, of the request's bytes and of their place in it. The bytes are part of it so that a name that is used twice for different
// things, which is the sender's mistake, costs nobody a record.
func (w *worker) identify(name string) {
	w.scope = append(append(append(w.scope[:0], w.request.Tenant...), 0), name...)
	w.ticket.Scope = w.scope
	key := w.headers.Peek(idempotencyHeader)
	if len(key) == 0 {
		return
	}
	w.digest.Reset()
	for _, part := range [...][]byte{key, nul, w.target, nul, w.request.Body} {
		_, _ = w.digest.Write(part)
	}
	w.sum = w.digest.Sum(w.sum[:0])
	for i := range w.batch.Records {
		if record := &w.batch.Records[i]; record.ID == nil {
			record.ID = binary.BigEndian.AppendUint32(append(w.batch.Scratch(idBytes)[:0], w.sum[:idBytes-4]...), uint32(i))
		}
	}
}

var nul = []byte{0} // stands in no header field and no target

// idBytes is the length of the IDs that identify gives: longer than any that could be guessed.
const idBytes = 24

// account notes what became of the records of the batch, or of the piece of it that was just offered: err is what Offer or Wait said.
// What was acknowledged is safe, and what was there already, too, even if the rest failed.
func (w *worker) account(err error) {
	own := w.offered
	if w.told > 0 {
		own = ownRecords(w.batch.Records)
	}
	repeated := w.ticket.Repeated()
	switch {
	case err == nil:
		w.kept += own - repeated
		w.repeated += repeated
	case isLate(err):
		w.late += own - repeated
		w.repeated += repeated
	default:
		for i := range w.offered {
			if w.isOwn(i) {
				switch w.ticket.Fate(i) {
				case shard.Kept:
					w.kept++
				case shard.Repeated:
					w.repeated++
				}
			}
		}
	}
}

// isOwn says whether the nth record of those offered last is the sender's. A worker that has no bench has offered no others.
func (w *worker) isOwn(n int) bool { return w.bench == nil || w.laid || isOwn(&w.batch.Records[n]) }

// tellLate is asked when a request gives up waiting: its records stay in flight until it is known what became of them.
func (w *worker) tellLate() func(fate func(record int) shard.Fate) {
	count := w.owedTo
	own := make([]bool, w.offered)
	for i := range own {
		own[i] = w.isOwn(i)
	}
	return func(fate func(record int) shard.Fate) {
		for i := range own {
			if !own[i] {
				continue
			}
			switch fate(i) {
			case shard.Kept:
				count.stored.Add(1)
			case shard.Lost:
				count.failed.Add(1)
			}
		}
	}
}
