package group

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore/disk"
)

// Options says how groups are coordinated.
type Options struct {
	Dir    string           // the data directory; the log of offsets is in Dir/groups
	Disk   disk.Disk        // nil: the real one
	Logger *slog.Logger     // nil: nobody wants to know
	Now    func() time.Time // the clock that offsets grow old by, best one that does not jump; nil: the wall clock. Timeouts follow the machine's own time.
	// Known says whether there is such a partition, for commits; it must not block. nil: any.
	Known func(topic string, partition int32) bool

	InitialDelay time.Duration // how long an empty group waits for more members before its first generation; 0: 3 s, negative: not at all
	Retention    time.Duration // how long offsets outlive the last member and the last commit; 0: 7 days
	Limits       Limits

	segmentBytes, compactFloor int64 // of the log
}

// Limits bounds what clients can make the coordinator hold. A limit that is 0 has its default.
type Limits struct {
	Groups     int   // 10,000
	Members    int   // of one group, those included that have been given an ID and not come back yet; 1,000
	GroupBytes int64 // what the members of one group say of themselves, and again what they are assigned; 4 MiB
	Offsets    int   // of one group; 20,000
	Metadata   int   // bytes a committed offset's text may have; 4096
	Memory     int64 // all of it together, about; 128 MiB
}

// Kafka's bounds on a session, and ours on names.
const (
	sessionMin = 6 * time.Second
	sessionMax = 30 * time.Minute

	groupNameMax    = 1024
	topicNameMax    = 249
	instanceMax     = 256
	protocolNameMax = 256
	clientMax       = 256
	protocolsMax    = 64
)

// answerMax is about how many bytes the answer to one OffsetFetch may have: a request can name the same partition again and again.
const answerMax = 64 << 20

func (o Options) withDefaults() Options {
	if o.Disk == nil {
		o.Disk = disk.OS{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Known == nil {
		o.Known = func(string, int32) bool { return true }
	}
	o.InitialDelay = max(cmp.Or(o.InitialDelay, 3*time.Second), 0)
	o.Retention = cmp.Or(o.Retention, 7*24*time.Hour)
	o.segmentBytes = cmp.Or(o.segmentBytes, 16<<20)
	o.compactFloor = cmp.Or(o.compactFloor, compactFloor)
	l := &o.Limits
	l.Groups = cmp.Or(l.Groups, 10_000)
	l.Members = cmp.Or(l.Members, 1000)
	l.GroupBytes = cmp.Or(l.GroupBytes, 4<<20)
	l.Offsets = cmp.Or(l.Offsets, 20_000)
	l.Metadata = cmp.Or(l.Metadata, 4096)
	l.Memory = cmp.Or(l.Memory, 128<<20)
	return o
}

// Client is where a request came from. Both are shown to those who describe a group.
type Client struct{ ID, Host string }

// Range is the versions of a request, both ends included.
type Range struct{ Min, Max int16 }

// Versions is what Handle understands, by the request's key. Behind the highest are the new group protocol's (KIP-848) and topics
// named by ID; before the lowest is what only ZooKeeper answered.
var Versions = map[kmsg.Key]Range{
	kmsg.JoinGroup:      {0, 9},
	kmsg.SyncGroup:      {0, 5},
	kmsg.Heartbeat:      {0, 4},
	kmsg.LeaveGroup:     {0, 5},
	kmsg.OffsetCommit:   {2, 8},
	kmsg.OffsetFetch:    {1, 8},
	kmsg.DescribeGroups: {0, 5},
	kmsg.ListGroups:     {0, 5},
	kmsg.DeleteGroups:   {0, 2},
	kmsg.OffsetDelete:   {0, 0},
}
