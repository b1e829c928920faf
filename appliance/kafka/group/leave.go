package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (c *Coordinator) leaveGroup(req *kmsg.LeaveGroupRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.LeaveGroupResponse)
	leaving := req.Members
	if req.Version < 3 {
		leaving = []kmsg.LeaveGroupRequestMember{{MemberID: req.MemberID}}
	}
	g, code := c.enter(req.Group, false, kerr.UnknownMemberID.Code)
	if code != ok && (code != kerr.UnknownMemberID.Code || req.Version < 3) {
		resp.ErrorCode = code
		return resp
	}
	for _, l := range leaving {
		left := kmsg.NewLeaveGroupResponseMember()
		left.MemberID, left.InstanceID, left.ErrorCode = l.MemberID, l.InstanceID, code
		resp.Members = append(resp.Members, left)
	}
	if code == ok {
		g.do(func() { g.leave(resp.Members) })
	}
	if req.Version < 3 {
		resp.ErrorCode, resp.Members = resp.Members[0].ErrorCode, nil
	}
	return resp
}

// leave takes members out, and notes what became of each.
func (g *group) leave(leaving []kmsg.LeaveGroupResponseMember) {
	before := len(g.members)
	for i := range leaving {
		leaving[i].ErrorCode = g.leaves(leaving[i].MemberID, leaving[i].InstanceID)
	}
	if len(g.members) < before {
		g.removed()
	}
	g.tryComplete() // an ID that was waited for may have been given back
}

// leaves takes one member out. An instance without a member's ID is whoever has its place: so an administrator removes a static one.
func (g *group) leaves(id string, instance *string) int16 {
	if id == "" && instance != nil {
		if m := g.static[*instance]; m != nil {
			id = m.id
		}
	} else if instance == nil && g.unreserve(id) {
		return ok
	}
	m, code := g.current(id, instance)
	if code == ok {
		g.remove(m, kerr.UnknownMemberID.Code)
	}
	return code
}
