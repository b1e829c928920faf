package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/shard"
)

// stage waits until a promotion is at a stage; "" until it is none.
func (r *rig) stage(topic string, want Stage) {
	r.t.Helper()
	var st PromotionStatus
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var some bool
		if st, some = r.bridge.Promotion(topic); some == (want != "") && (!some || st.Stage == want) {
			return
		}
	}
	r.t.Fatalf("the promotion does not get to be %q: %+v", want, st)
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// foreign writes records to a topic of the cluster that are nobody's here.
func (r *rig) foreign(topic string, n int) (values []string) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	r.must(err)
	defer client.Close()
	for i := range n {
		one := &kgo.Record{Topic: topic, Partition: int32(i % 2), Value: fmt.Appendf(nil, "foreign %d", i), Timestamp: time.UnixMilli(1_700_000_000_000),
			Headers: []kgo.RecordHeader{{Key: "penstock-id", Value: []byte("another's")}, {Key: "trace", Value: []byte("7")}}}
		r.must(client.ProduceSync(context.Background(), one).FirstErr())
		values = append(values, string(one.Value))
	}
	return values
}

// A topic is brought to a cluster with what comes meanwhile, is kept there, and comes back with what others have written there.
func TestPromoteAndDemote(t *testing.T) {
	r := newRig(t)
	r.store("t", 500, true)
	r.start(Options{})
	r.must(r.bridge.Promote("t", r.address()))
	r.store("t", 100, true)
	r.must(r.bridge.Promote("t", r.address())) // again is no harm
	r.stage("t", Promoted)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) { // the shippers are just being told
		r.store("t", 1, true)
		if r.ticket.WaitCluster() {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no reply speaks of the cluster")
		}
	}
	r.settled("promote:t")
	r.same("t", "t")
	others := r.foreign("t", 30)
	r.must(r.bridge.Demote("t"))
	r.store("t", 50, true)
	if r.ticket.WaitCluster() {
		t.Error("a reply speaks of the cluster")
	}
	r.stage("t", "")
	var all []string
	for i, records := range r.here("t") {
		for _, value := range records {
			all = append(all, value)
			var k int
			if n, _ := fmt.Sscanf(value, "foreign %d", &k); n == 1 && k%2 != i {
				t.Errorf("%q is in shard %d", value, i)
			}
		}
	}
	want := append(slices.Clone(r.sent["t"]), others...)
	slices.Sort(all)
	slices.Sort(want)
	if !slices.Equal(all, want) {
		t.Errorf("%d records are here, want %d", len(all), len(want))
	}
	if err := r.bridge.Demote("t"); !errors.Is(err, ErrNotPromoted) {
		t.Errorf("demoted again: %v", err)
	}
}

// A promotion goes through whatever the cluster does, and through restarts at any moment; so does the way back.
func TestPromoteThroughTrouble(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := newRig(t)
	r.store("t", 300, true)
	r.start(Options{})
	r.must(r.bridge.Promote("t", r.address()))
	trouble := func(rounds int) {
		for range rounds {
			switch random.IntN(6) {
			case 0:
				r.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce, kmsg.Fetch}, Err: kerr.RequestTimedOut})
			case 1:
				r.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.LeaderNotAvailable})
			case 2:
				_ = r.cluster.MoveTopicPartition("t", int32(random.IntN(2)), int32(random.IntN(3)))
			case 3:
				r.breaking.Store(!r.breaking.Load())
			case 4:
				r.stop()
				r.start(Options{})
			case 5:
				time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
			}
			r.store("t", 1+random.IntN(30), true)
		}
		r.breaking.Store(false)
	}
	trouble(30)
	r.stage("t", Promoted)
	trouble(10)
	r.settled("promote:t")
	r.same("t", "t")
	r.must(r.bridge.Demote("t"))
	trouble(10)
	r.stage("t", "")
	n := 0
	for _, records := range r.here("t") {
		n += len(records)
	}
	if n != len(r.sent["t"]) {
		t.Errorf("%d records are here, want %d", n, len(r.sent["t"]))
	}
}

