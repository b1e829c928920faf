package drive

import (
	"maps"
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"penstock/benchmarks/load/wires"
)

// latencyMax is the longest latency that is told apart.
const latencyMax = 10 * time.Minute

// newHistogram tells times of 0.1 µs to latencyMax apart by their first three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(100, int64(latencyMax), 3)
}

// cell is what some connections counted since the last harvest.
type cell struct {
	due, sent                              *hdrhistogram.Histogram // latency since the request was due, and since it was sent; ns
	requests, items, body, bytes, tryAgain int64
}

func newCell() *cell { return &cell{due: newHistogram(), sent: newHistogram()} }

func (c *cell) reset() {
	due, sent := c.due, c.sent
	due.Reset()
	sent.Reset()
	*c = cell{due: due, sent: sent}
}

func (c *cell) merge(o *cell) {
	c.due.Merge(o.due)
	c.sent.Merge(o.sent)
	c.requests += o.requests
	c.items += o.items
	c.body += o.body
	c.bytes += o.bytes
	c.tryAgain += o.tryAgain
}

// group is where some of the connections count.
type group struct {
	mu       sync.Mutex
	cell     *cell
	spare    *cell
	answered bool
	open     bool
}

// note counts a request that was answered, or sent where nobody answers.
func (g *group) note(r *wires.Request, sinceDue, sinceSent int64) {
	g.mu.Lock()
	c := g.cell
	c.requests++
	c.items += int64(r.Items)
	c.body += int64(r.Body)
	c.bytes += int64(len(r.Bytes))
	if g.answered {
		record(c.due, sinceDue)
		if g.open {
			record(c.sent, sinceSent)
		}
	}
	g.mu.Unlock()
}

func record(h *hdrhistogram.Histogram, ns int64) {
	if err := h.RecordValue(min(max(ns, 1), int64(latencyMax))); err != nil {
		panic("BUG: a latency outside the histogram: " + err.Error())
	}
}

func (g *group) overload() {
	g.mu.Lock()
	g.cell.tryAgain++
	g.mu.Unlock()
}

// recorder is all that is counted.
type recorder struct {
	groups []*group

	mu     sync.Mutex
	errors map[kind]int64 // requests, and connections that could not be made
	lost   int64          // requests
}

func newRecorder(s *Settings) *recorder {
	r := &recorder{errors: map[kind]int64{}}
	for range min(s.Connections, 2*runtime.GOMAXPROCS(0)) {
		r.groups = append(r.groups, &group{cell: newCell(), spare: newCell(), answered: s.answered(), open: s.Rate > 0})
	}
	return r
}

func (r *recorder) group(number int) *group { return r.groups[number%len(r.groups)] }

// failed counts requests that came to nothing.
func (r *recorder) failed(k kind, n int64) {
	if n == 0 {
		return
	}
	r.mu.Lock()
	r.errors[k] += n
	r.lost += n
	r.mu.Unlock()
}

// refused counts a connection that could not be made.
func (r *recorder) refused(k kind) {
	k.what = "connecting: " + k.what
	r.mu.Lock()
	r.errors[k]++
	r.lost++
	r.mu.Unlock()
}

func (r *recorder) failures() (n int64, byKind map[kind]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost, maps.Clone(r.errors)
}

// harvest moves what was counted since the last time into one cell.
func (r *recorder) harvest(into *cell) {
	into.reset()
	for _, g := range r.groups {
		g.mu.Lock()
		full := g.cell
		g.cell = g.spare
		g.mu.Unlock()
		into.merge(full)
		full.reset()
		g.spare = full
	}
}
