package ring

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Producers claim, write and commit as fast as they can, a consumer drains through a waiter that parks. Every frame comes out once, whole,
// and in its producer's order.
func TestHammer(t *testing.T) {
	frames := 200_000
	if testing.Short() || raceEnabled {
		frames = 30_000
	}
	for _, producers := range []int{1, 2, 4, 16} {
		t.Run(fmt.Sprint(producers), func(t *testing.T) { hammer(t, producers, frames/producers) })
	}
}

func hammer(t *testing.T, producers, each int) {
	r, err := New(8 << 10)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWaiter(r)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(p), 1))
			for seq := 0; seq < each && ctx.Err() == nil; {
				c, ok := r.Claim(16 + rng.IntN(r.MaxFrame()/8))
				if !ok {
					runtime.Gosched()
					continue
				}
				if rng.IntN(20) == 0 {
					c.Abort()
					w.Wake()
					continue
				}
				b := c.Bytes()
				binary.NativeEndian.PutUint32(b[4:], uint32(p))
				binary.NativeEndian.PutUint64(b[8:], uint64(seq))
				for i := 16; i < len(b); i++ {
					b[i] = byte(i * seq)
				}
				binary.NativeEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
				c.Commit()
				w.Wake()
				seq++
				if rng.IntN(1000) == 0 {
					time.Sleep(50 * time.Microsecond) // let the consumer park
				}
			}
		})
	}
	next := make([]uint64, producers)
	total := 0
	for total < producers*each && w.Wait(ctx.Done()) {
		r.Drain(1<<12, func(b []byte) {
			p, seq := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint64(b[8:])
			if crc32.ChecksumIEEE(b[4:]) != binary.NativeEndian.Uint32(b) {
				t.Errorf("a torn frame of producer %d", p)
				cancel() // who wrote it, and which it is, is not known
				return
			}
			if next[p] != seq {
				t.Errorf("producer %d: frame %d where %d is due", p, seq, next[p])
			}
			next[p] = seq + 1
			total++
		})
	}
	if total < producers*each {
		t.Errorf("a wake-up or a frame was lost: %d of %d frames", total, producers*each)
	}
	cancel()
	all.Wait()
	r.Drain(1<<20, func(b []byte) { t.Errorf("a frame too many, of %d bytes", len(b)) })
	if r.Used() != 0 {
		t.Errorf("%d bytes of an empty ring are used", r.Used())
	}
}

// Claims over several rings are all or nothing also when many want them: every frame comes out of each of its rings, once, and in its
// producer's order, and nothing comes of the claims that were refused.
func TestClaimAllUnderContention(t *testing.T) {
	rings := []*Ring{newRing(4096), newRing(1024), newRing(2048)}
	const producers, each = 4, 3000
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	var all sync.WaitGroup
	defer func() { cancel(); all.Wait() }()
	var refused atomic.Int64
	for p := range producers {
		all.Go(func() {
			parts := make([]Part, len(rings))
			for n := 0; n < each && ctx.Err() == nil; {
				for i := range parts {
					parts[i] = Part{Ring: rings[(i+p)%len(rings)], Size: 8 + 8*(n%4)}
				}
				if !ClaimAll(parts) {
					refused.Add(1)
					runtime.Gosched()
					continue
				}
				for i := range parts {
					binary.NativeEndian.PutUint64(parts[i].Claim.Bytes(), uint64(p*each+n))
					parts[i].Claim.Commit()
				}
				n++
			}
		})
	}
	next := make([][producers]uint64, len(rings))
	for left := len(rings) * producers * each; left > 0; {
		if ctx.Err() != nil {
			t.Fatalf("%d frames did not come: by ring and producer, there were %v of %d", left, next, each)
		}
		for i, r := range rings {
			r.Drain(1<<20, func(b []byte) {
				id := binary.NativeEndian.Uint64(b)
				p, n := id/each, id%each
				if p >= producers || n != next[i][min(p, producers-1)] {
					cancel()
					t.Errorf("ring %d: frame %d of producer %d, due were %v", i, n, p, next[i])
					return
				}
				next[i][p]++
				left--
			})
		}
		runtime.Gosched()
	}
	all.Wait()
	for i, r := range rings {
		r.Drain(1<<20, func([]byte) { t.Errorf("ring %d: a frame too many", i) })
		if r.Used() != 0 {
			t.Errorf("ring %d: %d bytes of an empty ring are used", i, r.Used())
		}
	}
	t.Logf("%d refused and tried again", refused.Load())
}

// One frame at a time, each only after the last was drained: any lost wake-up stops the game. A patient consumer hardly ever sleeps here, and
// one that looks once sleeps every time.
func TestNoWakeUpIsLost(t *testing.T) {
	for _, c := range []struct {
		name          string
		looks, yields int
	}{{"patient", looksDefault, yieldsDefault}, {"sleeps at once", 1, 0}} {
		t.Run(c.name, func(t *testing.T) { pingPong(t, c.looks, c.yields) })
	}
}

