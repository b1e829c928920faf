package shard

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A reply waits for the cluster as long as that is not away, and says truly whether it has the records.
func TestSpoolAnswers(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) {
		o.Spooled = func(topic string) bool { return topic == "kept" || topic == "kept2" }
		o.Shards = 1
	})
	k := s.NewTicket()
	spool := func(topic string) *Spool {
		t.Helper()
		tp, _ := s.Topic(topic)
		if spools := tp.Spools(); len(spools) == 1 {
			return spools[0]
		}
		t.Fatalf("%s is no spool", topic)
		return nil
	}
	verdict := func(want bool, what string) {
		t.Helper()
		if got := k.WaitCluster(); got != want {
			t.Errorf("%s: the cluster has it: %v, want %v", what, got, want)
		}
	}
	store(t, s, k, AckDisk, "kept - 0")
	verdict(false, "nobody has said that the cluster is there")
	p := spool("kept")
	p.Away(false)
	p.Drained(1)
	verdict(true, "drained")
	store(t, s, k, AckDisk, "kept - 1")
	time.AfterFunc(time.Millisecond, func() { p.Drained(2) })
	verdict(true, "drained a moment later")
	store(t, s, k, AckDisk, "kept - 2")
	time.AfterFunc(time.Millisecond, func() { p.Away(true) })
	verdict(false, "away a moment later")
	p.Drained(3)
	verdict(true, "away, and drained all the same")
	store(t, s, k, AckDisk, "kept - 3", "_rejected - x")
	p.Drained(4)
	verdict(true, "with a record of the appliance's own")
	store(t, s, k, AckDisk, "kept - 4", "local - x")
	p.Drained(5)
	verdict(false, "with a record of a topic that is kept here alone")
	store(t, s, k, AckDisk, "local - y")
	verdict(false, "only such")
	store(t, s, k, AckDisk, "kept - 5", "kept2 - 0")
	p.Drained(6)
	verdict(false, "one of two topics is away")
	p.Away(false)
	store(t, s, k, AckDisk, "kept - 6")
	time.AfterFunc(time.Millisecond, func() {
		if err := s.DeleteTopic("kept"); err != nil {
			t.Error(err)
		}
	})
	verdict(false, "the topic is deleted while the reply waits")
}

// A topic that becomes a spool and stops being one, while replies wait.
func TestSpoolOnAndOff(t *testing.T) {
	s := openSet(t, t.TempDir(), nil)
	k := s.NewTicket()
	store(t, s, k, AckDisk, "t - 0")
	tp, _ := s.Topic("t")
	if tp.Spools() != nil || k.Spooled() {
		t.Error("it is a spool already")
	}
	tp.Spool(true)
	for _, p := range tp.Spools() {
		p.Away(false)
	}
	if !k.Spooled() {
		t.Error("it is no spool")
	}
	time.AfterFunc(time.Millisecond, func() { tp.Spool(false) })
	if k.WaitCluster() {
		t.Error("the cluster has what nobody brought there")
	}
}

// Who still brings records to a cluster when the topic has come back does not hold the log any more.
func TestSpoolThatEnded(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.Shards, o.RetentionBytes = 1, 2<<20 })
	k := s.NewTicket()
	store(t, s, k, AckDisk, "t - 0")
	tp, _ := s.Topic("t")
	tp.Spool(true)
	p := tp.Spools()[0]
	tp.Spool(false)
	p.Drained(1)
	p.Away(false)
	value := strings.Repeat("x", 10<<10)
	for i := range 1000 {
		store(t, s, k, AckLog, fmt.Sprintf("t - %d %s", i, value))
	}
	waitFor(t, func() bool { return tp.Logs()[0].First() > 500 })
}

// The space that spooled records take is not for others: retention by size takes nothing that is yet to be brought to the cluster.
func TestSpoolIsKept(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) {
		o.Spooled = func(topic string) bool { return topic == "kept" }
		o.Shards, o.RetentionBytes = 1, 4<<20
	})
	k := s.NewTicket()
	value := strings.Repeat("x", 10<<10)
	for i := range 1000 {
		store(t, s, k, AckLog, fmt.Sprintf("kept - %d %s", i, value), fmt.Sprintf("local - %d %s", i, value))
	}
	first := func(topic string) int64 {
		tp, _ := s.Topic(topic)
		return tp.Logs()[0].First()
	}
	waitFor(t, func() bool { return first("local") > 800 })
	if first("kept") > 0 {
		t.Errorf("records before %d are gone", first("kept"))
	}
	tp, _ := s.Topic("kept")
	tp.Spools()[0].Drained(1000)
	waitFor(t, func() bool { return first("kept") > 0 })
}

// A batch that is offered to a shard goes there, whatever its keys say; the next one goes by its keys again.
func TestOfferToAShard(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.Shards = 3 })
	k := s.NewTicket()
	for shard := range 3 {
		k.To(shard)
		store(t, s, k, AckDisk, "t a 1", "t b 2", "t - 3")
	}
	for i, got := range readAll(t, s, "t") {
		if len(got) != 3 {
			t.Errorf("shard %d has %q", i, got)
		}
	}
	k.To(3)
	if err := s.Offer(batchOf("t a 1"), k, AckDisk); !errors.Is(err, ErrUnknownShard) {
		t.Errorf("offered to a shard that is not there: %v", err)
	}
	store(t, s, k, AckDisk, "t a 1")
}
