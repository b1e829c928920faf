package group

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// Clients commit, fetch, delete and sweep at once while the log is compacted again and again under them: each finds what was acknowledged
// to it, and so does the next start.
func TestManyAtOnce(t *testing.T) {
	o := Options{Dir: t.TempDir(), segmentBytes: segstore.SegmentBytesMin, compactFloor: 4 << 10}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	const clients, commits = 8, 150
	var done sync.WaitGroup
	for i := range clients {
		done.Go(func() {
			own, shared := fmt.Sprint("own ", i), commitRequest("shared", fmt.Sprint(i), 0, 0)
			for at := range int64(commits) {
				shared.Topics[0].Partitions[0].Offset = at
				for _, req := range []*kmsg.OffsetCommitRequest{commitRequest(own, "t", int32(at%5), at), shared} {
					resp := c.Handle(context.Background(), Client{}, req).(*kmsg.OffsetCommitResponse)
					if code := resp.Topics[0].Partitions[0].ErrorCode; code != ok {
						t.Errorf("commit: error code %d", code)
					}
				}
				if got := offsetOf(c, own, "t", int32(at%5)); got != at {
					t.Errorf("%d was committed, and %d is there", at, got)
				}
				switch {
				case at%50 == 20:
					c.sweep()
				case at%10 == 0: // all of them make and delete one group
					c.Handle(context.Background(), Client{}, commitRequest("gone", "t", 0, 1))
					c.Handle(context.Background(), Client{}, &kmsg.DeleteGroupsRequest{Version: 2, Groups: []string{"gone"}})
				}
			}
		})
	}
	done.Wait()
	for name := range c.store.kept {
		if c.groups[name] == nil {
			t.Errorf("%s has offsets, and is no group", name)
		}
	}
	c.Handle(context.Background(), Client{}, &kmsg.DeleteGroupsRequest{Version: 2, Groups: []string{"gone"}})
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if c.store.log.First() == 0 {
		t.Error("the log was never compacted")
	}
	if c, err = Open(o); err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		for id := range int64(5) {
			if got := offsetOf(c, fmt.Sprint("own ", i), "t", int32(id)); got != commits-5+id {
				t.Errorf("client %d: partition %d is at %d", i, id, got)
			}
		}
		if got := offsetOf(c, "shared", fmt.Sprint(i), 0); got != commits-1 {
			t.Errorf("client %d: the shared group is at %d", i, got)
		}
	}
	if n := c.Stats().Groups; n != clients+1 {
		t.Errorf("there are %d groups", n)
	}
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func offsetOf(c *Coordinator, group, topic string, id int32) (at int64) {
	c.store.look(group, func(g *keptGroup) { at = g.offsets[partition{topic, id}].at })
	return at
}

// Who has found a group that is deleted just then does not enter it, but the one that comes after.
func TestEnteringWhatIsDeleted(t *testing.T) {
	c, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	g, _ := c.enter("g", true, 0)
	entered := make(chan *group)
	go func() {
		found, _ := c.enter("g", true, 0)
		found.mu.Unlock()
		entered <- found
	}()
	time.Sleep(10 * time.Millisecond) // it has found the group, and waits; or will find another
	c.mu.Lock()
	delete(c.groups, "g")
	c.mu.Unlock()
	g.die()
	g.mu.Unlock()
	if found := <-entered; found == g || found.state != empty {
		t.Error("a dead group was entered")
	}
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}
