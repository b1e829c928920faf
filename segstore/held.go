package segstore

import (
	"slices"
	"sync"
)

// held are the segments that were removed while readers were in them, or may have been: a file that is mapped takes its space until the last
// of them has left.
type held struct {
	mu       sync.Mutex
	segments []*segment
}

// add takes in a segment that is being removed, and forgets those removed before that nobody is in any more: no reader finds these again.
func (h *held) add(s *segment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.segments = append(slices.DeleteFunc(h.segments, func(s *segment) bool { return !s.pinned() }), s)
}

func (h *held) bytes() (sum int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.segments {
		if s.pinned() {
			sum += s.size()
		}
	}
	return sum
}
