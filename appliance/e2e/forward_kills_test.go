package e2e

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// brought is a server that brings a topic to a cluster under load, while both are killed.
type brought interface {
	process() *server
	before(round int) // the broker's kill comes soon
	after(round int)  // the broker serves again
	finish()          // what was acknowledged is held against what is there
}

// A broker is killed and started again under load, again and again, now and then after it has hung for a while, and the appliances that
// bring records there are killed as well, before it, and while it starts. One forwards a topic, one has the cluster for its log, one promotes topics and takes them back. In the
// end all that was acknowledged is in the cluster's topics once, in order by connection and partition, each key in one partition, and no
// spool has anything left. PENSTOCK_BROKER_KILLS is how often the broker is killed, PENSTOCK_SEED draws the moments.
func TestBrokerKills(t *testing.T) {
	if testing.Short() {
		t.Skip("a broker takes a while to start")
	}
	kills := times("PENSTOCK_BROKER_KILLS", 2)
	seed := uint64(times("PENSTOCK_SEED", 20261126))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	b := startBroker(t)
	all := []brought{forwarding(t, b), spooling(t, b), promoting(t, b)}
	for round := range kills {
		for _, s := range all {
			s.before(round)
		}
		time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
		if round%5 == 2 {
			hang := time.Duration(rng.IntN(4000)) * time.Millisecond
			if round%15 == 7 {
				hang += hangLong
			}
			b.hang(hang)
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
		}
		killRound(b, rng, all)
		for _, s := range all {
			s.after(round)
		}
		if round%10 == 9 {
			t.Logf("%d kills of the broker", round+1)
		}
		if t.Failed() {
			return
		}
	}
	for _, s := range all {
		s.finish()
	}
}

// hangLong is longer than a batch is waited for: it is sent again, and the broker has it twice when it wakes up.
const hangLong = 21 * time.Second

// hang has the broker stand still for a while.
func (b *broker) hang(long time.Duration) {
	b.t.Helper()
	if err := b.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		b.t.Fatal(err)
	}
	time.Sleep(long)
	if err := b.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		b.t.Fatal(err)
	}
}

// killRound kills the broker, and each server with it or not.
func killRound(b *broker, rng *rand.Rand, all []brought) {
	draw := func(ms int) time.Duration { return time.Duration(rng.IntN(ms)) * time.Millisecond }
	var late []*server // killed while the broker starts
	var soon []*server // killed and started again while it is away
	for _, s := range all {
		switch rng.IntN(4) {
		case 0:
			s.process().kill() // before it
			soon = append(soon, s.process())
		case 1:
			late = append(late, s.process())
		}
	}
	b.kill()
	time.Sleep(draw(800))
	for _, s := range soon {
		s.start()
	}
	time.Sleep(draw(800))
	for _, s := range late {
		kill := s.cmd.Process.Kill
		time.AfterFunc(draw(2500), func() { _ = kill() })
	}
	b.start()
	for _, s := range late {
		_ = s.cmd.Wait() // killed by now, or soon
		s.cmd = nil
		s.start()
	}
}

// startBringing starts a server whose listeners stay where they are over restarts.
func startBringing(t *testing.T, args ...string) *server {
	t.Helper()
	s := start(t, t.TempDir(), append([]string{"--https", "off", "--http", "127.0.0.1:" + freePort(t), "--admin", "127.0.0.1:" + freePort(t),
		"--shards", "3", "--segment-bytes", "2MiB", "--max-body-bytes", "64KiB"}, args...)...)
	return s
}

// keyed makes a topic whose events have their key in k.
func (s *server) keyed(topic string) {
	s.t.Helper()
	if status, body := s.createTopic(fmt.Sprintf(`{"name":"%s","shard_key":"k"}`, topic)); status/100 != 2 {
		s.t.Fatal(status, body)
	}
}

// forwarded forwards a topic under another name.
type forwarded struct {
	t *testing.T
	b *broker
	s *server
	*senders
	book *book
}

