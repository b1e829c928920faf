package group

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A group's whole life: two join, a third comes, the leader goes, the rest time out.
func TestALife(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 2)
		r.expect("generation", m[1].generation, int32(1))
		r.expect("heartbeat", m[0].heartbeat(), ok)

		third := r.consumer("g")
		joining := third.join()
		r.expect("state", r.state("g"), "PreparingRebalance")
		r.expect("heartbeat", m[0].heartbeat(), kerr.RebalanceInProgress.Code)
		r.expect("commit of one who is yet to join again", m[1].commit("t", 5), ok)
		a, b := m[0].join(), m[1].join()
		for _, j := range []interface {
			joined() *kmsg.JoinGroupResponse
		}{joining, a, b} {
			resp := j.joined()
			r.expect("generation", resp.Generation, int32(2))
			r.expect("leader", resp.LeaderID, m[0].id)
			r.expect("the leader is told who is there", len(resp.Members), map[bool]int{true: 3}[resp.MemberID == m[0].id])
		}
		r.expect("state", r.state("g"), "CompletingRebalance")
		r.expect("commit before the assignment", m[1].commit("t", 6), kerr.RebalanceInProgress.Code)
		second := m[1].sync(nil)
		r.expect("waits for the leader", second.waits(), true)
		r.expect("the leader's own", string(m[0].sync(map[string]string{m[0].id: "x", m[1].id: "y"}).answer(r).MemberAssignment), "x")
		r.expect("the second's", string(second.answer(r).MemberAssignment), "y")
		r.expect("one whom the leader forgot", string(third.sync(nil).answer(r).MemberAssignment), "")

		r.expect("leaving", m[0].leave(), ok)
		r.expect("leaving again", m[0].leave(), kerr.UnknownMemberID.Code)
		b, joining = m[1].join(), third.join()
		r.expect("leader", b.joined().LeaderID, m[1].id)
		r.expect("joined", joining.joined().ErrorCode, ok)
		r.expect("commit of one who has left", m[0].commit("t", 7), kerr.UnknownMemberID.Code)
		pass(11 * time.Second)
		r.expect("state when all are silent", r.state("g"), "Empty")
		r.expect("heartbeat", third.heartbeat(), kerr.UnknownMemberID.Code)
		r.expect("what was committed", r.committed("g", "t"), int64(5))
	})
}

