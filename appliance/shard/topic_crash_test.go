package shard

import (
	"fmt"
	"testing"

	"penstock/segstore/disk"
)

// A topic is there with all of its shards or not at all, whenever the power fails while it is made: with fewer, its keys would go to
// other shards than before. Once it is said to be there it is.
func TestTopicHasAllItsShardsOrNone(t *testing.T) {
	const shards = 4
	d := disk.NewMem()
	s := openStill(t, d, nil)
	after := func(kept int) int {
		d := d.Crash(func(i int) bool { return i < kept }, func(string, int) bool { return true })
		found, err := (&Set{o: s.o, disk: d}).findTopics()
		if err != nil {
			t.Fatal(err)
		}
		return found["t"]
	}
	crashes, ends := 0, map[int]bool{}
	d.Before = func(call, path string) error {
		for kept := range 2 * shards {
			crashes++
			n := after(kept)
			if ends[n] = true; n != 0 && n != shards {
				return fmt.Errorf("a crash leaves a topic of %d shards", n)
			}
		}
		return nil
	}
	if err := s.CreateTopic("t", shards); err != nil {
		t.Fatal(err)
	}
	d.Before = nil
	if n := after(0); n != shards {
		t.Errorf("the topic was made, and after a crash has %d shards", n)
	}
	if crashes == 0 || len(ends) != 2 {
		t.Errorf("%d crashes, with %v", crashes, ends)
	}
}
