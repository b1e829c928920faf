package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupsKind is what FindCoordinator calls groups; of transactions there is no coordinator.
const groupsKind = 0

// findCoordinator sends everybody here.
func (c *client) findCoordinator(r *kmsg.FindCoordinatorRequest) kmsg.Response {
	response := kmsg.NewPtrFindCoordinatorResponse()
	response.Version = r.Version
	here := kmsg.NewFindCoordinatorResponseCoordinator()
	here.NodeID = nodeID
	here.Host, here.Port = c.address()
	switch {
	case r.CoordinatorType != groupsKind:
		here.ErrorCode = kerr.InvalidRequest.Code
	case c.server.opt.Groups == nil:
		here.ErrorCode = kerr.CoordinatorNotAvailable.Code
	}
	if here.ErrorCode != 0 {
		here.NodeID, here.Host, here.Port = -1, "", -1
	}
	response.NodeID, response.Host, response.Port, response.ErrorCode = here.NodeID, here.Host, here.Port, here.ErrorCode
	for _, key := range r.CoordinatorKeys {
		here.Key = key
		response.Coordinators = append(response.Coordinators, here)
	}
	return response
}
