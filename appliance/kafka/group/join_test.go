package group

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A new member is given an ID first and comes in when it is back with it (KIP-394); before version 4 it comes in at once.
func TestMemberIDRequired(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.consumer("g")
		resp := start[*kmsg.JoinGroupResponse](r, m.joinRequest()).answer(r)
		r.expect("answer", resp.ErrorCode, kerr.MemberIDRequired.Code)
		r.expect("named after the client", strings.HasPrefix(resp.MemberID, "client-"), true)
		r.expect("state", r.state("g"), "Empty")
		m.id = resp.MemberID
		joins := m.join()
		pass(3 * time.Second)
		r.expect("joined", joins.joined().MemberID, resp.MemberID)

		old := r.consumer("old")
		old.version = 3
		joins = old.join()
		r.expect("waits", joins.waits(), true)
		pass(3 * time.Second)
		r.expect("joined", joins.joined().ErrorCode, ok)
	})
}

// A generation waits for an ID that was given away, until that is worth nothing any more or given back.
func TestPendingMemberIsWaitedFor(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		bubble(t, Options{}, func(r *rig) {
			m := r.gather("g", 1)
			stranger := r.consumer("g")
			stranger.session = 8 * time.Second
			stranger.id = start[*kmsg.JoinGroupResponse](r, stranger.joinRequest()).answer(r).MemberID
			joins := m[0].join()
			pass(7 * time.Second)
			r.expect("waits", joins.waits(), true)
			if leaves {
				r.expect("leaving", stranger.leave(), ok)
			} else {
				pass(time.Second)
			}
			r.expect("goes on", joins.joined().ErrorCode, ok)
			r.expect("comes too late", stranger.join().joined().ErrorCode, kerr.UnknownMemberID.Code)
		})
	}
}

// What a group will not have.
func TestJoinRefused(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for name, c := range map[string]struct {
		change func(m *consumer)
		code   int16
	}{
		"no group":               {func(m *consumer) { m.group = "" }, kerr.InvalidGroupID.Code},
		"a long group":           {func(m *consumer) { m.group = long }, kerr.InvalidGroupID.Code},
		"a short session":        {func(m *consumer) { m.session = time.Second }, kerr.InvalidSessionTimeout.Code},
		"a long session":         {func(m *consumer) { m.session = time.Hour }, kerr.InvalidSessionTimeout.Code},
		"no protocol":            {func(m *consumer) { m.protocols = nil }, kerr.InconsistentGroupProtocol.Code},
		"no common protocol":     {func(m *consumer) { m.protocols = []string{"other"} }, kerr.InconsistentGroupProtocol.Code},
		"an unknown member":      {func(m *consumer) { m.id = "nobody" }, kerr.UnknownMemberID.Code},
		"in an unknown group":    {func(m *consumer) { m.group, m.id = "other", "nobody" }, kerr.UnknownMemberID.Code},
		"a long instance":        {func(m *consumer) { m.instance = &long }, kerr.InvalidRequest.Code},
		"a long protocol's name": {func(m *consumer) { m.protocols = []string{long} }, kerr.InvalidRequest.Code},
		"much to say":            {func(m *consumer) { m.metadata = strings.Repeat("x", 5<<20) }, kerr.InvalidRequest.Code},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(r *rig) {
				r.gather("g", 1)
				m := r.consumer("g")
				c.change(m)
				r.expect("answer", m.join().joined().ErrorCode, c.code)
				r.expect("the group", r.state("g"), "Stable")
			})
		})
	}
}

// The protocol is the one that most members like best among those that all speak.
func TestProtocolElection(t *testing.T) {
	for _, c := range []struct {
		members []string
		elected string
	}{
		{[]string{"a b", "b a", "b a"}, "b"},
		{[]string{"a b c", "c b", "c b a"}, "c"},
		{[]string{"x b", "y b", "b"}, "b"},
		{[]string{"a b", "b a"}, "a"},
	} {
		g := &group{members: map[string]*member{}}
		for i, names := range c.members {
			m := &member{id: names, order: i}
			for _, name := range strings.Fields(names) {
				m.protocols = append(m.protocols, protocol{name: name})
			}
			g.members[string(rune('0'+i))] = m
		}
		if got := g.elect(); got != c.elected {
			t.Errorf("of %q %q was elected, not %q", c.members, got, c.elected)
		}
	}
}

