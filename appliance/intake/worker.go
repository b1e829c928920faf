package intake

import (
	"bytes"
	"hash"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"

	"penstock/appliance/shard"
	"penstock/wire"
)

// worker is everything one request needs while it is in work. It belongs to one request at a time and is used again, so that
// after it has grown to a usual request nothing is allocated.
type worker struct {
	*bench  // nil once the records are laid and all there is to do is wait: see worker.rest
	home    *workers
	ticket  *shard.Ticket
	headers headers
	request wire.Request
	source  *fasthttp.Request // whose body it is; nil: nobody's
	outcome wire.Outcome
	reply   []byte // the reply's body
	where   []byte // the reply's position
	counts  *tally
	peer    netip.Addr
	target  []byte       // the request's, with its query; a key may be in it
	query   []byte       // the request's, where no key can be in it
	key     []byte       // what the request carries as a key, looked up when something of it is refused
	zip     *gzip.Writer // made when first needed
	zipped  bytes.Buffer

	offered int  // records of the batch, or of the piece of it that was offered last
	pieces  bool // the batch is offered in pieces
	laid    bool // what was offered last was laid while it was parsed, as records of what was refused are not

	asked     int // refused parts of the batch that were to be kept so far
	told      int // those of them that have a record in the batch
	toldBytes int // which take so many bytes

	owed   int // records counted as received whose end is not counted yet
	owedTo *wireTally

	// What became of the request's own records so far; what is neither was turned away.
	kept, repeated int
	late           int // not known yet

	// Whether a cluster keeps topics that the request's records went to, and whether it has all of them.
	spooled, inCluster bool

	scope  []byte    // whose records they are
	digest hash.Hash // SHA-256
	sum    []byte    // its outcome
}

// replyKeep is how much room for a reply a worker keeps.
const replyKeep = 64 << 10

// release lets go of what the last request lent.
func (w *worker) release() {
	if w.bench != nil {
		w.bench.clear()
	}
	w.headers = headers{}
	w.request = wire.Request{}
	w.source, w.pieces, w.laid = nil, false, false
	w.outcome = wire.Outcome{}
	w.target, w.query, w.key, w.peer = nil, nil, nil, netip.Addr{}
	w.asked, w.told, w.toldBytes = 0, 0, 0
	w.kept, w.repeated, w.late = 0, 0, 0
	w.spooled, w.inCluster = false, false
	if w.zipped.Cap() > replyKeep {
		w.zipped = bytes.Buffer{}
	}
	if cap(w.reply) > replyKeep {
		w.reply = nil
	}
	if cap(w.where) > replyKeep {
		w.where = nil
	}
}

// workers is a door's bounded stack of idle workers. It is not a sync.Pool: the collector would empty it, and the next requests
// would pay for it. The last one used is the first to be used again, while the caches still know it.
type workers struct {
	server *Server
	limit  int

	mu      sync.Mutex
	idle    []*worker // without their benches
	benches []*bench  // idle
	alive   int       // idle and in work
	all     []*tally  // one for each worker ever alive at once
	spare   []used    // of workers thrown away
	_       [64]byte  // the next door's stack belongs to another core
}

// take returns a worker, or nil when as many as may be are in work.
func (s *workers) take() *worker {
	s.mu.Lock()
	w := pop(&s.idle)
	var left used
	if w == nil {
		if s.alive == s.limit {
			s.mu.Unlock()
			return nil
		}
		s.alive++
		left = pop(&s.spare)
	}
	b := pop(&s.benches)
	s.mu.Unlock()

	if w == nil {
		w = s.newWorker(left)
	}
	if b == nil {
		b = s.server.newBench()
	}
	w.bench = b
	return w
}

// pop takes what a stack was given last; zero if there is nothing.
func pop[T any](stack *[]T) (last T) {
	var zero T
	if n := len(*stack) - 1; n >= 0 {
		last, (*stack)[n] = (*stack)[n], zero
		*stack = (*stack)[:n]
	}
	return last
}

func (s *workers) newWorker(left used) *worker {
	w := s.server.newWorker(left)
	w.home = s
	if left.counts == nil {
		s.mu.Lock()
		s.all = append(s.all, w.counts)
		s.mu.Unlock()
	}
	return w
}

// give takes a worker back.
func (s *workers) give(w *worker) {
	w.release()
	s.mu.Lock()
	if w.bench != nil {
		s.benches = append(s.benches, w.bench)
		w.bench = nil
	}
	s.idle = append(s.idle, w)
	s.mu.Unlock()
}

// giveBench takes a worker's bench, which it does not need any more.
func (s *workers) giveBench(w *worker) {
	b := w.bench
	w.bench = nil
	b.clear()
	s.mu.Lock()
	s.benches = append(s.benches, b)
	s.mu.Unlock()
}

// used is what outlives a worker that was thrown away: what it counted, and its ticket, which the set keeps for ever. A ticket
// that was in use is not trusted again.
type used struct {
	counts *tally
	ticket *shard.Ticket
}

// discard drops a worker whose state is in doubt.
func (s *workers) discard(w *worker) {
	left := used{counts: w.counts, ticket: w.ticket}
	if w.owed > 0 {
		left.ticket = nil
	}
	s.mu.Lock()
	s.alive--
	s.spare = append(s.spare, left)
	s.mu.Unlock()
}

// tallies returns the counters of every worker there has been.
func (s *workers) tallies() []*tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[:len(s.all):len(s.all)]
}

// tally is what one worker counts, by wire. One worker writes it, so its atomics are never contended; Stats adds tallies up.
type tally struct {
	wires []wireTally
	_     [64]byte
}

type wireTally struct {
	requests, bytes      atomic.Uint64
	received             atomic.Uint64   // records, and one for a body refused whole
	stored, busy, failed atomic.Uint64   // what became of them, in the same unit
	duplicate            atomic.Uint64   // the same: repeats of what is stored
	refusedBy            []atomic.Uint64 // the same, by wire.Code
}

func newTally(formats int) *tally {
	t := &tally{wires: make([]wireTally, formats)}
	for i := range t.wires {
		t.wires[i].refusedBy = make([]atomic.Uint64, len(wire.Codes())+1)
	}
	return t
}
