package group

// Stats is what the coordinator holds.
type Stats struct {
	Groups   int
	Members  int
	Offsets  int
	Memory   int64 // bytes that clients have made it hold, about
	LogBytes int64 // what the log of offsets takes on disk
}

// Stats counts. It looks into each group.
func (c *Coordinator) Stats() (s Stats) {
	for _, g := range c.list() {
		g.mu.Lock()
		if g.state != dead {
			s.Groups++
			s.Members += len(g.members)
		}
		g.mu.Unlock()
	}
	c.store.mu.Lock()
	for _, kept := range c.store.kept {
		s.Offsets += len(kept.offsets)
	}
	c.store.mu.Unlock()
	s.Memory, s.LogBytes = c.memory.held.Load(), c.store.log.Size()
	return s
}
