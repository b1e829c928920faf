package shard

import (
	"errors"
	"slices"
	"strings"

	"penstock/segstore/disk"
)

// actor is whose code runs.
type actor uint8

const (
	nobody actor = iota
	opening
	offering
	writing
	syncing
	keeping
	reading
)

// as has f run as somebody's code.
func (l *life) as(who actor, f func()) {
	before := l.actor
	l.actor = who
	f()
	l.actor = before
}

// step is one move of somebody's, or of the world's.
func (l *life) step() {
	l.sum[countSteps]++
	l.pass(int64(l.IntN(100)))
	if l.IntN(1000) < l.plan.faulty {
		l.fault = l.newFault()
		l.note("%v", l.fault)
	}
	switch n := l.IntN(200); {
	case n < 60:
		l.offer()
	case n < 110:
		l.write()
	case n < 140:
		l.sync()
	case n < 160:
		l.keep()
	case n < 184:
		l.read()
	case n < 186:
		l.search()
	case n < 188:
		l.stopWaiting()
	case n < 192:
		l.retain()
	case n < 195:
		l.as(keeping, l.set.keeper.freeSpace)
		l.as(opening, l.set.openSick)
	case n < 197:
		l.as(keeping, l.set.keeper.retry)
	case n < 198:
		l.remove()
	default:
		l.change()
	}
	l.look()
}

// change is something that changes in the world.
func (l *life) change() {
	switch l.IntN(4) {
	case 0:
		l.pass(l.aWhile())
	case 1:
		if l.plan.jumpy {
			l.wallError = (l.Int64N(1<<l.IntN(40)) - 1<<38) * int64(l.IntN(2))
			l.note("the wall clock is off by %d ms", l.wallError)
		}
	case 2:
		if l.plan.small {
			l.mem.Free = int64(l.IntN(1500)) << 10
			l.note("%d bytes are free", l.mem.Free)
		}
	case 3:
		l.fault = fault{}
	}
}

// write is a move of a writer: what it was asked to do between drains, some frames, or the commit that ends a drain.
func (l *life) write() {
	i := l.IntN(len(l.set.writers))
	l.as(writing, func() {
		if len(l.laid[i]) > 0 && l.chance(50) {
			l.commit(i)
			return
		}
		if len(l.laid[i]) == 0 {
			l.set.writers[i].runTasks()
		}
		limit := 1 << l.IntN(14)
		if l.plan.uniform {
			limit = 1
		}
		l.drain(i, limit)
		if l.plan.uniform || l.chance(66) {
			l.commit(i)
		}
	})
}

// drain lays frames into logs, and notes where they went.
func (l *life) drain(i, limit int) {
	w := l.set.writers[i]
	w.ring.Drain(limit, func(b []byte) {
		p := l.rings[i][0]
		l.rings[i] = l.rings[i][1:]
		l.laid[i] = append(l.laid[i], p)
		before := w.counts.records.Load()
		w.frame(b)
		p.drained(w.counts.records.Load() - before)
	})
}

// commit ends a drain. What was laid into a log whose sync has failed since is not to be acknowledged.
func (l *life) commit(i int) {
	for _, p := range l.laid[i] {
		p.doomed = p.log.poisoned
	}
	l.laid[i] = l.laid[i][:0]
	l.set.writers[i].commit()
}

func (l *life) sync() {
	w := l.set.writers[l.IntN(len(l.set.writers))]
	l.as(syncing, w.syncer.round)
}

// keep is what the keeper was asked for first.
func (l *life) keep() {
	k := l.set.keeper
	select {
	case s := <-k.work:
		s.queued.Store(false)
		l.as(keeping, func() { k.background(s) })
	default:
	}
}

func (l *life) retain() {
	if l.chance(50) {
		l.pass(l.Int64N(l.plan.retention.Milliseconds()))
	}
	l.note("retain at %d", l.elapsed)
	l.byAge = true
	l.as(keeping, l.set.keeper.retain)
	l.look()
	l.byAge = false
}

// read goes on with the cursor of a log.
func (l *life) read() {
	if len(l.logs) > 0 {
		l.as(reading, l.logs[l.IntN(len(l.logs))].readOn)
	}
}

func (l *life) search() {
	if len(l.logs) > 0 {
		l.as(reading, l.logs[l.IntN(len(l.logs))].search)
	}
}

