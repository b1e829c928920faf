package shard

import (
	"fmt"
	"strings"
	"testing"
)

// A capped topic keeps its newest records and no more than its cap; its neighbours keep all of theirs.
func TestCapOfATopic(t *testing.T) {
	const limit = 8 << 20
	s := openSet(t, t.TempDir(), func(o *Options) { o.Caps = map[string]int64{"capped": limit}; o.Shards = 1 })
	k := s.NewTicket()
	value := strings.Repeat("x", 10<<10)
	for i := range 2000 {
		store(t, s, k, AckLog, fmt.Sprintf("capped - %d %s", i, value), fmt.Sprintf("free - %d %s", i, value))
	}
	of := func(topic string) ShardStats {
		for _, st := range s.Stats().Shards {
			if st.Topic == topic {
				return st
			}
		}
		t.Fatalf("topic %s is not there", topic)
		return ShardStats{}
	}
	waitFor(t, func() bool { return of("capped").Bytes <= limit })
	if st := of("capped"); st.First == 0 || st.Written != 2000 || st.Bytes < limit/2 {
		t.Errorf("the capped topic: %+v", st)
	}
	if st := of("free"); st.First != 0 {
		t.Errorf("the free topic: %+v", st)
	}
}
