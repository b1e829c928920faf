package ring

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// modelFrame is a frame that the model knows to be in the ring, or padding, which nobody has to settle.
type modelFrame struct {
	claim   Claim
	room    uint64 // bytes of the ring
	payload []byte
	settled bool // committed or given up
	aborted bool // or padding
}

// The ring against a queue in a slice: claims settled in any order, frames drained in the order of their claims and never past one that is
// not settled.
func TestModel(t *testing.T) {
	for range 20 { // each a few thousandths of a second
		rapid.Check(t, againstTheModel)
	}
}

// model is two rings and what should be in them.
type model struct {
	rings  []*Ring
	queues [][]*modelFrame
	tails  []uint64 // where the next claim begins
	fill   byte
}

func againstTheModel(t *rapid.T) {
	m := &model{rings: []*Ring{newRing(256), newRing(128)}, queues: make([][]*modelFrame, 2), tails: make([]uint64, 2)}
	for i, r := range m.rings { // begin anywhere, near the end of the position's range too
		m.tails[i] = rapid.SampledFrom([]uint64{0, 8, 120, 248, 1<<64 - 64}).Draw(t, "start")
		at(r, m.tails[i])
	}
	t.Repeat(map[string]func(*rapid.T){
		"claim":     m.claim,
		"claim all": m.claimAll,
		"settle":    m.settle,
		"drain":     m.drain,
		"":          m.agrees,
	})
	m.finish(t)
}

// agrees: what the ring says of itself is what the model has in it, to the byte.
func (m *model) agrees(t *rapid.T) {
	for i, r := range m.rings {
		if r.Used() != int(m.used(i)) {
			t.Fatalf("ring %d uses %d, the model %d", i, r.Used(), m.used(i))
		}
		if due := len(m.queues[i]) > 0 && m.queues[i][0].settled; r.Empty() == due {
			t.Fatalf("ring %d: Empty says %v, and %v that there is something at its head", i, r.Empty(), due)
		}
	}
}

func (m *model) used(i int) (bytes uint64) {
	for _, f := range m.queues[i] {
		bytes += f.room
	}
	return bytes
}

// reserve is the model's own claim: padding if a frame would wrap, and the frame; nil, and nothing done, when they do not fit.
func (m *model) reserve(i, size int) *modelFrame {
	capacity := uint64(len(m.rings[i].bytes))
	f := &modelFrame{room: 8 + uint64(size+7)/8*8}
	var padding uint64
	if place := m.tails[i] % capacity; place+f.room > capacity {
		padding = capacity - place
	}
	if m.used(i)+padding+f.room > capacity {
		return nil
	}
	if padding > 0 {
		m.queues[i] = append(m.queues[i], &modelFrame{room: padding, settled: true, aborted: true})
	}
	m.queues[i] = append(m.queues[i], f)
	m.tails[i] += padding + f.room
	return f
}

// fillIn writes a payload into a claim, which has to come zeroed.
func (m *model) fillIn(t *rapid.T, f *modelFrame, c Claim, size int) {
	if len(c.Bytes()) != size || slices.ContainsFunc(c.Bytes(), func(b byte) bool { return b != 0 }) {
		t.Fatalf("a claim of %d bytes came as %x", size, c.Bytes())
	}
	m.fill++
	f.claim, f.payload = c, bytes.Repeat([]byte{m.fill | 1}, size)
	copy(c.Bytes(), f.payload)
}

func (m *model) claim(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "ring")
	size := rapid.IntRange(1, m.rings[i].MaxFrame()).Draw(t, "size")
	f := m.reserve(i, size)
	c, ok := m.rings[i].Claim(size) // nobody else is there, so full means full
	if ok != (f != nil) {
		t.Fatalf("a claim of %d bytes says %v with %d used", size, ok, m.rings[i].Used())
	}
	if ok {
		m.fillIn(t, f, c, size)
	}
}

func (m *model) claimAll(t *rapid.T) {
	var parts []Part
	var frames []*modelFrame
	fits := true
	for range rapid.IntRange(1, 4).Draw(t, "parts") {
		i := rapid.IntRange(0, 1).Draw(t, "ring")
		size := rapid.IntRange(1, m.rings[i].MaxFrame()).Draw(t, "size")
		parts = append(parts, Part{Ring: m.rings[i], Size: size})
		if !fits {
			continue
		}
		if f := m.reserve(i, size); f != nil {
			frames = append(frames, f)
		} else {
			fits = false
		}
	}
	if ok := ClaimAll(parts); ok != fits {
		t.Fatalf("a claim of %d parts says %v", len(parts), ok)
	}
	for n, f := range frames {
		if fits {
			m.fillIn(t, f, parts[n].Claim, parts[n].Size)
		} else {
			f.settled, f.aborted = true, true // given back, and taken until the consumer has gone past it
		}
	}
	for _, p := range parts {
		if !fits && p.Claim != (Claim{}) {
			t.Fatal("a refused ClaimAll leaves a claim behind")
		}
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
	if frames == 0 || bytes < limit { // else it stopped right behind its last frame
		m.queues[i] = pastAborted(m.queues[i])
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
		m.queues[i] = pastAborted(m.queues[i])
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

// pastAborted is the queue without what a drain skips at its head.
func pastAborted(queue []*modelFrame) []*modelFrame {
	for len(queue) > 0 && queue[0].aborted {
		queue = queue[1:]
	}
	return queue
}

// expect takes the drained frame off the model's queue.
func expect(t *rapid.T, queue []*modelFrame, frame []byte) []*modelFrame {
	queue = pastAborted(queue)
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
