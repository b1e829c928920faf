package shard

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What nobody waits for is synced after 50 ms; where many logs are written to, after 10 ms for each, and after a second at the latest. Who waits for the disk
// does not wait for that, and all that the writer has goes with it. Where readers see what is synced it is
// 50 ms in any case.
func TestSyncedInTheEnd(t *testing.T) {
	for _, c := range []struct {
		topics        int
		least, most   time.Duration
		somebodyWaits bool
		policy        Ack
	}{
		{1, 50 * time.Millisecond, 50 * time.Millisecond, false, AckLog},
		{5, 50 * time.Millisecond, 50 * time.Millisecond, false, AckLog},
		{20, 200 * time.Millisecond, 250 * time.Millisecond, false, AckLog},
		{75, 700 * time.Millisecond, 800 * time.Millisecond, false, AckLog},
		{400, 950 * time.Millisecond, 1050 * time.Millisecond, false, AckLog},
		{400, 0, 10 * time.Millisecond, true, AckLog},
		{150, 50 * time.Millisecond, 100 * time.Millisecond, false, AckDisk},
	} {
		synctest.Test(t, func(t *testing.T) {
			now := func() int64 { return time.Now().UnixMilli() }
			s, err := Open(Options{Dir: quickDir(t), Shards: 1, Ack: c.policy, SegmentBytes: 64 << 10, RingBytes: 1 << 20, openers: 1,
				Times: Times{Wall: now, Boot: now, Name: "boot"}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(context.Background())
			k := s.NewTicket()
			logs := make([]*logState, c.topics)
			for i := range logs { // each exists, and nothing is left to sync
				topic, err := s.topicFor(fmt.Appendf(nil, "t%d", i))
				if err != nil {
					t.Fatal(err)
				}
				logs[i] = topic.logs[0]
			}
			time.Sleep(2 * time.Second)
			began := time.Now()
			for i := range logs {
				store(t, s, k, AckLog, fmt.Sprintf("t%d - x", i))
			}
			if c.somebodyWaits {
				store(t, s, k, AckDisk, "t0 - y")
			}
			unsynced := func() (n int) {
				for _, l := range logs {
					n += int(l.log.Written() - l.log.Synced())
				}
				return n
			}
			for unsynced() > 0 && time.Since(began) < 3*time.Second {
				time.Sleep(time.Millisecond)
				synctest.Wait()
			}
			if took := time.Since(began); took < c.least || took > c.most+2*time.Millisecond {
				t.Errorf("%d topics, somebody waits %v: synced after %v, want %v to %v", c.topics, c.somebodyWaits, took, c.least, c.most)
			}
			if n := s.dirty.Load(); n != 0 {
				t.Errorf("%d topics: %d logs wait for a sync", c.topics, n)
			}
		})
	}
}
