package group

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// crowd is clients that send anything at any time.
type crowd struct {
	*rig
	rng      *rand.Rand
	members  []*consumer
	assigned int               // answers to SyncGroup that had something
	parked   []outstanding     // requests that wait
	leaders  map[string]string // by group and generation
	todo     map[*consumer]int
	commits  map[string]int64 // by group and topic: what was acknowledged last
}

// What a client has to do next.
const (
	toJoin = iota
	toSync
	idle
)

type outstanding struct {
	m      *consumer
	id     string // that it had then
	done   chan kmsg.Response
	cancel context.CancelFunc
}

// Random requests of a few clients in two groups, with time passing, connections ending and restarts: whatever is sent, after each
// step the group's state is one that can be, and in the end nobody waits and nothing is held.
func TestRandomRequests(t *testing.T) {
	s := seed(t)
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	assigned := 0
	for round := range rounds {
		bubble(t, Options{Limits: Limits{Members: 5}}, func(r *rig) {
			c := &crowd{rig: r, rng: rand.New(rand.NewPCG(s, uint64(round))), leaders: map[string]string{}, commits: map[string]int64{}, todo: map[*consumer]int{}}
			for i := range 8 {
				m := r.consumer([]string{"g", "h"}[i%2])
				m.rejoin = 12 * time.Second
				if i == 0 || i == 2 { // in g
					instance := fmt.Sprint("instance ", i)
					m.instance = &instance
				}
				c.members = append(c.members, m)
			}
			for step := range 250 {
				c.step()
				synctest.Wait()
				c.collect()
				if err := c.wrong(); err != "" {
					t.Fatalf("round %d, step %d: %s", round, step, err)
				}
			}
			c.rest()
			assigned += c.assigned
		})
	}
	if assigned < 5*rounds {
		t.Errorf("in %d rounds %d assignments were made only", rounds, assigned)
	}
	t.Logf("%d assignments", assigned)
}

// step does one thing: what a sensible client does next, as a rule.
func (c *crowd) step() {
	if c.rng.IntN(3) > 0 {
		for _, m := range c.members {
			c.goOn(m)
		}
		return
	}
	c.anything()
}

// goOn has a client do what it has to do next, unless it waits.
func (c *crowd) goOn(m *consumer) {
	switch {
	case slices.ContainsFunc(c.parked, func(o outstanding) bool { return o.m == m }):
	case c.todo[m] == idle:
		if m.heartbeat() != ok {
			c.todo[m] = toJoin
		}
	case c.todo[m] == toSync:
		c.sendSync(m)
	default:
		c.send(m, m.joinRequest())
	}
}

func (c *crowd) anything() {
	m := c.members[c.rng.IntN(len(c.members))]
	switch c.rng.IntN(24) {
	case 0:
		time.Sleep(time.Duration(c.rng.IntN(4000)) * time.Millisecond)
	case 1:
		time.Sleep(time.Duration(c.rng.IntN(15)) * time.Second)
	case 2:
		if len(c.parked) > 0 { // a connection ends
			c.parked[c.rng.IntN(len(c.parked))].cancel()
		}
	case 3:
		if c.rng.IntN(6) == 0 {
			c.close()
			c.open()
		}
	case 4: // a client that is restarted knows nothing of what it was
		m.id, m.generation = "", 0
	case 5:
		m.metadata = fmt.Sprint(c.rng.IntN(3))
	case 6:
		m.protocols = [][]string{{"range"}, {"range", "sticky"}, {"sticky", "range"}, {"other"}}[min(c.rng.IntN(12), 3)]
	case 7:
		if m.leave() == ok {
			m.id = ""
		}
	case 8, 9, 10:
		c.heartbeats()
	case 11, 12:
		c.commit(m)
	case 13:
		c.Handle(c.Context(), Client{}, &kmsg.DeleteGroupsRequest{Version: 2, Groups: []string{"h"}})
		c.forget("h")
	case 14, 15, 16, 17:
		c.sendSync(m)
	default:
		m.version = int16(5 + c.rng.IntN(5))
		c.send(m, m.joinRequest())
	}
}

// forget notes that a group may have been deleted.
func (c *crowd) forget(group string) {
	if c.state(group) == "Dead" {
		for _, topic := range []string{"t", "u"} {
			delete(c.commits, group+topic)
		}
		clear(c.leaders) // its generations begin anew
	}
}

func (c *crowd) heartbeats() {
	for _, m := range c.members {
		if m.id != "" && c.rng.IntN(4) > 0 {
			m.heartbeat()
		}
	}
}

func (c *crowd) commit(m *consumer) {
	topic, at := []string{"t", "u"}[c.rng.IntN(2)], c.rng.Int64N(1000)
	code := m.commit(topic, at)
	if code == ok {
		c.commits[m.group+topic] = at
	}
	if got, want := c.committed(m.group, topic), c.commits[m.group+topic]; c.commits[m.group+topic] != 0 && got != want {
		c.Fatalf("%s of %s was committed at %d, and is at %d", topic, m.group, want, got)
	}
}

// sendSync asks for the assignment; who takes itself for the leader assigns to all.
func (c *crowd) sendSync(m *consumer) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 5, m.group, m.id, m.instance, m.generation
	if m.leads {
		for _, other := range c.members {
			req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: other.id, MemberAssignment: []byte(other.id)})
		}
	}
	c.send(m, req)
}

func (c *crowd) send(m *consumer, req kmsg.Request) {
	ctx, cancel := context.WithCancel(context.Background())
	o := outstanding{m, m.id, make(chan kmsg.Response, 1), cancel}
	c.parked = append(c.parked, o)
	coordinator := c.Coordinator
	go func() { o.done <- coordinator.Handle(ctx, Client{"client", "host"}, req) }()
	synctest.Wait() // one after the other, so that the seed says all
}

