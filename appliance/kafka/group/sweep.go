package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	sweepEvery = 10 * time.Minute // as Kafka does
	// roomEvery is how often groups without anything are looked for when a new one finds no room.
	roomEvery = time.Second
)

func (c *Coordinator) sweepOnTime() {
	c.sweep()
	c.store.flush() // what nobody waits for
	c.store.retireAside(c.o.Now().Add(-c.o.Retention))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.sweeper.Reset(sweepEvery)
	}
}

// makeRoom sweeps when there is none for a new group.
func (c *Coordinator) makeRoom(id string) {
	now := time.Now()
	c.mu.Lock()
	wanted := c.groups[id] == nil && c.full() && now.Sub(c.swept) >= roomEvery && !c.closed
	if wanted {
		c.swept = now
	}
	c.mu.Unlock()
	if wanted {
		c.sweep()
	}
}

// sweep takes old offsets back, and removes groups that have nothing any more. Its caller holds no mutex.
func (c *Coordinator) sweep() {
	now := c.o.Now()
	gone := map[*group]*write{}
	for _, g := range c.list() {
		g.mu.Lock()
		if g.vacant() {
			if old, all := g.expired(now); all {
				gone[g] = g.beginDelete()
			} else if len(old) > 0 {
				c.store.append(old...)
			}
		}
		g.mu.Unlock()
	}
	for g, w := range gone {
		g.endDelete(w)
	}
}

// expired lists the offsets of a vacant group whose time is over, and says whether those are all. It is over when the last commit and
// the last member are that long ago.
func (g *group) expired(now time.Time) (old []change, all bool) {
	cutoff := now.Add(-g.c.o.Retention)
	g.c.store.look(g.id, func(kept *keptGroup) {
		all = true
		for p, o := range kept.offsets {
			if g.emptySince.After(cutoff) || time.UnixMilli(o.time).After(cutoff) {
				all = false
				continue
			}
			old = append(old, change{kind: dropOffset, group: g.id, partition: p})
		}
	})
	return old, all
}

// beginDelete writes that the group is deleted. Until endDelete nobody enters it. The caller holds the mutex.
func (g *group) beginDelete() *write {
	g.deleting = true
	return g.c.store.append(change{kind: dropGroup, group: g.id})
}

// endDelete removes the group when that is on disk, or gives it back. The caller holds no mutex.
func (g *group) endDelete(w *write) int16 {
	err := g.c.store.wait(w)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deleting = false
	switch {
	case err != nil:
		return kerr.CoordinatorNotAvailable.Code
	case g.state == dead: // closed meanwhile
		return ok
	}
	g.c.mu.Lock()
	delete(g.c.groups, g.id)
	g.c.mu.Unlock()
	g.die()
	return ok
}

// TopicDeleted forgets what was committed for a topic: its records' offsets are gone, and another of its name begins with others.
func (c *Coordinator) TopicDeleted(topic string) error {
	c.store.flush() // what has been appended counts then, and is found
	var writes []*write
	for _, g := range c.list() {
		var changes []change
		c.store.look(g.id, func(kept *keptGroup) {
			for p := range kept.offsets {
				if p.topic == topic {
					changes = append(changes, change{kind: dropOffset, group: g.id, partition: p})
				}
			}
		})
		if len(changes) > 0 {
			writes = append(writes, c.store.append(changes...))
		}
	}
	for _, w := range writes {
		if err := c.store.wait(w); err != nil {
			return err
		}
	}
	return nil
}
