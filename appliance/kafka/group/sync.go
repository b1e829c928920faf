package group

import (
	"bytes"
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// syncResult is what a SyncGroup is answered.
type syncResult struct {
	code         int16
	protocolType string
	protocol     string
	assignment   []byte
}

func (g *group) syncResult(m *member) syncResult {
	return syncResult{protocolType: g.protocolType, protocol: g.protocol, assignment: m.assignment}
}

func (c *Coordinator) syncGroup(ctx context.Context, req *kmsg.SyncGroupRequest) kmsg.Response {
	r := c.sync(ctx, req)
	resp := req.ResponseKind().(*kmsg.SyncGroupResponse)
	resp.ErrorCode, resp.MemberAssignment = r.code, r.assignment
	if resp.MemberAssignment == nil {
		resp.MemberAssignment = []byte{}
	}
	if r.code == ok {
		resp.ProtocolType, resp.Protocol = &r.protocolType, &r.protocol
	}
	return resp
}

func (c *Coordinator) sync(ctx context.Context, req *kmsg.SyncGroupRequest) syncResult {
	g, code := c.enter(req.Group, false, kerr.UnknownMemberID.Code)
	if code != ok {
		return syncResult{code: code}
	}
	var m *member
	var wait waiter[syncResult]
	var now syncResult
	g.do(func() { m, wait, now = g.sync(req) })
	if wait == nil {
		return now
	}
	select {
	case r := <-wait:
		return r
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if m.sync == wait {
			m.sync = nil
			g.touch(m)
		}
		return syncResult{code: kerr.CoordinatorNotAvailable.Code}
	}
}

// sync gives a member what it reads: at once, or by wait when the leader has not said yet.
func (g *group) sync(req *kmsg.SyncGroupRequest) (m *member, wait waiter[syncResult], now syncResult) {
	refuse := func(code int16) (*member, waiter[syncResult], syncResult) {
		return nil, nil, syncResult{code: code}
	}
	m, code := g.current(req.MemberID, req.InstanceID)
	switch {
	case code != ok:
		return refuse(code)
	case req.Generation != g.generation:
		return refuse(kerr.IllegalGeneration.Code)
	case req.ProtocolType != nil && *req.ProtocolType != g.protocolType, req.Protocol != nil && *req.Protocol != g.protocol:
		return refuse(kerr.InconsistentGroupProtocol.Code)
	case g.state == preparing:
		return refuse(kerr.RebalanceInProgress.Code)
	case g.state == stable:
		g.asked(m)
		g.touch(m)
		return m, nil, g.syncResult(m)
	}
	if m.id == g.leader && !g.assignAll(req.GroupAssignment) {
		g.prepare()
		return refuse(kerr.UnknownServerError.Code)
	}
	wait = m.sync.park(syncResult{code: kerr.RebalanceInProgress.Code})
	g.asked(m)
	if m.id == g.leader {
		g.settle()
	}
	return m, wait, now
}

// assignAll takes what the leader has decided on, unless that is too much. Who is not named reads nothing.
func (g *group) assignAll(assignments []kmsg.SyncGroupRequestGroupAssignment) bool {
	named := map[string][]byte{}
	for _, a := range assignments {
		if g.members[a.MemberID] != nil {
			named[a.MemberID] = a.MemberAssignment
		}
	}
	sum := int64(0)
	for _, assignment := range named {
		sum += int64(len(assignment))
	}
	if sum > g.c.o.Limits.GroupBytes {
		return false
	}
	for id, m := range g.members {
		if !g.assign(m, bytes.Clone(named[id])) {
			return false
		}
	}
	return true
}

func (c *Coordinator) heartbeat(req *kmsg.HeartbeatRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
	g, code := c.enter(req.Group, false, kerr.UnknownMemberID.Code)
	if code == ok {
		g.do(func() { code = g.heartbeat(req) })
	}
	resp.ErrorCode = code
	return resp
}

func (g *group) heartbeat(req *kmsg.HeartbeatRequest) int16 {
	m, code := g.current(req.MemberID, req.InstanceID)
	switch {
	case code != ok:
		return code
	case req.Generation != g.generation:
		return kerr.IllegalGeneration.Code
	}
	g.touch(m)
	if g.state == preparing {
		return kerr.RebalanceInProgress.Code
	}
	return ok
}
