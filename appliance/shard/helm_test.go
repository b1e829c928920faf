package shard

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"penstock/segstore/disk"
)

// One at a time has the helm, whoever tries and whoever waits, and nobody waits for ever.
func TestHelm(t *testing.T) {
	h := newHelm()
	const rounds = 20_000
	inside, times := 0, 0 // guarded by the helm: the race detector looks on
	had := func() {
		if inside++; inside != 1 {
			t.Errorf("%d have the helm", inside)
		}
		times++
		inside--
		h.letGo()
	}
	var all sync.WaitGroup
	for range 2 { // as the writer's goroutine and the syncer
		all.Go(func() {
			for range rounds {
				h.take()
				had()
			}
		})
	}
	tried := 0
	for range rounds {
		if h.try() {
			tried++
			had()
		}
		runtime.Gosched()
	}
	all.Wait()
	if !h.try() || times != 2*rounds+tried {
		t.Errorf("it was had %d times, %d of them by trying", times, tried)
	}
}

// A request writes its records itself only where nothing is in the way: not past a frame that waits in the ring, nor while somebody has the
// helm, nor where a segment would have to be begun first.
func TestWrittenOnTheSpot(t *testing.T) {
	value := strings.Repeat("x", 1000)
	for name, c := range map[string]struct {
		before func(s *still)
		want   bool
	}{
		"nothing in the way":   {func(s *still) {}, true},
		"a frame in the ring":  {func(s *still) { s.moving = false; s.offer("t - first"); s.moving = true }, false},
		"the helm is taken":    {func(s *still) { s.writers[0].helm.take() }, false},
		"the segment is full":  {func(s *still) { s.fill(value) }, false},
		"there is no segment":  {func(s *still) { s.log("other") }, false},
		"a sync has failed":    {func(s *still) { s.write(AckLog, "t - lost"); s.inSync(func() error { return errIO }); s.sync() }, false},
		"a batch is open":      {func(s *still) { s.write(AckDisk, "t - open") }, true},
		"everything is synced": {func(s *still) { s.write(AckDisk, "t - synced"); s.sync() }, true},
	} {
		s := openStill(t, disk.NewMem(), nil)
		s.write(AckLog, "t - "+value)
		s.sync()
		s.moving = true
		c.before(s)
		topic := "t"
		if name == "there is no segment" {
			topic = "other"
		}
		used := s.writers[0].ring.Used()
		k := s.NewTicket()
		if err := s.Offer(batchOf(topic+" - "+value), k, AckLog); err != nil {
			t.Fatal(name, err)
		}
		if got := answered(k); got != c.want || got == (s.writers[0].ring.Used() > used) {
			t.Errorf("%s: written on the spot %v, want %v", name, got, c.want)
		}
		s.writers[0].helm.letGo()
		s.move()
		if err := s.told(k); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (s *still) offer(events ...string) {
	s.t.Helper()
	if err := s.Offer(batchOf(events...), s.NewTicket(), AckLog); err != nil {
		s.t.Fatal(err)
	}
}

// fill leaves no room in the first segment for another of these records.
func (s *still) fill(value string) {
	l := s.log("t").log
	for n := 0; l.ReserveInPlace(int64(len(value)) + 100); n++ {
		s.write(AckLog, fmt.Sprintf("t - %s", value))
		if n == 1000 {
			s.t.Fatal("the segment does not fill up")
		}
	}
}

// Many requests at once, some on the spot and some through the ring: each record is there once, and a sender's are in their order.
func TestOnTheSpotAndThroughTheRing(t *testing.T) {
	for _, ack := range []Ack{AckLog, AckDisk} {
		s := openSet(t, t.TempDir(), func(o *Options) { o.Shards, o.Ack = 1, ack })
		const senders, each = 8, 300
		var all sync.WaitGroup
		for sender := range senders {
			all.Go(func() {
				k := s.NewTicket()
				for n := range each {
					store(t, s, k, ack, fmt.Sprintf("t - %d %d", sender, n))
				}
			})
		}
		all.Wait()
		next := [senders]int{}
		for _, r := range readAll(t, s, "t")[0] {
			var sender, n int
			if _, err := fmt.Sscanf(r, "- %d %d", &sender, &n); err != nil {
				t.Fatal(err)
			}
			if n != next[sender] {
				t.Fatalf("after record %d of sender %d comes %d", next[sender]-1, sender, n)
			}
			next[sender]++
		}
		for sender, n := range next {
			if n != each {
				t.Errorf("%d records of sender %d are there", n, sender)
			}
		}
	}
}

// Records without a key stay with one shard for a while, and then go to the next; past a writer that is at work, while there is another.
func TestKeylessTakeTurns(t *testing.T) {
	s := openStill(t, disk.NewMem(), func(o *Options) { o.Shards, o.SegmentBytes, o.RingBytes = 3, 4<<20, 1<<20 })
	l := s.log("t")
	at := func() int {
		k := s.write(AckLog, "t - "+strings.Repeat("x", 10_000))
		return k.shares[0].log.shard
	}
	for n := range 2 {
		if got := at(); got != 0 {
			t.Errorf("record %d went to shard %d", n, got)
		}
	}
	was := make(map[int]int)
	for range 3 * turnBytes / 10_000 {
		was[at()]++
	}
	if len(was) != 3 || min(was[0], was[1], was[2]) < turnBytes/10_000-3 {
		t.Errorf("by shard: %v", was)
	}
	s.turn.Store(0)
	s.writers[0].helm.take()
	if got := at(); got != 1 {
		t.Errorf("with the first writer at work it went to shard %d", got)
	}
	s.writers[1].helm.take()
	s.writers[2].helm.take()
	busy := make(map[int]int)
	k := s.NewTicket()
	for range 30 {
		busy[k.keyless(l.topic).shard]++
	}
	if busy[0] != 10 || busy[1] != 10 {
		t.Errorf("with all at work: %v", busy)
	}
}
