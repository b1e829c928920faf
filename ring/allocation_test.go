//go:build !race

package ring

import "testing"

func TestNothingAllocates(t *testing.T) {
	r, other := newRing(64<<10), newRing(64<<10)
	w := NewWaiter(r)
	stop := make(chan struct{})
	parts := []Part{{Ring: r, Size: 100}, {Ring: other, Size: 1000}}
	take := func([]byte) {}
	if n := testing.AllocsPerRun(1000, func() {
		c, ok := r.Claim(200)
		if !ok || !ClaimAll(parts) {
			t.Fatal("the ring is full")
		}
		c.Commit()
		parts[0].Claim.Abort()
		parts[1].Claim.Commit()
		w.Wake()
		if !w.Wait(stop) {
			t.Fatal("stopped")
		}
		r.Drain(1<<20, take)
		other.Drain(1<<20, take)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A ring of the largest size takes that much address space and no more.
func TestTheLargestRing(t *testing.T) {
	r, err := New(CapacityMax)
	if err != nil || len(r.bytes) != CapacityMax || len(r.words) != CapacityMax/wordBytes {
		t.Fatalf("%v; %d bytes in %d words", err, len(r.bytes), len(r.words))
	}
}

// Waking a sleeper and giving up claims allocate no more than the rest.
func TestWakingAndRefusingAllocateNothing(t *testing.T) {
	full, other := newRing(4096), newRing(4096)
	w := NewWaiter(other)
	for {
		c, ok := full.Claim(full.MaxFrame())
		if !ok {
			break
		}
		c.Commit()
	}
	parts := []Part{{Ring: other, Size: 500}, {Ring: full, Size: full.MaxFrame()}}
	take := func([]byte) {}
	if n := testing.AllocsPerRun(1000, func() {
		w.state.Store(parked) // as a sleeper would; the token is taken here
		if ClaimAll(parts) {
			t.Fatal("a full ring took a claim")
		}
		select {
		case <-w.wake:
		default:
			t.Fatal("the sleeper was not woken")
		}
		w.Wait(nil)
		other.Drain(1<<20, take)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
