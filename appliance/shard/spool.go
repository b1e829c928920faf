package shard

import (
	"math"
	"sync"
	"sync/atomic"
)

// Spool is what a shard's log is when a Kafka cluster keeps the topic: what waits to be brought there. Nothing of it is retired before it is,
// and a request's reply waits for the cluster, unless that is away. Anyone may call its methods.
type Spool struct {
	l       *logState
	drained atomic.Int64 // the cluster has all records before this offset
	away    atomic.Bool
	waiting atomic.Int32

	mu      sync.Mutex
	changed sync.Cond
	ended   bool // the topic is kept here alone again
}

func newSpool(l *logState) *Spool {
	p := &Spool{l: l}
	p.changed.L = &p.mu
	p.away.Store(true) // until somebody says that it is not
	l.log.Hold(0)
	return p
}

// Drained notes that the cluster has acknowledged all records before next. They may be retired now.
func (p *Spool) Drained(next int64) {
	p.drained.Store(next)
	p.mu.Lock()
	if !p.ended {
		p.l.log.Hold(next)
	}
	p.mu.Unlock()
	p.wake()
}

// end lets the log go.
func (p *Spool) end() {
	p.mu.Lock()
	p.ended = true
	p.l.log.Hold(math.MaxInt64)
	p.mu.Unlock()
	p.Away(true) // who waits must not wait for ever
}

// Away notes whether the cluster is out of reach, or so far behind that nobody should wait for it.
func (p *Spool) Away(away bool) {
	if p.away.Swap(away) != away {
		p.wake()
	}
}

// IsAway is what was noted last.
func (p *Spool) IsAway() bool { return p.away.Load() }

// wake wakes who waits. Whoever is about to wait either sees what was stored before, or is counted already.
func (p *Spool) wake() {
	if p.waiting.Load() > 0 {
		p.mu.Lock()
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}

// wait returns whether the cluster has all records before next: when it does, or as soon as it is away.
func (p *Spool) wait(next int64) bool {
	if p.drained.Load() >= next {
		return true
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.drained.Load() < next {
		if p.away.Load() {
			return false
		}
		p.changed.Wait()
	}
	return true
}

// WaitCluster is to be called once Wait has returned nil for AckDisk. It returns true when a Kafka cluster keeps every topic of the batch and
// has all its records; false at once when one of the topics is kept here alone, or its cluster is away. Topics of the appliance's own are
// nobody's but its own, and are not asked about.
func (t *Ticket) WaitCluster() bool {
	if t.repeated > 0 {
		return false // nobody knows how far those are that were there already
	}
	asked := false
	for i := range t.shares {
		l := t.shares[i].log
		if l.topic.internal() {
			continue
		}
		p := l.spool.Load()
		if p == nil || !p.wait(t.wait.spans[i].last+1) {
			return false
		}
		asked = true
	}
	return asked
}

// Spooled is whether a cluster keeps a topic of the batch offered last.
func (t *Ticket) Spooled() bool {
	for i := range t.shares {
		if t.shares[i].log.spool.Load() != nil {
			return true
		}
	}
	return false
}

// internal is whether the topic is the appliance's own.
func (t *Topic) internal() bool { return t.name[0] == '_' }

// Spools are the spools of the topic's shards; nil when the topic is kept here alone.
func (t *Topic) Spools() []*Spool {
	spools := make([]*Spool, len(t.logs))
	for i, l := range t.logs {
		if spools[i] = l.spool.Load(); spools[i] == nil {
			return nil
		}
	}
	return spools
}

// Spools is whether any topic's logs are, or were, spools.
func (s *Set) Spools() bool { return s.spools.Load() }

// Spool makes the topic's logs spools, or ends that: what they have is then kept as long as any log's records.
func (t *Topic) Spool(on bool) {
	for _, l := range t.logs {
		p := l.spool.Load()
		switch {
		case on && p == nil:
			l.writer.set.spools.Store(true)
			l.spool.Store(newSpool(l))
		case !on && p != nil:
			l.spool.Store(nil)
			p.end()
		}
	}
}
