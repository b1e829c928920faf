package shard

import (
	"slices"
	"sync"

	"penstock/ring"
	"penstock/segstore"
	"penstock/tuning"
)

// writer writes to its logs. Whoever holds its helm does it, one at a time. Where nothing is in the way it is the goroutine of the request that
// brings the records: then nobody is to be woken, and nothing is copied into the ring (see Ticket.write). Else the request leaves a frame
// in the ring, and the writer's own goroutine takes it from there: with the frames of all who came meanwhile, so batches grow with the load.
// Only that goroutine begins segments and gives up what could not be synced: a request must not wait for a disk longer than its time.
type writer struct {
	set    *Set
	ring   *ring.Ring
	waiter *ring.Waiter
	syncer *syncer
	stop   chan struct{}
	ended  chan struct{}

	helm *helm

	// Under the helm.
	touched  []*logState // logs written to since the last commit
	stages   segstore.Stages
	openMost int // bytes that open batches may have before they are closed at once
	counts   writerCounts

	mu    sync.Mutex
	tasks []func() // to be run between drains
}

// drainBytes is how much a drain takes at most before what it wrote is published: a bound on how long the first record of a burst
// waits for the last.
const drainBytes = 4 << 20

// openBytes is writer.openMost.
const openBytes = 64 << 20

func newWriter(s *Set, ringBytes int) (*writer, error) {
	r, err := ring.New(ringBytes)
	if err != nil {
		return nil, err
	}
	w := &writer{set: s, ring: r, waiter: ring.NewWaiter(r), helm: newHelm(), openMost: openBytes, stop: make(chan struct{}), ended: make(chan struct{})}
	w.syncer = newSyncer(s)
	return w, nil
}

// run is the life of the writer's goroutine. cpu is the CPU it is pinned to, or -1.
func (w *writer) run(cpu int) {
	defer close(w.ended)
	if cpu >= 0 {
		if err := tuning.Pin(cpu); err != nil {
			w.set.o.Logger.Warn("a shard writer could not be pinned", "cpu", cpu, "error", err)
		}
	}
	frame := w.frame // one closure for the writer's life
	for w.waiter.Wait(w.stop) {
		w.helm.take()
		w.runTasks()
		w.ring.Drain(drainBytes, frame)
		w.commit()
		w.helm.letGo()
	}
	w.helm.take()
	for !w.ring.Empty() { // nobody claims any more: what is left is all there is
		w.ring.Drain(drainBytes, frame)
		w.commit()
	}
	w.runTasks()
	w.helm.letGo()
}

// frame lays one request's records into their log. They share a batch, so a crash keeps all of them or none.
func (w *writer) frame(b []byte) {
	h := readFrameHeader(b)
	l := (*w.set.logs.Load())[h.log]
	if len(b) == frameHead { // the records are laid already
		if err := w.place(l, &h); err != nil {
			w.refuse(&h, err)
		}
		return
	}
	if err := l.log.Reserve(int64(h.bound)); err != nil {
		w.refuse(&h, err)
		return
	}
	rest := b[frameHead:]
	var last int64
	for range h.count {
		var r framed
		r, rest = readRecord(rest)
		last = l.log.AppendRecord(r.id, r.key, r.value, r.headers, r.ms)
	}
	w.laid(l, &h, last, len(b))
	w.set.sumLarge(l, int(h.bound))
}

// laid notes that a request's records stand in a log's open batch, the last of them at that offset.
func (w *writer) laid(l *logState, h *frameHeader, last int64, bytes int) {
	if !l.touched {
		l.touched = true
		w.touched = append(w.touched, l)
	}
	w.counts.records.Add(uint64(h.count))
	if now := w.counts.bytes.Add(uint64(bytes)); now/turnBytes != (now-uint64(bytes))/turnBytes {
		w.set.turn.Add(1)
	}
	if h.ticket != noTicket {
		w.set.waits.get(h.ticket).spans[h.slot] = span{first: last - int64(h.count) + 1, last: last}
		l.fresh = append(l.fresh, entry{ticket: h.ticket, part: h.slot, ack: h.ack, generation: l.log.Generation(), next: last + 1})
	}
}

// refuse answers a part that could not be written.
func (w *writer) refuse(h *frameHeader, err error) {
	w.counts.refused.Add(uint64(h.count))
	if h.ticket == noTicket {
		return
	}
	err = storeFault(err)
	w.set.finish(w.set.waits.get(h.ticket), h.slot, &err)
}

// commit publishes what was laid since the last one: one batch a log. Parts that wait for the log are done; those that wait for the disk go
// to the syncer. Where nobody asked for less than the disk, and nobody may see more, the batch stays open for those to come, until the
// syncer takes it; but not where open batches have much memory already, as those of a thousand topics could.
func (w *writer) commit() {
	for i, l := range w.touched {
		w.touched[i] = nil
		l.touched = false
		if w.set.o.Ack != AckDisk || w.stages.Lent() > w.openMost || slices.ContainsFunc(l.fresh, func(e entry) bool { return e.ack == AckLog }) {
			l.commit()
		}
		w.handOver(l)
	}
	w.touched = w.touched[:0]
}

// commit closes the log's open batch. The caller holds the helm.
func (l *logState) commit() {
	if l.log.Commit() {
		l.writer.counts.batches.Add(1)
	}
}

func (w *writer) handOver(l *logState) {
	urgent := false
	l.mu.Lock()
	for i := range l.fresh {
		e := &l.fresh[i]
		switch {
		case l.log.Lost(e.generation):
			w.set.finish(w.set.waits.get(e.ticket), e.part, &errSync)
		case e.ack == AckLog:
			l.acknowledge(e)
		default:
			l.waiting = append(l.waiting, *e)
			urgent = true
		}
	}
	l.fresh = l.fresh[:0]
	add := !l.dirty
	l.dirty = true
	l.mu.Unlock()
	if add || urgent {
		w.syncer.push(l, add, urgent)
	}
}

// do has the writer run f between two drains. f must not block on anything that waits for the writer.
func (w *writer) do(f func()) {
	w.mu.Lock()
	w.tasks = append(w.tasks, f)
	w.mu.Unlock()
	w.waiter.Wake()
}

func (w *writer) runTasks() {
	w.mu.Lock()
	tasks := w.tasks
	w.tasks = nil
	w.mu.Unlock()
	for _, f := range tasks {
		f()
	}
}
