package ring

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// put claims, fills with a byte and commits.
func put(t *testing.T, r *Ring, n int, fill byte) {
	t.Helper()
	c, ok := r.Claim(n)
	if !ok {
		t.Fatalf("no room for %d bytes, %d used", n, r.Used())
	}
	for i := range c.Bytes() {
		c.Bytes()[i] = fill
	}
	c.Commit()
}

func at(r *Ring, position uint64) *Ring {
	r.head.Store(position)
	r.tail.Store(position)
	r.seen.Store(position)
	return r
}

// A limit counts the bytes of payloads and nothing else, and one frame always comes if there is one.
func TestDrainLimit(t *testing.T) {
	for _, c := range []struct {
		name   string
		start  uint64
		frames []int
		limit  int
		want   int // frames
	}{
		{"none", 0, nil, 100, 0},
		{"a limit of nothing gives one", 0, []int{8, 8}, 0, 1},
		{"a negative limit gives one", 0, []int{8, 8}, -1, 1},
		{"less than the first", 0, []int{100, 8}, 1, 1},
		{"exactly the first", 0, []int{100, 8}, 100, 1},
		{"a byte more than the first", 0, []int{100, 8}, 101, 2},
		{"words and padding do not count", 0, []int{1, 1, 1, 1}, 4, 4},
		{"padding before the first does not count", 4096 - 16, []int{100, 8}, 1, 1},
		{"exactly up to the end of the buffer", 4096 - 16, []int{8, 8}, 8, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := at(newRing(4096), c.start)
			for i, n := range c.frames {
				put(t, r, n, byte(i))
			}
			frames, bytes := 0, 0
			got := r.Drain(c.limit, func(b []byte) { frames++; bytes += len(b) })
			if frames != c.want || got != bytes {
				t.Errorf("%d frames of %d bytes, returned %d; want %d frames", frames, bytes, got, c.want)
			}
		})
	}
}

// Aborted claims before a frame do not keep it from coming, and their space comes back.
func TestDrainGoesPastAborted(t *testing.T) {
	r := newRing(4096)
	for range 10 {
		c, _ := r.Claim(100)
		c.Abort()
	}
	if r.Empty() {
		t.Error("there is space to give back, and the ring says empty")
	}
	put(t, r, 8, 1)
	frames := 0
	if n := r.Drain(1, func([]byte) { frames++ }); n != 8 || frames != 1 || r.Used() != 0 || !r.Empty() {
		t.Errorf("%d bytes, %d frames, %d used", n, frames, r.Used())
	}
}

// Producers who do nothing but abort, as fast as the consumer goes, keep it for exactly a ringful.
func TestDrainIsNotKeptByAborts(t *testing.T) {
	r := newRing(4096)
	abort := func() {
		if c, ok := r.Claim(56); ok {
			c.Abort()
		}
	}
	abort()
	looks := 0
	r.step = func(place place, _ uint64) {
		if place == atWord && looks < 200 {
			looks++
			step := r.step
			r.step = nil
			abort()
			r.step = step
		}
	}
	n := r.Drain(1, func([]byte) { t.Error("a frame came out of nothing") })
	if head := r.head.Load(); n != 0 || head != 4096 {
		t.Errorf("%d bytes came, and %d were gone through before it came back", n, head)
	}
}

// Room is given back when an eighth of the ring was gone through, and at the end.
func TestDrainGivesRoomBackOnTheWay(t *testing.T) {
	for _, start := range []uint64{0, 10 * 4096} {
		r := at(newRing(4096), start)
		for range 10 {
			put(t, r, 120, 1) // four are an eighth
		}
		var used []int
		r.Drain(1<<20, func([]byte) { used = append(used, r.Used()/128) })
		if want := []int{10, 10, 10, 10, 6, 6, 6, 6, 2, 2}; !slices.Equal(used, want) || r.Used() != 0 {
			t.Errorf("from %d: at each frame, the frames in use were %d, want %d", start, used, want)
		}
	}
}

// A consumer that is told by some word to go past everything there is must not give producers what they have.
func TestRunningPastTheProducersIsABug(t *testing.T) {
	r := newRing(4096)
	for i := range r.words {
		r.words[i] = 1
	}
	(&drain{ring: r, freed: 0, head: 4096}).free()
	if r.head.Load() != 4096 || slices.Max(r.words) != 0 {
		t.Error("a whole ringful was not zeroed and given back")
	}
	defer func() {
		if text, _ := recover().(string); !strings.HasPrefix(text, "BUG: ") || r.head.Load() != 4096 {
			t.Errorf("said %q, and head is %d", text, r.head.Load())
		}
	}()
	(&drain{ring: r, freed: 4096, head: 2*4096 + 8}).free()
}

// A frame on which fn panics, or ends its goroutine, is free and does not come again; the frames behind it do.
func TestDrainFreesWhatPanicked(t *testing.T) {
	for name, stop := range map[string]func(){"panic": func() { panic("no") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			r := newRing(4096)
			for i := range 3 {
				put(t, r, 8, byte(i))
			}
			var all sync.WaitGroup
			all.Add(1)
			go func() {
				defer all.Done()
				defer func() { _ = recover() }()
				r.Drain(100, func(b []byte) {
					if b[0] == 1 {
						stop()
					}
				})
			}()
			all.Wait()
			if r.Used() != int(frameBytes(8)) {
				t.Errorf("%d bytes used, one frame is left", r.Used())
			}
			if n := r.Drain(100, func(b []byte) {
				if b[0] != 2 {
					t.Errorf("frame %d came again", b[0])
				}
			}); n != 8 {
				t.Errorf("%d bytes", n)
			}
		})
	}
}

// A refused ClaimAll gives back what it had in other rings. Their consumers may be asleep: they are called, or those rings would fill up with padding.
func TestRefusedClaimAllDoesNotFillOtherRings(t *testing.T) {
	full, other := newRing(4096), newRing(4096)
	w := NewWaiter(other)
	for {
		c, ok := full.Claim(full.MaxFrame())
		if !ok {
			break
		}
		c.Commit()
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for w.Wait(stop) {
			other.Drain(1<<20, func([]byte) { t.Error("a frame came out of nothing") })
		}
	}()
	parts := []Part{{Ring: other, Size: 500}, {Ring: full, Size: full.MaxFrame()}}
	for range 1000 {
		untilParked(t, w)
		if ClaimAll(parts) {
			t.Fatal("a full ring took a claim")
		}
		if parts[0].Claim != (Claim{}) || parts[1].Claim != (Claim{}) {
			t.Fatal("a refused ClaimAll leaves claims behind")
		}
	}
	close(stop)
	<-ended
	if other.Used() != 0 {
		t.Errorf("%d bytes are still used", other.Used())
	}
}
