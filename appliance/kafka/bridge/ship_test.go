package bridge

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/shard"
)

func lake(r *rig, change func(*Forward)) Options {
	f := Forward{To: r.address()}
	if change != nil {
		change(&f)
	}
	return Options{Forwards: map[string]Forward{"lake": f}}
}

// What is there when the bridge starts, and what comes later, is brought to the cluster: once and in order.
func TestForward(t *testing.T) {
	r := newRig(t)
	r.store("t", 300, true)
	r.start(lake(r, func(f *Forward) { f.Rename, f.Headers = "site.{topic}", true }))
	r.store("t", 300, false)
	r.store("later", 50, true)
	r.settled("lake")
	r.same("t", "site.t")
	r.same("later", "site.later")
	for i, records := range r.there("site.t") {
		for j, one := range records {
			if want := fmt.Sprintf("t/%d@%d", i, j); len(one.Headers) != 1 || one.Headers[0].Key != "penstock-source" || string(one.Headers[0].Value) != want {
				t.Fatalf("the headers of record %d of partition %d are %v, want %s", j, i, one.Headers, want)
			}
			if one.Timestamp.UnixMilli() < 1_700_000_000_000 || one.Timestamp.UnixMilli() > 1_700_000_000_300 {
				t.Fatalf("record %d of partition %d is of %v", j, i, one.Timestamp)
			}
		}
	}
}

// Patterns choose topics; the appliance's own are never brought anywhere.
func TestForwardChooses(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		topic    string
		want     bool
	}{{nil, "a", true}, {nil, "_rejected", false}, {[]string{"*"}, "_rejected", false}, {[]string{"web*", "x"}, "web-1", true},
		{[]string{"web*", "x"}, "x", true}, {[]string{"web*", "x"}, "y", false}} {
		if got := matches(c.patterns, c.topic); got != c.want {
			t.Errorf("%q in %q: %v", c.topic, c.patterns, got)
		}
	}
}

// A bridge that is stopped and started again goes on where it was, whether its file is there, is old, or is lost with the producer known.
func TestForwardGoesOn(t *testing.T) {
	r := newRig(t)
	r.start(lake(r, nil))
	for range 5 {
		r.store("t", 100, true)
		if rand.IntN(2) == 0 {
			r.settled("lake")
		}
		r.stop()
		r.store("t", 50, true)
		r.start(lake(r, nil))
	}
	r.settled("lake")
	r.same("t", "t")
}

// The file of positions may be as old as it likes: the cluster knows how far it is.
func TestForwardKilled(t *testing.T) {
	r := newRig(t)
	r.start(lake(r, nil))
	r.store("t", 10, true)
	r.settled("lake")
	target := r.bridge.all()[0]
	var old []position
	for i := range 2 {
		at, _ := target.positions.get("t", i)
		old = append(old, at)
	}
	r.store("t", 500, true)
	r.settled("lake")
	target.halt()
	for i := range 2 {
		target.positions.put("t", i, old[i])
	}
	r.stop() // writes the old positions
	r.store("t", 10, true)
	r.start(lake(r, nil))
	r.settled("lake")
	r.same("t", "t")
}

// Whatever the cluster does in between, every record is there once and in order.
func TestForwardThroughTrouble(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := newRig(t)
	r.start(lake(r, nil))
	r.store("t", 20, true)
	r.settled("lake")
	for round := range 60 {
		switch random.IntN(7) {
		case 0: // what is answered so is done all the same, as a rule
			r.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut})
		case 1:
			r.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend})
		case 2:
			r.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: 1 + random.IntN(3)})
		case 3:
			_ = r.cluster.MoveTopicPartition("t", int32(random.IntN(2)), int32(random.IntN(3)))
		case 4:
			r.breaking.Store(!r.breaking.Load())
		case 5:
			r.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeProducers, kmsg.ListOffsets}, Err: kerr.UnknownServerError})
		case 6:
			r.stop()
			r.start(lake(r, nil))
		}
		r.store("t", 1+random.IntN(60), true)
		if round%10 == 9 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	r.breaking.Store(false)
	r.settled("lake")
	r.same("t", "t")
	if st := r.bridge.Status().Targets[0]; st.Lost > 0 {
		t.Errorf("%d records are said to be lost", st.Lost)
	}
}

// A cluster that has forgotten the producer, or has lost the topic, is given another producer, and goes on from the position in the file.
func TestForwardForgotten(t *testing.T) {
	r := newRig(t)
	r.start(lake(r, nil))
	r.store("t", 100, true)
	r.settled("lake")
	if err := r.cluster.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	r.store("t", 60, true)
	r.settled("lake")
	n := 0
	for _, records := range r.there("t") {
		n += len(records)
	}
	if n != 60 {
		t.Errorf("%d records are in the new topic, want those that came since: 60", n)
	}
}

// A partition that takes smaller batches than the log has gets smaller ones.
func TestForwardSmallBatches(t *testing.T) {
	r := newRig(t)
	if err := r.cluster.CreateTopic("t", 2, map[string]string{"max.message.bytes": "300"}); err != nil {
		t.Fatal(err)
	}
	r.store("t", 400, true)
	r.start(lake(r, nil))
	r.settled("lake")
	r.same("t", "t")
}

// A topic in the cluster with too few partitions is told of, and waited for.
func TestForwardTooFewPartitions(t *testing.T) {
	r := newRig(t)
	if err := r.cluster.CreateTopic("t", 1, nil); err != nil {
		t.Fatal(err)
	}
	r.store("t", 10, true)
	r.start(lake(r, nil))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if st := r.bridge.Status().Targets[0]; st.Error != "" {
			want := "the cluster's topic t has 1 partitions, and 2 shards are to go there: give it as many partitions (kafka-topics --alter --partitions 2)"
			if st.Error != want || !st.Away {
				t.Errorf("%+v", st)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing is told")
		}
	}
}

// A topic that is deleted here and made again is another: nothing of it is taken for what the cluster has of the old one.
func TestForwardDeletedTopic(t *testing.T) {
	r := newRig(t)
	r.start(lake(r, nil))
	r.store("t", 100, true)
	r.settled("lake")
	if err := r.set.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	if err := r.bridge.TopicDeleted("t"); err != nil {
		t.Fatal(err)
	}
	r.store("t", 70, true)
	r.settled("lake")
	n := 0
	for _, records := range r.there("t") {
		n += len(records)
	}
	if n != 170 {
		t.Errorf("the cluster has %d records of both, want 170", n)
	}
}

// Records that retention took before they could be brought are counted, and the rest goes on.
func TestForwardTooLate(t *testing.T) {
	r := newRig(t)
	r.change = func(o *shard.Options) { o.RetentionBytes, o.SegmentBytes = 256<<10, 64<<10 }
	r.closeSet(r.set)
	r.openSet()
	r.start(lake(r, nil))
	r.store("t", 10, true)
	r.settled("lake")
	r.stop()
	tp, _ := r.set.Topic("t")
	for i := 0; tp.Logs()[0].First() < 100; i++ {
		r.store("t", 1000, true)
		if i > 1000 {
			t.Fatal("retention takes nothing")
		}
	}
	r.start(lake(r, nil))
	r.settled("lake")
	st := r.bridge.Status().Targets[0]
	n := 0
	for _, records := range r.there("t") {
		n += len(records)
	}
	if st.Lost == 0 || int(st.Lost)+n != len(r.sent["t"]) {
		t.Errorf("of %d records %d are there and %d are said to be lost", len(r.sent["t"]), n, st.Lost)
	}
}
