package shard

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"penstock/ring"
	"penstock/segstore"
)

// Ticket is one worker's way through the set: it is offered a batch, waits for it, and knows where it went. One goroutine uses it;
// it is reused for every request, which is why a request allocates nothing.
type Ticket struct {
	// Scope is whose records the next batch has: an ID says which record it is within its topic and this. It is read during Offer.
	Scope []byte
	// Late is asked when Wait gives up, for what shall be told when it is known what became of the records; it may answer nil.
	Late func() func(fate func(record int) Fate)

	set     *Set
	busy    atomic.Bool // an Offer is under way; Close waits for it
	pending bool        // Wait has something to wait for
	wait    *wait
	timer   *time.Timer
	hash    hasher
	turn    uint32 // where records without a key go when all writers are at work
	to      int    // 1 + the shard that To named; 0: none

	shares []share     // the request's records by shard
	helms  []*writer   // held while its records are written on the spot
	parts  []ring.Part // the shares, as claims
	of     []int32     // which share each record belongs to, or noShare
	apart  int         // how many shares are laid apart
	laying laying      // what is laid while it is parsed
	slots  []slot      // by log: which share is its, if it has one in this request
	round  uint32      // this request, in slots

	ack      Ack
	ids      []claimedID // of the records that have one, in their order
	repeated int
	text     []byte // what a fingerprint is made of
}

// share is one request's records of one shard.
type share struct {
	log   *logState
	count int
	frame int   // bytes in the ring
	bound int   // bytes in the log at most
	at    int   // write position while encoding
	part  int   // its claim
	laid  bool  // apart, in wait.drafts
	held  bool  // its writer's helm is, and its log has room
	last  int64 // offset of the last of them, when they are written on the spot
}

type slot struct {
	round uint32
	share int32
}

// wait is the part of a ticket that writers and syncers reach, by its number in the set's table. A request that gives up leaves
// its wait to them and takes another.
type wait struct {
	index  uint32
	left   atomic.Int32 // parts not yet done
	state  atomic.Uint32
	fault  atomic.Pointer[error] // the first error of a part
	done   chan struct{}         // one token, when the last part is done and the request sleeps
	spans  []span                // each written before its part is done
	drafts []segstore.Draft      // of parts that were laid apart; whoever places one gives its memory back
	lent   bool                  // no: the ticket does, or whoever settles late
	late   *late                 // left by a request that gave up
}

// span is where a part's records went, or why they did not.
type span struct {
	first, last int64
	fault       *error
}

const (
	waitOpen   uint32 = iota
	waitParked        // the request sleeps until it is sent a token
	waitDone
	waitLeft // the request gave up; whoever finishes the last part gives the number back
)

// Wait returns when the policy of the batch offered last is met: nil, or why the batch is not acknowledged (ErrFull, ErrSync,
// ErrTimeout, ErrClosing, or what the disk said). What was not acknowledged may still have been kept. The ticket may be used again.
func (t *Ticket) Wait(timeout time.Duration) error {
	if !t.pending {
		return nil
	}
	t.pending = false
	w := t.wait
	if !w.state.CompareAndSwap(waitOpen, waitParked) {
		return t.verdict()
	}
	t.timer.Reset(timeout)
	select {
	case <-w.done:
		t.timer.Stop()
		return t.verdict()
	case <-t.timer.C:
	}
	t.leaveLate()
	lent := w.lent // it is another's when it was left
	if !w.state.CompareAndSwap(waitParked, waitLeft) {
		w.late = nil
		<-w.done // the last part was finished this very moment
		return t.verdict()
	}
	if lent {
		t.leaveLaid()
	}
	t.wait = t.set.waits.take()
	t.shares, t.ids, t.of = t.shares[:0], t.ids[:0], t.of[:0]
	return ErrTimeout
}

// Waits says whether Wait is likely to wait.
func (t *Ticket) Waits() bool { return t.pending && t.wait.state.Load() == waitOpen }

