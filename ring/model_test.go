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
	for range 20 { // each a few hundredths of a second
		rapid.Check(t, againstTheModel)
	}
}

// model is two rings and what should be in them.
type model struct {
	rings  []*Ring
	queues [][]*modelFrame
	fill   byte
}

func againstTheModel(t *rapid.T) {
	m := &model{rings: []*Ring{newRing(256), newRing(128)}, queues: make([][]*modelFrame, 2)}
	for _, r := range m.rings { // begin anywhere, near the end of the position's range too
		at(r, rapid.SampledFrom([]uint64{0, 8, 120, 248, 1<<64 - 64}).Draw(t, "start"))
	}
	t.Repeat(map[string]func(*rapid.T){
		"claim":     m.claim,
		"claim all": m.claimAll,
		"settle":    m.settle,
		"drain":     m.drain,
		"": func(t *rapid.T) {
			for i, r := range m.rings {
				if u := r.Used(); u < 0 || u > len(r.bytes) {
					t.Fatalf("ring %d uses %d of %d", i, u, len(r.bytes))
				}
			}
		},
	})
	m.finish(t)
}

func (m *model) add(t *rapid.T, i int, c Claim, size int) {
	m.fill++
	f := &modelFrame{claim: c, payload: bytes.Repeat([]byte{m.fill | 1}, size)}
	if len(c.Bytes()) != size || slices.ContainsFunc(c.Bytes(), func(b byte) bool { return b != 0 }) {
		t.Fatalf("a claim of %d bytes came as %x", size, c.Bytes())
	}
	copy(c.Bytes(), f.payload)
	m.queues[i] = append(m.queues[i], f)
}

func (m *model) claim(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "ring")
	r := m.rings[i]
	size := rapid.IntRange(1, r.MaxFrame()).Draw(t, "size")
	need := frameBytes(size)
	room := need + r.padding(r.tail.Load(), need)
	fits := uint64(r.Used())+room <= uint64(len(r.bytes)) // nobody else is there, so full means full
	c, ok := r.Claim(size)
	if ok != fits {
		t.Fatalf("a claim of %d bytes says %v with %d used, which takes %d", size, ok, r.Used(), room)
	}
	if ok {
		m.add(t, i, c, size)
	}
}

func (m *model) claimAll(t *rapid.T) {
	var parts []Part
	var of []int
	for range rapid.IntRange(1, 4).Draw(t, "parts") {
		i := rapid.IntRange(0, 1).Draw(t, "ring")
		parts = append(parts, Part{Ring: m.rings[i], Size: rapid.IntRange(1, m.rings[i].MaxFrame()).Draw(t, "size")})
		of = append(of, i)
	}
	if !ClaimAll(parts) {
		return // the claims that were given back are padding, which Drain skips
	}
	for n, p := range parts {
		m.add(t, of[n], p.Claim, p.Size)
	}
}

func (m *model) settle(t *rapid.T) {
	var open []*modelFrame
	for _, f := range m.queues[rapid.IntRange(0, 1).Draw(t, "ring")] {
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
}

func (m *model) drain(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "ring")
	limit := rapid.IntRange(0, 300).Draw(t, "limit")
	due, frames, bytes := publishedFrames(m.queues[i], limit), 0, 0
	got := m.rings[i].Drain(limit, func(frame []byte) {
		m.queues[i] = expect(t, m.queues[i], frame)
		frames++
		bytes += len(frame)
	})
	if frames != due || got != bytes {
		t.Fatalf("limit %d: %d frames of %d bytes, returned %d; due were %d frames", limit, frames, bytes, got, due)
	}
}

// finish settles and drains what is left. An empty ring is all zeroes.
func (m *model) finish(t *rapid.T) {
	for i, r := range m.rings {
		for _, f := range m.queues[i] {
			if !f.settled {
				f.settled = true
				f.claim.Commit()
			}
		}
		r.Drain(1<<20, func(frame []byte) { m.queues[i] = expect(t, m.queues[i], frame) })
		m.queues[i] = slices.DeleteFunc(m.queues[i], func(f *modelFrame) bool { return f.aborted })
		if len(m.queues[i]) != 0 || r.Used() != 0 || !r.Empty() {
			t.Fatalf("ring %d: %d frames left, %d used", i, len(m.queues[i]), r.Used())
		}
		if slices.ContainsFunc(r.words, func(w uint64) bool { return w != 0 }) {
			t.Fatalf("ring %d: empty and not zero", i)
		}
	}
}

// publishedFrames is how many frames a drain with that limit has to hand over: none behind one that is open, and none once limit is reached.
func publishedFrames(queue []*modelFrame, limit int) (frames int) {
	bytes := 0
	for _, f := range queue {
		if !f.settled || frames > 0 && bytes >= limit {
			break
		}
		if !f.aborted {
			frames++
			bytes += len(f.payload)
		}
	}
	return frames
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
