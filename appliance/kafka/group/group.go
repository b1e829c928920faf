package group

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

type state uint8

const (
	empty state = iota
	preparing
	completing
	stable
	dead
)

// String is Kafka's name of a state.
func (s state) String() string {
	return [...]string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"}[s]
}

// ok is the error code of no error.
const ok int16 = 0

// group is one consumer group. Everything below mu is under it.
type group struct {
	c  *Coordinator
	id string

	mu           sync.Mutex
	state        state
	deleting     bool // its deletion is being written: nobody else may do anything with it
	committing   int  // commits that are being written: they don't count yet, and are not to be swept away
	generation   int32
	protocolType string
	protocol     string // of the generation
	leader       string // member's ID
	members      map[string]*member
	static       map[string]*member   // by instance ID
	pending      map[string]time.Time // IDs given away and not come back with yet, until when they are good
	joined       int                  // members there have ever been, for their order
	bytes        int64                // what the members say of themselves
	emptySince   time.Time            // by the clock of ages; zero: it never had a member

	rebalance rebalance // while preparing
	syncBy    time.Time // while completing or stable: when members that have not asked for their assignment are out; zero: all have

	timer *time.Timer
	wake  time.Time // when it rings; zero: it doesn't
}

// rebalance is how long a group waits for its members to join.
type rebalance struct {
	until time.Time
	// The first of an empty group waits in steps, prolonged as long as others come in each.
	first bool
	came  bool          // somebody did in this step
	left  time.Duration // that it may be prolonged by yet
}

// member is one of a group.
type member struct {
	id         string
	instance   string // "": not a static one
	client     Client
	order      int
	session    time.Duration
	rejoin     time.Duration // how long a rebalance waits for it
	protocols  []protocol    // what it speaks, the best first
	bytes      int64         // of the protocols
	assignment []byte
	cost       int64

	due    time.Time // when its session ends, if it is not heard before and no request of its waits
	synced bool      // it has asked for its assignment in this generation

	join waiter[joinResult]
	sync waiter[syncResult]
}

type protocol struct {
	name     string
	metadata []byte
}

// waiter is where a parked request waits; nil: none does. It is answered once and has room for the answer.
type waiter[T any] chan T

func (w *waiter[T]) answer(v T) {
	if *w != nil {
		*w <- v
		*w = nil
	}
}

// park makes the waiter anew. Who waited there before is answered with instead: a member has one request of a kind.
func (w *waiter[T]) park(instead T) waiter[T] {
	w.answer(instead)
	*w = make(chan T, 1)
	return *w
}

func (m *member) waiting() bool { return m.join != nil || m.sync != nil }

// metadata is what the member says of itself in a protocol; nil when it doesn't speak it.
func (m *member) metadata(name string) []byte {
	if i := slices.IndexFunc(m.protocols, func(p protocol) bool { return p.name == name }); i >= 0 {
		return m.protocols[i].metadata
	}
	return nil
}

func (m *member) speaks(name string) bool {
	return slices.ContainsFunc(m.protocols, func(p protocol) bool { return p.name == name })
}

// inOrder lists the members as they came.
func (g *group) inOrder() []*member {
	return slices.SortedFunc(maps.Values(g.members), func(a, b *member) int { return cmp.Compare(a.order, b.order) })
}

// touch has the member's session begin anew.
func (g *group) touch(m *member) {
	m.due = time.Now().Add(m.session)
	g.wakeBy(m.due)
}

// current finds a member, or says what is wrong with the one that a request names.
func (g *group) current(id string, instance *string) (*member, int16) {
	if instance != nil {
		switch m := g.static[*instance]; {
		case m == nil:
			return nil, kerr.UnknownMemberID.Code
		case m.id != id:
			return nil, kerr.FencedInstanceID.Code
		}
	}
	if m := g.members[id]; m != nil {
		return m, ok
	}
	return nil, kerr.UnknownMemberID.Code
}

