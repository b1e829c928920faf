package ring

import (
	"fmt"
	"iter"
	"slices"
	"testing"
)

// actor is a goroutine's part in a world, run one access to shared memory at a time: it begins, and goes on, when next is called, and stops
// in front of its next access.
type actor struct {
	next func() (struct{}, bool)
	stop func()
	done bool
}

// world is one run: a tiny ring, two producers and a consumer whose accesses to shared memory come in an order that is chosen from outside.
type world struct {
	r       *Ring
	actors  []*actor
	current func(struct{}) bool // the running actor's way to stop

	claimed [][]byte // payloads in the order of their claims; nil once aborted
	at      map[uint64]int
	drained [][]byte
	refused int
	broken  bool // the control: a producer that publishes before it writes
}

// claim is what a producer does once.
type claim struct {
	size  int
	abort bool
}

func (w *world) spawn(body func()) {
	a := &actor{}
	a.next, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		w.current = yield
		body()
	})
	w.actors = append(w.actors, a)
}

// step runs an actor up to its next access.
func (w *world) step(i int, yields []func(struct{}) bool) {
	a := w.actors[i]
	w.current = yields[i]
	_, more := a.next()
	if yields[i] == nil {
		yields[i] = w.current
	}
	a.done = !more
}

func newWorld(start uint64, producers [][]claim, drains int, broken bool) *world {
	w := &world{r: newRing(64), at: map[uint64]int{}, broken: broken}
	w.r.head.Store(start)
	w.r.tail.Store(start)
	w.r.seen.Store(start)
	w.r.step = func() { w.current(struct{}{}) }
	for p, claims := range producers {
		w.spawn(func() {
			for n, c := range claims {
				w.produce(byte(16*(p+1)+n), c)
			}
		})
	}
	w.spawn(func() {
		for range drains {
			w.r.Drain(1<<20, w.take)
		}
	})
	return w
}

func (w *world) produce(fill byte, c claim) {
	got, ok := w.r.Claim(c.size)
	if !ok {
		w.refused++
		return
	}
	payload := slices.Repeat([]byte{fill}, c.size)
	if c.abort {
		got.Abort()
		return
	}
	w.claimed = append(w.claimed, payload)
	w.at[got.position] = len(w.claimed) - 1
	if w.broken {
		got.Commit()
		w.r.pause()
	}
	dst := got.Bytes()
	copy(dst[:c.size/2], payload)
	w.r.pause() // half of it is written
	copy(dst[c.size/2:], payload[c.size/2:])
	if !w.broken {
		got.Commit()
	}
}

func (w *world) take(frame []byte) {
	before := slices.Clone(frame)
	w.r.pause() // the consumer is in the middle of it: nobody may write here
	if !slices.Equal(before, frame) {
		panic("a frame changed while it was read")
	}
	w.drained = append(w.drained, before)
}

// check says what is wrong with a world that has come to rest.
func (w *world) check() error {
	w.r.step = nil
	w.r.Drain(1<<20, func(frame []byte) { w.drained = append(w.drained, slices.Clone(frame)) })
	positions := make([]uint64, 0, len(w.at))
	for p := range w.at {
		positions = append(positions, p)
	}
	slices.Sort(positions)
	if len(w.drained) != len(positions) {
		return fmt.Errorf("%d frames were committed, %d drained", len(positions), len(w.drained))
	}
	for i, p := range positions {
		if want := w.claimed[w.at[p]]; !slices.Equal(want, w.drained[i]) {
			return fmt.Errorf("frame %d is %x, committed was %x", i, w.drained[i], want)
		}
	}
	if w.r.Used() != 0 || slices.ContainsFunc(w.r.words, func(word uint64) bool { return word != 0 }) {
		return fmt.Errorf("the empty ring is not zero: %d used, %x", w.r.Used(), w.r.bytes)
	}
	return nil
}

// explore runs a world in every order of its accesses, up to limit, and returns how many orders there were and the first error.
func explore(limit int, make func() *world) (orders int, err error) {
	var path []int // which of the actors that could go on was chosen, at each point
	for orders < limit {
		width, failure := play(make(), path)
		orders++
		if failure != nil {
			return orders, failure
		}
		// The next path: the last choice that has another alternative takes it.
		chosen := append(path, slices.Repeat([]int{0}, len(width)-len(path))...)
		last := len(chosen) - 1
		for last >= 0 && chosen[last]+1 >= width[last] {
			last--
		}
		if last < 0 {
			return orders, nil
		}
		path = append(chosen[:last:last], chosen[last]+1)
	}
	return orders, nil
}

// play runs a world along a path, and on by first choices. It returns how many choices there were at each point.
func play(w *world, path []int) (width []int, err error) {
	yields := make([]func(struct{}) bool, len(w.actors))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
		for _, a := range w.actors {
			if !a.done && err != nil {
				continue // a broken world is left as it is
			}
			a.stop()
		}
	}()
	for point := 0; ; point++ {
		var ready []int
		for i, a := range w.actors {
			if !a.done {
				ready = append(ready, i)
			}
		}
		if len(ready) == 0 {
			return width, w.check()
		}
		choice := 0
		if point < len(path) {
			choice = path[point]
		}
		width = append(width, len(ready))
		w.step(ready[choice], yields)
		if point > 1000 {
			return width, fmt.Errorf("it does not come to an end")
		}
	}
}

// Two producers and a consumer on a ring of 64 bytes, beginning at each of its eight places, in every order of their accesses to shared
// memory (up to a bound for the larger worlds): frames wrap, pad, fill the ring and are given up.
func TestEveryInterleaving(t *testing.T) {
	bound := 25_000
	if testing.Short() {
		bound = 2_000
	}
	total := 0
	for _, c := range []struct {
		name      string
		producers [][]claim
		drains    int
	}{
		{"one each", [][]claim{{{8, false}}, {{8, false}}}, 1},
		{"one is given up", [][]claim{{{8, true}}, {{3, false}}}, 1},
		{"two and one, the ring fills up", [][]claim{{{8, false}, {8, false}}, {{8, false}}}, 2},
		{"one producer, and the ring goes round", [][]claim{{{8, false}, {5, false}, {8, false}, {8, false}, {1, false}}}, 3},
	} {
		for start := uint64(0); start < 64; start += 8 {
			n, err := explore(bound, func() *world { return newWorld(start, c.producers, c.drains, false) })
			total += n
			if err != nil {
				t.Fatalf("%s, from %d, order %d: %v", c.name, start, n, err)
			}
		}
	}
	t.Logf("%d orders", total)
}

// The check must be able to fail: a producer that publishes before it writes is found out.
func TestInterleavingsFindABrokenProducer(t *testing.T) {
	_, err := explore(100_000, func() *world { return newWorld(0, [][]claim{{{8, false}}, {{8, false}}}, 1, true) })
	if err == nil {
		t.Fatal("a producer that publishes too early was not noticed")
	}
	t.Log("noticed:", err)
}
