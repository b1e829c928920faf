package intake

import (
	"errors"
	"sync/atomic"
)

// room is the memory that large bodies may hold together, over all doors.
//
// fasthttp makes room for a whole body as soon as its length is announced and reads straight into it, while everything else goes
// through a buffer of MaxHeader bytes. So a read of more than that is a read of a body that holds at least so much.
type room struct {
	most  int64
	small int // a read of up to so many bytes is no large body's
	held  atomic.Int64
}

var errNoRoom = errors.New("bodies hold as much memory as they may")

// holding is one connection's part of the room. Only its Close races with its reads.
type holding struct {
	bytes atomic.Int64
}

// take notes a read of n bytes: the first of a large body takes room for it, the next small one gives it back. It returns false
// when there is none left.
func (h *holding) take(n int, r *room) bool {
	if n <= r.small {
		if h.bytes.Load() != 0 {
			r.held.Add(-h.bytes.Swap(0))
		}
		return true
	}
	if h.bytes.Load() != 0 {
		return true // further into the same body
	}
	if r.held.Add(int64(n)) > r.most {
		r.held.Add(int64(-n))
		return false
	}
	h.bytes.Store(int64(n))
	return true
}
