package main

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// torture kills the real binary, again and again, at random moments under load, and after each restart reads back what is new: nothing
// acknowledged may be lost, nothing invented, nothing doubled, nothing out of order. Now and then, and at the end, everything that is kept is
// read once more and compared with what it was.
//
// The moments follow from the seed; what the server was doing at them does not.
type torture struct {
	shape       *shape
	cycles      int
	connections int
	recheck     int // cycles between two readings of everything; 0: only at the end
	server      *server
	disk        disk // whose power is cut; nil: the server is killed
	out         io.Writer

	book     *book
	hashSeed maphash.Seed
	verifier *verifier
	witness  *witness
	rng      *rand.Rand
	began    time.Time
	dry      int // lives without an acknowledgement, one after the other
	sum      tortureReport
}

// moment is when a cycle's kill comes.
type moment struct {
	kind  kind
	after time.Duration
}

type kind int

const (
	underLoad kind = iota // after so long under load
	atRoll                // so long after a segment began or ended
	starting              // so long after the process began, whatever it has got to
)

const (
	loadMean  = 90 * time.Millisecond
	loadMost  = 600 * time.Millisecond
	startMost = 40 * time.Millisecond
	rollMost  = 2 * time.Millisecond
	readyMost = 30 * time.Second
	dryMost   = 10 // lives in which nothing is acknowledged: one that is killed soon after it was ready proves nothing, ten do
)

func newTorture(w *workload, sh *shape, sv *server, out io.Writer) *torture {
	seed := maphash.MakeSeed()
	return &torture{
		shape: sh, server: sv, out: out, book: newBook(w), hashSeed: seed, witness: newWitness(w, seed),
		rng: rand.New(rand.NewPCG(w.Seed, 0x70727475726574)),
		sum: tortureReport{Seed: w.Seed, Ack: sh.Ack},
	}
}

func (t *torture) run() error {
	t.began = time.Now()
	err := t.lives()
	t.account()
	return err
}

func (t *torture) lives() error {
	for cycle := range t.cycles {
		if err := t.cycle(t.nextMoment(cycle)); err != nil {
			return fmt.Errorf("cycle %d: %w", cycle, err)
		}
		t.sum.Cycles++
		if t.sum.Cycles%50 == 0 {
			t.account()
			fmt.Fprintf(t.out, "%d kills, %d events acknowledged, %d of unknown fate, %d records verified, %.0f ms a cycle\n",
				t.sum.Kills, t.sum.Acked, t.sum.Unknown, t.sum.Verified, t.sum.CycleMean)
		}
		if t.recheck > 0 && t.sum.Cycles%t.recheck == 0 && t.sum.Cycles < t.cycles {
			if err := t.rest(t.die); err != nil {
				return fmt.Errorf("after cycle %d: %w", cycle, err)
			}
			t.sum.Kills++
		}
	}
	if err := t.rest(func() error { return t.server.Stop() }); err != nil {
		return err
	}
	if t.book.ackedEvents.Load() == 0 {
		return errors.New("nothing was ever acknowledged, so nothing is proven")
	}
	return t.server.verifyLogs()
}

// nextMoment draws when a cycle's kill comes. It takes the same from the random numbers each time, so a seed's moments stay the same.
func (t *torture) nextMoment(cycle int) moment {
	which, exponential, uniform := t.rng.Float64(), t.rng.ExpFloat64(), t.rng.Float64()
	switch {
	case cycle > 0 && which < 0.1:
		return moment{starting, time.Duration(uniform * float64(startMost))}
	case cycle > 0 && which < 0.3:
		return moment{atRoll, time.Duration(uniform * float64(rollMost))}
	default:
		return moment{underLoad, time.Millisecond + min(time.Duration(exponential*float64(loadMean)), loadMost)}
	}
}

