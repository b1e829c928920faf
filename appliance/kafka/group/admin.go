package group

import (
	"cmp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// describeGroups tells who is in groups and who reads what. A group that is not there is described as dead, as Kafka does.
func (c *Coordinator) describeGroups(req *kmsg.DescribeGroupsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
	asked := map[string]bool{}
	for _, id := range req.Groups {
		entry := kmsg.NewDescribeGroupsResponseGroup()
		entry.Group = id
		if asked[id] {
			entry.ErrorCode = kerr.InvalidRequest.Code
			resp.Groups = append(resp.Groups, entry)
			continue
		}
		asked[id] = true
		g, code := c.enter(id, false, kerr.GroupIDNotFound.Code)
		switch code {
		case ok:
			g.do(func() { g.describe(&entry) })
		case kerr.GroupIDNotFound.Code:
			entry.State = dead.String()
		default:
			entry.ErrorCode = code
		}
		resp.Groups = append(resp.Groups, entry)
	}
	return resp
}

// describe says what is known of the members; what they read is only known when the group is stable.
func (g *group) describe(entry *kmsg.DescribeGroupsResponseGroup) {
	entry.State, entry.ProtocolType = g.state.String(), g.protocolType
	if g.state == stable {
		entry.Protocol = g.protocol
	}
	for _, m := range g.inOrder() {
		d := kmsg.NewDescribeGroupsResponseGroupMember()
		d.MemberID, d.ClientID, d.ClientHost = m.id, m.client.ID, m.client.Host
		if m.instance != "" {
			d.InstanceID = &m.instance
		}
		d.ProtocolMetadata, d.MemberAssignment = []byte{}, []byte{}
		if g.state == stable {
			d.ProtocolMetadata, d.MemberAssignment = m.metadata(g.protocol), m.assignment
		}
		entry.Members = append(entry.Members, d)
	}
}

// listGroups lists all groups, or those in the states and of the types that are asked for.
func (c *Coordinator) listGroups(req *kmsg.ListGroupsRequest) kmsg.Response {
	const classic = "classic"
	resp := req.ResponseKind().(*kmsg.ListGroupsResponse)
	if c.isClosed() {
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
		return resp
	}
	wanted := func(filter []string, value string) bool {
		return len(filter) == 0 || slices.ContainsFunc(filter, func(s string) bool { return strings.EqualFold(s, value) })
	}
	for _, g := range c.list() {
		entry := kmsg.NewListGroupsResponseGroup()
		g.mu.Lock()
		entry.Group, entry.ProtocolType, entry.GroupState, entry.GroupType = g.id, g.protocolType, g.state.String(), classic
		gone := g.state == dead
		g.mu.Unlock()
		if !gone && wanted(req.StatesFilter, entry.GroupState) && wanted(req.TypesFilter, classic) {
			resp.Groups = append(resp.Groups, entry)
		}
	}
	slices.SortFunc(resp.Groups, func(a, b kmsg.ListGroupsResponseGroup) int { return cmp.Compare(a.Group, b.Group) })
	return resp
}

// deleteGroups deletes groups without members, with their offsets. It is answered when that is on disk.
func (c *Coordinator) deleteGroups(req *kmsg.DeleteGroupsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
	type deletion struct {
		g     *group
		w     *write
		entry int
	}
	var begun []deletion // all of them share a sync
	for _, id := range req.Groups {
		entry := kmsg.NewDeleteGroupsResponseGroup()
		g, code := c.enter(id, false, kerr.GroupIDNotFound.Code)
		if code == ok {
			g.do(func() {
				if g.state != empty {
					code = kerr.NonEmptyGroup.Code
				} else {
					begun = append(begun, deletion{g, g.beginDelete(), len(resp.Groups)})
				}
			})
		}
		entry.Group, entry.ErrorCode = id, code
		resp.Groups = append(resp.Groups, entry)
	}
	for _, d := range begun {
		resp.Groups[d.entry].ErrorCode = d.g.endDelete(d.w)
	}
	return resp
}
