package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Three processes are listeners in front of one cluster, and share nothing else. One of them is killed and started again every few seconds
// under load: all that was acknowledged is in the cluster once, in order by connection and key, and a key in one partition, whichever
// listener took it. PENSTOCK_LISTENER_KILLS is how many are killed, PENSTOCK_SEED draws which and when.
func TestThreeListeners(t *testing.T) {
	if testing.Short() {
		t.Skip("a broker takes a while to start")
	}
	kills := times("PENSTOCK_LISTENER_KILLS", 3)
	seed := uint64(times("PENSTOCK_SEED", 20261126))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	b := startBroker(t)
	const listeners, connections = 3, 4
	all := newBook(listeners * connections)
	var servers []*server
	var loads []*senders
	for i := range listeners {
		s := startBringing(t, "--log", "kafka://"+b.Address)
		s.keyed("shared")
		servers = append(servers, s)
		load := newSenders(t, s.HTTP, "shared", 6*time.Millisecond, all.pages[i*connections:(i+1)*connections]...)
		load.start()
		loads = append(loads, load)
	}
	for range kills {
		time.Sleep(time.Duration(500+rng.IntN(2000)) * time.Millisecond)
		s := servers[rng.IntN(listeners)]
		s.kill()
		time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
		s.start()
	}
	time.Sleep(time.Second)
	stored := int64(0)
	for i, s := range servers {
		loads[i].pause()
		t.Log(loads[i])
		stored += s.stored(t, "log")
		if loads[i].acks["kafka"] == 0 {
			t.Errorf("the replies of listener %d name %v", i, loads[i].acks)
		}
	}
	c := newCheck(all)
	readTopic(t, b.Address, "shared", func(r *kgo.Record) { c.record(int(r.Partition), r.Offset, string(r.Key), string(r.Value)) })
	c.end(inLog)
	c.tell(t, "three listeners")
	if int64(c.records) != stored {
		t.Errorf("the cluster has %d records, the logs %d together", c.records, stored)
	}
	if len(c.partitions) != bookKeys {
		t.Errorf("%d of %d keys were sent", len(c.partitions), bookKeys)
	}
}
