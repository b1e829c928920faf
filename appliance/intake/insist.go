package intake

import (
	"errors"
	"time"

	"penstock/appliance/shard"
	"penstock/wire"
)

// store stores the batch, however long that takes, and says back what is to be said. false: the connection is at its end.
func (f *feed) store() bool {
	w := f.w
	if w == nil {
		return true
	}
	f.counts.frames.Add(f.frames)
	f.counts.bytes.Add(f.bytes)
	left := f.storeLaid()
	f.layRefused()
	parts, refused := w.batch.Rejected()
	records := len(w.batch.Records) - w.told - f.bugs
	count := &w.counts.wires[f.format]
	count.requests.Add(f.frames)
	count.bytes.Add(f.bytes)
	count.received.Add(uint64(records - left + refused + f.bugs))
	count.refuse(parts, refused) // whether that can be kept or not
	count.failed.Add(uint64(f.bugs))
	w.owed, w.owedTo = records, count
	all := w.batch.Records
	f.storePiece(all)
	w.batch.Records = all
	w.ticket.Drop()
	open := true
	if len(w.batch.Echo) > 0 && f.out != nil {
		_, err := f.out.Write(w.batch.Echo)
		open = err == nil
	}
	f.w = nil
	f.workers.give(w)
	return open
}

// storeLaid stores what was laid while it was parsed, and counts it. left is how many records are not stored: they are the batch's now, and are insisted on.
func (f *feed) storeLaid() (left int) {
	w, count := f.w, &f.w.counts.wires[f.format]
	n := w.ticket.Laid()
	if n == 0 {
		return 0
	}
	count.received.Add(uint64(n))
	w.owed, w.owedTo, w.offered, w.laid = n, count, n, true
	err := f.server.opt.Set.OfferLaid(w.ticket, f.server.opt.Ack)
	if err == nil {
		err = w.ticket.Wait(shard.AckTimeout)
	}
	if isLate(err) { // whether they are stored will be counted when it is known
		f.server.complaints.note("records of a stream were not stored in time", err)
	} else if unkept := w.ticket.Unkept(nil); len(unkept) > 0 {
		w.batch.Records = append(unkept, w.batch.Records...)
		left = len(unkept)
		count.stored.Add(uint64(n - left))
	} else {
		count.stored.Add(uint64(n))
	}
	w.owed, w.laid = 0, false
	return left
}

// layRefused keeps the refused parts that are not kept yet, as this peer's.
func (f *feed) layRefused() {
	if parts, _ := f.w.batch.Rejected(); len(parts) > f.w.asked {
		f.server.makeRejectedTopic()
		f.w.layRejected(f.wireName(), f.peer, f.w.request.Now)
	}
}

func (f *feed) wireName() string { return f.server.opt.Formats[f.format].Name }

// storePiece stores some of the batch's records, all or none, and counts what became of them. What is too large for a ring goes in
// halves, each of which waits for its own room: none is offered again because of the other.
func (f *feed) storePiece(records []wire.Record) {
	f.w.batch.Records = records
	err := f.insist()
	records = f.w.batch.Records // without those that were given up, or are stored already
	if half := len(records) / 2; half > 0 && errors.Is(err, shard.ErrTooLarge) {
		f.storePiece(records[:half:half])
		f.storePiece(records[half:])
		return
	}
	own := len(records)
	if f.w.told+f.bugs > 0 {
		own = ownRecords(records)
	}
	if err != nil && own < len(records) {
		f.server.unkept.Add(uint64(len(records) - own))
	}
	count := f.w.owedTo
	f.w.owed -= own
	switch verdict, _ := verdictOf(err); {
	case isLate(err):
		f.server.complaints.note("records of a stream were not stored in time", err)
		return // whether they are will be counted when it is known
	case verdict != wire.Stored:
		f.server.complaints.note("records of a stream were not stored", err) // its sender will not hear of it
	}
	switch verdict, _ := verdictOf(err); verdict {
	case wire.Stored:
		count.stored.Add(uint64(own))
	case wire.Refused:
		count.refusedBy[wire.TooLarge].Add(uint64(own))
	case wire.Busy:
		count.busy.Add(uint64(own))
	case wire.Failed:
		count.failed.Add(uint64(own))
	}
}

