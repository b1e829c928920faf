package bridge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"penstock/appliance/shard"
	"penstock/wire"
)

// rig is a set of logs, a cluster in this process, and a bridge between them.
type rig struct {
	t       *testing.T
	dir     string
	set     *shard.Set
	ticket  *shard.Ticket
	cluster *kfake.Cluster
	bridge  *Bridge
	change  func(*shard.Options)
	sent    map[string][]string // by topic: what was stored, in order

	breaking atomic.Bool // connections break now and then
}

// newRig makes one; nothing is brought anywhere before start.
func newRig(t *testing.T, options ...kfake.Opt) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), sent: map[string][]string{}}
	var err error
	if r.cluster, err = kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3), kfake.ListenFn(r.listen)}, options...)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.cluster.Close)
	r.openSet()
	return r
}

func (r *rig) address() string { return Scheme + strings.Join(r.cluster.ListenAddrs(), ",") }

func (r *rig) openSet() {
	r.t.Helper()
	o := shard.Options{Dir: r.dir, Shards: 2, SegmentBytes: 1 << 20, RingBytes: 1 << 20, Changed: func() {
		if r.bridge != nil {
			r.bridge.Changed()
		}
	}}
	if r.change != nil {
		r.change(&o)
	}
	set, err := shard.Open(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.set, r.ticket = set, set.NewTicket()
	r.t.Cleanup(func() { r.closeSet(set) })
}

func (r *rig) closeSet(set *shard.Set) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := set.Close(ctx); err != nil {
		r.t.Error(err)
	}
}

// start starts a bridge. It is stopped with the test, or by stop.
func (r *rig) start(o Options) {
	r.t.Helper()
	o.Dir, o.Set = r.dir, r.set
	if o.Promotions == nil {
		var err error
		if o.Promotions, err = OpenPromotions(nil, r.dir); err != nil {
			r.t.Fatal(err)
		}
	}
	b, err := Open(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.bridge = b
	r.t.Cleanup(func() {
		if r.bridge == b {
			r.stop()
		}
	})
}

func (r *rig) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.bridge.Close(ctx); err != nil {
		r.t.Error(err)
	}
	r.bridge = nil
}

// store stores n records of a topic, each with its number as the value, keyed if asked to.
func (r *rig) store(topic string, n int, keyed bool) {
	r.t.Helper()
	for done := 0; done < n; {
		var batch wire.Batch
		for range min(1+rand.IntN(20), n-done) {
			one := batch.Add()
			value := fmt.Sprintf("%06d", len(r.sent[topic]))
			one.Topic, one.Value, one.Time = []byte(topic), []byte(value), int64(1_700_000_000_000+done)
			if keyed {
				one.Key = []byte{byte('a' + len(r.sent[topic])%7)}
			}
			r.sent[topic] = append(r.sent[topic], value)
			done++
		}
		err := r.set.Offer(&batch, r.ticket, shard.AckDisk)
		if err == nil {
			err = r.ticket.Wait(shard.AckTimeout)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// here is what the logs of a topic have, by shard.
func (r *rig) here(topic string) (all [][]string) {
	r.t.Helper()
	tp, ok := r.set.Topic(topic)
	if !ok {
		r.t.Fatalf("there is no topic %s", topic)
	}
	for _, log := range tp.Logs() {
		var got []string
		c := log.Cursor(log.First())
		for {
			b, err := c.Next()
			if err != nil {
				break
			}
			for records := b.Records(); ; {
				one, more := records.Next()
				if !more {
					break
				}
				got = append(got, string(one.Value))
			}
		}
		c.Close()
		all = append(all, got)
	}
	return all
}

// there is what the cluster has of a topic, by partition, as it says itself how many records there are.
func (r *rig) there(topic string) [][]*kgo.Record {
	r.t.Helper()
	info := r.cluster.TopicInfo(topic)
	if info == nil {
		r.t.Fatalf("the cluster has no topic %s", topic)
	}
	partitions := r.cluster.PartitionInfos(topic)
	all := make([][]*kgo.Record, len(partitions))
	left := int64(0)
	for _, p := range partitions {
		left += p.HighWatermark
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.cluster.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			r.t.Fatalf("%d records of %s did not come", left, topic)
		}
		fetches.EachRecord(func(one *kgo.Record) {
			all[one.Partition] = append(all[one.Partition], one)
			left--
		})
	}
	return all
}

// settled waits until a target has all there is.
func (r *rig) settled(name string) {
	r.t.Helper()
	var st TargetStatus
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, st = range r.bridge.Status().Targets {
			if st.Name == name && !st.Away && st.Lag() == 0 && len(st.Shards) > 0 {
				return
			}
		}
	}
	r.t.Fatalf("target %s does not get done: %+v", name, st)
}

// same checks that the cluster has what the logs have, in their order and once.
func (r *rig) same(topic, remote string) {
	r.t.Helper()
	here, there := r.here(topic), r.there(remote)
	if len(there) != len(here) {
		r.t.Fatalf("%d partitions for %d shards", len(there), len(here))
	}
	total := 0
	for i := range here {
		if len(here[i]) != len(there[i]) {
			r.t.Errorf("shard %d has %d records, partition %d has %d", i, len(here[i]), i, len(there[i]))
		}
		for j := range min(len(here[i]), len(there[i])) {
			if here[i][j] != string(there[i][j].Value) {
				r.t.Fatalf("record %d of shard %d is %s here and %s there", j, i, here[i][j], there[i][j].Value)
			}
		}
		total += len(here[i])
	}
	if total != len(r.sent[topic]) {
		r.t.Errorf("%d records are here of %d", total, len(r.sent[topic]))
	}
}

// listen is the cluster's: its connections break when the rig says so.
func (r *rig) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return &brittleListener{l, r}, nil
}

type brittleListener struct {
	net.Listener
	r *rig
}

func (l *brittleListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	b := &brittle{Conn: c, r: l.r}
	b.left.Store(int64(rand.IntN(60_000)))
	return b, nil
}

// brittle is a connection that ends after so many bytes, in the middle of what is read or written.
type brittle struct {
	net.Conn
	r    *rig
	left atomic.Int64
}

func (b *brittle) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.r.breaking.Load() && b.left.Add(-int64(n)) < 0 {
		b.Conn.Close()
	}
	return n, err
}

func (b *brittle) Write(p []byte) (int, error) {
	if b.r.breaking.Load() && b.left.Add(-int64(len(p))) < 0 {
		b.Conn.Close() // the reply to what was done is lost
	}
	return b.Conn.Write(p)
}