// A topic comes back although its partitions have other leaders than when the last record went there.
func TestDemoteAsksTheLeaders(t *testing.T) {
	r := newRig(t)
	r.store("t", 50, true)
	r.start(Options{})
	r.must(r.bridge.Promote("t", r.address()))
	r.stage("t", Promoted)
	r.settled("promote:t")
	for _, p := range r.cluster.PartitionInfos("t") {
		r.must(r.cluster.MoveTopicPartition("t", p.Partition, (p.Leader+1)%3))
	}
	r.must(r.bridge.Demote("t"))
	r.stage("t", "")
}

// What the cluster has is compared with the log: a record that is not the log's is told with its place, and the topic is not switched.
func TestPromoteProves(t *testing.T) {
	r := newRig(t)
	r.store("t", 100, true)
	r.start(Options{})
	r.must(r.bridge.Promote("t", r.address()))
	r.stage("t", Promoted)
	at, _ := r.bridge.Promotion("t")
	p := r.bridge.promotions["t"]
	p.stop()
	<-p.ended
	first := &proof{next: at.Shards[0].First + 1, cursor: p.topic.Logs()[0].Cursor(at.Shards[0].First + 1)} // as if one record were missing there
	defer first.cursor.Close()
	err := first.check(r.there("t")[0][0])
	var wrong *proofError
	if !errors.As(err, &wrong) || wrong.offset != 1 || wrong.at != 0 {
		t.Errorf("the proof says %v", err)
	}
}

// Nothing that is yet to be proven is taken by retention, not even right after a restart; what is proven may go.
func TestPromoteHolds(t *testing.T) {
	r := newRig(t)
	r.store("t", 10, true)
	r.start(Options{})
	r.must(r.bridge.Promote("t", Scheme+"127.0.0.1:1")) // nobody is there
	tp, _ := r.set.Topic("t")
	if tp.Spools() == nil {
		t.Fatal("the logs are no spools")
	}
	st, some := r.bridge.Promotion("t")
	if !some || st.Stage != Shipping || st.Total != 10 || st.Proven != 0 {
		t.Errorf("%+v", st)
	}
	r.stop()
	promotions, err := OpenPromotions(nil, r.dir)
	r.must(err)
	if !promotions.Has("t") || promotions.Has("u") {
		t.Error("a start does not know of the promotion")
	}
	r.start(Options{Promotions: promotions})
	r.must(r.bridge.Demote("t"))
	r.stage("t", "")
	if tp.Spools() != nil {
		t.Error("the logs are spools still")
	}
}

// What others write to the cluster while our own records are still being proven comes back, too.
func TestDemoteFetchesFromTheBeginning(t *testing.T) {
	r := newRig(t)
	r.must(r.cluster.CreateTopic("t", 2, nil))
	r.store("t", 50, true)
	r.start(Options{})
	unread := r.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.KafkaStorageError, Count: -1})
	r.must(r.bridge.Promote("t", r.address()))
	r.settled("promote:t")
	others := r.foreign("t", 20)
	unread.Remove()
	r.stage("t", Promoted)
	r.must(r.bridge.Demote("t"))
	r.stage("t", "")
	n := 0
	for _, records := range r.here("t") {
		n += len(records)
	}
	if n != 50+len(others) {
		t.Errorf("%d records are here, want %d", n, 50+len(others))
	}
}

// A promotion whose files are gone does not keep a bridge from starting; one that can't begin leaves nothing behind.
func TestPromoteWithoutItsFiles(t *testing.T) {
	r := newRig(t)
	r.store("t", 10, true)
	r.start(Options{})
	to := r.address() + "?ca=/nowhere/ca"
	if err := r.bridge.Promote("t", to); err == nil || !strings.Contains(err.Error(), "/nowhere/ca") {
		t.Errorf("promoted: %v", err)
	}
	tp, _ := r.set.Topic("t")
	if _, some := r.bridge.Promotion("t"); some || tp.Spools() != nil {
		t.Error("something is left of it")
	}
	r.must(r.bridge.Promote("t", r.address()))
	r.stage("t", Promoted)
	r.stop()
	promotions, err := OpenPromotions(nil, r.dir)
	r.must(err)
	at, _ := promotions.get("t")
	at.To = to
	r.must(promotions.put("t", at))
	r.start(Options{Promotions: promotions})
	if tp.Spools() == nil {
		t.Error("its records do not wait any more")
	}
}

