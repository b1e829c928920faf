package group

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore/disk"
)

// BenchmarkCommit is clients that commit at once, each for a group of its own, on the real disk.
func BenchmarkCommit(b *testing.B) {
	for _, clients := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			var syncs atomic.Int64
			traced := &disk.Trace{Disk: disk.OS{}, After: func(call, _ string, err error) error {
				if call == "sync" {
					syncs.Add(1)
				}
				return err
			}}
			c, err := Open(Options{Dir: b.TempDir(), Disk: traced})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetParallelism(clients)
			var client atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				group := fmt.Sprint(client.Add(1))
				for at := int64(0); pb.Next(); at++ {
					resp := c.Handle(context.Background(), Client{}, commitRequest(group, "topic", 0, at)).(*kmsg.OffsetCommitResponse)
					if code := resp.Topics[0].Partitions[0].ErrorCode; code != ok {
						b.Errorf("error code %d", code)
					}
				}
			})
			b.ReportMetric(float64(syncs.Load())/float64(b.N), "syncs/op")
			if err := c.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkHeartbeat is a heartbeat in a group of a thousand.
func BenchmarkHeartbeat(b *testing.B) {
	c, err := Open(Options{Dir: b.TempDir(), InitialDelay: -1})
	if err != nil {
		b.Fatal(err)
	}
	g, _ := c.enter("g", true, 0)
	for i := range 1000 {
		g.welcome(candidate{id: fmt.Sprint(i), protocolType: "consumer", protocols: []protocol{{name: "range"}}, session: sessionMax, rejoin: sessionMax})
	}
	g.complete()
	generation := g.generation
	g.mu.Unlock()
	req := &kmsg.HeartbeatRequest{Version: 4, Group: "g", MemberID: "500", Generation: generation}
	b.ReportAllocs()
	for b.Loop() {
		if resp := c.Handle(context.Background(), Client{}, req).(*kmsg.HeartbeatResponse); resp.ErrorCode != ok {
			b.Fatal(resp.ErrorCode)
		}
	}
	b.StopTimer()
	if err := c.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}