func (t *Ticket) verdict() error {
	t.set.settleIDs(t.ids, t.wait, t.ack)
	t.ids = t.ids[:0]
	if err := t.wait.fault.Load(); err != nil {
		t.shares = t.shares[:0]
		return *err
	}
	return nil
}

// arm makes the ticket ready to wait for n parts.
func (t *Ticket) arm(n int) {
	w := t.wait
	w.state.Store(waitOpen)
	w.fault.Store(nil)
	w.left.Store(int32(n))
	t.pending = true
}

// makeSpans makes room for what becomes of n parts.
func (w *wait) makeSpans(n int) {
	for len(w.spans) < n {
		w.spans = append(w.spans, span{})
		w.drafts = append(w.drafts, segstore.Draft{})
	}
	clear(w.spans[:n])
}

// AppendPosition appends where the records went, "topic/shard@first-last" with ", " between, once Wait has returned nil for a
// policy that knows it (disk or log). It appends nothing otherwise.
func (t *Ticket) AppendPosition(dst []byte) []byte {
	for i := range t.shares {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		l := t.shares[i].log
		dst = append(dst, l.topic.name...)
		dst = append(dst, '/')
		dst = strconv.AppendInt(dst, int64(l.shard), 10)
		dst = append(dst, '@')
		dst = strconv.AppendInt(dst, t.wait.spans[i].first, 10)
		dst = append(dst, '-')
		dst = strconv.AppendInt(dst, t.wait.spans[i].last, 10)
	}
	return dst
}

// First is the offset of the first record, once Wait has returned nil for a batch whose records went to one shard.
func (t *Ticket) First() (offset int64, ok bool) {
	if len(t.shares) != 1 {
		return 0, false
	}
	return t.wait.spans[0].first, true
}

// finish notes that a part of a request is done, with an error or nil, and wakes the request after the last one.
func (s *Set) finish(w *wait, part uint32, err *error) {
	if err != nil {
		w.spans[part].fault = err
		w.fault.CompareAndSwap(nil, err)
	}
	left := w.left.Add(-1)
	if left > 0 {
		return
	}
	if left < 0 {
		panic("BUG: a request's part was finished twice")
	}
	if w.state.CompareAndSwap(waitOpen, waitDone) {
		return
	}
	if w.state.CompareAndSwap(waitParked, waitDone) {
		w.done <- struct{}{}
		return
	}
	s.settleLate(w)
	s.waits.free(w)
}

// waitTable numbers the waits, so that a frame can name one without holding a pointer.
type waitTable struct {
	all  atomic.Pointer[[]*wait] // only ever grows; replaced under mu
	mu   sync.Mutex
	idle []*wait
}

func (t *waitTable) get(index uint32) *wait { return (*t.all.Load())[index] }

func (t *waitTable) take() *wait {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.idle); n > 0 {
		w := t.idle[n-1]
		t.idle = t.idle[:n-1]
		return w
	}
	var old []*wait
	if p := t.all.Load(); p != nil {
		old = *p
	}
	w := &wait{index: uint32(len(old)), done: make(chan struct{}, 1), spans: make([]span, 8), drafts: make([]segstore.Draft, 8)}
	all := append(old[:len(old):len(old)], w)
	t.all.Store(&all)
	return w
}

func (t *waitTable) free(w *wait) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = append(t.idle, w)
}

// To has all records of the batch that is offered next go to one shard of their topic, whatever their keys.
func (t *Ticket) To(shard int) { t.to = shard + 1 }

// NewTicket makes a ticket for one worker. Workers are few and kept; a ticket lives as long as the set.
func (s *Set) NewTicket() *Ticket {
	t := &Ticket{set: s, wait: s.waits.take(), timer: time.NewTimer(time.Hour), hash: hasher{seed: s.seed}}
	t.timer.Stop()
	t.turn = t.wait.index // workers begin at different shards
	s.ticketMu.Lock()
	defer s.ticketMu.Unlock()
	s.tickets = append(s.tickets, t)
	return t
}
