package kafka

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/kafka/group"
)

// Right is what a client may do; several are added up.
type Right uint8

// The rights. Without any, who is let in may ask what there is.
const (
	Read  Right = 1 << iota // records, and being in groups
	Write                   // records
	Admin                   // make and delete topics
)

// needs is the rights for each kind of request; what is neither here nor a group's needs none.
var needs = func() map[kmsg.Key]Right {
	all := map[kmsg.Key]Right{
		kmsg.Produce:              Write,
		kmsg.InitProducerID:       Write,
		kmsg.Fetch:                Read,
		kmsg.ListOffsets:          Read,
		kmsg.OffsetForLeaderEpoch: Read,
		kmsg.CreateTopics:         Admin,
		kmsg.DeleteTopics:         Admin,
	}
	for key := range group.Versions {
		all[key] = Read
	}
	return all
}()

// everybody is what a client may do where there are no users. Whoever reaches the listener may read and write, as with the listeners for
// senders; to delete what others have sent, one must be on this machine.
func (s *Server) everybody() Right {
	if s.loopback {
		return Read | Write | Admin
	}
	return Read | Write
}
