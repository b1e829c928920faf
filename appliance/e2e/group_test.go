package e2e

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A group of consumers reads what was sent over add_events, each record once, while members come and go and the appliance is killed and started
// again: twice only what a member had read and could not commit. PENSTOCK_GROUP is how many records there are.
func TestConsumerGroup(t *testing.T) {
	n := 60_000
	if testing.Short() {
		n = 10_000
	}
	if asked, err := strconv.Atoi(os.Getenv("PENSTOCK_GROUP")); err == nil {
		n = asked
	}
	dir := t.TempDir()
	s := start(t, dir, "--kafka", "127.0.0.1:"+freePort(t), "--shards", "6", "--segment-bytes", "4MiB")
	const perRequest = 1000
	n = n / perRequest * perRequest
	var body strings.Builder
	for from := 0; from < n; from += perRequest {
		body.Reset()
		for i := range perRequest {
			fmt.Fprintf(&body, "{\"n\":%d}\n", from+i)
		}
		if status, answer := s.post("t", body.String()); status != 202 {
			t.Fatal(status, answer)
		}
	}
	r := &readers{t: t, at: s.Kafka, seen: make([]int, n), unsure: map[int]bool{}}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	member := func(leavesAt int) { all.Go(func() { r.member(ctx, leavesAt) }) }
	member(n / 4)
	member(n)
	r.await(ctx, n/8)
	member(n) // while the others read
	r.await(ctx, n/2)
	s.kill()
	s.start()
	member(n)
	all.Wait()
	if t.Failed() {
		return
	}
	twice := 0
	for i, times := range r.seen {
		switch {
		case times == 0:
			t.Fatalf("event %d was read by nobody", i)
		case times > 1 && !r.unsure[i]:
			t.Errorf("event %d was read %d times although it was committed", i, times)
		case times > 1:
			twice++
		}
	}
	t.Logf("%d events, each read once, but for %d of %d that could not be committed", n, twice, len(r.unsure))
}

// readers are the members of a group, and what they have read together.
type readers struct {
	t  *testing.T
	at string

	mu     sync.Mutex
	seen   []int
	found  int          // of seen, at least once
	unsure map[int]bool // read, and not known to be committed
}

func (r *readers) await(ctx context.Context, found int) {
	for ctx.Err() == nil {
		r.mu.Lock()
		enough := r.found >= found
		r.mu.Unlock()
		if enough {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// member reads and commits, until so many events were found by all.
func (r *readers) member(ctx context.Context, until int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.at), kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("t"), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(100*time.Millisecond),
		kgo.FetchMaxPartitionBytes(50_000), kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		r.t.Error(err)
		return
	}
	defer client.CloseAllowingRebalance()
	for {
		poll, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		records := client.PollRecords(poll, 500).Records()
		cancel()
		r.note(records, false)
		var err error
		if len(records) > 0 {
			commit, cancel := context.WithTimeout(ctx, 2*time.Second)
			err = client.CommitRecords(commit, records...)
			cancel()
		}
		client.AllowRebalance()
		if err != nil { // it is no member any more, and is told so at its next heartbeat
			r.note(records, true)
			time.Sleep(200 * time.Millisecond)
		}
		r.mu.Lock()
		done := r.found >= until
		r.mu.Unlock()
		if done {
			return
		}
		if ctx.Err() != nil {
			r.t.Errorf("the time is over, and %d of %d events were read", r.found, len(r.seen))
			return
		}
	}
}

// note counts records that were read, or marks those that could not be committed.
func (r *readers) note(records []*kgo.Record, unsure bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range records {
		var n int
		if _, err := fmt.Sscanf(string(record.Value), `{"n":%d}`, &n); err != nil || n < 0 || n >= len(r.seen) {
			r.t.Errorf("a record of nobody: %s", record.Value)
			continue
		}
		if unsure {
			r.unsure[n] = true
			continue
		}
		if r.seen[n]++; r.seen[n] == 1 {
			r.found++
		}
	}
}
