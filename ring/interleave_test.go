package ring

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"testing"
)

// job is what a producer does once: a claim of one ring, or of the same size in all rings, that is committed or given up.
type job struct {
	size  int
	abort bool
	all   bool
}

// script says what happens in a world.
type script struct {
	name      string
	producers [][]job
	ringCount int  // 1 if 0
	drains    int  // how often the consumer drains each ring; 0 is: as often as its waiter, which parks at once, says
	limit     int  // of each drain; no limit if 0
	abort     bool // the control "an abort that calls nobody"

	commitFirst bool // the control: a producer publishes before it writes
	wakeFirst   bool // the control: a producer calls before it publishes
	damage      func(*world, *actor)
}

// stage is a world on which a script is played.
type stage struct {
	world
	script
	start     uint64
	committed []map[uint64][]byte // by ring: payloads by position
	drained   [][][]byte          // by ring: payloads in the order in which they came out
}

var frameSeed = maphash.MakeSeed()

func (s script) build(start uint64) *world {
	g := &stage{script: s, start: start}
	g.mutate, g.final = s.damage, g.check
	g.blind = s.damage != nil // or the damage itself would be what is noticed
	for range max(s.ringCount, 1) {
		r := newRing(64)
		var w *Waiter
		if s.drains == 0 {
			w = NewWaiter(r)
			w.looks, w.yields = 1, 0
			if s.abort {
				NewWaiter(r) // Abort will call a stranger
			}
		}
		g.add(r, w, start)
		g.committed = append(g.committed, map[uint64][]byte{})
		g.drained = append(g.drained, nil)
	}
	for p, jobs := range s.producers {
		g.spawn(false, func() {
			for n, j := range jobs {
				g.produce(byte(16*(p+1)+n), j)
			}
		})
	}
	for i := range g.rings {
		g.spawn(true, func() { g.consume(i) })
	}
	return &g.world
}

func (g *stage) produce(fill byte, j job) {
	parts := []Part{{Ring: g.rings[0], Size: j.size}}
	if j.all {
		parts = nil
		for _, r := range g.rings {
			parts = append(parts, Part{Ring: r, Size: j.size})
		}
		if !ClaimAll(parts) {
			return
		}
	} else {
		var ok bool
		if parts[0].Claim, ok = parts[0].Ring.Claim(j.size); !ok {
			return
		}
	}
	for i, p := range parts {
		if j.abort {
			p.Claim.Abort()
			continue
		}
		payload := slices.Repeat([]byte{fill}, j.size)
		g.committed[i][p.Claim.position] = payload
		if g.wakeFirst {
			g.waiters[i].Wake()
		}
		if g.commitFirst {
			p.Claim.Commit()
		}
		half := j.size / 2
		p.Ring.pause(atPayload, 0)
		copy(p.Claim.Bytes()[:half], payload)
		p.Ring.pause(atPayload, 0)
		copy(p.Claim.Bytes()[half:], payload[half:])
		if !g.commitFirst {
			p.Claim.Commit()
		}
		if g.waiters[i] != nil && !g.wakeFirst {
			g.waiters[i].Wake()
		}
	}
}

func (g *stage) consume(i int) {
	limit := g.limit
	if limit == 0 {
		limit = 1 << 20
	}
	take := func(frame []byte) { g.take(i, frame) }
	if g.waiters[i] != nil {
		for g.waiters[i].Wait(nil) {
			g.rings[i].Drain(limit, take)
		}
	}
	for range g.drains {
		g.rings[i].Drain(limit, take)
	}
}

func (g *stage) take(i int, frame []byte) {
	before := slices.Clone(frame)
	g.running.note(maphash.Bytes(frameSeed, frame))
	g.rings[i].pause(atPayload, 0) // the consumer is in the middle of it: nobody may write here
	if !slices.Equal(before, frame) {
		g.fault = fmt.Errorf("a frame changed from %x to %x while it was read", before, frame)
	}
	g.drained[i] = append(g.drained[i], before)
}

// check says what is wrong with a world in which nobody can go on.
func (g *stage) check() error {
	for i, r := range g.rings {
		r.step = nil
		if g.waiters[i] != nil && r.Used() > 0 {
			return fmt.Errorf("the consumer of ring %d sleeps over %d bytes", i, r.Used())
		}
		r.Drain(1<<20, func(frame []byte) { g.drained[i] = append(g.drained[i], slices.Clone(frame)) })
		positions := slices.SortedFunc(maps.Keys(g.committed[i]), func(a, b uint64) int { return cmp.Compare(a-g.start, b-g.start) }) // also past 2^64
		if len(positions) != len(g.drained[i]) {
			return fmt.Errorf("ring %d: %d frames were committed, %d drained", i, len(positions), len(g.drained[i]))
		}
		for n, p := range positions {
			if !slices.Equal(g.committed[i][p], g.drained[i][n]) {
				return fmt.Errorf("ring %d: frame %d is %x, committed was %x", i, n, g.drained[i][n], g.committed[i][p])
			}
		}
		if r.Used() != 0 || slices.ContainsFunc(r.words, func(word uint64) bool { return word != 0 }) {
			return fmt.Errorf("ring %d is empty and not zero: %d used, %x", i, r.Used(), r.bytes)
		}
	}
	return nil
}

