package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
)

// An actor is a goroutine's part in a world. It runs one access to shared memory at a time: each step does the access it stands in front of, and
// goes on to the next.
type actor struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	done  bool

	consumer bool
	ring     *Ring // what it is about to access
	at       place
	position uint64

	// history is a digest of everything it has read. What an actor does next depends on its program and on what it has read, so two actors with
	// the same program and history are in the same state.
	history uint64
}

func (a *actor) note(value uint64) {
	x := (a.history ^ value) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	a.history = x ^ x>>31
}

// A world is tiny rings and actors whose accesses to shared memory come in an order that is chosen from outside.
type world struct {
	rings   []*Ring
	waiters []*Waiter // by ring, nil for those whose consumer does not wait
	actors  []*actor
	running *actor
	over    bool
	blind   bool                     // look at what comes out only, not at the rings at every step
	mutate  func(w *world, a *actor) // a control's damage, just before an access
	fault   error                    // what an actor found wrong
	final   func() error             // what must hold when nobody can go on
}

var errWorldOver = errors.New("the world is over")

// add puts a ring into the world: it begins at a position, and whoever runs stops in front of each access to it.
func (w *world) add(r *Ring, waiter *Waiter, start uint64) {
	r.head.Store(start)
	r.tail.Store(start)
	r.seen.Store(start)
	r.step = func(at place, position uint64) {
		a := w.running
		a.ring, a.at, a.position = r, at, position
		if w.over || !a.yield(struct{}{}) {
			panic(errWorldOver)
		}
		if w.mutate != nil {
			w.mutate(w, a)
		}
		a.note(w.value(a))
	}
	w.rings, w.waiters = append(w.rings, r), append(w.waiters, waiter)
}

func (w *world) waiter(r *Ring) *Waiter { return w.waiters[slices.Index(w.rings, r)] }

// spawn adds an actor and runs it up to its first access.
func (w *world) spawn(consumer bool, body func()) {
	a := &actor{consumer: consumer}
	a.next, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		a.yield = yield
		defer func() {
			if x := recover(); x != nil && x != errWorldOver {
				panic(x)
			}
		}()
		body()
	})
	w.actors = append(w.actors, a)
	w.resume(a)
}

func (w *world) resume(a *actor) {
	w.running = a
	_, more := a.next()
	a.done = !more
}

// value is what an actor's access would read.
func (w *world) value(a *actor) uint64 {
	switch a.at {
	case atTail:
		return a.ring.tail.Load()
	case atSeen:
		return a.ring.seen.Load()
	case atHead:
		return a.ring.head.Load()
	case atWord:
		return uint64(a.ring.word(a.position).Load())
	case atState:
		return uint64(w.waiter(a.ring).state.Load())
	case atSleep:
		return uint64(len(w.waiter(a.ring).wake))
	}
	return 0 // a payload: who reads one notes it
}

// ready is who can go on. A consumer asleep can when the token is there.
func (w *world) ready() (actors []int, err error) {
	for i, a := range w.actors {
		if a.done {
			continue
		}
		if a.at == atSleep {
			token := len(w.waiter(a.ring).wake) > 0
			if !a.consumer && token {
				return nil, errors.New("a caller would block: the token is there already")
			}
			if a.consumer && !token {
				continue
			}
		}
		actors = append(actors, i)
	}
	return actors, nil
}

// step lets one actor do one access, and looks whether the rings are still sound.
func (w *world) step(i int) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%v", x)
		}
	}()
	w.resume(w.actors[i])
	if w.fault != nil {
		return w.fault
	}
	if w.blind {
		return nil
	}
	for _, r := range w.rings {
		head, tail, seen := r.head.Load(), r.tail.Load(), r.seen.Load()
		if tail-head > uint64(len(r.bytes)) {
			return fmt.Errorf("more is claimed than there is: head %d, tail %d", head, tail)
		}
		if int64(head-seen) < 0 {
			return fmt.Errorf("producers have seen head at %d, and it is at %d", seen, head)
		}
		for at := tail; at != head+uint64(len(r.bytes)); at += wordBytes {
			if word := r.word(at).Load(); word != 0 {
				return fmt.Errorf("nobody's memory at %d is %#x", at, word)
			}
		}
	}
	return nil
}

// key is the state of the world: all shared memory, and the state of every actor.
func (w *world) key() string {
	var b []byte
	for i, r := range w.rings {
		b = append(b, r.bytes...)
		for _, v := range []uint64{r.head.Load(), r.tail.Load(), r.seen.Load()} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		if waiter := w.waiters[i]; waiter != nil {
			b = append(b, byte(waiter.state.Load()), byte(len(waiter.wake)))
		}
	}
	for _, a := range w.actors {
		b = binary.LittleEndian.AppendUint64(b, a.history)
	}
	return string(b)
}

// end stops what still runs.
func (w *world) end() {
	w.over = true
	for _, a := range w.actors {
		w.running = a
		a.stop()
	}
}

// statesMax is how large a world may be. The largest that is gone through has nine tenths of it.
const statesMax = 300_000

// errTooLarge says that a world was not gone through: nothing is known about it, neither good nor bad.
var errTooLarge = fmt.Errorf("the world has more than %d states", statesMax)

// explorer runs a world in every order of its accesses. A state that was met before is not gone through again, for what follows from it is known;
// the orders that lead through it are counted all the same.
type explorer struct {
	make   func() *world
	orders map[[2]uint64]float64 // by state: how many orders there are from here to the end
	path   []int
}

var keySeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// explore returns how many orders there are, through how many states, and the first order that goes wrong.
func explore(make func() *world) (orders float64, states int, err error) {
	e := &explorer{make: make, orders: map[[2]uint64]float64{}}
	orders, err = e.from(make())
	return orders, len(e.orders), err
}

// from goes on from a world that has come along e.path, and ends it.
func (e *explorer) from(w *world) (orders float64, err error) {
	defer func() { w.end() }()
	full := w.key()
	key := [2]uint64{maphash.String(keySeeds[0], full), maphash.String(keySeeds[1], full)}
	if orders, met := e.orders[key]; met {
		return orders, nil
	}
	ready, err := w.ready()
	if err == nil && len(ready) == 0 {
		orders, err = 1, w.final()
	}
	if err == nil && len(e.orders) >= statesMax {
		err = errTooLarge
	}
	if err == nil && len(e.path) > 1000 {
		err = errors.New("it does not come to an end")
	}
	if err != nil {
		return 0, fmt.Errorf("order %v: %w", e.path, err)
	}
	depth := len(e.path)
	for n, i := range ready {
		if n > 0 { // the first goes on with this world, the others with one that is brought here again
			w = e.make()
			for _, j := range e.path {
				if err := w.step(j); err != nil {
					return 0, fmt.Errorf("order %v does not repeat: %w", e.path, err)
				}
			}
		}
		e.path = append(e.path, i)
		if err := w.step(i); err != nil {
			w.end()
			return 0, fmt.Errorf("order %v: %w", e.path, err)
		}
		more, err := e.from(w)
		if err != nil {
			return 0, err
		}
		orders += more
		e.path = e.path[:depth]
	}
	e.orders[key] = orders
	return orders, nil
}
