package shard

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// How long written records stay unsynced when nobody waits for the disk: syncEvery, or where many logs are written to syncEach for each of them, as each
// has a sync of its own, and those that nobody waits for are not to be most of the work; syncMost at most.
const (
	syncEvery = 50 * time.Millisecond
	syncEach  = 10 * time.Millisecond
	syncMost  = time.Second
)

// syncer puts a writer's logs on disk, apart from the writer, so that a slow disk does not hold up those who wait only for the log.
// While it syncs, the next batches gather: everybody who waits shares one fdatasync.
type syncer struct {
	set    *Set
	urgent chan struct{} // somebody waits for the disk
	lazy   chan struct{} // something is dirty
	stop   chan struct{}
	ended  chan struct{}

	mu    sync.Mutex
	dirty []*logState
	taken []*logState // the syncer's own half

	came, want atomic.Int32  // who have come to wait for the disk since the last round began; as many end the gathering, 0: there is none
	enough     chan struct{} // one token
	crowd      int32
	patience   time.Duration

	syncs, errors atomic.Uint64
}

func newSyncer(s *Set) *syncer {
	return &syncer{
		set: s, urgent: make(chan struct{}, 1), lazy: make(chan struct{}, 1),
		enough: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
}

// push tells the syncer of a log that was written to; add when it is not yet in the list.
func (y *syncer) push(l *logState, add, urgent bool) {
	if add {
		y.mu.Lock()
		y.dirty = append(y.dirty, l)
		y.set.dirty.Add(1)
		y.mu.Unlock()
	}
	wake := y.lazy
	if urgent {
		if y.came.Add(1) == y.want.Load() {
			select {
			case y.enough <- struct{}{}:
			default:
			}
		}
		wake = y.urgent
	}
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (y *syncer) run() {
	defer close(y.ended)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		select {
		case <-y.urgent:
			y.gather(timer)
		case <-y.lazy:
			y.linger(timer)
		case <-y.stop:
			y.round()
			return
		}
		y.measured()
	}
}

// linger waits as long as what is written may stay unsynced, or until somebody waits for the disk. How many logs are written to shows on the way.
func (y *syncer) linger(timer *time.Timer) {
	defer timer.Stop()
	for waited := time.Duration(0); waited < y.set.lull(); waited += syncEvery {
		timer.Reset(syncEvery)
		select {
		case <-y.urgent:
			return
		case <-timer.C:
		case <-y.stop:
			return
		}
	}
}

// lull is how long written records may stay unsynced now. With AckDisk readers see what is synced, and are not to wait for more than they have to.
func (s *Set) lull() time.Duration {
	if s.o.Ack == AckDisk {
		return syncEvery
	}
	return min(max(syncEvery, time.Duration(s.dirty.Load())*syncEach), syncMost)
}

// A sync costs what it costs, for all who share it. A crowd is how many waited for the last one, and came while it ran: when it is large most of it will be
// back soon, and is worth waiting for; but not for longer than the last sync took, so that nobody waits for much more than twice a sync. Three are a
// crowd: where the processors are busy, those who would wait are still on their way, and syncs for two at a time keep them there.
const (
	largeCrowd  = 3
	longestWait = time.Millisecond
)

// gather waits until most of a large crowd is there.
func (y *syncer) gather(timer *time.Timer) {
	if y.crowd < largeCrowd {
		return
	}
	y.want.Store(y.crowd - y.crowd/4)
	if y.came.Load() < y.want.Load() {
		timer.Reset(y.patience)
		select {
		case <-y.enough:
		case <-timer.C:
		case <-y.stop:
		}
		timer.Stop()
	}
	y.want.Store(0)
	select { // one that comes later yet ends the next crowd's gathering early, which costs no more than a sync
	case <-y.enough:
	default:
	}
}

// measured is a round of which the crowd and the time are noted.
func (y *syncer) measured() {
	begun, group := time.Now(), y.came.Swap(0)
	y.round()
	y.crowd, y.patience = group+y.came.Load(), min(time.Since(begun), longestWait)
}

// round syncs every log that is dirty now.
func (y *syncer) round() {
	y.mu.Lock()
	y.dirty, y.taken = y.taken[:0], y.dirty
	y.mu.Unlock()
	for i, l := range y.taken {
		y.taken[i] = nil
		y.sync(l)
	}
}

// sync puts one log on disk and answers those who waited for it. Those it answers were taken before the sync began, and their batch was
// closed before that: an acknowledgement never runs ahead of its data.
func (y *syncer) sync(l *logState) {
	y.set.dirty.Add(-1)
	l.writer.helm.take()
	l.commit()
	l.mu.Lock()
	l.dirty = false
	l.waiting, l.syncing = l.syncing[:0], l.waiting
	l.mu.Unlock()
	l.writer.helm.letGo()

	l.life.Lock()
	defer l.life.Unlock()
	err := l.closedBy
	if !l.closed {
		err = l.log.Sync()
		y.syncs.Add(1)
		if err != nil {
			y.errors.Add(1)
		}
	}
	for i := range l.syncing {
		l.answer(&l.syncing[i], err)
	}
}

// answer tells a part that waited for the disk what a sync came to.
func (l *logState) answer(e *entry, err error) {
	if err != nil || l.log.Lost(e.generation) {
		l.writer.set.finish(l.writer.set.waits.get(e.ticket), e.part, &errSync)
		return
	}
	if e.next > l.log.Synced() {
		panic(fmt.Sprintf("BUG: an acknowledgement up to offset %d, and the disk has %d", e.next, l.log.Synced()))
	}
	l.acknowledge(e)
}

// acknowledge tells a part that its records are as safe as it asked for.
func (l *logState) acknowledge(e *entry) {
	for had := l.acked.Load(); e.next > had && !l.acked.CompareAndSwap(had, e.next); had = l.acked.Load() {
	}
	l.writer.set.finish(l.writer.set.waits.get(e.ticket), e.part, nil)
}

// settle answers what still waits for a log that was closed. The caller holds life.
func (l *logState) settle(err error) {
	l.mu.Lock()
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, e := range waiting {
		l.answer(&e, err)
	}
}
