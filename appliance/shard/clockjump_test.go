package shard

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// A wall clock that jumps a thousand times, by a second to ten years, forward and back, while the process runs, while it is down and
// while the machine is off; records all along, and retention every ten minutes at least. True time is the test's own. What is promised:
//
//   - While the machine is up, and across any number of kills and starts of the process, nothing goes that is younger than a day, and
//     nothing stays that is older than a day and a segment's time, whatever the wall clock does.
//   - Across a restart of the machine the retention clock moves by what the wall clock moved by since the last note, if that is forward
//     and no more than a day, and else not at all. So nothing goes early but by a jump of less than a day that came between a note and
//     the machine's next start; and what was not counted stays for as much longer.
//   - A segment that was growing when the power failed is as young as the start that finds it.
//
// PENSTOCK_JUMPS and PENSTOCK_SEED are for longer and other runs.
func TestClockJumps(t *testing.T) {
	j := newJumping(t, number("PENSTOCK_SEED", 20261126))
	for range number("PENSTOCK_JUMPS", 1000) {
		j.jump()
		j.live()
		switch n := j.r.IntN(100); {
		case n < 60:
		case n < 80:
			j.restartProcess(true)
		case n < 85:
			j.restartProcess(false)
		default:
			j.restartMachine(n%2 == 0)
		}
	}
	t.Log(j.seen)
	if s := j.seen; s.removed < s.records/2 || s.oldest < day || s.early > 0 && s.lied == 0 {
		t.Error("the run shows nothing")
	}
}