// cycle is one life of the server: start, verify, load, kill.
func (t *torture) cycle(m moment) error {
	t.sum.Kills++
	if m.kind == starting {
		t.sum.Starting++
		if err := t.server.launch(); err != nil {
			return err
		}
		time.Sleep(m.after)
		return t.die()
	}
	if err := t.startAndVerify(); err != nil {
		return err
	}
	from, err := t.verifier.ends()
	if err != nil {
		return err
	}
	var gone atomic.Bool
	t.witness.follow(t.server.admin, from, &gone)
	stop, ended := make(chan struct{}), make(chan error, 1)
	l := &load{w: t.book.w, shape: t.shape, book: t.book, addr: t.server.http, connections: t.connections, gone: &gone, stop: stop}
	var watch *rollWatch
	if m.kind == atRoll {
		if watch, err = watchRolls(t.server.dir); err != nil {
			return err
		}
		defer watch.close()
	}
	go func() {
		_, err := l.run()
		ended <- err
	}()
	if watch != nil {
		select {
		case <-watch.rolled:
			t.sum.AtRoll++
		case <-time.After(loadMost): // too little came for a roll
		}
	}
	time.Sleep(m.after)
	gone.Store(true)
	err = t.die()
	close(stop)
	if err = errors.Join(err, <-ended); err != nil {
		return err
	}
	if t.verifier.saw, err = t.witness.saw(); err != nil {
		return err
	}
	if t.dry++; l.done.Load() > 0 {
		t.dry = 0
	}
	if t.dry == dryMost {
		return fmt.Errorf("the server was ready in %d lives one after the other, and acknowledged nothing", t.dry)
	}
	return nil
}

// die ends the server's life without a word: by a kill or, where it has a disk of its own, by a power cut. What it had sent is still read by
// the clients afterwards.
func (t *torture) die() error {
	if t.disk == nil {
		return t.server.Kill()
	}
	if err := t.server.freeze(); err != nil {
		return err
	}
	if err := t.disk.cut(); err != nil {
		return err
	}
	if err := t.server.Kill(); err != nil {
		return err
	}
	return t.disk.restore()
}

// startAndVerify starts the server and verifies what its former life left.
func (t *torture) startAndVerify() error {
	began := time.Now()
	if err := t.server.launch(); err != nil {
		return err
	}
	if err := t.server.awaitReady(readyMost); err != nil {
		return err
	}
	t.sum.restarted(time.Since(began))
	if t.verifier == nil {
		t.verifier = newVerifier(t.book, t.server.admin, t.hashSeed)
		return createTopics(t.book.w, t.server.admin)
	}
	t.verifier.admin = t.server.admin
	return t.check(t.verifier)
}

func (t *torture) check(v *verifier) error {
	err := v.run()
	v.saw = nil
	for _, p := range v.First {
		fmt.Fprintln(t.out, "violation:", p)
	}
	t.sum.Violations += v.problems
	return err
}

// rest is a life without load: what the former life left is verified, then everything that is kept is read again, by a verifier that knows
// nothing yet, and compared with what it was. end then ends the server.
func (t *torture) rest(end func() error) error {
	if err := t.startAndVerify(); err != nil {
		return err
	}
	again := newVerifier(t.book, t.server.admin, t.hashSeed)
	if err := again.awaitRetention(); err != nil {
		return err
	}
	if err := t.check(again); err != nil {
		return fmt.Errorf("reading everything again: %w", err)
	}
	t.sum.Reread += again.Records
	if what := t.verifier.changed(again); what != "" {
		fmt.Fprintln(t.out, "violation:", what)
		t.sum.Violations++
		return errors.New("reading everything again: 1 violation")
	}
	if err := end(); err != nil {
		return fmt.Errorf("ending a life without load: %w", err)
	}
	return nil
}

// account brings the report up to date.
func (t *torture) account() {
	b, s := t.book, &t.sum
	s.Acked, s.Unknown, s.Refused = b.ackedEvents.Load(), b.unknownEvents.Load(), b.refusedEvents.Load()
	s.Kept, s.Lost = b.keptEvents, b.lostEvents
	if d, ok := t.disk.(*fuseDisk); ok {
		s.Unflushed, s.SectorsKept, s.Torn = d.unflushed, d.kept, d.torn
	}
	s.Seconds = time.Since(t.began).Seconds()
	s.CycleMean = 1e3 * s.Seconds / float64(max(1, s.Cycles))
	if t.verifier != nil {
		s.Verified, s.Sighted = t.verifier.Records, t.verifier.Sighted
	}
}