// stopWaiting is a client that waits no longer.
func (l *life) stopWaiting() {
	c := l.clients[l.IntN(len(l.clients))]
	if c.pending == nil {
		return
	}
	l.note("request %d is left", c.pending.number)
	l.sum[countLeft]++
	if err := c.ticket.Wait(0); !errors.Is(err, ErrTimeout) {
		l.fail("request %d was not answered, and leaving it gave %v", c.pending.number, err)
	}
	c.pending = nil
}

// remove deletes a topic, as DeleteTopic does, but for the waiting. Nothing fails meanwhile: of a topic that was half deleted nothing is
// promised.
func (l *life) remove() {
	names := l.set.Topics()
	if len(names) == 0 {
		return
	}
	t, _ := l.set.Topic(names[l.IntN(len(names))])
	l.note("topic %s is deleted", t.name)
	l.fault = fault{}
	doom := l.doom
	l.doom = 0
	l.as(opening, func() {
		l.set.dropTopic(t)
		for _, state := range t.logs {
			s := l.logOf(state.log.Dir())
			l.commit(slices.Index(l.set.writers, state.writer))
			_ = state.close() // which may have been given up before
			l.look()
			if err := l.set.removeLog(state); err != nil {
				l.fail("deleting gave %v", err)
			}
			s.remove()
		}
	})
	l.doom = doom
}

// interruptible are the calls during which others move. During the rest a lock may be held that they would wait for.
var interruptible = []string{"create", "rename", "sync", "sync dir", "truncate", "write", "remove", "mkdir", "allocate"}

// meanwhile has somebody else move while a call to the disk is under way, if nobody holds a lock that he needs.
func (l *life) meanwhile(call, path string) {
	if l.nested || l.inner.IntN(100) >= l.plan.interference || !slices.Contains(interruptible, call) || strings.HasSuffix(path, "checkpoint") {
		return
	}
	if call == "write" && (strings.HasSuffix(path, ".log") || strings.HasSuffix(path, "spare"+disk.TemporarySuffix)) { // a batch; the helm is held
		return
	}
	giving := slices.ContainsFunc(l.logs, func(s *simLog) bool { return s.poisoned }) // a writer gives up what was not synced, or will
	moves := []func(){l.read}
	switch l.actor {
	case writing:
		moves = append(moves, l.offer)
		if !giving {
			moves = append(moves, l.sync)
		}
	case syncing:
		moves = append(moves, l.offer, l.write)
	case keeping:
		moves = append(moves, l.offer)
		if !giving && !strings.HasSuffix(path, "spare.tmp") { // a writer that needs a segment waits for the keeper to make it
			moves = append(moves, l.write)
		}
	case offering:
		moves = append(moves, l.write, l.sync)
	default:
		return
	}
	l.nested, l.Rand = true, l.inner
	l.sum[countNestedSteps]++
	l.note("meanwhile")
	moves[l.IntN(len(moves))]()
	l.look()
	l.note("and on")
	l.nested, l.Rand = false, l.outer
}

// goOn is what must be possible once nothing fails any more: every shard takes a record and puts it on disk.
func (l *life) goOn() {
	l.note("all is well")
	l.fault, l.wallError, l.nested = fault{}, 0, true // and everybody moves in his turn
	if l.plan.small {
		l.mem.Free = 8 << 20
	}
	l.as(opening, l.set.openSick)
	l.look()
	if len(l.set.sick) > 0 {
		l.fail("nothing fails, and %v", l.set.Ready())
	}
	l.everybodyMoves() // what is in the rings
	l.everybodyMoves() // what the keeper has made room for
	last := l.offerToAll()
	l.everybodyMoves()
	for _, c := range l.clients {
		if c.pending != nil {
			l.fail("request %d is not answered although everything was done", c.pending.number)
		}
	}
	for _, r := range last {
		if r.err != nil {
			l.fail("request %d is not acknowledged although nothing fails: %v", r.number, r.err)
		}
	}
	if err := l.set.Ready(); err != nil {
		l.fail("nothing fails, and the set is not ready: %v", err)
	}
	l.nested = false
}

func (l *life) everybodyMoves() {
	for i, w := range l.set.writers {
		l.as(writing, func() {
			w.runTasks()
			l.drain(i, drainBytes)
			l.commit(i)
		})
	}
	for _, w := range l.set.writers {
		l.as(syncing, w.syncer.round)
	}
	l.as(keeping, l.set.keeper.retry)
	for len(l.set.keeper.work) > 0 {
		l.keep()
	}
	l.look()
}