// The table of states: what each request is answered in each, and where that leads. "waits" is a request that is parked.
func TestStates(t *testing.T) {
	const waits = int16(-100)
	type outcome struct {
		code  int16
		state string
	}
	states := map[string]func(r *rig) []*consumer{
		"Empty": func(r *rig) []*consumer {
			m := r.gather("g", 2)
			m[0].leave()
			m[1].leave()
			return m
		},
		"PreparingRebalance": func(r *rig) []*consumer {
			m := r.gather("g", 2)
			r.consumer("g").join()
			return m
		},
		"CompletingRebalance": func(r *rig) []*consumer {
			m := r.gather("g", 2)
			a, b := m[0].join(), m[1].join()
			a.joined()
			b.joined()
			return m
		},
		"Stable": func(r *rig) []*consumer { return r.gather("g", 2) },
	}
	code := func(j joining) int16 {
		if j.waits() {
			return waits
		}
		return j.joined().ErrorCode
	}
	requests := map[string]func(m []*consumer) int16{
		"a stranger joins":                func(m []*consumer) int16 { return code(m[0].r.consumer("g").join()) },
		"the leader joins again":          func(m []*consumer) int16 { return code(m[0].join()) },
		"another joins again":             func(m []*consumer) int16 { return code(m[1].join()) },
		"another joins with changed mind": func(m []*consumer) int16 { m[1].metadata = "new"; return code(m[1].join()) },
		"another syncs": func(m []*consumer) int16 {
			if c := m[1].sync(nil); !c.waits() {
				return c.answer(m[0].r).ErrorCode
			}
			return waits
		},
		"the leader syncs":                func(m []*consumer) int16 { return m[0].sync(nil).answer(m[0].r).ErrorCode },
		"a sync of the last generation":   func(m []*consumer) int16 { m[1].generation--; return m[1].sync(nil).answer(m[0].r).ErrorCode },
		"a heartbeat":                     func(m []*consumer) int16 { return m[1].heartbeat() },
		"a heartbeat of last generation":  func(m []*consumer) int16 { m[1].generation--; return m[1].heartbeat() },
		"a commit":                        func(m []*consumer) int16 { return m[1].commit("t", 1) },
		"a commit of the last generation": func(m []*consumer) int16 { m[1].generation--; return m[1].commit("t", 1) },
		"a commit of nobody":              func(m []*consumer) int16 { return m[1].r.commitSimple("g", "t", 1) },
		"another leaves":                  func(m []*consumer) int16 { return m[1].leave() },
		"silence":                         func(m []*consumer) int16 { pass(2 * time.Minute); return ok },
		"deletion":                        func(m []*consumer) int16 { return m[0].r.deleteGroup("g") },
	}
	unknown, illegal, inProgress := kerr.UnknownMemberID.Code, kerr.IllegalGeneration.Code, kerr.RebalanceInProgress.Code
	table := map[string]map[string]outcome{
		"Empty": {
			"a stranger joins":                {waits, "PreparingRebalance"},
			"the leader joins again":          {unknown, "Empty"},
			"another joins again":             {unknown, "Empty"},
			"another joins with changed mind": {unknown, "Empty"},
			"another syncs":                   {unknown, "Empty"},
			"the leader syncs":                {unknown, "Empty"},
			"a sync of the last generation":   {unknown, "Empty"},
			"a heartbeat":                     {unknown, "Empty"},
			"a heartbeat of last generation":  {unknown, "Empty"},
			"a commit":                        {unknown, "Empty"},
			"a commit of the last generation": {unknown, "Empty"},
			"a commit of nobody":              {ok, "Empty"},
			"another leaves":                  {unknown, "Empty"},
			"silence":                         {ok, "Empty"},
			"deletion":                        {ok, "Dead"},
		},
		"PreparingRebalance": {
			"a stranger joins":                {waits, "PreparingRebalance"},
			"the leader joins again":          {waits, "PreparingRebalance"},
			"another joins again":             {waits, "PreparingRebalance"},
			"another joins with changed mind": {waits, "PreparingRebalance"},
			"another syncs":                   {inProgress, "PreparingRebalance"},
			"the leader syncs":                {inProgress, "PreparingRebalance"},
			"a sync of the last generation":   {illegal, "PreparingRebalance"},
			"a heartbeat":                     {inProgress, "PreparingRebalance"},
			"a heartbeat of last generation":  {illegal, "PreparingRebalance"},
			"a commit":                        {ok, "PreparingRebalance"},
			"a commit of the last generation": {illegal, "PreparingRebalance"},
			"a commit of nobody":              {unknown, "PreparingRebalance"},
			"another leaves":                  {ok, "PreparingRebalance"},
			"silence":                         {ok, "Empty"}, // the third is alone, and then silent
			"deletion":                        {kerr.NonEmptyGroup.Code, "PreparingRebalance"},
		},
		"CompletingRebalance": {
			"a stranger joins":                {waits, "PreparingRebalance"},
			"the leader joins again":          {ok, "CompletingRebalance"},
			"another joins again":             {ok, "CompletingRebalance"},
			"another joins with changed mind": {waits, "PreparingRebalance"},
			"another syncs":                   {waits, "CompletingRebalance"},
			"the leader syncs":                {ok, "Stable"},
			"a sync of the last generation":   {illegal, "CompletingRebalance"},
			"a heartbeat":                     {ok, "CompletingRebalance"},
			"a heartbeat of last generation":  {illegal, "CompletingRebalance"},
			"a commit":                        {inProgress, "CompletingRebalance"},
			"a commit of the last generation": {illegal, "CompletingRebalance"},
			"a commit of nobody":              {unknown, "CompletingRebalance"},
			"another leaves":                  {ok, "PreparingRebalance"},
			"silence":                         {ok, "Empty"},
			"deletion":                        {kerr.NonEmptyGroup.Code, "CompletingRebalance"},
		},
		"Stable": {
			"a stranger joins":                {waits, "PreparingRebalance"},
			"the leader joins again":          {waits, "PreparingRebalance"},
			"another joins again":             {ok, "Stable"},
			"another joins with changed mind": {waits, "PreparingRebalance"},
			"another syncs":                   {ok, "Stable"},
			"the leader syncs":                {ok, "Stable"},
			"a sync of the last generation":   {illegal, "Stable"},
			"a heartbeat":                     {ok, "Stable"},
			"a heartbeat of last generation":  {illegal, "Stable"},
			"a commit":                        {ok, "Stable"},
			"a commit of the last generation": {illegal, "Stable"},
			"a commit of nobody":              {unknown, "Stable"},
			"another leaves":                  {ok, "PreparingRebalance"},
			"silence":                         {ok, "Empty"},
			"deletion":                        {kerr.NonEmptyGroup.Code, "Stable"},
		},
	}
	for state, prepare := range states {
		for name, request := range requests {
			t.Run(fmt.Sprintf("%s/%s", state, name), func(t *testing.T) {
				bubble(t, Options{}, func(r *rig) {
					want, listed := table[state][name]
					if !listed {
						t.Fatal("the table has no such row")
					}
					m := prepare(r)
					r.expect("before", r.state("g"), state)
					r.expect("answer", request(m), want.code)
					r.expect("after", r.state("g"), want.state)
				})
			})
		}
	}
}