// add takes a member in, unless there is no room for it.
func (g *group) add(m *member) bool {
	if g.bytes+m.bytes > g.c.o.Limits.GroupBytes {
		return false
	}
	m.cost = memberCost + m.bytes + int64(2*len(m.id)+len(m.instance)+len(m.client.ID)+len(m.client.Host))
	if !g.c.memory.take(m.cost) {
		return false
	}
	g.joined++
	m.order = g.joined
	g.bytes += m.bytes
	g.members[m.id] = m
	if m.instance != "" {
		g.static[m.instance] = m
	}
	return true
}

// speak changes what a member speaks, unless there is no room for it.
func (g *group) speak(m *member, protocols []protocol, bytes int64) bool {
	more := bytes - m.bytes
	if more > 0 && g.bytes+more > g.c.o.Limits.GroupBytes || !g.c.memory.take(more) {
		return false
	}
	m.protocols, m.bytes = protocols, bytes
	m.cost += more
	g.bytes += more
	return true
}

// assign gives a member what it reads, unless there is no room for it.
func (g *group) assign(m *member, assignment []byte) bool {
	more := int64(len(assignment) - len(m.assignment))
	if !g.c.memory.take(more) {
		return false
	}
	m.assignment = assignment
	m.cost += more
	return true
}

// remove takes a member out. Whoever waits for it is told why.
func (g *group) remove(m *member, why int16) {
	m.join.answer(joinResult{code: why, member: m.id})
	m.sync.answer(syncResult{code: why})
	delete(g.members, m.id)
	if m.instance != "" {
		delete(g.static, m.instance)
	}
	g.bytes -= m.bytes
	g.c.memory.take(-m.cost)
}

// reserve gives an ID away, which is good for a while.
func (g *group) reserve(id string, until time.Duration) bool {
	if !g.c.memory.take(pendingCost + int64(len(id))) {
		return false
	}
	due := time.Now().Add(until)
	g.pending[id] = due
	g.wakeBy(due)
	return true
}

// unreserve says whether an ID was given away, and takes it back.
func (g *group) unreserve(id string) bool {
	if _, there := g.pending[id]; !there {
		return false
	}
	delete(g.pending, id)
	g.c.memory.take(-pendingCost - int64(len(id)))
	return true
}

// common says whether all members speak a protocol.
func (g *group) common(name string) bool {
	for _, m := range g.members {
		if !m.speaks(name) {
			return false
		}
	}
	return true
}

// compatible says whether somebody who speaks these may be a member.
func (g *group) compatible(protocolType string, protocols []protocol) bool {
	if g.state == empty {
		return protocolType != "" && len(protocols) > 0
	}
	return protocolType == g.protocolType && slices.ContainsFunc(protocols, func(p protocol) bool { return g.common(p.name) })
}

// elect chooses the protocol: of those that all speak, the one that most like best; of several, the first that was named.
func (g *group) elect() string {
	votes := map[string]int{}
	best := ""
	members := g.inOrder()
	for _, m := range members {
		for _, p := range m.protocols {
			if votes[p.name] > 0 || g.common(p.name) {
				votes[p.name]++
				break
			}
		}
	}
	for _, m := range members {
		for _, p := range m.protocols {
			if votes[p.name] > votes[best] {
				best = p.name
			}
		}
	}
	return best
}

// rejoinTime is how long a rebalance waits: as long as the most patient member asks for.
func (g *group) rejoinTime() (most time.Duration) {
	for _, m := range g.members {
		most = max(most, m.rejoin)
	}
	return most
}

// nextGeneration counts on.
func (g *group) nextGeneration() { g.generation = g.generation%math.MaxInt32 + 1 }

// note has what the group is now kept for the next start.
func (g *group) note() {
	e := era{generation: g.generation, protocolType: g.protocolType, protocol: g.protocol, emptySince: occupied}
	if g.state == empty {
		e.emptySince = g.emptySince.UnixMilli()
	}
	g.c.store.note(change{kind: setGroup, group: g.id, era: e})
}

// vacant says whether there is nobody in the group, nor about to come.
func (g *group) vacant() bool {
	return g.state == empty && len(g.pending) == 0 && g.committing == 0 && !g.deleting
}
