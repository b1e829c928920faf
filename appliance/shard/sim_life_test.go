package shard

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"penstock/segstore/disk"
	"penstock/segstore/pack"
	"penstock/wire"
)

// life is the life of one data directory, over several runs of the process.
type life struct {
	*rand.Rand            // of who moves now
	outer      *rand.Rand // of steps
	inner      *rand.Rand // of what happens within calls to the disk: a call more or less changes little else
	history    *disk.History
	sum        summary
	plan       plan

	mem   *disk.Mem
	trace *disk.Trace // the set's way to it
	set   *Set

	// The world's time, ms.
	elapsed   int64
	wallError int64
	doubted   int64 // since the retention clock's file could not be read: it goes by the wall clock's time, and segments may not
	booted    int64
	boots     int

	logs    []*simLog // in the order in which they came to be known
	byDir   map[string]*simLog
	series  map[string]*pack.Series // of samples, by key
	clients []*simClient
	sent    []*simRequest // that may be sent again
	rings   [][]*simPart  // by writer: what is in its ring, in order
	laid    [][]*simPart  // by writer: what is laid into logs, and not committed
	numbers uint32        // of requests
	batch   wire.Batch
	scratch []byte

	actor  actor
	nested bool // somebody moves inside another one's call
	byAge  bool // the keeper retires what is old
	quiet  bool // the checker is at the disk: nothing fails, nobody interferes

	fault fault
	fired int // calls that failed in this run
	doom  int // the call to the disk that this run does not survive, counted down; 0: none
	end   ending
	dead  bool
}

// plan is what kind of life it is.
type plan struct {
	runs, steps  int
	shards       int
	topics       int
	segment      int64
	ring         int
	ack          Ack
	onlyDisk     bool // nobody asks for less than disk
	value        int  // the largest value
	uniform      bool // records and batches are all of one size: what is left of one fits where another was
	ids          bool // records have IDs, and are sent again
	retention    time.Duration
	keptBytes    int64
	faulty       int  // how often something begins to fail, of 1000 steps
	jumpy        bool // the wall clock jumps
	small        bool // the disk is
	interference int  // how often others move during a call, of 100
	apart        bool // all shares are laid apart that may be
	packs        bool // records are samples, and those that are laid are packed
}

func newLife(seed uint64, history *disk.History) *life {
	l := &life{Rand: rand.New(rand.NewPCG(seed, 0)), inner: rand.New(rand.NewPCG(seed, 1)), history: history, mem: disk.NewMem(), boots: 1,
		byDir: map[string]*simLog{}, series: map[string]*pack.Series{}}
	l.outer = l.Rand
	p := &l.plan
	p.apart, p.packs = seed%4 == 2, seed%4 == 1
	p.runs, p.steps = 2+l.IntN(4), 20+l.IntN(80)
	p.shards, p.topics = 1+l.IntN(3), 1+l.IntN(2)
	p.segment = 64<<10 + int64(l.IntN(8)/7)*32<<10
	sizes := []struct{ value, ring int }{{20, 4 << 10}, {20, 4 << 10}, {200, 8 << 10}, {200, 8 << 10}, {1500, 64 << 10}, {5000, 128 << 10}}
	size := sizes[l.IntN(len(sizes))]
	p.value, p.ring = size.value, size.ring<<l.IntN(2)
	if p.packs { // a sample takes as much at least
		p.value, p.ring = max(p.value, 200), max(p.ring, 8<<10)
	}
	if l.chance(33) {
		p.ack = AckLog
	}
	p.onlyDisk, p.uniform, p.ids, p.jumpy, p.small = l.chance(33), l.chance(25), l.chance(33), l.chance(25), l.chance(20)
	p.retention = time.Duration(1+l.IntN(48)) * time.Hour
	if l.chance(25) {
		p.keptBytes = int64(1+l.IntN(5)) * 100 << 10
	}
	if l.chance(66) {
		p.faulty = 5 + l.IntN(40)
	}
	p.interference = []int{0, 10, 50}[l.IntN(3)]
	if p.small {
		l.mem.Free = int64(300+l.IntN(1500)) << 10
	}
	l.mem.Now = l.wall
	l.note("%+v", *p)
	return l
}

func (l *life) chance(percent int) bool { return l.IntN(100) < percent }

const (
	simDir = "/data"
	// simEpoch is when lives begin, ms.
	simEpoch = 1_700_000_000_000
)

func (l *life) wall() int64   { return simEpoch + l.elapsed + l.wallError }
func (l *life) boot() int64   { return l.elapsed - l.booted }
func (l *life) pass(ms int64) { l.elapsed += ms }

// aWhile is mostly short, and three days at most.
func (l *life) aWhile() int64 { return int64(l.IntN(1 << l.IntN(28))) }

// live lives it.
func (l *life) live() {
	for run := range l.plan.runs {
		l.open()
		last := run == l.plan.runs-1
		if !last && l.chance(50) {
			l.doom, l.end = 1+l.IntN(150), killed+ending(l.IntN(2))
		}
		l.survive(func() {
			for range l.IntN(l.plan.steps) {
				l.step()
			}
			if last {
				l.goOn()
				l.finish(stopped)
			}
			l.finish(ending(l.IntN(3)))
		})
	}
	l.open()
	l.survive(func() { l.finish(stopped) })
}

// ending is how a run ends.
type ending uint8

const (
	stopped ending = iota
	killed
	cut // the power is
)

var endings = [...]string{stopped: "stopped", killed: "killed", cut: "power cut"}

func (e ending) String() string { return endings[e] }

// survive has f run until the run is over.
func (l *life) survive(f func()) {
	defer func() {
		if r := recover(); r != nil && !l.dead { // what unwinds after the last call is no longer the process's
			panic(r)
		}
	}()
	f()
}