func TestPromoteRefuses(t *testing.T) {
	r := newRig(t)
	r.store("t", 1, true)
	r.store("_own", 1, true)
	r.start(Options{})
	for _, c := range []struct{ topic, to, want string }{
		{"nothing", r.address(), ErrUnknownTopic.Error()},
		{"_own", r.address(), "a topic of the appliance's own stays here"},
		{"t", "http://x", "a cluster's address begins with kafka://"},
	} {
		if err := r.bridge.Promote(c.topic, c.to); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s to %s: %v, want %s", c.topic, c.to, err, c.want)
		}
	}
	r.must(r.bridge.Promote("t", r.address()))
	if err := r.bridge.Promote("t", Scheme+"elsewhere:1"); !errors.Is(err, ErrElsewhere) {
		t.Errorf("promoted to two clusters: %v", err)
	}
	r.stop()
	r.start(Options{Log: r.address()})
	if err := r.bridge.Promote("t", Scheme+"elsewhere:1"); !errors.Is(err, ErrElsewhere) {
		t.Errorf("promoted although every topic is in a cluster: %v", err)
	}
}

// A topic that was promoted before, and of which much is gone since, is promoted again: with what came meanwhile, as far as it is kept.
func TestPromoteAgain(t *testing.T) {
	r := newRig(t)
	r.change = func(o *shard.Options) { o.RetentionBytes, o.SegmentBytes = 256<<10, 64<<10 }
	r.closeSet(r.set)
	r.openSet()
	r.store("t", 200, true)
	r.start(Options{})
	for range 3 {
		r.must(r.bridge.Promote("t", r.address()))
		r.stage("t", Promoted)
		r.store("t", 50, true)
		r.must(r.bridge.Demote("t"))
		r.stage("t", "")
		tp, _ := r.set.Topic("t")
		for i, first := 0, tp.Logs()[0].First(); tp.Logs()[0].First() == first; i++ {
			r.store("t", 1000, true)
			if i > 1000 {
				t.Fatal("retention takes nothing")
			}
		}
	}
	r.must(r.bridge.Promote("t", r.address()))
	r.stage("t", Promoted)
	seen := map[string]bool{}
	for i, records := range r.there("t") {
		last := ""
		for _, one := range records {
			if value := string(one.Value); seen[value] || value <= last {
				t.Fatalf("partition %d has %s behind %s", i, value, last)
			}
			last = string(one.Value)
			seen[last] = true
		}
	}
	for _, records := range r.here("t") {
		for _, value := range records {
			if !seen[value] {
				t.Fatalf("%s is not there", value)
			}
		}
	}
}

// A topic that is deleted in the middle of its promotion, or after it came back, is forgotten: one of the same name begins anew.
func TestPromoteDeleted(t *testing.T) {
	r := newRig(t)
	r.start(Options{})
	for _, stage := range []Stage{Shipping, Promoted, ""} {
		r.store("t", 100, true)
		r.store("t-1", 5, true)
		r.must(r.bridge.Promote("t", r.address()))
		if stage != Shipping {
			r.stage("t", Promoted)
		}
		if stage == "" {
			r.must(r.bridge.Demote("t"))
			r.stage("t", "")
		}
		r.must(r.set.DeleteTopic("t"))
		r.must(r.bridge.TopicDeleted("t"))
		if _, some := r.bridge.Promotion("t"); some || len(r.bridge.Status().Targets) > 0 {
			t.Errorf("%q: it is still known", stage)
		}
	}
	r.must(r.bridge.Promote("t-1", r.address()))
	r.stage("t-1", Promoted)
	if err := r.cluster.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	r.sent["t"] = nil
	r.store("t", 120, true)
	r.must(r.bridge.TopicDeleted("no-topic"))
	r.must(r.bridge.Promote("t", r.address()))
	r.stage("t", Promoted)
	r.same("t", "t")
	r.same("t-1", "t-1")
}
