package shard

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
)

// sickLog is where the calls fail.
const sickLog = "/sick-0"

// Every call of one log to its disk fails, in every way: once, for good, and once though it was carried out. The process lives on,
// the other topic's clients notice nothing, nothing is acknowledged that a kill or a power cut would take, and when the disk is well
// again, so is the topic. PENSTOCK_SYSCALLS=all leaves no call out, for the errors that are handled as another one is, either.
func TestEveryCallOfALogFails(t *testing.T) {
	calls := math.MaxInt
	for range 6 { // the fewest of some lives: every now and then one has a segment more
		synctest.Test(t, func(t *testing.T) {
			p := newPatient(t, illness{dir: sickLog})
			p.live()
			calls = min(calls, p.disk.calls)
		})
	}
	everyThird := 3
	if os.Getenv("PENSTOCK_SYSCALLS") == "all" {
		everyThird = 1
	}
	for _, c := range []struct {
		illness
		step int
	}{
		{illness{err: syscall.EIO}, 1},
		{illness{err: syscall.EIO, forGood: true}, 1},
		{illness{err: syscall.EIO, denied: true}, 1},
		{illness{err: syscall.ENOSPC}, 1},
		{illness{err: syscall.ENOSPC, forGood: true}, 1},
		{illness{err: syscall.EDQUOT}, everyThird},
		{illness{err: syscall.EDQUOT, forGood: true}, everyThird},
		{illness{err: syscall.EINTR}, everyThird}, // the real disk repeats what was interrupted; this one does not
		{illness{err: syscall.EINTR, forGood: true}, everyThird},
	} {
		t.Run(fmt.Sprintf("%v,for good=%v,denied=%v", c.err, c.forGood, c.denied), func(t *testing.T) { everyCallFails(t, c.illness, calls, c.step) })
	}
}

func everyCallFails(t *testing.T, i illness, calls, step int) {
	if testing.Short() {
		step *= 20
	}
	i.dir = sickLog
	lives, shown, notOpened, first := 0, 0, 0, map[string]int{}
	for i.at = 1; i.at <= calls; i.at += step {
		lives++
		synctest.Test(t, func(t *testing.T) {
			p := newPatient(t, i)
			p.live()
			if failed := p.disk.allFailed(); len(failed) > 0 {
				call, _, _ := strings.Cut(failed[0], ",")
				shown++
				first[call]++
			}
			notOpened += p.notOpened
		})
	}
	t.Logf("%d lives of %d calls, in %d something failed, first %v; %d starts were refused", lives, calls, shown, first, notOpened)
	if shown < lives*9/10 {
		t.Errorf("in %d of %d lives nothing failed", lives-shown, lives)
	}
}

// A sync that has failed once is the end of its segment: not one record that it covered is ever acknowledged, whatever is synced later,
// and clients are told. A thousand runs, each with its own moments of failure, under four clients.
func TestNoAcknowledgementAfterAFailedSync(t *testing.T) {
	runs := 1000
	if testing.Short() {
		runs = 40
	}
	seed := uint64(1)
	if s, err := strconv.ParseUint(os.Getenv("PENSTOCK_SEED"), 10, 64); err == nil {
		seed = s
	}
	failures, acked, refused, givenUp := 0, 0, 0, 0
	for run := range runs {
		r := rand.New(rand.NewPCG(seed, uint64(run)))
		synctest.Test(t, func(t *testing.T) {
			p := newPatient(t, illness{dir: sickLog})
			refused += p.failingSyncs(r)
			failures += len(p.disk.allFailed())
			acked += len(p.acked)
			givenUp += len(p.givenUp)
		})
		if t.Failed() {
			t.Fatalf("run %d, seed %d (PENSTOCK_SEED)", run, seed)
		}
	}
	t.Logf("%d runs, seed %d (PENSTOCK_SEED): %d syncs failed, %d times records were given up; %d were acknowledged, none of those; "+
		"%d requests were refused", runs, seed, failures, givenUp, acked, refused)
	if failures < runs || givenUp < runs/2 {
		t.Error("too little failed")
	}
}

// failingSyncs is a life in which syncs fail, up to three times, and counts the requests that were refused.
func (p *patient) failingSyncs(r *rand.Rand) (refused int) {
	var err error
	if p.set, err = p.open(p.dir, p.disk); err != nil {
		p.t.Fatal(err)
	}
	for round := range 1 + r.IntN(3) {
		p.disk.fallIll(illness{at: 1 + r.IntN(6), only: "sync", err: syscall.EIO, forGood: r.IntN(4) == 0, denied: r.IntN(4) == 0})
		var all sync.WaitGroup
		var told atomic.Int64
		for client := range 4 {
			size := 1 + r.IntN(5<<10)
			all.Go(func() {
				told.Add(int64(len(p.send("sick", fmt.Sprint("client", client, " round", round), 6, size))))
			})
		}
		all.Wait()
		refused += int(told.Load())
		if r.IntN(2) == 0 {
			p.serves()
		}
	}
	p.copies()
	p.close()
	p.check(p.dir, "after a stop")
	for place := range p.acked {
		log, offset := splitPlace(place)
		for _, g := range p.givenUp {
			if log == g.log && offset >= g.first && offset < g.next {
				p.t.Errorf("%s was acknowledged, and %s gave up %d to %d", place, g.log, g.first, g.next)
			}
		}
	}
	return refused
}
