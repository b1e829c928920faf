package bridge

import (
	"context"
	"log/slog"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"penstock/appliance/shard"
	"penstock/segstore/disk"
)

// Forward is what is brought to a cluster.
type Forward struct {
	To      string
	Topics  []string // patterns, as path.Match has them; none: every topic that is not the appliance's own
	Rename  string   // the topic's name there, with {topic} for its name here; "" = {topic}
	Headers bool     // each record says in a header where it comes from
}

// target is a cluster that topics are brought to, and how far each is.
type target struct {
	name      string
	to        Address
	rename    string
	headers   bool
	spooled   atomic.Bool // the cluster keeps the topics
	wants     func(topic string) bool
	cluster   *cluster
	positions *positions
	log       *slog.Logger

	builders chan *builder // a bound on what is in memory for the target; nil: one is to be made

	mu       sync.Mutex
	halted   bool
	shippers map[*shard.Topic]*shipping

	records, bytes, errors, missed atomic.Uint64
	complained                     atomic.Int64 // when an error was logged last, ms
}

// shipping is a topic's shippers.
type shipping struct {
	all  []*shipper
	stop context.CancelFunc
}

// buildersMax is how many batches of a target are under way at most.
const buildersMax = 8

// newTarget makes a target; file is where its positions are kept.
func newTarget(name string, f Forward, d disk.Disk, file string, log *slog.Logger) (*target, error) {
	to, err := ParseAddress(f.To)
	if err != nil {
		return nil, err
	}
	t := &target{name: name, to: to, rename: f.Rename, headers: f.Headers, log: log, shippers: map[*shard.Topic]*shipping{}}
	t.wants = func(topic string) bool { return matches(f.Topics, topic) }
	if t.positions, err = openPositions(d, file); err != nil {
		return nil, err
	}
	if t.cluster, err = dial(to, "penstock"); err != nil {
		return nil, err
	}
	t.builders = make(chan *builder, buildersMax)
	for range buildersMax {
		t.builders <- nil
	}
	return t, nil
}

func matches(patterns []string, topic string) bool {
	if topic[0] == '_' {
		return false
	}
	for _, p := range patterns {
		if ok, _ := path.Match(p, topic); ok {
			return true
		}
	}
	return len(patterns) == 0
}

func (t *target) remote(topic string) string {
	if t.rename == "" {
		return topic
	}
	return strings.ReplaceAll(t.rename, "{topic}", topic)
}

// reconcile starts shippers for topics that came, and ends those of topics that went. It waits for the latter.
func (t *target) reconcile(set *shard.Set) {
	t.mu.Lock()
	defer t.mu.Unlock()
	there := map[*shard.Topic]bool{}
	for _, name := range set.Topics() {
		if topic, ok := set.Topic(name); ok && !t.halted && t.wants(name) {
			there[topic] = true
		}
	}
	for topic, running := range t.shippers {
		if !there[topic] {
			running.end()
			delete(t.shippers, topic)
		}
	}
	for topic := range there {
		if t.shippers[topic] == nil {
			t.shippers[topic] = t.start(topic)
		}
	}
}

func (t *target) start(topic *shard.Topic) *shipping {
	ctx, stop := context.WithCancel(context.Background())
	running := &shipping{stop: stop}
	spools := topic.Spools()
	for i, log := range topic.Logs() {
		s := &shipper{t: t, topic: topic, remote: t.remote(topic.Name()), number: i, log: log, end: make(chan struct{})}
		if t.spooled.Load() && spools != nil {
			s.spool = spools[i]
		}
		if at, ok := t.positions.get(topic.Name(), i); ok {
			s.shipped.Store(at.Next)
		}
		running.all = append(running.all, s)
		go s.run(ctx)
	}
	return running
}

func (r *shipping) end() {
	r.stop()
	for _, s := range r.all {
		<-s.end
	}
}

// halt ends all shippers for good.
func (t *target) halt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.halted = true
	t.endAll()
}

// restart ends all shippers and starts others, which know whether the topic is spooled.
func (t *target) restart(set *shard.Set) {
	t.mu.Lock()
	t.endAll()
	t.mu.Unlock()
	t.reconcile(set)
}

// endAll ends all shippers. The caller holds mu.
func (t *target) endAll() {
	for _, running := range t.shippers {
		running.stop()
	}
	for topic, running := range t.shippers {
		running.end()
		delete(t.shippers, topic)
	}
}

// caughtUp is whether the cluster has, or a moment ago had, all there is.
func (t *target) caughtUp() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, running := range t.shippers {
		for _, s := range running.all {
			if !s.tail.Load() {
				return false
			}
		}
	}
	return len(t.shippers) > 0
}

// close ends all shippers, and writes down how far they are.
func (t *target) close() error {
	t.halt()
	t.cluster.close()
	return t.positions.save()
}

// forget drops what is known of a topic that was deleted. Its shippers have ended, or end now.
func (t *target) forget(name string, set *shard.Set) error {
	t.mu.Lock()
	for topic, running := range t.shippers {
		if topic.Name() == name {
			running.end()
			delete(t.shippers, topic)
		}
	}
	err := t.positions.forget(name)
	t.mu.Unlock()
	t.reconcile(set)
	return err
}

// builder takes one of the target's builders; give it back, or drop it and call giveBack(nil).
func (t *target) builder(ctx context.Context) (*builder, error) {
	select {
	case b := <-t.builders:
		if b == nil {
			b = &builder{}
		}
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// builderKept is the largest buffer that is kept.
const builderKept = 4 << 20

func (t *target) giveBack(b *builder) {
	if b != nil && cap(b.batch) > builderKept {
		b = nil
	}
	t.builders <- b
}

func (t *target) shipped(b *builder) {
	t.records.Add(uint64(b.count))
	t.bytes.Add(uint64(len(b.batch)))
}

// complainEvery is how often trouble with a target is logged, however many shards have it.
const complainEvery = 10 * time.Second

func (t *target) failed(s *shipper, err error) {
	t.errors.Add(1)
	now, before := time.Now().UnixMilli(), t.complained.Load()
	if now-before < complainEvery.Milliseconds() || !t.complained.CompareAndSwap(before, now) {
		return
	}
	t.log.Warn("records can't be brought to a cluster, and wait in the log", "target", t.name, "to", t.to.String(),
		"topic", s.topic.Name(), "shard", s.number, "waiting", s.log.Next()-s.shipped.Load(), "error", err)
}

func (t *target) recovered(s *shipper) {
	if t.complained.Swap(0) != 0 {
		t.log.Info("a cluster has again all there is of a shard", "target", t.name, "topic", s.topic.Name(), "shard", s.number)
	}
}

// lost tells of records that will never be brought to the target.
func (t *target) lost(s *shipper, records int64, err error) {
	t.missed.Add(uint64(records))
	t.log.Error("records were not brought to a cluster, and can't be any more", "target", t.name, "topic", s.topic.Name(), "shard", s.number,
		"records", records, "error", err)
}
