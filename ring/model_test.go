package ring

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// modelFrame is a frame that the model knows to be in the ring.
type modelFrame struct {
	claim   Claim
	payload []byte
	settled bool // committed or given up
	aborted bool
}

// The ring against a queue in a slice: claims settled in any order, frames drained in the order of their claims and never past one that is
// not settled.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rings := []*Ring{newRing(256), newRing(128)}
		for _, r := range rings { // begin anywhere, near the end of the position's range too
			start := rapid.SampledFrom([]uint64{0, 8, 120, 248, 1<<64 - 64}).Draw(t, "start")
			r.head.Store(start)
			r.tail.Store(start)
			r.seen.Store(start)
		}
		queues := make([][]*modelFrame, len(rings))
		fill := byte(0)
		add := func(i int, c Claim, size int) {
			fill++
			f := &modelFrame{claim: c, payload: bytes.Repeat([]byte{fill | 1}, size)}
			copy(c.Bytes(), f.payload)
			queues[i] = append(queues[i], f)
		}
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "ring")
				size := rapid.IntRange(1, rings[i].MaxFrame()).Draw(t, "size")
				used := rings[i].Used()
				c, ok := rings[i].Claim(size)
				if ok {
					add(i, c, size)
				} else if used == 0 {
					t.Fatalf("an empty ring refused %d bytes", size)
				}
			},
			"claim all": func(t *rapid.T) {
				var parts []Part
				var of []int
				for range rapid.IntRange(1, 4).Draw(t, "parts") {
					i := rapid.IntRange(0, 1).Draw(t, "ring")
					parts = append(parts, Part{Ring: rings[i], Size: rapid.IntRange(1, rings[i].MaxFrame()).Draw(t, "size")})
					of = append(of, i)
				}
				if !ClaimAll(parts) {
					return // the claims that were given back are padding, which Drain skips
				}
				for n, p := range parts {
					add(of[n], p.Claim, p.Size)
				}
			},
			"settle": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "ring")
				var open []*modelFrame
				for _, f := range queues[i] {
					if !f.settled {
						open = append(open, f)
					}
				}
				if len(open) == 0 {
					return
				}
				f := open[rapid.IntRange(0, len(open)-1).Draw(t, "which")]
				f.settled, f.aborted = true, rapid.Bool().Draw(t, "abort")
				if f.aborted {
					f.claim.Abort()
				} else {
					f.claim.Commit()
				}
			},
			"drain": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "ring")
				limit := rapid.IntRange(1, 300).Draw(t, "limit")
				rings[i].Drain(limit, func(frame []byte) { queues[i] = expect(t, queues[i], frame) })
			},
			"": func(t *rapid.T) {
				for i, r := range rings {
					if u := r.Used(); u < 0 || u > len(r.bytes) {
						t.Fatalf("ring %d uses %d of %d", i, u, len(r.bytes))
					}
				}
			},
		})
		for i, r := range rings {
			for _, f := range queues[i] {
				if !f.settled {
					f.settled = true
					f.claim.Commit()
				}
			}
			r.Drain(1<<20, func(frame []byte) { queues[i] = expect(t, queues[i], frame) })
			queues[i] = slices.DeleteFunc(queues[i], func(f *modelFrame) bool { return f.aborted })
			if len(queues[i]) != 0 || r.Used() != 0 || !r.Empty() {
				t.Fatalf("ring %d: %d frames left, %d used", i, len(queues[i]), r.Used())
			}
			if slices.ContainsFunc(r.words, func(w uint64) bool { return w != 0 }) {
				t.Fatalf("ring %d: empty and not zero", i)
			}
		}
	})
}

// expect takes the drained frame off the model's queue.
func expect(t *rapid.T, queue []*modelFrame, frame []byte) []*modelFrame {
	for len(queue) > 0 && queue[0].aborted {
		queue = queue[1:]
	}
	if len(queue) == 0 || !queue[0].settled {
		t.Fatalf("drained %x, and nothing was due", frame)
	}
	if !bytes.Equal(queue[0].payload, frame) {
		t.Fatalf("drained %x, due was %x", frame, queue[0].payload)
	}
	return queue[1:]
}

func TestNewRefusesOddSizes(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 4095, 4097, CapacityMin / 2, 3 * CapacityMin, 2 * CapacityMax} {
		if _, err := New(n); err == nil {
			t.Errorf("a ring of %d bytes was made", n)
		}
	}
	if r, err := New(CapacityMin); err != nil || r.MaxFrame() != CapacityMin/4-wordBytes {
		t.Error(r, err)
	}
}

func TestClaimOfAnImpossibleSizeIsABug(t *testing.T) {
	r := newRing(4096)
	for _, n := range []int{-1, 0, r.MaxFrame() + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a claim of %d bytes was taken", n)
				}
			}()
			r.Claim(n)
		}()
	}
}
