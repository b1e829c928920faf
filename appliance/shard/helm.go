package shard

import "sync/atomic"

// helm is who writes to a writer's logs: a lock that a request tries and never waits for. Two may wait, the writer's goroutine and its syncer,
// and while one does no request gets it. (Who waits for a sync.Mutex does not let a test's clock go on.)
type helm struct {
	state   atomic.Uint32
	waiting atomic.Int32
	freed   chan struct{} // one token
}

const (
	helmFree uint32 = iota
	helmTaken
	helmWanted // taken, and somebody waits
)

func newHelm() *helm { return &helm{freed: make(chan struct{}, 1)} }

func (h *helm) try() bool { return h.free() && h.state.CompareAndSwap(helmFree, helmTaken) }

func (h *helm) free() bool { return h.state.Load() == helmFree && h.waiting.Load() == 0 }

// take waits for it. Who has waited leaves it marked as wanted, as there may be another.
func (h *helm) take() {
	h.waiting.Add(1)
	defer h.waiting.Add(-1)
	if h.state.CompareAndSwap(helmFree, helmTaken) {
		return
	}
	for h.state.Swap(helmWanted) != helmFree {
		<-h.freed
	}
}

func (h *helm) letGo() {
	if h.state.Swap(helmFree) == helmWanted {
		select {
		case h.freed <- struct{}{}:
		default:
		}
	}
}