func (r *rig) deleteGroup(group string) int16 {
	r.Helper()
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Version, req.Groups = 2, []string{group}
	return start[*kmsg.DeleteGroupsResponse](r, req).answer(r).Groups[0].ErrorCode
}

// The first members of an empty group have a grace: three seconds, and three more after each that somebody came in, but no longer than
// a rebalance takes.
func TestFirstGeneration(t *testing.T) {
	for _, c := range []struct {
		name   string
		rejoin time.Duration
		comeAt []time.Duration
		begun  time.Duration // when the first generation is
	}{
		{"alone", time.Minute, nil, 3 * time.Second},
		{"another in time", time.Minute, []time.Duration{2 * time.Second}, 6 * time.Second},
		{"two more", time.Minute, []time.Duration{2 * time.Second, 5 * time.Second}, 9 * time.Second},
		{"two at once", time.Minute, []time.Duration{time.Second, time.Second}, 6 * time.Second},
		{"no more than a rebalance takes", 4 * time.Second, []time.Duration{time.Second, 3500 * time.Millisecond}, 4 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, Options{}, func(r *rig) {
				joins, at := []joining{}, time.Duration(0)
				join := func() {
					m := r.consumer("g")
					m.rejoin = c.rejoin
					joins = append(joins, m.join())
				}
				join()
				for _, come := range c.comeAt {
					pass(come - at)
					at = come
					join()
				}
				pass(c.begun - at - time.Millisecond)
				r.expect("just before", joins[0].waits(), true)
				pass(time.Millisecond)
				for _, j := range joins {
					r.expect("generation", j.joined().Generation, int32(1))
				}
			})
		})
	}
}

// Who does not join again within the rebalance's time is out, and the others go on.
func TestRebalanceTimeout(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 3)
		third := m[2]
		a := m[0].join()
		b := m[1].join()
		for range 11 {
			r.expect("it lives, and does not join", third.heartbeat(), kerr.RebalanceInProgress.Code)
			r.expect("the others wait", a.waits() && b.waits(), true)
			pass(5 * time.Second)
		}
		pass(5 * time.Second)
		r.expect("generation", a.joined().Generation, int32(2))
		r.expect("generation", b.joined().Generation, int32(2))
		r.expect("heartbeat", third.heartbeat(), kerr.UnknownMemberID.Code)
	})
}