// static makes a stable group of a leader and a static member with the instance ID "i".
func (r *rig) static(leads bool, change ...func(*consumer)) (static, other *consumer) {
	instance := "i"
	static, other = r.consumer("g"), r.consumer("g")
	static.instance = &instance
	for _, f := range change {
		f(static)
		f(other)
	}
	first, second := static, other
	if !leads {
		first, second = other, static
	}
	a, b := first.join(), second.join()
	pass(6 * time.Second)
	r.expect("joined", a.joined().ErrorCode, ok)
	r.expect("joined", b.joined().ErrorCode, ok)
	s := second.sync(nil)
	first.sync(map[string]string{first.id: "first's", second.id: "second's"})
	s.answer(r)
	return static, other
}

// A static member that is restarted has its place back without anybody else's doing (KIP-345), and the one it was is fenced off.
func TestStaticMemberComesBack(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		static, other := r.static(false)
		before := *static
		pass(5 * time.Second)
		r.expect("heartbeat", other.heartbeat(), ok)
		static.id = ""
		resp := static.join().joined()
		r.expect("answer", resp.ErrorCode, ok)
		r.expect("generation", resp.Generation, before.generation)
		r.expect("another ID", resp.MemberID != before.id, true)
		r.expect("assigns nothing", resp.SkipAssignment || len(resp.Members) > 0, false)
		r.expect("state", r.state("g"), "Stable")
		r.expect("its assignment", string(static.sync(nil).answer(r).MemberAssignment), "second's")
		r.expect("the other", other.heartbeat(), ok)
		r.expect("the one it was", before.heartbeat(), kerr.FencedInstanceID.Code)
		r.expect("the one it was", before.commit("t", 1), kerr.FencedInstanceID.Code)
		r.expect("the one it was", before.sync(nil).answer(r).ErrorCode, kerr.FencedInstanceID.Code)
		r.expect("the one it was", before.join().joined().ErrorCode, kerr.FencedInstanceID.Code)
		r.expect("the one it was", before.leave(), kerr.FencedInstanceID.Code)
		r.expect("the new one", static.commit("t", 1), ok)
	})
}

// The one it was is fenced off also where it waits, and when what it speaks now changes the protocol, all share anew.
func TestStaticMemberComesBackAtOtherTimes(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		static, other := r.static(false, func(m *consumer) { m.protocols = []string{"range", "sticky"} })
		other.metadata = "changed"
		joins := other.join()
		before := static.join()
		r.expect("joined", joins.joined().ErrorCode, ok)
		r.expect("joined", before.joined().ErrorCode, ok)
		waiting := static.sync(nil)
		static.id = ""
		again := static.join() // the leader has been told of the one before, so that it has to assign anew
		r.expect("waits for its assignment", waiting.answer(r).ErrorCode, kerr.FencedInstanceID.Code)
		r.expect("waits for the other", again.waits(), true)
		third := static.join()
		r.expect("waits to join", again.answer(r).ErrorCode, kerr.FencedInstanceID.Code)
		joins = other.join()
		r.expect("joined", joins.joined().ErrorCode, ok)
		r.expect("joined", third.joined().ErrorCode, ok)
		other.sync(nil)
		r.expect("synced", static.sync(nil).answer(r).ErrorCode, ok)

		static.id, static.protocols = "", []string{"sticky"}
		third = static.join()
		r.expect("shared anew", third.waits(), true)
		r.expect("protocol", *other.join().joined().Protocol, "sticky")
	})
}

// Before version 1 a rebalance waits as long as a session lasts.
func TestVersionZero(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		a, b := r.consumer("g"), r.consumer("g")
		a.version, a.rejoin, b.version, b.rejoin = 0, 0, 0, 0
		joins, other := a.join(), b.join()
		pass(6 * time.Second)
		r.expect("joined", joins.joined().ErrorCode, ok)
		r.expect("joined", other.joined().ErrorCode, ok)
		pass(5 * time.Second)
		b.metadata = "changed"
		other = b.join()
		pass(4 * time.Second)
		joins = a.join()
		r.expect("generation", joins.joined().Generation, int32(2))
		r.expect("generation", other.joined().Generation, int32(2))
	})
}

