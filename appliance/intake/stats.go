package intake

import "penstock/wire"

// Stats is what the front door has counted since it opened: plain numbers, read without stopping anybody.
type Stats struct {
	Listeners []ListenerStats
	Streams   []StreamStats
	Wires     []WireStats // in the order of Options.Formats
	Shed      uint64      // requests answered busy because too many were in work
	Buffered  int64       // bytes that large bodies hold now
	LogEvents uint64      // connections that ended in an error
	Unkept    uint64      // refused requests that could not be kept in the topic of what was refused
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
	Panics          uint64 // requests, or streams, that hit a bug
}

// StreamStats belongs to one stream, over all of its sockets.
type StreamStats struct {
	Name      string
	Frames    uint64 // lines or frames
	Bytes     uint64 // of them
	Datagrams uint64 // read
	Dropped   uint64 // datagrams that the kernel dropped, as its buffer was full; known when the next one comes
	Cut       uint64 // connections closed for bytes that are no frames, for slowness within a large frame, or for want of memory
	Waits     uint64 // times that a batch, or a large frame, had to wait for room
}

// WireStats belongs to one wire format. Received and what follows it count records, and one for a body refused whole:
// Received = Stored + Duplicate + Refused + Busy + Failed + InFlight.
type WireStats struct {
	Name                                              string
	Requests                                          uint64
	Bytes                                             uint64 // of bodies, as sent
	Received, Stored, Refused, Busy, Failed, InFlight uint64
	Duplicate                                         uint64   // repeats of what is stored, acknowledged again
	RefusedBy                                         []uint64 // by wire.Code
}

// Stats counts now.
func (s *Server) Stats() Stats {
	st := Stats{Shed: s.shed.Load(), Buffered: s.room.held.Load(), LogEvents: s.quiet.ended.Load(), Unkept: s.unkept.Load(), Wires: make([]WireStats, len(s.opt.Formats))}
	for i, f := range s.opt.Formats {
		st.Wires[i] = WireStats{Name: f.Name, RefusedBy: make([]uint64, len(wire.Codes())+1)}
	}
	for _, d := range s.doors {
		st.listener(d.scheme, d.Addr().String(), d.openCount(), &d.doorCounts, d.workers)
	}
	for _, d := range s.streams {
		st.listener(d.scheme, d.Addr().String(), d.openCount(), &d.doorCounts, d.workers)
	}
	for _, d := range s.datagrams {
		st.listener(d.Name+"/udp", d.socket.LocalAddr().String(), 0, &d.doorCounts, d.workers)
	}
	for _, of := range s.streamsOf {
		c := &of.counts
		st.Streams = append(st.Streams, StreamStats{of.Name, c.frames.Load(), c.bytes.Load(), c.datagrams.Load(), c.dropped.Load(), c.cut.Load(), c.waits.Load()})
	}
	return st
}

// listener adds one socket's numbers and those of its workers.
func (st *Stats) listener(scheme, address string, open int, c *doorCounts, w *workers) {
	st.Listeners = append(st.Listeners, ListenerStats{
		Scheme: scheme, Address: address, Open: open,
		Accepted: c.accepted.Load(), TurnedAway: c.turnedAway.Load(), AcceptErrors: c.acceptErrors.Load(),
		Requests: c.requests.Load(), Malformed: c.malformed.Load(), Unrouted: c.unrouted.Load(),
		BadPolicy: c.badPolicy.Load(), Panics: c.panics.Load(),
	})
	for _, t := range w.tallies() {
		for i := range t.wires {
			st.Wires[i].add(&t.wires[i])
		}
	}
}

// add adds one worker's counts. What became of a record is read before that it was received, so InFlight is never negative. What was
// refused is the sum of its reasons, each read once, so that the two never differ.
func (w *WireStats) add(t *wireTally) {
	stored, busy, failed, duplicate := t.stored.Load(), t.busy.Load(), t.failed.Load(), t.duplicate.Load()
	refused := uint64(0)
	for c := range t.refusedBy {
		n := t.refusedBy[c].Load()
		w.RefusedBy[c] += n
		refused += n
	}
	received := t.received.Load()
	w.Requests += t.requests.Load()
	w.Bytes += t.bytes.Load()
	w.Stored += stored
	w.Refused += refused
	w.Busy += busy
	w.Failed += failed
	w.Received += received
	w.Duplicate += duplicate
	w.InFlight += received - stored - refused - busy - failed - duplicate
}

// settle counts n records that are turned away, or one for a request refused whole.
func (t *wireTally) settle(o *wire.Outcome, n int) {
	all := uint64(n)
	switch o.Verdict {
	case wire.Refused:
		t.refusedBy[o.Fault.Code].Add(all)
	case wire.Busy:
		t.busy.Add(all)
	case wire.Failed:
		t.failed.Add(all)
	}
}

// refuse counts refused parts by their reasons. Only so many are kept; those beyond count for the reason of the last that is.
func (t *wireTally) refuse(kept []wire.Fault, all int) {
	if all == 0 {
		return
	}
	for i := range kept {
		t.refusedBy[kept[i].Code].Add(1)
	}
	t.refusedBy[kept[len(kept)-1].Code].Add(uint64(all - len(kept)))
}