// A leader that never assigns is out when the rebalance's time is over, and those who wait for it are told to join again.
func TestLeaderThatNeverAssigns(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 2)
		a, b := m[0].join(), m[1].join()
		a.joined()
		b.joined()
		waiting := m[1].sync(nil)
		for range 12 {
			r.expect("waits", waiting.waits(), true)
			r.expect("the leader lives", m[0].heartbeat(), ok)
			pass(5 * time.Second)
		}
		r.expect("told", waiting.answer(r).ErrorCode, kerr.RebalanceInProgress.Code)
		r.expect("heartbeat", m[0].heartbeat(), kerr.UnknownMemberID.Code)
		r.expect("leads now", m[1].join().joined().LeaderID, m[1].id)
	})
}

// Who waits for a slow leader has its whole session's time once it is answered.
func TestSlowLeader(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 2)
		a, b := m[0].join(), m[1].join()
		a.joined()
		b.joined()
		waiting := m[1].sync(nil)
		for range 4 {
			pass(5 * time.Second)
			r.expect("the leader lives", m[0].heartbeat(), ok)
		}
		m[0].sync(map[string]string{m[1].id: "mine"})
		r.expect("assignment", string(waiting.answer(r).MemberAssignment), "mine")
		pass(9 * time.Second)
		r.expect("state", r.state("g"), "Stable")
		r.expect("heartbeat", m[1].heartbeat(), ok)
	})
}

// Who asks for its assignment after it was made is as good a member as others; who never asks is out when the rebalance's time is over.
func TestLateAndNeverSyncing(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 3)
		calls := []joining{m[0].join(), m[1].join(), m[2].join()}
		for _, j := range calls {
			r.expect("joined", j.joined().ErrorCode, ok)
		}
		m[0].sync(map[string]string{m[1].id: "mine"})
		beat := func(codes ...int16) {
			t.Helper()
			pass(9 * time.Second)
			for i, code := range codes {
				r.expect("heartbeat", m[i].heartbeat(), code)
			}
		}
		pass(9 * time.Second)
		r.expect("heartbeat", m[0].heartbeat(), ok)
		r.expect("assignment", string(m[1].sync(nil).answer(r).MemberAssignment), "mine")
		r.expect("heartbeat", m[2].heartbeat(), ok)
		for range 5 {
			beat(ok, ok, ok)
		}
		beat(kerr.RebalanceInProgress.Code, kerr.RebalanceInProgress.Code, kerr.UnknownMemberID.Code)
		calls = []joining{m[0].join(), m[1].join()}
		for i, j := range calls {
			r.expect("joined", j.joined().ErrorCode, ok)
			m[i].sync(nil)
		}
		for range 10 {
			beat(ok, ok)
		}
	})
}

// A session lasts as long as it asks for, from the last sign of life.
func TestSessionTimeout(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 2)
		m[1].session = 30 * time.Second
		b := m[1].join()
		r.expect("joined", b.joined().ErrorCode, ok) // nothing changed: no rebalance
		for range 3 {
			pass(9 * time.Second)
			r.expect("heartbeat", m[0].heartbeat(), ok)
			r.expect("commit", m[1].commit("t", 1), ok)
		}
		pass(10*time.Second - time.Millisecond)
		r.expect("state", r.state("g"), "Stable")
		pass(time.Millisecond)
		r.expect("state", r.state("g"), "Empty") // both had ten seconds
	})
}

