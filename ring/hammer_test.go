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
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(p), 1))
			for seq := 0; seq < each; {
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
	stop := make(chan struct{})
	timer := time.AfterFunc(2*time.Minute, func() { close(stop) })
	for total < producers*each && w.Wait(stop) {
		r.Drain(1<<12, func(b []byte) {
			p, seq := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint64(b[8:])
			if crc32.ChecksumIEEE(b[4:]) != binary.NativeEndian.Uint32(b) {
				t.Errorf("a torn frame of producer %d", p)
			}
			if next[p] != seq {
				t.Errorf("producer %d: frame %d where %d is due", p, seq, next[p])
			}
			next[p] = seq + 1
			total++
		})
	}
	if !timer.Stop() {
		t.Fatalf("a wake-up was lost: %d of %d frames", total, producers*each)
	}
	all.Wait()
}

// Claims over several rings are all or nothing also when many want them: no ring ever holds a part whose other parts are not there.
func TestClaimAllUnderContention(t *testing.T) {
	rings := []*Ring{newRing(4096), newRing(1024), newRing(2048)}
	const producers, each = 4, 3000
	var all sync.WaitGroup
	var refused atomic.Int64
	for p := range producers {
		all.Go(func() {
			parts := make([]Part, len(rings))
			for n := 0; n < each; {
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
	finished := make(chan struct{})
	go func() { all.Wait(); close(finished) }()
	seen := make([]map[uint64]bool, len(rings))
	for i := range seen {
		seen[i] = map[uint64]bool{}
	}
	for running := true; running; {
		select {
		case <-finished:
			running = false
		default:
			runtime.Gosched()
		}
		for i, r := range rings {
			r.Drain(1<<20, func(b []byte) { seen[i][binary.NativeEndian.Uint64(b)] = true })
		}
	}
	for i := range seen {
		if len(seen[i]) != producers*each {
			t.Errorf("ring %d has %d of %d frames", i, len(seen[i]), producers*each)
		}
	}
	t.Logf("%d refused and tried again", refused.Load())
}

// One frame at a time, each only after the last was drained: any lost wake-up stops the game.
func TestNoWakeUpIsLost(t *testing.T) {
	rounds := 100_000
	if testing.Short() || raceEnabled {
		rounds = 20_000
	}
	r := newRing(4096)
	w := NewWaiter(r)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	back := make(chan struct{})
	go func() {
		for w.Wait(ctx.Done()) {
			r.Drain(1<<20, func([]byte) {
				select {
				case back <- struct{}{}:
				case <-ctx.Done():
				}
			})
		}
	}()
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
}

// Wake alone, without a frame, is noticed, once; and a parked consumer can be stopped.
func TestWakeAndStop(t *testing.T) {
	w := NewWaiter(newRing(4096))
	stop := make(chan struct{})
	w.Wake()
	w.Wake()
	if !w.Wait(stop) {
		t.Fatal("a wake-up was lost")
	}
	ended := make(chan bool)
	go func() { ended <- w.Wait(stop) }()
	select {
	case <-ended:
		t.Fatal("Wait returned without a reason")
	case <-time.After(20 * time.Millisecond):
	}
	close(stop)
	if <-ended {
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
		done := false
		for w.Wait(stop) {
			done = work.Swap(false) || done
		}
		if !done {
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
