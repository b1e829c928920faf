package shard

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"penstock/segstore"
)

func idOf(n uint64) (id segstore.ID) {
	r := rand.New(rand.NewPCG(n, 7)) // as evenly spread as a fingerprint is
	binary.BigEndian.PutUint64(id[:], r.Uint64())
	binary.BigEndian.PutUint32(id[8:], r.Uint32())
	return id
}

func nothingListed(int64) int64 { return 0 }

// room is how many IDs there is room for, about.
func (r *repeats) room() int64 {
	return int64(r.slots) * 3 / 4 * repeatStripes * (repeatGenerations - 1)
}

// Random lives of IDs, against a map that forgets nothing: within the window an ID is known, a good while behind it is not, and in
// between it may be either.
func TestRepeatsAgainstAModel(t *testing.T) {
	const window, seed = 7000, 20261126
	r := rand.New(rand.NewPCG(seed, 0))
	m := newRepeats(1<<20, window, nothingListed)
	came, state := map[uint64]int64{}, map[uint64]uint32{}
	now := int64(1)
	for step := range 200_000 {
		now += r.Int64N(3)
		n := r.Uint64N(3000)
		owner, want := uint32(r.IntN(3)), Ack(r.IntN(3))
		before, age := state[n], now-came[n]
		got := m.claim(idOf(n), owner, want, now)
		switch {
		case before > repeatVoid && age <= window: // known for sure
			switch {
			case before < stateOf(want) && got != idFresh:
				t.Fatalf("step %d: ID %d is in state %d, and somebody who wants %v is told %d", step, n, before, want, got)
			case before >= stateOf(want) && got != idRepeated:
				t.Fatalf("step %d: ID %d came %d ms ago, and is told %d", step, n, age, got)
			}
		case (before <= repeatVoid || age > window*repeatGenerations/(repeatGenerations-1)+3) && got != idFresh:
			t.Fatalf("step %d: ID %d came %d ms ago in state %d, and is told %d", step, n, age, before, got)
		}
		if got != idFresh {
			continue
		}
		if other := m.claim(idOf(n), owner+1, want, now); other != idUnderWay {
			t.Fatalf("step %d: ID %d is being stored, and somebody else is told %d", step, n, other)
		}
		if own := m.claim(idOf(n), owner, want, now); own != idRepeated {
			t.Fatalf("step %d: ID %d comes twice in a request, and is told %d", step, n, own)
		}
		stored := r.IntN(4) > 0
		m.settle(idOf(n), owner, stored, want, now)
		if state[n] = repeatVoid; stored {
			state[n] = stateOf(want)
		}
		came[n] = now
	}
	if m.forgotten.Load() > 0 {
		t.Errorf("%d of 3000 IDs were forgotten early, with room for %d", m.forgotten.Load(), m.room())
	}
}

// With more IDs than there is room for, the oldest are forgotten, the newest are not, and the memory stays what it was.
func TestRepeatsForgetTheOldestFirst(t *testing.T) {
	m := newRepeats(1<<20, 1e9, nothingListed)
	n := uint64(5 * m.room())
	for i := range n {
		if got := m.claim(idOf(i), 1, AckDisk, int64(i)); got != idFresh {
			t.Fatalf("ID %d is told %d", i, got)
		}
		m.settle(idOf(i), 1, true, AckDisk, int64(i))
	}
	known := 0
	for i := n - uint64(m.room())/2; i < n; i++ {
		if m.claim(idOf(i), 1, AckDisk, int64(n)) != idRepeated {
			t.Fatalf("ID %d of %d is forgotten, with room for %d", i, n, m.room())
		}
		known++
	}
	if m.forgotten.Load() == 0 || known == 0 {
		t.Errorf("%d were forgotten, %d known", m.forgotten.Load(), known)
	}
	bytes := 0
	for i := range m.stripes {
		for j := range m.stripes[i].generations {
			bytes += len(m.stripes[i].generations[j].slots) * repeatSlotBytes
		}
	}
	if bytes > 1<<20 {
		t.Errorf("the memory has %d bytes", bytes)
	}
}

// An ID whose generation was emptied while its record was being stored is known all the same.
func TestRepeatsSettleWhatWasForgotten(t *testing.T) {
	m := newRepeats(1, 1000, nothingListed)
	m.claim(idOf(1), 5, AckDisk, 0)
	for i := uint64(10); i < 10+uint64(20*m.room()); i++ {
		m.claim(idOf(i), 6, AckDisk, 0)
		m.settle(idOf(i), 6, true, AckDisk, 0)
	}
	m.settle(idOf(1), 5, true, AckDisk, 0)
	if got := m.claim(idOf(1), 7, AckDisk, 0); got != idRepeated {
		t.Errorf("it is told %d", got)
	}
	m.settle(idOf(2), 5, false, AckDisk, 0) // was never there
	if got := m.claim(idOf(2), 7, AckDisk, 0); got != idFresh {
		t.Errorf("what was not stored is told %d", got)
	}
}

func TestNoMemoryForRepeats(t *testing.T) {
	if newRepeats(0, 1000, nothingListed) != nil || newRepeats(1<<20, 0, nothingListed) != nil {
		t.Error("there is a memory that nobody asked for")
	}
}
