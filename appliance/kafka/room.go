package kafka

import (
	"context"
	"sync"
	"time"
)

// room is the memory for frames that are too large for what each connection has of its own. Whoever finds none waits: its sender is slowed
// down. One address gets at most half of it, and a frame that has got its room has to come soon (see frameTime), so that nobody keeps
// others waiting by sending slowly.
type room struct {
	most   int64
	mu     sync.Mutex
	held   int64
	byHost map[string]int64
	given  chan struct{} // closed when something was given back
}

func newRoom(most int64) *room {
	return &room{most: most, byHost: map[string]int64{}, given: make(chan struct{})}
}

// take waits for room until ctx ends; false: there was none.
func (r *room) take(ctx context.Context, host string, n int64) bool {
	for {
		given, ok := r.try(host, n)
		if ok {
			return true
		}
		select {
		case <-given:
		case <-ctx.Done():
			return false
		}
	}
}

func (r *room) try(host string, n int64) (given chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held+n > r.most || r.byHost[host]+n > r.most/2 {
		return r.given, false
	}
	r.held += n
	r.byHost[host] += n
	return nil, true
}

func (r *room) give(host string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held -= n
	if r.byHost[host] -= n; r.byHost[host] == 0 {
		delete(r.byHost, host)
	}
	close(r.given)
	r.given = make(chan struct{})
}

// A large frame comes with at least so many bytes a second, after a start.
const (
	frameStart = 2 * time.Second
	frameRate  = 128 << 10
)

// frameTime is how long a frame of so many bytes may take to come.
func (c *client) frameTime(size int) time.Duration {
	return min(frameStart+time.Duration(size)*time.Second/frameRate, c.server.opt.ReadTimeout)
}