func pingPong(t *testing.T, looks, yields int) {
	rounds := 100_000
	if testing.Short() || raceEnabled {
		rounds = 20_000
	}
	r := newRing(4096)
	w := NewWaiter(r)
	w.looks, w.yields = looks, yields
	var naps atomic.Int64
	r.step = func(at place, _ uint64) {
		if at == atSleep {
			naps.Add(1) // one by who sleeps, one by who wakes him
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	back, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for w.Wait(ctx.Done()) {
			r.Drain(1<<20, func([]byte) {
				select {
				case back <- struct{}{}:
				case <-ctx.Done():
				}
			})
		}
	}()
	defer func() { cancel(); <-ended }()
	for i := range rounds {
		c, ok := r.Claim(8)
		if !ok {
			t.Fatal("the ring is full")
		}
		c.Commit()
		w.Wake()
		select {
		case <-back:
		case <-ctx.Done():
			t.Fatalf("round %d: a wake-up was lost", i)
		}
		if i%3 == 0 {
			runtime.Gosched()
		}
	}
	t.Logf("%d rounds, %d naps", rounds, naps.Load()/2)
}

// untilParked returns when the consumer sleeps.
func untilParked(t *testing.T, w *Waiter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for w.state.Load() != parked {
		if ctx.Err() != nil {
			t.Fatal("the consumer does not go to sleep")
		}
		runtime.Gosched()
	}
}

// within is what comes from a channel, or the end of the test.
func within[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case v = <-c:
	case <-ctx.Done():
		t.Fatal(what)
	}
	return v
}

// Wake alone, without a frame, is noticed, once, and by a sleeper too; and a sleeper can be stopped.
func TestWakeAndStop(t *testing.T) {
	w := NewWaiter(newRing(4096))
	stop := make(chan struct{})
	w.Wake()
	w.Wake()
	if !w.Wait(stop) {
		t.Fatal("a wake-up was lost")
	}
	wait := func() <-chan bool {
		ended := make(chan bool, 1)
		go func() { ended <- w.Wait(stop) }()
		untilParked(t, w) // which it would not be, had the second Wake counted
		return ended
	}
	ended := wait()
	w.Wake()
	if !within(t, ended, "a sleeper that was called sleeps on") {
		t.Fatal("a sleeper that was called says it was stopped")
	}
	ended = wait()
	close(stop)
	if within(t, ended, "a sleeper sleeps past stop") {
		t.Fatal("Wait did not see stop")
	}
	w.Wake() // and a late caller does not block
	if !w.Wait(make(chan struct{})) {
		t.Fatal("the late wake-up was lost")
	}
}

// A call that comes while stop closes is not lost: Wait says true for it before it says false.
func TestACallAtTheLastMoment(t *testing.T) {
	rounds := 20_000
	if testing.Short() || raceEnabled {
		rounds = 3_000
	}
	w := NewWaiter(newRing(4096))
	w.looks, w.yields = 1, 0
	for i := range rounds {
		stop, work := make(chan struct{}), atomic.Bool{}
		go func() {
			if i%2 == 0 {
				runtime.Gosched()
			}
			work.Store(true)
			w.Wake()
			close(stop)
		}()
		done := make(chan bool, 1)
		go func() {
			found := false
			for w.Wait(stop) {
				found = work.Swap(false) || found
			}
			done <- found
		}()
		if !within(t, done, "the caller or the consumer never came back") {
			t.Fatalf("round %d: stopped over posted work", i)
		}
	}
	if w.state.Load() != idle || len(w.wake) != 0 {
		t.Errorf("state %d, %d tokens", w.state.Load(), len(w.wake))
	}
}

// Used may be asked at any moment, also while head and tail run, and is always within the ring.
func TestUsedStaysWithinTheRing(t *testing.T) {
	r := newRing(4096)
	const frames = 50_000
	var all sync.WaitGroup
	var over atomic.Bool
	all.Go(func() {
		for n := 0; n < frames; {
			if c, ok := r.Claim(100); ok {
				c.Commit()
				n++
			} else {
				runtime.Gosched()
			}
		}
	})
	all.Go(func() {
		for !over.Load() {
			if u := r.Used(); u < 0 || u > 4096 {
				t.Errorf("%d bytes of 4096 are used", u)
			}
			runtime.Gosched()
		}
	})
	for n := 0; n < frames; {
		r.Drain(1<<20, func([]byte) { n++ })
		runtime.Gosched()
	}
	over.Store(true)
	all.Wait()
	if r.Used() != 0 {
		t.Errorf("%d bytes of an empty ring are used", r.Used())
	}
}