func number(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

const (
	tick    = 10 * minute // longest time between two looks at the ages
	minute  = 60 * 1000
	segment = day/rollFraction + tick
)

// jumping is a machine with a set on it, all in one goroutine.
type jumping struct {
	t       *testing.T
	r       *rand.Rand
	disk    *disk.Mem
	machine fakeTimes
	now     int64 // true time, ms
	ahead   int64 // how far the retention clock is ahead of it
	starts  int   // of the machine

	set    *Set
	ticket *Ticket
	looks  int // at the ages, since the start
	notes  []noted
	topics map[string]*jumpingTopic

	lies, lost int64 // time that the retention clock was told and that was not, and that it was not told, all in all
	seen       jumpsSeen
}

// noted is what the clock's file may say.
type noted struct{ clock, wall int64 }

// jumpingTopic is what must be known of a topic's records.
type jumpingTopic struct {
	first   int64
	records []recordAge
}

type recordAge struct{ at, lies, lost int64 }

type jumpsSeen struct {
	jumps, kills, stops, powerCuts, shutdowns int
	records, removed, early                   int
	lied, uncounted                           int
	oldest, youngest, trueTime                int64
}

func (s jumpsSeen) String() string {
	hours := func(ms int64) string { return fmt.Sprintf("%.2f h", float64(ms)/hour) }
	return fmt.Sprintf("%d jumps in %s; %d kills, %d stops, %d power cuts, %d shutdowns of the machine, of which %d were told a lie and %d not counted; "+
		"%d records, %d removed, the youngest at %s but for %d by a lie; the oldest kept was %s old, but for what was not counted",
		s.jumps, hours(s.trueTime), s.kills, s.stops, s.powerCuts, s.shutdowns, s.lied, s.uncounted,
		s.records, s.removed, hours(s.youngest), s.early, hours(s.oldest))
}

func newJumping(t *testing.T, seed int) *jumping {
	t.Logf("seed %d", seed)
	j := &jumping{t: t, r: rand.New(rand.NewPCG(uint64(seed), 17)), disk: disk.NewMem(), now: 20_000 * day, topics: map[string]*jumpingTopic{}}
	j.machine = fakeTimes{wall: j.now, boot: hour, name: "start-0"}
	j.disk.Now = func() int64 { return j.machine.wall }
	j.seen.youngest = math.MaxInt64
	j.open()
	return j
}

// upTo is a random time from a second to most, short ones as likely as long ones.
func (j *jumping) upTo(most int64) int64 {
	return int64(1000 * math.Exp(j.r.Float64()*math.Log(float64(most)/1000)))
}

// jump moves the wall clock, or sets it right.
func (j *jumping) jump() {
	j.seen.jumps++
	switch j.r.IntN(4) {
	case 0:
		j.machine.wall = j.now
	case 1:
		j.machine.wall -= j.upTo(3650 * day)
	default:
		j.machine.wall += j.upTo(3650 * day)
	}
}

func (j *jumping) elapse(ms int64) {
	j.now += ms
	j.seen.trueTime += ms
	j.machine.wall += ms
	j.machine.boot += ms
}

// live is a while of a running process.
func (j *jumping) live() {
	for left := j.upTo(6 * hour); left > 0; {
		pause := min(left, 1+j.r.Int64N(tick))
		left -= pause
		j.elapse(pause)
		j.put("busy", j.r.IntN(4))
		if j.r.IntN(60) == 0 {
			j.put("quiet", 1)
		}
		j.look()
	}
}

func (j *jumping) put(topic string, n int) {
	for range n {
		value := strings.Repeat("x", 1+j.r.IntN(6000))
		if err := j.set.Offer(batchOf(topic+" - "+value), j.ticket, AckDisk); err != nil {
			j.t.Fatal(err)
		}
		j.turn()
		if err := j.ticket.Wait(AckTimeout); err != nil {
			j.t.Fatal(err)
		}
		k := j.topics[topic]
		if k == nil {
			k = &jumpingTopic{}
			j.topics[topic] = k
		}
		k.records = append(k.records, recordAge{j.now, j.lies, j.lost})
		j.seen.records++
	}
}

// turn does what the set's goroutines do when they are woken.
func (j *jumping) turn() {
	w, k := j.set.writers[0], j.set.keeper
	for range 3 {
		w.runTasks()
		w.ring.Drain(drainBytes, w.frame)
		w.commit()
		w.syncer.round()
		for len(k.work) > 0 {
			l := <-k.work
			l.queued.Store(false)
			k.background(l)
		}
	}
}

// look has the keeper look at the ages, and looks at what it did.
func (j *jumping) look() {
	for topic := range j.topics { // the kernel brings names and times to the disk by itself, sooner or later
		if err := j.disk.SyncDir("/data/topics/" + topic + "-0"); err != nil {
			j.t.Fatal(err)
		}
	}
	j.set.keeper.retain()
	j.turn()
	j.looks++
	j.notes = append(j.notes, noted{j.set.clock.now(), j.machine.wall})
	if got := j.set.clock.now(); got != j.now+j.ahead {
		j.t.Fatalf("after %d jumps the retention clock is off by %d ms", j.seen.jumps, got-j.now-j.ahead)
	}
	for topic, k := range j.topics {
		j.lookAt(topic, k)
	}
}

func (j *jumping) lookAt(name string, k *jumpingTopic) {
	topic, _ := j.set.Topic(name)
	log := topic.Logs()[0]
	if log.Next() != int64(len(k.records)) {
		j.t.Fatalf("%s ends at %d, %d records were acknowledged", name, log.Next(), len(k.records))
	}
	for ; k.first < log.First(); k.first++ {
		record := k.records[k.first]
		j.seen.removed++
		switch age, lies := j.now-record.at, j.lies-record.lies; {
		case age >= day:
			j.seen.youngest = min(j.seen.youngest, age)
		case age >= day-lies:
			j.seen.early++
		default:
			j.t.Fatalf("after %d jumps a record of %s went that was %d ms old; the lies since were %d ms", j.seen.jumps, name, age, lies)
		}
	}
	if k.first == log.Next() || j.looks < 2 {
		return
	}
	record := k.records[k.first]
	age := j.now - record.at - (j.lost - record.lost)
	j.seen.oldest = max(j.seen.oldest, age)
	if age > day+segment+2*tick {
		j.t.Fatalf("after %d jumps a record of %s is still there that is %d ms old, all that was not counted left out", j.seen.jumps, name, age)
	}
}

func (j *jumping) open() {
	var err error
	j.set, err = build(Options{Dir: "/data", Shards: 1, SegmentBytes: 64 << 10, RingBytes: 64 << 10, Disk: j.disk, Times: j.machine.times(), openers: 1,
		Logger: slog.New(slog.NewTextHandler(j.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		j.t.Fatal(err)
	}
	j.ticket = j.set.NewTicket()
	j.looks = 0
	j.notes = []noted{{j.set.clock.now(), j.machine.wall}}
}

// restartProcess ends the process and starts it again, after a while in which the wall clock may jump.
func (j *jumping) restartProcess(kill bool) {
	if kill {
		j.seen.kills++
	} else {
		j.seen.stops++
		j.stop()
	}
	j.disk = j.disk.Killed()
	j.elapse(j.upTo(3 * day))
	if j.r.IntN(2) == 0 {
		j.jump()
	}
	j.open()
	j.look()
}

// stop is Close without goroutines to wait for.
func (j *jumping) stop() {
	if err := j.set.closeLogs(); err != nil {
		j.t.Fatal(err)
	}
	j.notes = append(j.notes, noted{j.set.clock.now(), j.machine.wall})
	if err := j.set.clock.close(); err != nil {
		j.t.Fatal(err)
	}
}

// restartMachine shuts it down or cuts its power, and starts it after a while in which the wall clock may jump.
func (j *jumping) restartMachine(powerCut bool) {
	off := j.upTo(3 * day)
	if powerCut {
		j.seen.powerCuts++
		j.disk = j.disk.Crash(func(int) bool { return j.r.IntN(2) == 0 }, func(string, int) bool { return j.r.IntN(2) == 0 })
		j.lost += off + tick // what was growing, or was sealed just now, is as young as the start
	} else {
		j.seen.shutdowns++
		j.stop()
		j.disk, j.notes = j.disk.Killed(), j.notes[len(j.notes)-1:]
	}
	j.elapse(off)
	jumped := j.r.IntN(2) == 0
	if jumped {
		j.jump()
	}
	j.starts++
	j.machine.boot, j.machine.name = j.upTo(hour), fmt.Sprint("start-", j.starts)
	notes := j.notes
	j.open()
	now := j.set.clock.now()
	j.believe(notes, now)
	moved := now - j.now - j.ahead
	if !jumped && !powerCut && off <= day && moved != 0 {
		j.t.Fatalf("the wall clock was right about an absence of %d ms, and the retention clock is off by %d ms", off, moved)
	}
	j.ahead += moved
	if moved > 0 {
		j.seen.lied++
		j.lies += moved
	} else if moved < 0 {
		j.seen.uncounted++
		j.lost -= moved
	}
	j.look()
}

// believe wants the clock to have gone on from one of the notes, by what can be believed of the time since.
func (j *jumping) believe(notes []noted, now int64) {
	for _, n := range notes {
		away := j.machine.wall - n.wall
		if away < 0 || away > day {
			away = 0
		}
		if now == n.clock+away {
			return
		}
	}
	j.t.Fatalf("the retention clock went on at %d, by none of its notes %v", now, notes)
}

// A process that never lives until its ages are due to be looked at keeps nothing for good, either.
func TestRetentionOfShortLives(t *testing.T) {
	d := t.TempDir()
	m := fakeTimes{wall: 1000 * day, boot: hour, name: "one"}
	const lives = 4
	var first int64
	for life := range lives {
		s := openSet(t, d, func(o *Options) { o.Shards, o.Times = 1, m.times() })
		if life == 0 {
			store(t, s, s.NewTicket(), AckDisk, "t - old")
		}
		topic, _ := s.Topic("t")
		log := topic.Logs()[0]
		if life == 1 {
			waitFor(t, func() bool { return log.Segments() == 2 }) // an empty one has been begun
		}
		if life == lives-1 {
			waitFor(t, func() bool { return log.First() == 1 })
		}
		first = log.First()
		closeSet(t, s)
		m.wall, m.boot = m.wall+13*hour, m.boot+13*hour
	}
	if first != 1 {
		t.Errorf("the log begins at %d", first)
	}
}
