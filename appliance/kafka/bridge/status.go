package bridge

import (
	"slices"
	"strings"
)

// Status is what GET /v1/forward tells.
type Status struct {
	Targets []TargetStatus `json:"targets"`
}

// TargetStatus is how far a target is.
type TargetStatus struct {
	Name   string        `json:"name"` // log, a forward's, or promote:TOPIC
	To     string        `json:"to"`
	Away   bool          `json:"away"`            // some shard is behind, or its partition out of reach
	Error  string        `json:"error,omitempty"` // the last one, of a shard that has not caught up since
	Shards []ShardStatus `json:"shards"`

	Records uint64 `json:"records"` // brought there by this process
	Bytes   uint64 `json:"bytes"`
	Lost    uint64 `json:"lost"` // gone before they could be brought there
	Errors  uint64 `json:"errors"`
}

// ShardStatus is how far a shard is: the records before Shipped are there, those from there on to Next are not.
type ShardStatus struct {
	Topic   string `json:"topic"`
	Shard   int    `json:"shard"`
	Next    int64  `json:"next"`
	Shipped int64  `json:"shipped"`
}

// Status tells of all targets.
func (b *Bridge) Status() Status {
	st := Status{Targets: []TargetStatus{}}
	for _, t := range b.all() {
		st.Targets = append(st.Targets, t.status())
	}
	return st
}

func (t *target) status() TargetStatus {
	st := TargetStatus{
		Name: t.name, To: t.to.String(), Shards: []ShardStatus{},
		Records: t.records.Load(), Bytes: t.bytes.Load(), Lost: t.missed.Load(), Errors: t.errors.Load(),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, running := range t.shippers {
		for _, s := range running.all {
			shipped := s.shipped.Load() // before Next: a shard never seems further than it is
			st.Shards = append(st.Shards, ShardStatus{Topic: s.topic.Name(), Shard: s.number, Next: max(s.log.Next(), shipped), Shipped: shipped})
			if !s.tail.Load() {
				st.Away = true
			}
			if err := s.trouble.Load(); err != nil && st.Error == "" {
				st.Error = (*err).Error()
			}
		}
	}
	slices.SortFunc(st.Shards, func(x, y ShardStatus) int {
		if c := strings.Compare(x.Topic, y.Topic); c != 0 {
			return c
		}
		return x.Shard - y.Shard
	})
	return st
}

// Lag is how many records wait for the target.
func (t TargetStatus) Lag() (records int64) {
	for i := range t.Shards {
		records += t.Shards[i].Next - t.Shards[i].Shipped
	}
	return records
}