func forwarding(t *testing.T, b *broker) brought {
	t.Helper()
	config := writeFile(t, "penstock.yml", fmt.Sprintf(`forward:
  lake:
    to: kafka://%s
    topics: ["for*"]
    rename: "site1.{topic}"
  dead:
    to: kafka://127.0.0.1:1
    topics: ["*"]
`, b.Address))
	f := &forwarded{t: t, b: b, s: startBringing(t, "--config", config), book: newBook(4)}
	f.s.keyed("forwarded")
	f.senders = newSenders(t, f.s.HTTP, "forwarded", 4*time.Millisecond, f.book.pages...)
	f.start()
	return f
}

func (f *forwarded) process() *server { return f.s }
func (f *forwarded) before(int)       {}
func (f *forwarded) after(int)        {}

// finish also holds the source of each record, that its header names, against where it is.
func (f *forwarded) finish() {
	f.pause()
	f.t.Log(f.senders)
	stored := f.s.stored(f.t, "lake")
	c := newCheck(f.book)
	next := map[int32]int64{}
	readTopic(f.t, f.b.Address, "site1.forwarded", func(r *kgo.Record) {
		c.record(int(r.Partition), r.Offset, string(r.Key), string(r.Value))
		source := fmt.Sprintf("forwarded/%d@%d", r.Partition, next[r.Partition])
		if next[r.Partition]++; len(r.Headers) != 1 || r.Headers[0].Key != "penstock-source" || string(r.Headers[0].Value) != source {
			c.complain("partition %d, offset %d: headers %v, want %s", r.Partition, r.Offset, r.Headers, source)
		}
	})
	c.end(inLog)
	c.tell(f.t, "forwarded")
	if int64(c.records) != stored {
		f.t.Errorf("the cluster has %d records, the log %d", c.records, stored)
	}
}

// stored waits until a target has everything, and holds the ledger and the counters against each other.
func (s *server) stored(t *testing.T, target string) int64 {
	t.Helper()
	drained := s.drained(target)
	if _, total := s.ledger(); total.InFlight != 0 {
		t.Errorf("all is answered, and the ledger has %+v", total)
	}
	if kept := int64(s.kept()); kept != drained {
		t.Errorf("the logs have %d records, of which %d were brought away", kept, drained)
	}
	for name, want := range map[string]float64{"lost_records_total": 0, "lag_records": 0, "away": 0} {
		if have := s.metric(fmt.Sprintf(`penstock_forward_%s{target="%s"}`, name, target)); have != want {
			t.Errorf("all is drained, and %s of %s is %v", name, target, have)
		}
	}
	if s.metric(fmt.Sprintf(`penstock_forward_records_total{target="%s"}`, target)) == 0 {
		t.Errorf("%s has %d records, and the metrics know of none", target, drained)
	}
	return drained
}

// spooled has the cluster for its log.
type spooled struct {
	t *testing.T
	b *broker
	s *server
	*senders
	book *book
}

func spooling(t *testing.T, b *broker) brought {
	t.Helper()
	l := &spooled{t: t, b: b, s: startBringing(t, "--log", "kafka://"+b.Address), book: newBook(4)}
	l.s.keyed("spooled")
	l.senders = newSenders(t, l.s.HTTP, "spooled", 4*time.Millisecond, l.book.pages...)
	l.start()
	return l
}

func (l *spooled) process() *server { return l.s }
func (l *spooled) before(int)       {}
func (l *spooled) after(int)        {}

func (l *spooled) finish() {
	l.hears("kafka")
	time.Sleep(time.Second) // under load, with all there
	l.pause()
	l.t.Log(l.senders)
	stored := l.s.stored(l.t, "log")
	c := newCheck(l.book)
	readTopic(l.t, l.b.Address, "spooled", func(r *kgo.Record) { c.record(int(r.Partition), r.Offset, string(r.Key), string(r.Value)) })
	c.end(inLog)
	c.tell(l.t, "--log kafka://")
	if int64(c.records) != stored {
		l.t.Errorf("the cluster has %d records, the log %d", c.records, stored)
	}
	if l.acks["kafka"] == 0 || l.acks["disk"] == 0 || len(l.acks) != 2 {
		l.t.Errorf("the replies name %v", l.acks)
	}
}

