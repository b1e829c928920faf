package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// What moves a group from state to state. Each function is called with the group's mutex held.

// prepare asks everybody to join again, or goes on with that when it has been.
func (g *group) prepare() {
	if g.state == preparing {
		g.tryComplete()
		return
	}
	if g.state == completing {
		for _, m := range g.members {
			if m.sync != nil {
				m.sync.answer(syncResult{code: kerr.RebalanceInProgress.Code})
				g.touch(m)
			}
		}
	}
	now, patience := time.Now(), g.rejoinTime()
	g.rebalance = rebalance{until: now.Add(patience)}
	if g.state == empty {
		delay := g.c.o.InitialDelay
		g.rebalance = rebalance{until: now.Add(delay), first: true, left: max(patience-delay, 0)}
	}
	g.state, g.syncBy = preparing, time.Time{}
	g.wakeBy(g.rebalance.until)
	g.tryComplete()
}

// tryComplete begins the next generation if everybody has joined who is to.
func (g *group) tryComplete() {
	if g.state != preparing || g.rebalance.first || len(g.pending) > 0 {
		return
	}
	for _, m := range g.members {
		if m.join == nil {
			return
		}
	}
	g.complete()
}

// waitOver is called by ring when the wait for members to join is over.
func (g *group) waitOver() {
	r := &g.rebalance
	if r.first && r.came && r.left > 0 {
		delay := min(g.c.o.InitialDelay, r.left)
		r.came, r.left = false, r.left-delay
		r.until = r.until.Add(delay)
		return
	}
	g.complete()
}

// waitMin is how long static members that are all away are waited for at a time: one may say that it is not to be waited for at all.
const waitMin = time.Second

// complete begins the next generation with those that have joined. A static member keeps its place until its session ends.
func (g *group) complete() {
	for _, m := range g.inOrder() {
		if m.join == nil && m.instance == "" {
			g.remove(m, kerr.UnknownMemberID.Code)
		}
	}
	if len(g.members) > 0 && !g.electLeader() {
		g.rebalance = rebalance{until: time.Now().Add(max(g.rejoinTime(), waitMin))} // ring has come to this, and sets the timer
		return
	}
	g.nextGeneration()
	if len(g.members) == 0 {
		g.state, g.protocol, g.leader, g.emptySince = empty, "", "", g.c.o.Now()
		g.note()
		return
	}
	g.state, g.protocol, g.syncBy = completing, g.elect(), time.Now().Add(g.rejoinTime())
	g.wakeBy(g.syncBy)
	for _, m := range g.members {
		m.synced = false
		m.join.answer(g.joinResult(m))
		g.touch(m)
	}
	g.note()
}

// electLeader makes sure that the leader is one who has joined. It says whether there is any.
func (g *group) electLeader() bool {
	if m := g.members[g.leader]; m != nil && m.join != nil {
		return true
	}
	for _, m := range g.inOrder() {
		if m.join != nil {
			g.leader = m.id
			return true
		}
	}
	return false
}

// removed is called after members have been: the others share anew.
func (g *group) removed() {
	if g.state != empty {
		g.prepare()
	}
}

// settle hands the assignments out: the generation is complete.
func (g *group) settle() {
	g.state = stable
	for _, m := range g.members {
		if m.sync != nil {
			m.sync.answer(g.syncResult(m))
			g.touch(m)
		}
	}
}

// asked notes that a member has asked for its assignment.
func (g *group) asked(m *member) {
	m.synced = true
	for _, m := range g.members {
		if !m.synced {
			return
		}
	}
	g.syncBy = time.Time{}
}

// wakeBy makes sure that the timer rings at a time, or before. What is put off needs no call: the timer is set anew when it rings.
func (g *group) wakeBy(t time.Time) {
	if g.state == dead || !g.wake.IsZero() && !t.Before(g.wake) {
		return
	}
	g.wake = t
	wait := max(time.Until(t), 0)
	if g.timer == nil {
		g.timer = time.AfterFunc(wait, g.ring)
	} else {
		g.timer.Reset(wait)
	}
}

// ring does what has become due.
func (g *group) ring() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == dead {
		return
	}
	now := time.Now()
	g.wake = time.Time{}
	due := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if g.state == preparing && due(g.rebalance.until) {
		g.waitOver()
	}
	if (g.state == completing || g.state == stable) && due(g.syncBy) {
		g.syncBy = time.Time{}
		for _, m := range g.inOrder() {
			if !m.synced {
				g.remove(m, kerr.UnknownMemberID.Code)
			}
		}
		g.prepare()
	}
	for id, until := range g.pending {
		if due(until) {
			g.unreserve(id)
			g.tryComplete()
		}
	}
	for _, m := range g.inOrder() {
		if g.members[m.id] == m && !m.waiting() && due(m.due) {
			g.remove(m, kerr.UnknownMemberID.Code)
			g.removed()
		}
	}
	g.setTimer()
}

// setTimer sets the timer to whatever comes next.
func (g *group) setTimer() {
	if g.state == preparing {
		g.wakeBy(g.rebalance.until)
	}
	if !g.syncBy.IsZero() {
		g.wakeBy(g.syncBy)
	}
	for _, until := range g.pending {
		g.wakeBy(until)
	}
	for _, m := range g.members {
		if !m.waiting() {
			g.wakeBy(m.due)
		}
	}
}
