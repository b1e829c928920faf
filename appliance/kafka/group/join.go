package group

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// joinResult is what a JoinGroup is answered.
type joinResult struct {
	code         int16
	member       string
	leader       string
	generation   int32
	protocolType string
	protocol     string
	skip         bool // the leader is to leave the assignment as it is
	members      []kmsg.JoinGroupResponseMember
}

// candidate is who asks to join.
type candidate struct {
	from         Client
	id           string
	instance     string
	protocolType string
	protocols    []protocol // they share the request's bytes
	bytes        int64
	session      time.Duration
	rejoin       time.Duration
	needsID      bool // it must show first that it takes an ID and comes back with it (KIP-394)
	skips        bool // a leader of this version can be told to leave the assignment as it is (KIP-814)
}

func (c *Coordinator) joinGroup(ctx context.Context, from Client, req *kmsg.JoinGroupRequest) kmsg.Response {
	r := c.join(ctx, from, req)
	resp := req.ResponseKind().(*kmsg.JoinGroupResponse)
	resp.ErrorCode = r.code
	resp.MemberID = r.member
	resp.Generation = -1
	empty := ""
	if resp.Version < 7 {
		resp.Protocol = &empty
	}
	if r.code == ok {
		resp.Generation, resp.ProtocolType, resp.Protocol = r.generation, &r.protocolType, &r.protocol
		resp.LeaderID, resp.SkipAssignment, resp.Members = r.leader, r.skip, r.members
	}
	return resp
}

func (c *Coordinator) join(ctx context.Context, from Client, req *kmsg.JoinGroupRequest) joinResult {
	asks, code := c.candidate(from, req)
	if code != ok {
		return joinResult{code: code, member: req.MemberID}
	}
	g, code := c.enter(req.Group, req.MemberID == "", kerr.UnknownMemberID.Code)
	if code != ok {
		return joinResult{code: code, member: req.MemberID}
	}
	var m *member
	var wait waiter[joinResult]
	var now joinResult
	g.do(func() { m, wait, now = g.join(asks) })
	if wait == nil {
		return now
	}
	select {
	case r := <-wait:
		return r
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if m.join == wait { // it has its session's time to come back
			m.join = nil
			g.touch(m)
		}
		return joinResult{code: kerr.CoordinatorNotAvailable.Code, member: m.id}
	}
}

// candidate reads the request and holds it to the bounds.
func (c *Coordinator) candidate(from Client, req *kmsg.JoinGroupRequest) (candidate, int16) {
	a := candidate{
		from:         Client{ID: cut(from.ID), Host: cut(from.Host)},
		id:           req.MemberID,
		protocolType: req.ProtocolType,
		session:      time.Duration(req.SessionTimeoutMillis) * time.Millisecond,
		rejoin:       time.Duration(req.RebalanceTimeoutMillis) * time.Millisecond,
		needsID:      req.Version >= 4,
		skips:        req.Version >= 9,
	}
	if req.Version == 0 {
		a.rejoin = a.session
	}
	a.rejoin = max(a.rejoin, 0)
	if req.InstanceID != nil {
		a.instance = *req.InstanceID
		if a.instance == "" || len(a.instance) > instanceMax {
			return a, kerr.InvalidRequest.Code
		}
	}
	if !validName(req.Group) {
		return a, kerr.InvalidGroupID.Code
	}
	if a.session < sessionMin || a.session > sessionMax {
		return a, kerr.InvalidSessionTimeout.Code
	}
	if len(req.ProtocolType) > protocolNameMax || len(req.Protocols) > protocolsMax {
		return a, kerr.InvalidRequest.Code
	}
	for _, p := range req.Protocols {
		if len(p.Name) > protocolNameMax || p.Name == "" {
			return a, kerr.InvalidRequest.Code
		}
		a.bytes += int64(len(p.Name) + len(p.Metadata))
		a.protocols = append(a.protocols, protocol{p.Name, p.Metadata})
	}
	if a.bytes > c.o.Limits.GroupBytes {
		return a, kerr.InvalidRequest.Code
	}
	return a, ok
}

// cut bounds a name that is only shown.
func cut(name string) string { return strings.Clone(name[:min(len(name), clientMax)]) }

// keep copies what of a request becomes a member's.
func keep(protocols []protocol) []protocol {
	kept := make([]protocol, len(protocols))
	for i, p := range protocols {
		kept[i] = protocol{strings.Clone(p.name), bytes.Clone(p.metadata)}
	}
	return kept
}