// open starts the set on what the last end left. It may be killed while it recovers, or fail to, and is then started again.
func (l *life) open() {
	for tries := 0; ; tries++ {
		l.start()
		switch {
		case tries > 2 || l.chance(75):
		case l.plan.faulty > 0 && l.chance(50):
			l.fault = l.newFault()
		default:
			l.doom, l.end = 1+l.IntN(80), killed+ending(l.IntN(2))
		}
		var set *Set
		var err error
		l.survive(func() {
			l.as(opening, func() { set, err = build(l.options()) })
			l.doom, l.fault = 0, fault{}
			switch {
			case err == nil:
			case l.fired == 0:
				l.fail("the set does not open: %v\n%v", err, l.mem)
			default:
				l.note("opening failed: %v", err)
				l.die(killed + ending(l.IntN(2)))
			}
		})
		if !l.dead {
			l.set = set
			l.opened()
			return
		}
		l.sum[countRecoveriesCut]++
		for _, s := range l.logs {
			s.shaky = s.shaky || l.fired > 0 // a sync may have failed: what is not safe may be gone
		}
	}
}

// start starts a process on the disk that is there. What is left of the one before can't reach it.
func (l *life) start() {
	if path := filepath.Join(simDir, "routing-seed"); l.mem.File(path) == nil { // the set would draw one from the system's randomness
		l.mem.Put(path, []byte("0123456789abcdef\n"))
	}
	trace := &disk.Trace{Disk: l.mem, History: l.history}
	trace.Before = func(call, path string) error { return l.before(trace, call, path) }
	trace.After = func(call, path string, err error) error { return l.afterwards(trace, call, path, err) }
	l.trace, l.set, l.clients, l.rings, l.laid = trace, nil, nil, nil, nil
	l.Rand, l.actor, l.nested, l.byAge = l.outer, nobody, false, false
	l.dead, l.fired, l.doom, l.fault = false, 0, 0, fault{}
}

func (l *life) options() Options {
	p := &l.plan
	o := Options{
		Dir: simDir, Shards: p.shards, SegmentBytes: p.segment, RingBytes: p.ring, Retention: p.retention, RetentionBytes: p.keptBytes,
		Ack: p.ack, Disk: l.trace, Logger: slog.New(simLogger{l}), openers: 1,
		Times: Times{Wall: l.wall, Boot: l.boot, Name: fmt.Sprint("boot-", l.boots)},
	}
	if p.ids {
		o.RepeatBytes = 1 << 20
	}
	if p.apart {
		o.apartLeast = 1
	}
	o.Pack = p.packs
	return o
}

// opened is the first look at a set that was just opened.
func (l *life) opened() {
	l.note("open")
	l.rings, l.laid = make([][]*simPart, len(l.set.writers)), make([][]*simPart, len(l.set.writers))
	for range 1 + l.IntN(3) {
		l.clients = append(l.clients, &simClient{ticket: l.set.NewTicket()})
	}
	l.look()
	if len(l.set.sick) > 0 && l.fired == 0 {
		l.fail("a topic does not open: %v\n%v", l.set.Ready(), l.mem)
	}
	for _, s := range l.logs {
		if s.log == nil {
			s.notThere()
		}
	}
}

// finish ends the run that way. The machine may go down some time after a clean stop, too.
func (l *life) finish(end ending) {
	if end != stopped {
		l.die(end)
	}
	l.note("stop")
	l.sum[countStops]++
	err := l.stop()
	l.note("stopped: %v", err)
	l.settled()
	switch {
	case err != nil:
		l.die(killed + ending(l.IntN(2)))
	case l.chance(33):
		l.die(cut)
	}
	l.leave(stopped)
}

// stop is what Set.Close has the set's goroutines do, one after the other.
func (l *life) stop() error {
	s := l.set
	s.closing.Store(true)
	if err := s.quiet(context.Background()); err != nil {
		return err
	}
	for i, w := range s.writers {
		l.as(writing, func() {
			l.commit(i)
			for !w.ring.Empty() {
				l.drain(i, drainBytes)
				l.commit(i)
			}
			w.runTasks()
		})
		l.look()
	}
	for _, w := range s.writers {
		l.as(syncing, w.syncer.round)
		l.look()
	}
	err := s.closeLogs()
	if e := s.clock.close(); err == nil {
		err = e
	}
	return err
}

// die ends the run here and now. Who was not answered is not, and of what is not on disk the end decides.
func (l *life) die(end ending) {
	l.look()
	l.note("%v", end)
	l.sum[countStops+int(end)]++
	l.leave(end)
}

// leave makes what the end leaves, and has nothing more happen in this run.
func (l *life) leave(end ending) {
	l.dead = true
	for _, s := range l.logs {
		s.leave(end)
	}
	if end == cut {
		l.mem = l.mem.Crash(l.names(), l.sectors())
		l.pass(l.aWhile())
		l.booted, l.boots = l.elapsed-int64(l.IntN(20_000)), l.boots+1
	} else {
		l.mem.Kill()
		l.pass(int64(l.IntN(5_000)))
	}
	panic("the run is over")
}

// names and sectors choose what a power cut leaves: all, none, or each by a coin. Of names a journal keeps a beginning.
func (l *life) names() func(int) bool {
	keep := []int{0, 1 << 30, l.IntN(30)}[l.IntN(3)]
	return func(i int) bool { return i < keep }
}

func (l *life) sectors() func(string, int) bool {
	percent := []int{0, 100, 10, 50, 90}[l.IntN(5)]
	return func(string, int) bool { return percent == 100 || percent > 0 && l.chance(percent) }
}
