package shard

import (
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"

	"penstock/segstore"
)

// repeats remembers the IDs of records, so that one that is sent again is acknowledged again and not stored again.
//
// It knows the newest: those whose records are being stored or stand in segments that still grow. Once a segment is finished, its IDs
// are in a file beside it, which is searched in place (segstore.Log.HasID), and may be forgotten here.
//
// The memory is bounded: a fixed number of slots, in generations by the time of arrival. The newest generation takes new IDs; when it is
// full, or has covered its part of the window, the oldest one is emptied and takes its place. So an ID is remembered for the window, and
// for a seventh of it more at most. With more IDs in growing segments than there are slots for, the oldest are forgotten early, which
// is counted: then a repeat is stored again, and nothing is ever lost.
//
// What is remembered is in the records, too, so a start learns it anew: see learnIDs.
type repeats struct {
	window  int64 // ms
	slots   int   // of one generation of one stripe, a power of two
	stripes [repeatStripes]repeatStripe
	// listed is the time before which all IDs are in files. It is asked when a generation is emptied.
	listed func(now int64) int64

	found     atomic.Uint64 // records that were repeats
	forgotten atomic.Uint64 // IDs forgotten before their time, or perhaps a few of their contemporaries
}

const (
	repeatStripes     = 8
	repeatGenerations = 8
	repeatSlotBytes   = 16
	repeatSlotsMin    = 64
)

// repeatStripe is the IDs with the same first bits. Requests for different stripes do not wait for each other.
type repeatStripe struct {
	mu          sync.Mutex
	generations [repeatGenerations]repeatGeneration
	current     int
	_           [64]byte
}

// repeatGeneration is a hash table with linear probing. It is filled to three quarters at most.
type repeatGeneration struct {
	slots         []repeatSlot
	used          int
	begun, newest int64 // when its first and its last ID came, ms
}

type repeatSlot struct {
	hi    uint64
	lo    uint32
	state uint32
}

// The states of a slot. Above them stand the owners of IDs whose records are being stored.
const (
	repeatFree  uint32 = iota
	repeatVoid         // was claimed, but its record was not stored
	repeatRing         // is in the ring, no more is known
	repeatLog          // in the log
	repeatDisk         // on disk
	repeatOwner        // + the number of the wait that it is claimed for
)

// stateOf is what an acknowledgement makes of an ID.
func stateOf(a Ack) uint32 { return repeatDisk - uint32(a) }

// newRepeats makes a memory of at most bytes for a window in ms; nil for none. Pages of it that no ID has touched take no memory.
func newRepeats(bytes, window int64, listed func(now int64) int64) *repeats {
	if bytes <= 0 || window <= 0 {
		return nil
	}
	slots := repeatSlotsMin
	for int64(2*slots*repeatStripes*repeatGenerations*repeatSlotBytes) <= bytes {
		slots *= 2
	}
	return &repeats{window: window, slots: slots, listed: listed}
}

// idVerdict is what is known of an ID.
type idVerdict uint8

const (
	idFresh    idVerdict = iota // unknown until now; it is claimed
	idRepeated                  // its record is stored, or is in the same request
	idUnderWay                  // its record is being stored for another request
)

// claim asks for an ID on behalf of a request that wants an acknowledgement. A record that is less safe than that is no reason to
// leave out this one. What is claimed is settled later.
func (r *repeats) claim(id segstore.ID, owner uint32, want Ack, now int64) idVerdict {
	s := r.stripe(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.find(&id, now-r.window)
	switch {
	case slot == nil:
	case slot.state >= repeatOwner && slot.state != repeatOwner+owner:
		return idUnderWay
	case slot.state >= stateOf(want):
		r.found.Add(1)
		return idRepeated
	default:
		slot.state = repeatVoid // its time begins anew, in the newest generation
	}
	r.add(s, &id, repeatOwner+owner, now)
	return idFresh
}

// settle notes what became of a claimed ID: its record is as safe as ack says, or it is not stored.
func (r *repeats) settle(id segstore.ID, owner uint32, stored bool, ack Ack, now int64) {
	s := r.stripe(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	state := repeatVoid
	if stored {
		state = stateOf(ack)
	}
	slot := s.find(&id, math.MinInt64)
	switch {
	case slot != nil && slot.state == repeatOwner+owner:
		slot.state = state
	case slot == nil && stored: // forgotten early, while it was being stored
		r.add(s, &id, state, now)
	}
}

// learn adds the ID of a record that was found on disk, of about that time. It is called in the order of the times.
func (r *repeats) learn(id segstore.ID, ms int64) {
	s := r.stripe(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(&id, math.MinInt64) == nil {
		r.add(s, &id, repeatDisk, ms)
	}
}

// forget forgets an ID, unless its record is being stored.
func (r *repeats) forget(id segstore.ID) {
	s := r.stripe(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot := s.find(&id, math.MinInt64); slot != nil && slot.state < repeatOwner {
		slot.state = repeatVoid
	}
}

// forgetAll forgets all IDs but those whose records are being stored.
func (r *repeats) forgetAll() {
	for i := range r.stripes {
		s := &r.stripes[i]
		s.mu.Lock()
		for g := range s.generations {
			slots := s.generations[g].slots
			for at := range slots {
				if slot := &slots[at]; slot.state > repeatVoid && slot.state < repeatOwner {
					slot.state = repeatVoid
					r.forgotten.Add(1)
				}
			}
		}
		s.mu.Unlock()
	}
}

func (r *repeats) stripe(id *segstore.ID) *repeatStripe { return &r.stripes[id[0]%repeatStripes] }

// find looks for an ID that came at or after since. One that was void is as good as unknown, and its slot is free for it.
func (s *repeatStripe) find(id *segstore.ID, since int64) *repeatSlot {
	for i := range s.generations {
		g := &s.generations[(s.current+repeatGenerations-i)%repeatGenerations]
		if g.used == 0 || g.newest < since {
			continue
		}
		if slot := g.probe(id); slot.state > repeatVoid {
			return slot
		}
	}
	return nil
}

// probe finds an ID's slot, or the free one where it would be.
func (g *repeatGeneration) probe(id *segstore.ID) *repeatSlot {
	hi, lo := binary.BigEndian.Uint64(id[:]), binary.BigEndian.Uint32(id[8:])
	mask := len(g.slots) - 1
	for at := int(lo) & mask; ; at = (at + 1) & mask {
		slot := &g.slots[at]
		if slot.state == repeatFree || slot.hi == hi && slot.lo == lo {
			return slot
		}
	}
}

// add puts an ID into the newest generation. The caller has looked for it in vain.
func (r *repeats) add(s *repeatStripe, id *segstore.ID, state uint32, now int64) {
	g := &s.generations[s.current]
	if g.used > 0 && (4*(g.used+1) > 3*len(g.slots) || now-g.begun >= r.window/(repeatGenerations-1)) {
		s.current = (s.current + 1) % repeatGenerations
		g = &s.generations[s.current]
		if g.newest >= now-r.window && g.newest >= r.listed(now) {
			r.forgotten.Add(uint64(g.used))
		}
		clear(g.slots)
		g.used = 0
	}
	if g.slots == nil {
		g.slots = make([]repeatSlot, r.slots)
	}
	if g.used == 0 {
		g.begun, g.newest = now, now
	}
	g.newest = max(g.newest, now)
	slot := g.probe(id)
	if slot.state == repeatFree {
		g.used++
	}
	*slot = repeatSlot{hi: binary.BigEndian.Uint64(id[:]), lo: binary.BigEndian.Uint32(id[8:]), state: state}
}
