package shard

import (
	"errors"
	"math"
	"time"
)

// keeper is one goroutine that looks after all logs: it readies and finishes segments when asked, tries again for logs that found no
// space, and retires what is old, or what must go for want of space.
type keeper struct {
	set   *Set
	work  chan *logState
	stop  chan struct{}
	ended chan struct{}
}

const (
	// retryEvery is how often a log without space tries again.
	retryEvery = 250 * time.Millisecond
	// spaceEvery is how often the space used and free is looked at.
	spaceEvery = time.Second
	// rollFraction: a segment is sealed after this part of the retention time, so that a quiet topic's records expire at most so much
	// late.
	rollFraction = 8
)

func newKeeper(s *Set) *keeper {
	return &keeper{set: s, work: make(chan *logState, 1024), stop: make(chan struct{}), ended: make(chan struct{})}
}

// want asks for a log's Background. It never blocks: when too many ask at once, the next retry finds the rest.
func (k *keeper) want(l *logState) {
	if l.queued.Swap(true) {
		return
	}
	select {
	case k.work <- l:
	default:
		l.queued.Store(false)
	}
}

func (k *keeper) run() {
	defer close(k.ended)
	ageEvery := k.set.o.ageEvery()
	retry, space, age := time.NewTicker(retryEvery), time.NewTicker(spaceEvery), time.NewTicker(min(spaceEvery, ageEvery))
	defer retry.Stop()
	defer space.Stop()
	defer age.Stop()
	k.freeSpace() // a process that is restarted faster than the ticker ticks must keep to its bounds, too
	for {
		select {
		case l := <-k.work:
			l.queued.Store(false)
			k.background(l)
		case <-retry.C:
			k.retry()
		case <-space.C:
			k.freeSpace()
			k.set.shareMemory()
			k.set.openSick()
		case <-age.C:
			k.retain()
			age.Reset(ageEvery) // the first came soon: one that is restarted again and again lets go of what is old, too
		case <-k.stop:
			return
		}
	}
}

// enter keeps the log from being closed until leave; false when it is closed already.
func (l *logState) enter() bool {
	l.life.Lock()
	if l.closed {
		l.life.Unlock()
		return false
	}
	return true
}

func (l *logState) leave() { l.life.Unlock() }

func (k *keeper) background(l *logState) {
	if !l.enter() {
		return
	}
	defer l.leave()
	if err := l.log.Background(); err != nil && !l.log.Full() {
		k.set.o.Logger.Warn("looking after a segment failed", "log", l.log.Dir(), "error", err)
	}
}

// retry has logs without space look for some. The oldest segments make room first if the disk is too full.
func (k *keeper) retry() {
	for _, l := range *k.set.logs.Load() {
		if l.log.Full() {
			k.freeSpace()
			k.background(l)
		}
	}
}

// ageEvery is how often ages are looked at.
func (o *Options) ageEvery() time.Duration {
	return max(min(time.Minute, o.Retention/(2*rollFraction)), 10*time.Millisecond)
}

// retain retires what is old.
func (k *keeper) retain() {
	s := k.set
	if err := s.clock.note(); err != nil {
		s.o.Logger.Warn("the retention clock could not be written down", "error", err)
	}
	cutoff := s.clock.now() - s.o.Retention.Milliseconds()
	rollBefore := s.clock.now() - s.o.Retention.Milliseconds()/rollFraction
	for _, l := range *s.logs.Load() {
		l.writer.do(func() {
			if err := l.log.RollOlder(rollBefore); err != nil {
				s.o.Logger.Warn("a quiet segment could not be sealed", "log", l.log.Dir(), "error", err)
			}
		})
		if !l.enter() {
			continue
		}
		_, err := l.log.Retire(cutoff)
		if err = errors.Join(err, l.log.RetireAside(cutoff), l.log.Background()); err != nil && !l.log.Full() {
			s.o.Logger.Warn("retiring old segments failed", "log", l.log.Dir(), "error", err)
		}
		l.leave()
	}
}

const (
	// capSegments: a capped topic's segment is this part of its cap.
	capSegments = 8
	// capSegmentMin is room for the largest record that goes into a capped topic.
	capSegmentMin = 1 << 20
)

// keepCaps removes the oldest segments of topics that keep more than they may.
func (k *keeper) keepCaps() {
	for name, limit := range k.set.o.Caps {
		t, ok := k.set.Topic(name)
		if !ok {
			continue
		}
		for k.sizeOf(t.logs) > limit {
			l := k.oldest(t.logs)
			if l == nil || !k.dropOldest(l) {
				break
			}
		}
	}
}

func (k *keeper) sizeOf(logs []*logState) (bytes int64) {
	for _, l := range logs {
		bytes += l.log.Size()
	}
	return bytes
}

// freeSpace removes the oldest segments, whichever log they belong to, while there is too much kept or too little free. Where it is too
// little, what was set aside goes before what was acknowledged.
func (k *keeper) freeSpace() {
	k.keepCaps()
	if k.tooLittleFree() {
		k.dropAside()
	}
	for k.tooMuchKept() || k.tooLittleFree() {
		l := k.oldest(*k.set.logs.Load())
		if l == nil || !k.dropOldest(l) {
			return
		}
	}
}

// dropOldest removes a log's oldest segment; false when that can't be done. A log that was closed meanwhile is gone altogether.
func (k *keeper) dropOldest(l *logState) bool {
	if !l.enter() {
		return true
	}
	defer l.leave()
	if err := l.log.DropOldest(); err != nil {
		k.set.o.Logger.Warn("removing the oldest segment failed", "log", l.log.Dir(), "error", err)
		return false
	}
	return true
}

// dropAside removes what recovery and failed syncs set aside, of all logs.
func (k *keeper) dropAside() {
	for _, l := range *k.set.logs.Load() {
		if !l.enter() {
			continue
		}
		if err := l.log.RetireAside(math.MaxInt64); err != nil {
			k.set.o.Logger.Warn("removing what was set aside failed", "log", l.log.Dir(), "error", err)
		}
		l.leave()
	}
}

func (k *keeper) tooMuchKept() bool {
	most := k.set.o.RetentionBytes
	return most > 0 && k.sizeOf(*k.set.logs.Load()) > most
}

func (k *keeper) tooLittleFree() bool {
	o := &k.set.o
	free, total, err := k.set.disk.Space(o.Dir)
	if err != nil {
		return false
	}
	least := o.MinFreeBytes
	if least == 0 {
		least = min(1<<30, total/20)
	}
	return free < least
}

// oldest is the log whose oldest removable segment is the oldest of all.
func (k *keeper) oldest(logs []*logState) (found *logState) {
	var age int64
	for _, l := range logs {
		if !l.enter() {
			continue
		}
		if newest, _, ok := l.log.Oldest(); ok && (found == nil || newest < age) {
			found, age = l, newest
		}
		l.leave()
	}
	return found
}
