package shard

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"penstock/ring"
	"penstock/segstore/disk"
)

func large(letter string) string { return strings.Repeat(letter, 2*apartLeast) }

// ended fails the test where a draft has memory still.
func (s *still) ended() {
	s.t.Helper()
	if lent := s.drafts.Lent(); lent != 0 {
		s.t.Errorf("drafts have %d bytes of memory still", lent)
	}
}

// apartStill is a set of two shards, and a key for each.
func apartStill(t *testing.T) (s *still, keys [2]string) {
	s = openStill(t, disk.NewMem(), func(o *Options) { o.Shards, o.SegmentBytes, o.RingBytes = 2, 1<<20, 1<<20 })
	s.write(AckLog, "t - x")
	hash := hasher{seed: s.seed}
	for n := 0; keys[0] == "" || keys[1] == ""; n++ {
		key := fmt.Sprint("k", n)
		keys[shardOf(hash.sum([]byte(key)), 2)] = key
	}
	for _, key := range keys { // so that both have a segment
		s.write(AckLog, "t "+key+" x")
	}
	s.sync()
	s.moving = true
	return s, keys
}

// Large shares are laid apart. Those whose helm is free are put into their logs on the spot; of the others the ring has a frame without records, and the
// writer puts them where they belong.
func TestLaidApart(t *testing.T) {
	for taken := range 4 { // a bit for each helm
		s, keys := apartStill(t)
		before := [2]uint64{}
		for i, w := range s.writers {
			before[i] = w.counts.batches.Load()
			if taken>>i&1 == 1 {
				w.helm.take()
			}
		}
		k := s.NewTicket()
		batch := batchOf("t "+keys[0]+" "+large("a"), "t "+keys[1]+" "+large("b"), "t "+keys[0]+" "+large("c"))
		if err := s.Offer(batch, k, AckLog); err != nil {
			t.Fatal(err)
		}
		for i := range batch.Records { // the request may be gone
			clear(batch.Records[i].Value)
		}
		if got, want := answered(k), taken == 0; got != want {
			t.Errorf("helms taken %02b: answered %v", taken, got)
		}
		for i, w := range s.writers {
			busy := taken>>i&1 == 1
			if used := w.ring.Used(); busy != (used > 0) || used > 64 {
				t.Errorf("helms taken %02b: ring %d has %d bytes", taken, i, used)
			}
			if busy {
				w.helm.letGo()
			}
		}
		s.move()
		if err := s.told(k); err != nil {
			t.Errorf("helms taken %02b: %v", taken, err)
		}
		if got, want := string(k.AppendPosition(nil)), "t/"; !strings.HasPrefix(got, want) || strings.Count(got, "@") != 2 {
			t.Errorf("helms taken %02b: positions %s", taken, got)
		}
		s.sync()
		got := readAll(t, s.Set, "t")
		for i, want := range [2][]string{{large("a"), large("c")}, {large("b")}} {
			at := len(got[i]) - len(want)
			for j, value := range want {
				if got[i][at+j] != keys[i]+" "+value {
					t.Errorf("helms taken %02b: record %d of shard %d is not what was sent", taken, at+j, i)
				}
			}
			if n := s.writers[i].counts.batches.Load() - before[i]; n != 1 {
				t.Errorf("helms taken %02b: %d batches of shard %d", taken, n, i)
			}
		}
		s.ended()
	}
}