// promoted promotes a topic in one round, and takes it back in the next, each time when the broker is killed in the middle.
type promoted struct {
	t  *testing.T
	b  *broker
	s  *server
	to string

	*senders // to the present topic
	book     *book
	foreign  []*page // what others write to the cluster's topic, by partition
	verb     *attempt
	runs     int
}

func promoting(t *testing.T, b *broker) brought {
	t.Helper()
	return &promoted{t: t, b: b, s: startBringing(t, "--kafka", "127.0.0.1:"+freePort(t)), to: "kafka://" + b.Address}
}

func (p *promoted) process() *server { return p.s }

func (p *promoted) before(round int) {
	p.t.Helper()
	if round%2 == 1 {
		p.verb = p.s.attempt("demote", p.topic)
		return
	}
	topic := "moved" + strconv.Itoa(round/2)
	p.s.keyed(topic)
	p.book = newBook(4)
	p.senders = newSenders(p.t, p.s.HTTP, topic, 2*time.Millisecond, p.book.pages...)
	p.foreign = nil
	for i := range 3 {
		p.foreign = append(p.foreign, p.book.open(func(int) string { return "foreign" + strconv.Itoa(i) }))
	}
	p.start()
	time.Sleep(time.Second)
	p.verb = p.s.attempt("promote", topic, "--to", p.to)
}

func (p *promoted) after(round int) {
	p.t.Helper()
	<-p.verb.ended
	p.runs += p.verb.runs
	if p.verb.err != nil {
		p.t.Errorf("after %d tries: %v\n%s", p.verb.runs, p.verb.err, p.verb.said)
		return
	}
	p.hears("kafka")
	time.Sleep(300 * time.Millisecond) // under load
	p.pause()
	if round%2 == 1 {
		p.takenBack()
		return
	}
	p.checkCluster(inLog, "promoted")
	if p.acks["kafka"] == 0 {
		p.t.Errorf("%s is promoted, and the replies name %v", p.topic, p.acks)
	}
	p.writeForeign(60)
	p.start()
}

// checkCluster wants in the cluster what was acknowledged with that much.
func (p *promoted) checkCluster(least fate, what string) {
	p.t.Helper()
	if least == inLog {
		p.s.drained("promote:" + p.topic)
	}
	c := newCheck(p.book)
	readTopic(p.t, p.b.Address, p.topic, func(r *kgo.Record) { c.record(int(r.Partition), r.Offset, string(r.Key), string(r.Value)) })
	c.end(least)
	c.tell(p.t, fmt.Sprintf("%s, %s, in the cluster", p.topic, what))
}

// writeForeign writes events to the cluster's topic, past the appliance.
func (p *promoted) writeForeign(n int) {
	p.t.Helper()
	var records []*kgo.Record
	for i := range n {
		to := i % len(p.foreign)
		by := p.foreign[to]
		next := len(by.fates)
		records = append(records, &kgo.Record{Topic: p.topic, Partition: int32(to), Key: []byte(by.key(next)), Value: []byte(by.event(next))})
		by.note(1, inCluster)
	}
	p.b.produce(records...)
}

func (p *promoted) takenBack() {
	p.t.Helper()
	p.checkCluster(inCluster, "taken back")
	c := newCheck(p.book)
	readTopic(p.t, p.s.Kafka, p.topic, func(r *kgo.Record) { c.record(int(r.Partition), r.Offset, string(r.Key), string(r.Value)) })
	c.end(inLog)
	c.tell(p.t, p.topic+", taken back, in the log")
	p.t.Logf("%s: %v; the verbs were run %d times, and last said %q", p.topic, p.senders, p.runs, lastLine(p.verb.said))
	if _, total := p.s.ledger(); total.InFlight != 0 {
		p.t.Errorf("all is answered, and the ledger has %+v", total)
	}
	p.verb = nil
}

func (p *promoted) finish() {
	if p.verb != nil { // an odd number of kills
		p.pause()
	}
	if p.runs == 0 {
		p.t.Error("nothing was promoted")
	}
}
