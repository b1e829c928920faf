package intake

import "penstock/wire"

// Stats is what the front door has counted since it opened: plain numbers, read without stopping anybody.
type Stats struct {
	Listeners []ListenerStats
	Wires     []WireStats // in the order of Options.Formats
	Shed      uint64      // requests answered busy because too many were in work
	Buffered  int64       // bytes that large bodies hold now
	LogEvents uint64      // connections that ended in an error
}

// ListenerStats belongs to one listening socket.
type ListenerStats struct {
	Scheme, Address string
	Open            int    // connections now
	Accepted        uint64 // connections taken
	TurnedAway      uint64 // connections closed at once, over a cap
	AcceptErrors    uint64 // accepts that failed and were tried again
	Requests        uint64 // requests read whole
	Malformed       uint64 // requests refused for their framing, size or slowness
	Unrouted        uint64 // unknown path, or wrong method
	BadPolicy       uint64 // unknown acknowledgement policy
	Panics          uint64 // requests that hit a bug
}

// WireStats belongs to one wire format. Received and what follows it count records, and one for a body refused whole:
// Received = Stored + Refused + Busy + Failed + InFlight.
type WireStats struct {
	Name                                              string
	Requests                                          uint64
	Bytes                                             uint64 // of bodies, as sent
	Received, Stored, Refused, Busy, Failed, InFlight uint64
	RefusedBy                                         []uint64 // by wire.Code
}

// Stats counts now.
func (s *Server) Stats() Stats {
	st := Stats{Shed: s.shed.Load(), Buffered: s.room.held.Load(), LogEvents: s.quiet.ended.Load(), Wires: make([]WireStats, len(s.opt.Formats))}
	for i, f := range s.opt.Formats {
		st.Wires[i] = WireStats{Name: f.Name, RefusedBy: make([]uint64, len(wire.Codes())+1)}
	}
	for _, d := range s.doors {
		st.Listeners = append(st.Listeners, ListenerStats{
			Scheme: d.scheme, Address: d.Addr().String(), Open: d.openCount(),
			Accepted: d.accepted.Load(), TurnedAway: d.turnedAway.Load(), AcceptErrors: d.acceptErrors.Load(),
			Requests: d.requests.Load(), Malformed: d.malformed.Load(), Unrouted: d.unrouted.Load(),
			BadPolicy: d.badPolicy.Load(), Panics: d.panics.Load(),
		})
		for _, t := range d.workers.tallies() {
			for i := range t.wires {
				st.Wires[i].add(&t.wires[i])
			}
		}
	}
	return st
}

// add adds one worker's counts. What became of a record is read before that it was received, so InFlight is never negative.
func (w *WireStats) add(t *wireTally) {
	stored, refused, busy, failed := t.stored.Load(), t.refused.Load(), t.busy.Load(), t.failed.Load()
	received := t.received.Load()
	w.Requests += t.requests.Load()
	w.Bytes += t.bytes.Load()
	w.Stored += stored
	w.Refused += refused
	w.Busy += busy
	w.Failed += failed
	w.Received += received
	w.InFlight += received - stored - refused - busy - failed
	for c := range t.refusedBy {
		w.RefusedBy[c] += t.refusedBy[c].Load()
	}
}

// settle counts what became of n records; for a body refused whole n is what was counted as received, or one.
func (t *wireTally) settle(o *wire.Outcome, n int) {
	switch o.Verdict {
	case wire.Stored:
		t.stored.Add(uint64(n))
	case wire.Refused:
		t.refused.Add(uint64(n))
		t.refusedBy[o.Fault.Code].Add(1)
	case wire.Busy:
		t.busy.Add(uint64(n))
	case wire.Failed:
		t.failed.Add(uint64(n))
	}
}