// join lets somebody join: the answer comes by wait, or there is none to wait for.
func (g *group) join(a candidate) (m *member, wait waiter[joinResult], now joinResult) {
	refuse := func(code int16) (*member, waiter[joinResult], joinResult) {
		return nil, nil, joinResult{code: code, member: a.id}
	}
	if !g.compatible(a.protocolType, a.protocols) {
		return refuse(kerr.InconsistentGroupProtocol.Code)
	}
	if a.id == "" {
		if old := g.static[a.instance]; a.instance != "" && old != nil {
			return g.replace(old, a)
		}
		if len(g.members)+len(g.pending) >= g.c.o.Limits.Members {
			return refuse(kerr.GroupMaxSizeReached.Code)
		}
		a.id = newID(a)
		if a.needsID && a.instance == "" {
			if !g.reserve(a.id, a.session) {
				return refuse(kerr.GroupMaxSizeReached.Code)
			}
			return refuse(kerr.MemberIDRequired.Code)
		}
		return g.welcome(a)
	}
	if g.unreserve(a.id) {
		if a.instance != "" {
			g.tryComplete()
			return refuse(kerr.UnknownMemberID.Code)
		}
		return g.welcome(a)
	}
	var instance *string
	if a.instance != "" {
		instance = &a.instance
	}
	m, code := g.current(a.id, instance)
	switch {
	case code != ok:
		return refuse(code)
	case g.state == stable && m.id != g.leader && m.says(a), g.state == completing && m.says(a):
		g.touch(m)
		return m, nil, g.joinResult(m) // its answer was lost, and nothing has changed
	}
	return g.again(m, a)
}

func newID(a candidate) string {
	prefix := a.instance
	if prefix == "" {
		prefix = a.from.ID
	}
	return prefix + "-" + rand.Text()
}

// says reports whether a member says of itself what it said before.
func (m *member) says(a candidate) bool {
	return slices.EqualFunc(m.protocols, a.protocols, func(x, y protocol) bool {
		return x.name == y.name && bytes.Equal(x.metadata, y.metadata)
	})
}

// welcome takes a new member in and has the group share anew.
func (g *group) welcome(a candidate) (*member, waiter[joinResult], joinResult) {
	m := &member{id: strings.Clone(a.id), instance: strings.Clone(a.instance), client: a.from, session: a.session, rejoin: a.rejoin,
		protocols: keep(a.protocols), bytes: a.bytes}
	if !g.add(m) {
		g.tryComplete()
		return nil, nil, joinResult{code: kerr.GroupMaxSizeReached.Code, member: a.id}
	}
	if len(g.members) == 1 {
		g.protocolType = strings.Clone(a.protocolType)
	}
	g.rebalance.came = true
	return m, g.park(m), joinResult{}
}

// again has a member join once more.
func (g *group) again(m *member, a candidate) (*member, waiter[joinResult], joinResult) {
	if !g.speak(m, keep(a.protocols), a.bytes) {
		return nil, nil, joinResult{code: kerr.GroupMaxSizeReached.Code, member: m.id}
	}
	m.session, m.rejoin, m.client = a.session, a.rejoin, a.from
	return m, g.park(m), joinResult{}
}

// park has a member wait for the next generation, which may begin at once.
func (g *group) park(m *member) waiter[joinResult] {
	wait := m.join.park(joinResult{code: kerr.RebalanceInProgress.Code, member: m.id})
	g.prepare()
	return wait
}

// replace lets a static member that was restarted have its place back, under a new ID. In a stable group whose protocol stays the
// others need not know: the assignment stays, too.
func (g *group) replace(m *member, a candidate) (*member, waiter[joinResult], joinResult) {
	old := m.id
	a.id = newID(a)
	if !g.speak(m, keep(a.protocols), a.bytes) {
		return nil, nil, joinResult{code: kerr.GroupMaxSizeReached.Code}
	}
	m.join.answer(joinResult{code: kerr.FencedInstanceID.Code, member: old})
	m.sync.answer(syncResult{code: kerr.FencedInstanceID.Code})
	delete(g.members, old)
	m.id = a.id
	g.members[m.id] = m
	m.session, m.rejoin, m.client = a.session, a.rejoin, a.from
	g.touch(m)
	leads := g.leader == old
	if leads {
		g.leader = m.id
	}
	if g.state == stable && g.elect() == g.protocol {
		r := g.joinResult(m)
		if !a.skips { // the ID it had before, or it would take itself for the leader and assign anew
			r.members = nil
			if leads {
				r.leader = old
			}
		}
		r.skip = a.skips && leads
		return m, nil, r
	}
	return m, g.park(m), joinResult{}
}

// joinResult is what a member is told of the generation. Only the leader is told who else is in it.
func (g *group) joinResult(m *member) joinResult {
	r := joinResult{member: m.id, leader: g.leader, generation: g.generation, protocolType: g.protocolType, protocol: g.protocol}
	if m.id != g.leader {
		return r
	}
	for _, other := range g.inOrder() {
		entry := kmsg.NewJoinGroupResponseMember()
		entry.MemberID, entry.ProtocolMetadata = other.id, other.metadata(g.protocol)
		if other.instance != "" {
			entry.InstanceID = &other.instance
		}
		r.members = append(r.members, entry)
	}
	return r
}