// A static leader that is restarted does not assign anew: it is told to leave that, or, being too old for that, who led before (KIP-814).
func TestStaticLeaderComesBack(t *testing.T) {
	for _, version := range []int16{5, 9} {
		bubble(t, Options{}, func(r *rig) {
			static, other := r.static(true)
			before := static.id
			static.id, static.version = "", version
			resp := static.join().joined()
			r.expect("answer", resp.ErrorCode, ok)
			r.expect("skips", resp.SkipAssignment, version == 9)
			r.expect("leads", resp.LeaderID == resp.MemberID, version == 9)
			r.expect("is told of the one before", resp.LeaderID == before, version == 5)
			r.expect("members", len(resp.Members), map[int16]int{5: 0, 9: 2}[version])
			r.expect("its assignment", string(static.sync(nil).answer(r).MemberAssignment), "first's")
			r.expect("the other", other.heartbeat(), ok)
		})
	}
}

// A static member keeps its place through a rebalance that it misses, until its session ends.
func TestStaticMemberMissesARebalance(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		static, other := r.static(false, func(m *consumer) {
			m.rejoin = 6 * time.Second
			if m.instance != nil {
				m.session = time.Minute
			}
		})
		joins := other.join()
		pass(5 * time.Second)
		r.expect("waits for it", joins.waits(), true)
		pass(time.Second)
		r.expect("goes on without", joins.joined().Generation, int32(2))
		r.expect("and has it still", len(joins.m.r.describe("g").Members), 2)
		r.expect("the one that missed it", static.heartbeat(), kerr.IllegalGeneration.Code)
		other.sync(map[string]string{static.id: "kept"})
		joins = static.join()
		r.expect("comes back", joins.joined().Generation, int32(2))
		r.expect("to what it was assigned", string(static.sync(nil).answer(r).MemberAssignment), "kept")
		for range 12 {
			pass(5 * time.Second)
			r.expect("the other", other.heartbeat() == ok || r.state("g") == "PreparingRebalance", true)
		}
		r.expect("its session is over", r.state("g"), "PreparingRebalance")
	})
}

// A static member that is away and asks for no time to join does not keep the coordinator busy until its session ends.
func TestImpatientStaticMember(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		static, other := r.static(false, func(m *consumer) {
			if m.instance != nil {
				m.rejoin = 0
			}
		})
		r.expect("leaving", other.leave(), ok)
		pass(5 * time.Second) // would never be over
		r.expect("state", r.state("g"), "PreparingRebalance")
		r.expect("joins", static.join().joined().Generation, int32(2))
	})
}

// An administrator removes a static member by its instance, and everybody else by ID; each has its own answer.
func TestLeaving(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		static, other := r.static(false)
		nobody := "nobody"
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Version, req.Group = 3, "g"
		req.Members = []kmsg.LeaveGroupRequestMember{{InstanceID: static.instance}, {MemberID: "nobody"}, {InstanceID: &nobody}}
		resp := start[*kmsg.LeaveGroupResponse](r, req).answer(r)
		r.expect("answer", resp.ErrorCode, ok)
		r.expect("the static one", resp.Members[0].ErrorCode, ok)
		r.expect("no such member", resp.Members[1].ErrorCode, kerr.UnknownMemberID.Code)
		r.expect("no such instance", resp.Members[2].ErrorCode, kerr.UnknownMemberID.Code)
		r.expect("the other", other.heartbeat(), kerr.RebalanceInProgress.Code)

		old := kmsg.NewPtrLeaveGroupRequest()
		old.Version, old.Group, old.MemberID = 2, "g", other.id
		r.expect("answer", start[*kmsg.LeaveGroupResponse](r, old).answer(r).ErrorCode, ok)
		r.expect("state", r.state("g"), "Empty")
		r.expect("answer", start[*kmsg.LeaveGroupResponse](r, old).answer(r).ErrorCode, kerr.UnknownMemberID.Code)
		old.Group = "none"
		r.expect("answer", start[*kmsg.LeaveGroupResponse](r, old).answer(r).ErrorCode, kerr.UnknownMemberID.Code)
	})
}
