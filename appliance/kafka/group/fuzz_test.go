package group

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// Any request that can be decoded is answered, with what can be encoded, and holds no more than the bound. Its connection has ended, so
// that nothing waits.
func FuzzHandle(f *testing.F) {
	m := &consumer{group: "g", protocols: []string{"range"}, session: sessionMin, version: 9}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Version, sync.Group, sync.MemberID, sync.Generation = 5, "g", "m", 1
	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.Version, fetch.Groups = 8, []kmsg.OffsetFetchRequestGroup{{Group: "g"}}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Version, leave.Group, leave.Members = 5, "g", []kmsg.LeaveGroupRequestMember{{MemberID: "m"}}
	for _, req := range []kmsg.Request{m.joinRequest(), sync, fetch, leave, commitRequest("g", "t", 0, 1),
		&kmsg.DescribeGroupsRequest{Version: 5, Groups: []string{"g"}}, &kmsg.DeleteGroupsRequest{Version: 2, Groups: []string{"g"}},
		&kmsg.ListGroupsRequest{Version: 5}, &kmsg.HeartbeatRequest{Version: 4, Group: "g"}} {
		f.Add(req.Key(), req.GetVersion(), req.AppendTo(nil))
	}
	const most = 1 << 20
	c, err := Open(Options{Dir: f.TempDir(), InitialDelay: -1, Limits: Limits{Memory: most}, segmentBytes: segstore.SegmentBytesMin})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			f.Error(err)
		}
	})
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		v, known := Versions[kmsg.Key(key)]
		if !known || version < v.Min || version > v.Max {
			return
		}
		req := kmsg.Key(key).Request()
		req.SetVersion(version)
		if req.ReadFrom(body) != nil {
			return
		}
		resp := c.Handle(gone, Client{"client", "host"}, req)
		again := kmsg.Key(key).Response()
		again.SetVersion(version)
		if err := again.ReadFrom(resp.AppendTo(nil)); err != nil {
			t.Errorf("%s version %d is answered with what nobody can read: %v", kmsg.Key(key).Name(), version, err)
		}
		if held := c.memory.held.Load(); held > most+int64(len(body))+groupCost {
			t.Errorf("%d bytes are held", held)
		}
	})
}
