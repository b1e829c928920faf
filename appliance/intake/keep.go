package intake

import (
	"errors"

	"penstock/appliance/shard"
	"penstock/wire"
)

// keep parses the request and brings its records to the shards, or leaves them to gather with those of the connection's next; the outcome says
// what became of them.
func (w *worker) keep(s *Server, r *route, ack shard.Ack, line *conn, asked bool) {
	count := &w.counts.wires[r.format]
	count.requests.Add(1)
	count.bytes.Add(uint64(len(w.request.Body)))
	w.outcome = wire.Outcome{Request: &w.request}
	name := s.opt.Formats[r.format].Name

	if fault := w.parse(s, r); fault != nil {
		count.received.Add(1)
		w.outcome.Verdict, w.outcome.Fault = wire.Refused, fault
		w.refuse(s, r, name, ack)
		count.settle(&w.outcome, 1)
		return
	}
	records := len(w.batch.Records)
	parts, refused := w.batch.Rejected()
	count.received.Add(uint64(records + refused))
	w.owed, w.owedTo = records+refused, count
	w.identify(name)
	if refused > 0 {
		w.key = presented(r, &w.request)
		s.makeRejectedTopic()
		w.layRejected(name, w.peer, w.request.Now)
	}
	w.outcome.Records, w.outcome.Items, w.outcome.Echo, w.outcome.Rejected = records, w.batch.Items, w.batch.Echo, parts
	switch {
	case line != nil && !asked && refused == 0 && line.pipeline.gather(s, line.door, w, ack):
		w.owed = 0 // the pipeline owes them
	case line != nil && !line.settle(): // what came before is not stored, nor is this, and the connection does not say so
		w.outcome.Verdict = wire.Busy
	default:
		w.bring(s, ack)
	}
	if w.outcome.Verdict == wire.Stored {
		count.refuse(parts, refused)
	} else {
		count.settle(&w.outcome, records+refused-w.kept-w.repeated-w.late)
	}
	w.owed = 0
}

// bring stores the batch's records and counts those that are; the outcome's verdict says whether all are.
func (w *worker) bring(s *Server, ack shard.Ack) {
	err := w.store(s, ack)
	if w.outcome.Verdict, w.outcome.Reason = verdictOf(err); w.outcome.Verdict == wire.Refused {
		w.outcome.Fault = w.batch.Fail(wire.TooLarge, wire.NoOffset)
	}
	if w.outcome.Verdict == wire.Failed {
		s.complaints.note("storing records failed", err)
	}
	w.owedTo.stored.Add(uint64(w.kept))
	w.owedTo.duplicate.Add(uint64(w.repeated))
}

// parse lets the request in and has its wire read it; nil, or why it is refused whole.
func (w *worker) parse(s *Server, r *route) *wire.Fault {
	tenant, code := s.keys.admit(r, &w.request)
	if code != wire.OK {
		return w.batch.Fail(code, wire.NoOffset)
	}
	if r.New == nil {
		return nil
	}
	w.request.Tenant = tenant
	return w.parser(r).Parse(&w.request, &w.batch)
}

// refuse keeps what was refused whole, if that can be done; the sender is told the same in any case.
func (w *worker) refuse(s *Server, r *route, name string, ack shard.Ack) {
	w.batch.Clear()
	w.key = presented(r, &w.request)
	s.makeRejectedTopic()
	w.layRejected(name, w.peer, w.request.Now)
	w.layRefusal(name, w.outcome.Fault, w.peer, w.request.Now)
	if err := w.store(s, ack); err != nil {
		s.unkept.Add(1)
	}
	w.batch.Clear()
}

// store brings the batch's records to their shards and waits until the policy is met. A batch that is larger than a ring takes at
// once goes in pieces: when a later one fails, what went before stays, and is there twice when the sender tries again, unless the
// records have IDs.
func (w *worker) store(s *Server, ack shard.Ack) error {
	w.offered = len(w.batch.Records)
	err := s.opt.Set.Offer(&w.batch, w.ticket, ack)
	if err == nil {
		w.rest(s)
		err = w.ticket.Wait(shard.AckTimeout)
	}
	if err == nil && ack == shard.AckDisk {
		w.waitCluster()
	}
	if !errors.Is(err, shard.ErrTooLarge) || w.offered < 2 {
		w.account(err)
		return err
	}
	w.pieces = true
	all := w.batch.Records
	defer func() { w.batch.Records = all }()
	half := len(all) / 2
	w.batch.Records = all[:half:half]
	if err := w.store(s, ack); err != nil {
		return err
	}
	w.batch.Records = all[half:]
	return w.store(s, ack)
}

// waitCluster waits until the cluster has the records of the batch just stored, where one keeps their topics and is not away.
func (w *worker) waitCluster() {
	if !w.ticket.Spooled() {
		return
	}
	has := w.ticket.WaitCluster()
	w.inCluster = has && (w.inCluster || !w.spooled)
	w.spooled = true
}

// inKafka is the name of what is safer than any policy of ours: a cluster has it.
const inKafka = "kafka"

// safety names how safe the records are that were stored.
func (w *worker) safety(ack shard.Ack) string {
	if w.inCluster {
		return inKafka
	}
	return ack.String()
}

func (w *worker) parser(r *route) wire.Parser {
	if w.parsers[r.number] == nil {
		w.parsers[r.number] = r.New()
	}
	return w.parsers[r.number]
}

// verdictOf says what an error of the shards means to a client, and why in a sentence.
//
// A timeout is "busy", not "failed": the records may yet be stored, but nobody may rely on it, and sending them again is right.
// Too many topics is "busy" too: the data is good, and an operator can make room.
func verdictOf(err error) (wire.Verdict, string) {
	switch {
	case err == nil:
		return wire.Stored, ""
	case errors.Is(err, shard.ErrBusy):
		return wire.Busy, "the appliance is catching up; try again soon"
	case errors.Is(err, shard.ErrUnderWay):
		return wire.Busy, "the same records are being stored for another request; try again soon"
	case errors.Is(err, shard.ErrFull):
		return wire.Busy, "the disk is full; try again when there is room"
	case errors.Is(err, shard.ErrSick):
		return wire.Busy, "the disk does not give the topic's log back; try again when it is well"
	case errors.Is(err, shard.ErrSync): // what follows goes to a new segment
		return wire.Busy, "the disk did not keep the records; send them again"
	case errors.Is(err, shard.ErrTopics):
		return wire.Busy, "there are as many topics as are allowed; remove one or allow more"
	case errors.Is(err, shard.ErrClosing):
		return wire.Busy, "the appliance is shutting down; try again soon"
	case errors.Is(err, shard.ErrTimeout):
		return wire.Busy, "the records were not acknowledged in time; send them again"
	case errors.Is(err, shard.ErrTooLarge):
		return wire.Refused, ""
	}
	return wire.Failed, "storing the records failed; send them again"
}