// A request whose connection ends is forgotten; its member has its session's time to come back, and the others do not wait longer.
func TestConnectionEnds(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 2)
		a := m[0].join()
		a.cancel()
		pass(5 * time.Second)
		r.expect("heartbeat", m[1].heartbeat(), kerr.RebalanceInProgress.Code)
		r.expect("answered to nobody", a.answer(r).ErrorCode, kerr.CoordinatorNotAvailable.Code)
		b := m[1].join()
		r.expect("waits for the first", b.waits(), true)
		pass(5 * time.Second)
		r.expect("alone", b.joined().LeaderID, m[1].id)

		waiting := r.consumer("g")
		joins := waiting.join()
		b = m[1].join()
		r.expect("leads", b.joined().ErrorCode, ok)
		r.expect("joins", joins.joined().ErrorCode, ok)
		s := waiting.sync(nil)
		pass(5 * time.Second)
		r.expect("heartbeat", m[1].heartbeat(), ok)
		s.cancel()
		pass(9 * time.Second)
		r.expect("heartbeat", m[1].heartbeat(), ok)
		pass(time.Second)
		r.expect("its session is over", m[1].heartbeat(), kerr.RebalanceInProgress.Code)
	})
}

// A member whose connection ends is looked after, although nothing else is to be done for long.
func TestConnectionEndsWhileNothingIsDue(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 2)
		m[1].session, m[1].metadata = 30*time.Minute, "changed"
		b, a := m[1].join(), m[0].join()
		a.joined()
		b.joined()
		m[1].sync(nil)
		m[0].sync(nil)
		a = m[0].join()
		pass(15 * time.Second)
		a.cancel()
		pass(0)
		b = m[1].join()
		pass(10*time.Second - time.Millisecond)
		r.expect("waits for the first", b.waits(), true)
		pass(time.Millisecond)
		r.expect("alone", b.joined().LeaderID, m[1].id)
	})
}

// Of two requests of one member the later counts, and the earlier is not forgotten.
func TestTheSameRequestTwice(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 2)
		first := m[0].join()
		again := m[0].join()
		r.expect("the first", first.answer(r).ErrorCode, kerr.RebalanceInProgress.Code)
		b := m[1].join()
		r.expect("the second", again.joined().ErrorCode, ok)
		r.expect("the other", b.joined().ErrorCode, ok)
		one := m[1].sync(nil)
		two := m[1].sync(nil)
		r.expect("the first", one.answer(r).ErrorCode, kerr.RebalanceInProgress.Code)
		m[0].sync(map[string]string{m[1].id: "mine"})
		r.expect("the second", string(two.answer(r).MemberAssignment), "mine")
	})
}

// A member that takes the group for another's is told so before it is assigned anything.
func TestSyncOfAnotherProtocol(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 1)[0]
		for _, c := range []struct {
			protocolType, protocol string
			code                   int16
		}{{"consumer", "range", ok}, {"connect", "range", kerr.InconsistentGroupProtocol.Code}, {"consumer", "sticky", kerr.InconsistentGroupProtocol.Code}} {
			req := kmsg.NewPtrSyncGroupRequest()
			req.Version, req.Group, req.MemberID, req.Generation = 5, "g", m.id, m.generation
			req.ProtocolType, req.Protocol = &c.protocolType, &c.protocol
			r.expect(c.protocolType+" "+c.protocol, start[*kmsg.SyncGroupResponse](r, req).answer(r).ErrorCode, c.code)
		}
	})
}

// Close lets everybody go.
func TestCloseWakesAll(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("g", 2)
		waiting := m[0].join()
		r.close()
		r.expect("told", waiting.answer(r).ErrorCode, kerr.CoordinatorNotAvailable.Code)
		r.expect("afterwards", m[1].heartbeat(), kerr.CoordinatorNotAvailable.Code)
		r.expect("afterwards", m[1].commit("t", 1), kerr.CoordinatorNotAvailable.Code)
		r.expect("all is given back", len(r.list()) == 1 && r.list()[0].bytes == 0, true)
		r.open()
		r.expect("state", r.state("g"), "Empty")
		r.expect("heartbeat", m[1].heartbeat(), kerr.UnknownMemberID.Code)
	})
}
