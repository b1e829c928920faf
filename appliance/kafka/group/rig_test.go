package group

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// rig is a coordinator in a bubble of synctest: time passes only where a test lets it.
type rig struct {
	*testing.T
	*Coordinator
	o Options
}

// bubble runs a test with a coordinator on a real directory.
func bubble(t *testing.T, o Options, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Dir, o.segmentBytes = t.TempDir(), segstore.SegmentBytesMin
		r := &rig{T: t, o: o}
		r.open()
		f(r)
		r.close()
	})
}

func (r *rig) open() {
	r.Helper()
	var err error
	if r.Coordinator, err = Open(r.o); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) close() {
	r.Helper()
	if err := r.Close(context.Background()); err != nil {
		r.Fatal(err)
	}
	synctest.Wait()
}

// consumer is a test's client. Its fields are what it was told last.
type consumer struct {
	r          *rig
	group      string
	id         string
	instance   *string
	protocols  []string
	metadata   string
	session    time.Duration
	rejoin     time.Duration
	version    int16
	generation int32
	leads      bool
}

func (r *rig) consumer(group string) *consumer {
	return &consumer{r: r, group: group, protocols: []string{"range"}, session: 10 * time.Second, rejoin: 60 * time.Second, version: 9}
}

// call is a request that may be waiting.
type call[T kmsg.Response] struct {
	done   chan T
	cancel context.CancelFunc
}

// start sends a request and lets everything go on until it waits or is answered.
func start[T kmsg.Response](r *rig, req kmsg.Request) *call[T] {
	ctx, cancel := context.WithCancel(context.Background())
	c := &call[T]{make(chan T, 1), cancel}
	go func() {
		defer cancel()
		c.done <- r.Handle(ctx, Client{"client", "host"}, req).(T)
	}()
	synctest.Wait()
	return c
}

// answer is the answer, which must be there.
func (c *call[T]) answer(t testing.TB) (resp T) {
	t.Helper()
	select {
	case resp = <-c.done:
	default:
		t.Fatal("it is still waiting")
	}
	return resp
}

func (c *call[T]) waits() bool { return len(c.done) == 0 }

func (m *consumer) joinRequest() *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.ProtocolType = m.version, m.group, m.id, m.instance, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = int32(m.session.Milliseconds()), int32(m.rejoin.Milliseconds())
	for _, name := range m.protocols {
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = name, []byte(m.metadata)
		req.Protocols = append(req.Protocols, p)
	}
	return req
}

type joining struct {
	*call[*kmsg.JoinGroupResponse]
	m *consumer
}

// join begins to join, with the ID that it is given first when there is none yet.
func (m *consumer) join() joining {
	m.r.Helper()
	c := start[*kmsg.JoinGroupResponse](m.r, m.joinRequest())
	if !c.waits() && m.id == "" && m.version >= 4 && m.instance == nil {
		resp := c.answer(m.r)
		if m.id = resp.MemberID; m.id != "" {
			c = start[*kmsg.JoinGroupResponse](m.r, m.joinRequest())
		} else {
			c.done <- resp
		}
	}
	return joining{c, m}
}

// joined takes in what the answer says.
func (j joining) joined() *kmsg.JoinGroupResponse {
	j.m.r.Helper()
	resp := j.answer(j.m.r)
	if resp.ErrorCode == ok {
		j.m.id, j.m.generation, j.m.leads = resp.MemberID, resp.Generation, resp.LeaderID == resp.MemberID
	}
	return resp
}

func (m *consumer) sync(assignments map[string]string) *call[*kmsg.SyncGroupResponse] {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 5, m.group, m.id, m.instance, m.generation
	for id, assignment := range assignments {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = id, []byte(assignment)
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	return start[*kmsg.SyncGroupResponse](m.r, req)
}

func (m *consumer) heartbeat() int16 {
	m.r.Helper()
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 4, m.group, m.id, m.instance, m.generation
	return start[*kmsg.HeartbeatResponse](m.r, req).answer(m.r).ErrorCode
}

func (m *consumer) leave() int16 {
	m.r.Helper()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group, req.Members = 5, m.group, []kmsg.LeaveGroupRequestMember{{MemberID: m.id, InstanceID: m.instance}}
	resp := start[*kmsg.LeaveGroupResponse](m.r, req).answer(m.r)
	if resp.ErrorCode != ok {
		return resp.ErrorCode
	}
	return resp.Members[0].ErrorCode
}

func commitRequest(group, topic string, id int32, at int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group = 8, group
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.LeaderEpoch = id, at, 7
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	return req
}

// commit commits for partition 0 of a topic as a member.
func (m *consumer) commit(topic string, at int64) int16 {
	m.r.Helper()
	req := commitRequest(m.group, topic, 0, at)
	req.MemberID, req.InstanceID, req.Generation = m.id, m.instance, m.generation
	return start[*kmsg.OffsetCommitResponse](m.r, req).answer(m.r).Topics[0].Partitions[0].ErrorCode
}

// commitSimple commits as somebody who is in no group.
func (r *rig) commitSimple(group, topic string, at int64) int16 {
	r.Helper()
	return start[*kmsg.OffsetCommitResponse](r, commitRequest(group, topic, 0, at)).answer(r).Topics[0].Partitions[0].ErrorCode
}

// committed is the offset of a topic's partition 0, -1 when there is none.
func (r *rig) committed(group, topic string) int64 {
	r.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version = 8
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.Topics = group, []kmsg.OffsetFetchRequestGroupTopic{{Topic: topic, Partitions: []int32{0}}}
	req.Groups = append(req.Groups, g)
	return start[*kmsg.OffsetFetchResponse](r, req).answer(r).Groups[0].Topics[0].Partitions[0].Offset
}

// state is a group's, Dead when there is none.
func (r *rig) state(group string) string {
	r.Helper()
	return r.describe(group).State
}

func (r *rig) describe(group string) kmsg.DescribeGroupsResponseGroup {
	r.Helper()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Version, req.Groups = 5, []string{group}
	return start[*kmsg.DescribeGroupsResponse](r, req).answer(r).Groups[0]
}

func (r *rig) expect(what string, got, want any) {
	r.Helper()
	if got != want {
		r.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// gather makes a stable group of consumers; the first leads. Each is assigned its own name, "0", "1", ….
func (r *rig) gather(group string, n int) []*consumer {
	r.Helper()
	members := make([]*consumer, n)
	calls := make([]joining, n)
	for i := range members {
		members[i] = r.consumer(group)
		calls[i] = members[i].join()
	}
	pass(6 * time.Second)
	assignments := map[string]string{}
	for i, c := range calls {
		r.expect("joining", c.joined().ErrorCode, ok)
		r.expect("leads", members[i].leads, i == 0)
		assignments[members[i].id] = string(rune('0' + i))
	}
	syncs := make([]*call[*kmsg.SyncGroupResponse], n)
	for i := n - 1; i >= 0; i-- {
		if i == 0 {
			syncs[i] = members[i].sync(assignments)
		} else {
			syncs[i] = members[i].sync(nil)
		}
	}
	for i, s := range syncs {
		resp := s.answer(r)
		r.expect("assignment", string(resp.MemberAssignment), string(rune('0'+i)))
	}
	r.expect("state", r.state(group), "Stable")
	return members
}