var scripts = []script{
	{name: "one each", drains: 2, producers: [][]job{{{size: 8}}, {{size: 3}}}},
	{name: "one is given up", drains: 2, producers: [][]job{{{size: 8, abort: true}}, {{size: 5}}}},
	{name: "the ring fills up", drains: 2, producers: [][]job{{{size: 8}, {size: 1}}, {{size: 8}, {size: 8}}}},
	{name: "frame by frame", drains: 3, limit: 1, producers: [][]job{{{size: 8}, {size: 8}}, {{size: 8}}}},
	{name: "round and round", drains: 3, producers: [][]job{{{size: 8}, {size: 5}, {size: 8, abort: true}, {size: 8}, {size: 1}, {size: 8}}}},
	{name: "asleep between frames", producers: [][]job{{{size: 8}}, {{size: 3}}}},
	{name: "asleep, and one is given up", producers: [][]job{{{size: 8, abort: true}}, {{size: 8}}}},
	{name: "asleep, one producer comes again", producers: [][]job{{{size: 8}, {size: 8, abort: true}, {size: 1}}}},
	{name: "two rings, all or none", ringCount: 2, drains: 1, producers: [][]job{{{size: 8, all: true}, {size: 8}}, {{size: 8, all: true}}}},
}

// starts is where worlds begin: every place of the last ringful before positions begin again at 0. Large worlds, and all of them in a hurry, begin only
// where their frames end exactly at the end of the buffer, meet padding at once, or meet it later.
func (s script) starts() []uint64 {
	const end = 1 << 64
	switch {
	case testing.Short() || raceEnabled:
		return []uint64{end - 24}
	case s.ringCount > 1:
		return []uint64{end - 8, end - 16, end - 24}
	}
	return []uint64{end - 64, end - 56, end - 48, end - 40, end - 32, end - 24, end - 16, end - 8}
}

// Two producers and a consumer on rings of 64 bytes, from every place in the ring, in every order of their accesses to shared memory. Frames wrap,
// pad, fill the ring, are refused and are given up; consumers sleep and are called.
func TestEveryInterleaving(t *testing.T) {
	total, all := 0.0, 0
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			if raceEnabled && len(s.producers[0])+len(s.producers[len(s.producers)-1]) > 2 || raceEnabled && s.drains == 0 {
				t.Skip("actors take turns, so there are no races to detect, and the detector makes turns slow")
			}
			orders, states := 0.0, 0
			for _, start := range s.starts() {
				o, n, err := explore(func() *world { return s.build(start) })
				if err != nil {
					t.Fatalf("from %d: %v", start, err)
				}
				orders, states = orders+o, states+n
			}
			t.Logf("%.4g orders, %d states", orders, states)
			total, all = total+orders, all+states
		})
	}
	t.Logf("in all %.4g orders, %d states", total, all)
}

// The checks must be able to fail: each of these breaks one rule of the algorithm, and is found out.
func TestInterleavingsFindWhatIsBroken(t *testing.T) {
	one := [][]job{{{size: 8}}, {{size: 8}}}
	full := [][]job{{{size: 8}, {size: 8}}, {{size: 8}, {size: 8}}, {{size: 8}}}
	for _, s := range []script{
		{name: "a producer publishes before it writes", drains: 1, producers: one, commitFirst: true},
		{name: "a producer calls before it publishes", producers: one, wakeFirst: true},
		{name: "an abort calls nobody", producers: [][]job{{{size: 8, abort: true}}}, abort: true},
		{name: "the consumer frees what it still reads", drains: 1, producers: full, damage: func(w *world, a *actor) {
			if a.consumer && a.at == atPayload && w.rings[0].head.Load() == 0 {
				w.rings[0].head.Store(16)
			}
		}},
		{name: "the consumer moves head before it zeroes", drains: 1, producers: full, damage: func(w *world, a *actor) {
			if a.consumer && a.at == atHead {
				w.rings[0].words[0] = 8
			}
		}},
		{name: "producers believe in room that is not there", drains: 1, producers: full, damage: func(w *world, a *actor) {
			if !a.consumer && a.at == atSeen {
				w.rings[0].seen.Store(w.rings[0].tail.Load())
			}
		}},
		{name: "a claim takes the tail back", drains: 1, producers: one, damage: func(w *world, a *actor) {
			if !a.consumer && a.at == atTail && a.history != 0 {
				w.rings[0].tail.Store(0) // the swap of a stale tail succeeds
			}
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			_, _, err := explore(func() *world { return s.build(0) })
			if err == nil || errors.Is(err, errTooLarge) {
				t.Fatal("nobody noticed: ", err)
			}
			t.Log("noticed: ", err)
		})
	}
}