// ownRecords counts the records that are not of what was refused.
func ownRecords(records []wire.Record) (n int) {
	for i := range records {
		if isOwn(&records[i]) {
			n++
		}
	}
	return n
}

// isOwn says whether a record is the sender's, and not of what was refused: that has the one slice that is its topic.
func isOwn(r *wire.Record) bool { return &r.Topic[0] != &rejectedTopic[0] }

// isLate says whether nobody knows yet what became of records.
func isLate(err error) bool { return errors.Is(err, shard.ErrTimeout) }

// The pauses between tries to store a batch, and how often it is tried when storing it fails.
const (
	retryFirst = time.Millisecond
	retryMost  = 250 * time.Millisecond
	triesMost  = 3
	retryFault = 100 * time.Millisecond // the first pause after a failure
)

// insist stores the batch's records. When there is no room it tries again until there is, or until the appliance stops. It tries
// again, too, when the machine failed, for the sender won't; a record may then be there twice. What was not acknowledged in time is
// in a ring still, and not offered again.
func (f *feed) insist() error {
	w := f.w
	for try, pause := 1, retryFirst; ; pause = min(2*pause, retryMost) {
		w.offered = len(w.batch.Records)
		err := f.server.opt.Set.Offer(&w.batch, w.ticket, f.server.opt.Ack)
		if err == nil {
			err = w.ticket.Wait(shard.AckTimeout)
		}
		verdict, reason := verdictOf(err)
		switch {
		case verdict == wire.Stored, verdict == wire.Refused, errors.Is(err, shard.ErrTimeout), errors.Is(err, shard.ErrClosing):
			return err
		case errors.Is(err, shard.ErrSync):
			f.countKept() // and the rest again, for as long as it takes
		case verdict == wire.Failed:
			f.countKept()
			if try++; try > triesMost {
				return err
			}
			pause = max(pause, retryFault)
		case errors.Is(err, shard.ErrTopics) && f.dropRefused():
			continue // there may not be one more topic for what was refused; that must not hold up the rest
		}
		f.counts.waits.Add(1)
		if pause == retryMost {
			f.server.complaints.note("senders of "+f.Name+" are kept waiting: "+reason, err)
		}
		if !f.pause(pause, errors.Is(err, shard.ErrBusy)) {
			return err
		}
	}
}

// countKept takes the records that are stored, although not all are, out of the batch, so that they are not offered again.
func (f *feed) countKept() {
	left, own := f.w.batch.Records[:0:0], 0
	for i, r := range f.w.batch.Records {
		switch {
		case f.w.ticket.Fate(i) != shard.Kept:
			left = append(left, r)
		case isOwn(&r):
			own++
		}
	}
	f.w.owedTo.stored.Add(uint64(own))
	f.w.owed -= own
	f.w.batch.Records = left
}

// dropRefused takes the records of what was refused back out of the batch; false when it has none.
func (f *feed) dropRefused() bool {
	kept := f.w.batch.Records[:0]
	for _, r := range f.w.batch.Records {
		if isOwn(&r) {
			kept = append(kept, r)
		}
	}
	dropped := len(f.w.batch.Records) - len(kept)
	f.w.batch.Records = kept
	f.server.unkept.Add(uint64(dropped))
	return dropped > 0
}

// pause waits before the next try; false: there is none. When the appliance stops, only writers that are behind are waited for: a
// full disk will not be mended in that time.
func (f *feed) pause(d time.Duration, behind bool) bool {
	closing := f.closing
	if behind {
		closing = nil
	}
	select {
	case <-closing:
		return false
	case <-f.server.cut:
		return false
	case <-time.After(d):
		return true
	}
}