// Small shares, those whose batch stays open for others, and those that nobody waits for, are not laid apart.
func TestNotLaidApart(t *testing.T) {
	s := openStill(t, disk.NewMem(), func(o *Options) { o.SegmentBytes, o.RingBytes = 4<<20, 8<<20 })
	for name, c := range map[string]struct {
		ack   Ack
		event string
		want  int
	}{
		"large":                    {AckLog, large("x"), 1},
		"small":                    {AckLog, large("x")[:apartLeast/2], 0},
		"larger than a batch":      {AckLog, strings.Repeat("x", 1<<20), 0},
		"its batch stays open":     {AckDisk, large("x"), 0},
		"nobody waits":             {AckRing, large("x"), 0},
		"as large as a batch gets": {AckLog, strings.Repeat("x", 1<<20-100), 1},
	} {
		k := s.NewTicket()
		if err := s.Offer(batchOf("t - "+c.event), k, c.ack); err != nil {
			t.Fatal(name, err)
		}
		if k.apart != c.want {
			t.Errorf("%s: %d shares are laid apart, want %d", name, k.apart, c.want)
		}
		s.move()
		s.sync()
		if err := k.Wait(AckTimeout); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.ended()
}

// claimAll claims all the room of a ring.
func claimAll(r *ring.Ring) (claims []ring.Claim) {
	for size := r.MaxFrame(); size > 0; {
		if c, ok := r.Claim(size); ok {
			claims = append(claims, c)
		} else {
			size /= 2
		}
	}
	return claims
}

// When one ring has no room for word of a share nothing is kept of any, on the spot or by the ring.
func TestLaidApartAndRefused(t *testing.T) {
	s, keys := apartStill(t)
	s.writers[1].helm.take()
	claims := claimAll(s.writers[1].ring)
	k, next := s.NewTicket(), s.log("t").log.Written()
	if err := s.Offer(batchOf("t "+keys[0]+" "+large("a"), "t "+keys[1]+" "+large("b")), k, AckLog); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	if got := s.log("t").log.Written(); got != next || !s.writers[0].helm.free() || s.writers[0].ring.Used() > 0 {
		t.Errorf("%d records of what was refused are there", got-next)
	}
	s.ended()
	for _, c := range claims {
		c.Abort()
	}
	s.writers[1].helm.letGo()
	s.move()
	if err := s.Offer(batchOf("t "+keys[0]+" "+large("a"), "t "+keys[1]+" "+large("b")), k, AckLog); err != nil {
		t.Fatal(err)
	}
	if err := s.told(k); err != nil {
		t.Error(err)
	}
	s.ended()
}

// A share that its log has no room for is refused by the writer, with the reason; its memory is not kept.
func TestLaidApartOnAFullDisk(t *testing.T) {
	s, keys := apartStill(t)
	s.disk.Free = 0
	var err error
	stored := 0
	for n := 0; err == nil; n++ {
		if n == 1000 {
			t.Fatal("the disk does not fill up")
		}
		k := s.NewTicket()
		if err = s.Offer(batchOf("t "+keys[0]+" "+large("a")), k, AckLog); err == nil {
			s.move()
			if err = s.told(k); err == nil {
				stored++
			}
		}
	}
	if !errors.Is(err, ErrFull) || stored == 0 {
		t.Errorf("after %d: %v", stored, err)
	}
	s.ended()
}

// A request that gave up leaves what it had laid to the writer, and goes on with memory of its own.
func TestLaidApartAndLeft(t *testing.T) {
	s, keys := apartStill(t)
	s.writers[0].helm.take()
	k := s.NewTicket()
	if err := s.Offer(batchOf("t "+keys[0]+" "+large("a")), k, AckLog); err != nil {
		t.Fatal(err)
	}
	if err := k.Wait(1); !errors.Is(err, ErrTimeout) {
		t.Fatal(err)
	}
	if err := s.Offer(batchOf("t "+keys[0]+" "+large("b")), k, AckLog); err != nil {
		t.Fatal(err)
	}
	s.writers[0].helm.letGo()
	s.move()
	if err := s.told(k); err != nil {
		t.Error(err)
	}
	s.sync()
	got := readAll(t, s.Set, "t")[0]
	for i, letter := range []string{"a", "b"} {
		if got[len(got)-2+i] != keys[0]+" "+large(letter) {
			t.Errorf("the record of %s is not what was sent", letter)
		}
	}
	s.ended()
}

// Where a disk hangs, and requests give up, what they leave is bounded: it goes by the ring, and that fills up.
func TestLaidApartIsBounded(t *testing.T) {
	s, keys := apartStill(t)
	s.writers[0].helm.take()
	k, left := s.NewTicket(), 0
	var err error
	for err == nil || errors.Is(err, ErrTimeout) {
		if left++; left > 10_000 {
			t.Fatal("there is no end of it")
		}
		if err = s.Offer(batchOf("t "+keys[0]+" "+strings.Repeat("x", 200<<10)), k, AckLog); err == nil {
			err = k.Wait(1)
		}
	}
	if lent := s.drafts.Lent(); !errors.Is(err, ErrBusy) || lent < 60<<20 || lent > 65<<20 {
		t.Errorf("after %d requests drafts have %d bytes, and %v", left, lent, err)
	}
	s.writers[0].helm.letGo()
	next := s.log("t").log.Written()
	for range 100 {
		s.move()
	}
	if got := s.log("t").log.Written() - next; got != int64(left-1) {
		t.Errorf("%d records are there, want %d", got, left-1)
	}
	s.ended()
}

// Many requests at once whose shares are laid apart, among small ones, and some that are laid while they are parsed: each record is there once and whole, and a sender's are in their order.
func TestLaidApartByMany(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.Ack, o.SegmentBytes, o.apartLeast = AckLog, 4<<20, 2000 })
	const senders, each = 8, 200
	filler := strings.Repeat("x", 500)
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			k := s.NewTicket()
			for n := range each {
				var events []string
				for i := range 1 + n%12 { // up to six for each shard: some are small
					events = append(events, fmt.Sprintf("t k%d %d %d %d %s", i, sender, i, n, filler))
				}
				if sender%2 == 0 {
					store(t, s, k, AckLog, events...)
				} else {
					storeLaid(t, s, k, events...)
				}
			}
		})
	}
	all.Wait()
	next := map[[2]int]int{} // by sender and key
	for _, records := range readAll(t, s, "t") {
		for _, r := range records {
			var sender, i, n int
			var rest string
			if _, err := fmt.Sscanf(r, "k%d %d %d %d %s", &i, &sender, &i, &n, &rest); err != nil || rest != filler {
				t.Fatal(r, err)
			}
			at := [2]int{sender, i}
			for want := next[at]; ; want++ { // who has a record i is told by n
				if i < 1+want%12 {
					if n != want {
						t.Fatalf("of sender %d and key %d there is %d where %d was to come", sender, i, n, want)
					}
					next[at] = want + 1
					break
				}
			}
		}
	}
	for sender := range senders {
		for i := range 12 {
			last := 0
			for n := range each {
				if i < 1+n%12 {
					last = n + 1
				}
			}
			if got := next[[2]int{sender, i}]; got != last {
				t.Errorf("of sender %d and key %d the last is %d, want %d", sender, i, got-1, last-1)
			}
		}
	}
	if lent := s.drafts.Lent(); lent != 0 {
		t.Errorf("drafts have %d bytes of memory still", lent)
	}
}
