package shard

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// syncEvery is how long written records stay unsynced when nobody waits for the disk.
const syncEvery = 50 * time.Millisecond

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

	syncs, errors atomic.Uint64
}

func newSyncer(s *Set) *syncer {
	return &syncer{
		set: s, urgent: make(chan struct{}, 1), lazy: make(chan struct{}, 1),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
}

// push tells the syncer of a log that was written to; add when it is not yet in the list.
func (y *syncer) push(l *logState, add, urgent bool) {
	if add {
		y.mu.Lock()
		y.dirty = append(y.dirty, l)
		y.mu.Unlock()
	}
	wake := y.lazy
	if urgent {
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
		case <-y.lazy:
			timer.Reset(syncEvery)
			select {
			case <-y.urgent:
				timer.Stop()
			case <-timer.C:
			case <-y.stop:
			}
		case <-y.stop:
			y.round()
			return
		}
		y.round()
	}
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