// collect takes in the answers that have come.
func (c *crowd) collect() {
	c.parked = slices.DeleteFunc(c.parked, func(o outstanding) bool {
		select {
		case resp := <-o.done:
			o.cancel()
			c.take(o, resp)
			return true
		default:
			return false
		}
	})
}

// take holds an answer to what its group has said before, and its client to the answer.
func (c *crowd) take(o outstanding, resp kmsg.Response) {
	m := o.m
	c.todo[m] = toJoin
	switch resp := resp.(type) {
	case *kmsg.JoinGroupResponse:
		switch resp.ErrorCode {
		case kerr.MemberIDRequired.Code:
			m.id = resp.MemberID
		case kerr.UnknownMemberID.Code, kerr.FencedInstanceID.Code:
			m.id = ""
		case ok:
			c.todo[m] = toSync
			m.id, m.generation, m.leads = resp.MemberID, resp.Generation, resp.LeaderID == resp.MemberID
			if key := fmt.Sprint(m.group, resp.Generation); m.group == "h" { // in g a static leader may be replaced
				if leader := c.leaders[key]; leader != "" && leader != resp.LeaderID {
					c.Fatalf("%s leads generation %s, and %s does", leader, key, resp.LeaderID)
				}
				c.leaders[key] = resp.LeaderID
			}
			if !m.leads && len(resp.Members) > 0 {
				c.Fatalf("%s does not lead, and is told who is there", m.id)
			}
			if m.leads && !slices.ContainsFunc(resp.Members, func(o kmsg.JoinGroupResponseMember) bool { return o.MemberID == m.id }) {
				c.Fatalf("%s leads, and is not told of itself", m.id)
			}
		}
	case *kmsg.SyncGroupResponse:
		if resp.ErrorCode == ok {
			c.todo[m] = idle
		}
		if resp.ErrorCode != ok || len(resp.MemberAssignment) == 0 || m.instance != nil { // a static member keeps what it had under another ID
			return
		}
		c.assigned++
		if string(resp.MemberAssignment) != o.id {
			c.Fatalf("%s has the assignment of %s", o.id, resp.MemberAssignment)
		}
	}
}

// wrong says what cannot be.
func (c *crowd) wrong() string {
	waiting, memory := 0, int64(0)
	for _, g := range c.list() {
		g.mu.Lock()
		memory += groupCost + int64(len(g.id))
		said, members := g.count(&memory)
		waiting += members
		g.mu.Unlock()
		if said != "" {
			return fmt.Sprintf("group %s, %s: %s", g.id, g.state, said)
		}
	}
	if waiting != len(c.parked) {
		return fmt.Sprintf("%d requests wait, and %d are waited for", len(c.parked), waiting)
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	live := int64(0)
	for name, kept := range c.store.kept {
		for _, ch := range kept.changes(name) {
			live += ch.size()
			memory += ch.size() + offsetCost
		}
	}
	if live != c.store.live || memory != c.memory.held.Load() {
		return fmt.Sprintf("%d bytes count and not %d; %d are held and not %d", live, c.store.live, memory, c.memory.held.Load())
	}
	return ""
}

// count adds up what a group holds and says how many wait, and what cannot be.
func (g *group) count(memory *int64) (wrong string, waiting int) {
	bytes, static := int64(0), 0
	for id, m := range g.members {
		bytes += m.bytes
		*memory += m.cost
		if m.join != nil {
			waiting++
		}
		if m.sync != nil {
			waiting++
		}
		if m.instance != "" {
			static++
		}
		switch {
		case m.id != id || m.instance != "" && g.static[m.instance] != m:
			wrong = "a member is kept under another's name"
		case m.join != nil && g.state != preparing:
			wrong = "a member waits to join what has begun"
		case m.sync != nil && g.state != completing:
			wrong = "a member waits for an assignment that nobody makes"
		case (g.state == completing || g.state == stable) && !m.speaks(g.protocol):
			wrong = "a member does not speak the group's protocol"
		case !m.waiting() && (g.wake.IsZero() || g.wake.After(m.due)):
			wrong = "nobody looks whether a member lives"
		}
	}
	for id := range g.pending {
		*memory += pendingCost + int64(len(id))
	}
	leads := g.members[g.leader] != nil
	switch {
	case bytes != g.bytes || static != len(g.static):
		wrong = "the members are not what they were counted for"
	case (g.state == empty) != (len(g.members) == 0) && g.state != preparing:
		wrong = "it is empty, or is it?"
	case (g.state == completing || g.state == stable) && !leads:
		wrong = "nobody leads"
	case g.state == preparing && (g.wake.IsZero() || g.wake.After(g.rebalance.until)):
		wrong = "nobody ends the rebalance"
	}
	return wrong, waiting
}

// rest lets everything come to an end: nobody waits, and only what is committed is there.
func (c *crowd) rest() {
	pass(5 * time.Minute)
	c.collect()
	c.expect("waiting", len(c.parked), 0)
	c.expect("what can't be", c.wrong(), "")
	for _, g := range c.list() {
		c.expect("state", g.state, empty)
		c.expect("pending", len(g.pending), 0)
	}
	c.expect("members", c.Stats().Members, 0)
	for _, group := range []string{"g", "h"} {
		for _, topic := range []string{"t", "u"} {
			if want := c.commits[group+topic]; want != 0 {
				c.expect("committed", c.committed(group, topic), want)
			}
		}
	}
}
