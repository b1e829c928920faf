package group

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Coordinator coordinates all groups. Anyone may use it.
//
// A group's mutex is taken before the coordinator's and before the store's.
type Coordinator struct {
	o      Options
	store  *store
	memory memory

	mu      sync.Mutex
	groups  map[string]*group
	closed  bool
	sweeper *time.Timer
	swept   time.Time // when room was last looked for
}

// Open reads back what was committed, and begins to coordinate. No group has a member then.
func Open(o Options) (*Coordinator, error) {
	o = o.withDefaults()
	c := &Coordinator{o: o, memory: memory{most: o.Limits.Memory}, groups: map[string]*group{}}
	var err error
	if c.store, err = openStore(&o, &c.memory); err != nil {
		return nil, err
	}
	now := o.Now()
	for id, kept := range c.store.kept {
		c.groups[id] = c.revive(id, kept, now)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweeper = time.AfterFunc(sweepEvery, c.sweepOnTime)
	return c, nil
}

// revive makes a group of what was kept of it. One that had members when the appliance was killed has lost them only now.
func (c *Coordinator) revive(id string, kept *keptGroup, now time.Time) *group {
	g := c.newGroup(id)
	if !kept.hasEra {
		return g
	}
	g.generation, g.protocolType = max(kept.era.generation, 0), kept.era.protocolType
	g.emptySince = time.UnixMilli(kept.era.emptySince)
	if kept.era.emptySince == occupied {
		g.emptySince = now
		g.note()
	}
	return g
}

func (c *Coordinator) newGroup(id string) *group {
	c.memory.force(groupCost + int64(len(id)))
	return &group{c: c, id: id, members: map[string]*member{}, static: map[string]*member{}, pending: map[string]time.Time{}}
}

// Close lets everybody go who waits, puts what was committed on disk, and closes. When ctx ends before that is done, it goes on by itself.
func (c *Coordinator) Close(ctx context.Context) error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.sweeper.Stop()
	c.mu.Unlock()
	if again {
		return nil
	}
	for _, g := range c.list() {
		g.mu.Lock()
		if len(g.members) > 0 { // they are lost now
			g.state, g.emptySince = empty, c.o.Now()
			g.note()
		}
		for _, m := range g.members {
			g.remove(m, kerr.CoordinatorNotAvailable.Code)
		}
		g.die()
		g.mu.Unlock()
	}
	done := make(chan error, 1)
	go func() { done <- c.store.close() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// die ends a group: whoever has found it and waits for its mutex looks again. The caller holds it.
func (g *group) die() {
	g.state = dead
	if g.timer != nil {
		g.timer.Stop()
	}
	for id := range g.pending {
		g.unreserve(id)
	}
	g.c.memory.take(-groupCost - int64(len(g.id)))
}

// Handle answers a request, or returns nil when it is none of those in Versions. from is its sender, and ctx ends when the connection
// does; what is answered then reaches nobody. The answer shares bytes with the coordinator, which nobody changes. Nothing of the
// request is kept that is not copied.
func (c *Coordinator) Handle(ctx context.Context, from Client, req kmsg.Request) kmsg.Response {
	if v, known := Versions[kmsg.Key(req.Key())]; !known || req.GetVersion() < v.Min || req.GetVersion() > v.Max {
		return nil
	}
	switch req := req.(type) {
	case *kmsg.JoinGroupRequest:
		return c.joinGroup(ctx, from, req)
	case *kmsg.SyncGroupRequest:
		return c.syncGroup(ctx, req)
	case *kmsg.HeartbeatRequest:
		return c.heartbeat(req)
	case *kmsg.LeaveGroupRequest:
		return c.leaveGroup(req)
	case *kmsg.OffsetCommitRequest:
		return c.offsetCommit(req)
	case *kmsg.OffsetFetchRequest:
		return c.offsetFetch(req)
	case *kmsg.OffsetDeleteRequest:
		return c.offsetDelete(req)
	case *kmsg.DescribeGroupsRequest:
		return c.describeGroups(req)
	case *kmsg.ListGroupsRequest:
		return c.listGroups(req)
	case *kmsg.DeleteGroupsRequest:
		return c.deleteGroups(req)
	}
	return nil
}

func validName(group string) bool { return group != "" && len(group) <= groupNameMax }

// enter finds a group, or makes it, and locks it. Otherwise it says why not: missing when there is none.
func (c *Coordinator) enter(id string, create bool, missing int16) (*group, int16) {
	if !validName(id) {
		return nil, kerr.InvalidGroupID.Code
	}
	for {
		g, code := c.find(id, create, missing)
		if code != ok {
			return nil, code
		}
		g.mu.Lock()
		switch {
		case g.state == dead: // just now
			g.mu.Unlock()
			continue
		case g.deleting:
			g.mu.Unlock()
			return nil, kerr.CoordinatorLoadInProgress.Code
		}
		return g, ok
	}
}

// do is what a request does in a group that it has entered. A bug there costs its client, and does not leave the group locked.
func (g *group) do(f func()) {
	defer g.mu.Unlock()
	f()
}

func (c *Coordinator) find(id string, create bool, missing int16) (*group, int16) {
	if create {
		c.makeRoom(id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[id]
	switch {
	case c.closed:
		return nil, kerr.CoordinatorNotAvailable.Code
	case g != nil:
		return g, ok
	case !create:
		return nil, missing
	case c.full():
		return nil, kerr.GroupMaxSizeReached.Code
	}
	id = strings.Clone(id)
	g = c.newGroup(id)
	c.groups[id] = g
	return g, ok
}

// full says whether there is no room for another group. The caller holds mu.
func (c *Coordinator) full() bool {
	return len(c.groups) >= c.o.Limits.Groups || !c.memory.room(groupCost)
}

// list is all groups there are.
func (c *Coordinator) list() []*group {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*group, 0, len(c.groups))
	for _, g := range c.groups {
		list = append(list, g)
	}
	return list
}
