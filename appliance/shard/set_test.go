package shard

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/segstore"
	"penstock/segstore/disk"
	"penstock/wire"
)

func openSet(t testing.TB, dir string, change func(*Options)) *Set {
	t.Helper()
	o := Options{Dir: dir, Shards: 2, SegmentBytes: 1 << 20, RingBytes: 1 << 20}
	if change != nil {
		change(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeSet(t, s) })
	return s
}

func closeSet(t testing.TB, s *Set) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// batchOf makes a batch; each event is "topic key value", with "-" for a null key.
func batchOf(events ...string) *wire.Batch {
	b := &wire.Batch{}
	for i, e := range events {
		f := strings.SplitN(e, " ", 3)
		r := b.Add()
		r.Topic, r.Value, r.Time = []byte(f[0]), []byte(f[2]), int64(1000+i)
		if f[1] != "-" {
			r.Key = []byte(f[1])
		}
	}
	return b
}

func store(t testing.TB, s *Set, k *Ticket, ack Ack, events ...string) {
	t.Helper()
	if err := s.Offer(batchOf(events...), k, ack); err != nil {
		t.Fatal(err)
	}
	if err := k.Wait(AckTimeout); err != nil {
		t.Fatal(err)
	}
}

// readAll reads every readable record of a topic, "key value" by shard.
func readAll(t testing.TB, s *Set, topic string) [][]string {
	t.Helper()
	tp, ok := s.Topic(topic)
	if !ok {
		t.Fatalf("no topic %s", topic)
	}
	var all [][]string
	for _, l := range tp.Logs() {
		var got []string
		c := l.Cursor(l.First())
		next := l.First()
		for {
			b, err := c.Next()
			if errors.Is(err, segstore.ErrTail) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			records := b.Records()
			for r, ok := records.Next(); ok; r, ok = records.Next() {
				if r.Offset != next {
					t.Fatalf("offset %d where %d is due", r.Offset, next)
				}
				next++
				key := "-"
				if r.Key != nil {
					key = string(r.Key)
				}
				got = append(got, key+" "+string(r.Value))
			}
		}
		c.Close()
		all = append(all, got)
	}
	return all
}

func TestWhatIsAcknowledgedIsReadable(t *testing.T) {
	for _, ack := range []Ack{AckDisk, AckLog} {
		t.Run(ack.String(), func(t *testing.T) {
			s := openSet(t, t.TempDir(), func(o *Options) { o.Ack = ack })
			k := s.NewTicket()
			for i := range 200 {
				key := fmt.Sprint("k", i%5)
				value := fmt.Sprint("v", i)
				store(t, s, k, ack, "t "+key+" "+value)
				found := false
				for _, shard := range readAll(t, s, "t") {
					found = found || (len(shard) > 0 && shard[len(shard)-1] == key+" "+value)
				}
				if !found {
					t.Fatalf("record %d was acknowledged and is not the last of any shard", i)
				}
			}
		})
	}
}

func TestReopenKeepsEverythingAndItsPlace(t *testing.T) {
	dir := t.TempDir()
	var before [][]string
	for life := range 4 {
		s := openSet(t, dir, func(o *Options) { o.Shards = 3 - life%2 }) // the number of writers may change, the topic's shards may not
		k := s.NewTicket()
		for i := range 50 {
			store(t, s, k, AckLog, fmt.Sprintf("t k%d life%d-%d", i%7, life, i), fmt.Sprintf("t - life%d-%d", life, i))
		}
		closeSet(t, s)
		s = openSet(t, dir, nil)
		after := readAll(t, s, "t")
		if len(after) != 3 {
			t.Fatalf("the topic has %d shards, it was made with 3", len(after))
		}
		where := map[string]int{}
		for shard, records := range after {
			if shard < len(before) {
				for i, r := range before[shard] {
					if records[i] != r {
						t.Fatalf("life %d, shard %d, record %d: %q was %q", life, shard, i, records[i], r)
					}
				}
			}
			for _, r := range records {
				key, _, _ := strings.Cut(r, " ")
				if other, seen := where[key]; key != "-" && seen && other != shard {
					t.Fatalf("key %s is in shards %d and %d", key, other, shard)
				}
				where[key] = shard
			}
		}
		before = after
		closeSet(t, s)
	}
}

func TestPositionNamesEveryShard(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.Shards = 1 })
	k := s.NewTicket()
	store(t, s, k, AckLog, "a - 1", "a - 2", "b k 3", "a x 4")
	if got := string(k.AppendPosition(nil)); got != "a/0@0-2, b/0@0-0" {
		t.Errorf("position %q", got)
	}
	store(t, s, k, AckDisk, "a - 5")
	if got := string(k.AppendPosition(nil)); got != "a/0@3-3" {
		t.Errorf("position %q", got)
	}
	if err := s.Offer(batchOf("a - 6"), k, AckRing); err != nil {
		t.Fatal(err)
	}
	if got := string(k.AppendPosition(nil)); got != "" {
		t.Errorf("the ring knows no position, got %q", got)
	}
}

// A request's records of one shard share a batch, whatever else is in the ring.
func TestARequestIsOneBatchPerShard(t *testing.T) {
	s := openSet(t, t.TempDir(), nil)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			k := s.NewTicket()
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range 200 {
				var events []string
				for j := range 1 + r.IntN(20) {
					events = append(events, fmt.Sprintf("t k%d req-%d-%d of %d", j%3, w, i, j))
				}
				if err := s.Offer(batchOf(events...), k, AckLog); errors.Is(err, ErrBusy) {
					continue
				} else if err != nil {
					t.Error(err)
				}
				if err := k.Wait(AckTimeout); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	tp, _ := s.Topic("t")
	if err := s.Offer(batchOf("t - end"), s.NewTicket(), AckLog); err != nil {
		t.Fatal(err)
	}
	for shard, l := range tp.Logs() {
		home := map[string]int64{}
		c := l.Cursor(0)
		for {
			b, err := c.Next()
			if err != nil {
				break
			}
			records := b.Records()
			for r, ok := records.Next(); ok; r, ok = records.Next() {
				req, _, _ := strings.Cut(string(r.Value), " ")
				if base, seen := home[req]; seen && base != b.Base() {
					t.Fatalf("shard %d: %s is in the batches at %d and %d", shard, req, base, b.Base())
				}
				home[req] = b.Base()
			}
		}
		c.Close()
	}
}

func TestAllOrNothingWhenARingIsFull(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.RingBytes = 64 << 10 })
	big := strings.Repeat("x", 6<<10)
	release := make(chan struct{})
	held := make(chan struct{})
	s.writers[0].do(func() { close(held); <-release }) // writer 0 is stuck
	<-held
	if err := s.CreateTopic("t", 2); err != nil {
		t.Fatal(err)
	}
	k := s.NewTicket()
	var accepted int
	for i := range 100 {
		b := batchOf()
		for j := range 2 { // one record for each shard
			r := b.Add()
			r.Topic, r.Value = []byte("t"), []byte(fmt.Sprintf("%d/%d %s", i, j, big))
			r.Key = keyFor(k, j)
		}
		err := s.Offer(b, k, AckRing)
		if errors.Is(err, ErrBusy) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		accepted++
	}
	close(release)
	if accepted == 0 || accepted == 100 {
		t.Fatalf("%d requests went into a ring that should hold a few", accepted)
	}
	waitFor(t, func() bool {
		n := 0
		for _, l := range (func() []*segstore.Log { tp, _ := s.Topic("t"); return tp.Logs() })() {
			n += int(l.Next())
		}
		return n == 2*accepted
	})
	got := readAll(t, s, "t")
	if len(got[0]) != accepted || len(got[1]) != accepted {
		t.Errorf("%d and %d records for %d accepted requests", len(got[0]), len(got[1]), accepted)
	}
}

// keyFor finds a key of the given shard of two.
func keyFor(k *Ticket, shard int) []byte {
	for i := 0; ; i++ {
		key := fmt.Append(nil, "key", i)
		if k.hash.sum(key)%2 == uint64(shard) {
			return key
		}
	}
}

func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	for range 5000 {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it did not happen within five seconds")
}

func TestRefusals(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.MaxTopics = 2; o.RingBytes = 64 << 10 })
	k := s.NewTicket()
	store(t, s, k, AckLog, "a - 1", "b - 1")
	if err := s.Offer(batchOf("c - 1"), k, AckLog); !errors.Is(err, ErrTopics) {
		t.Errorf("a topic too many: %v", err)
	}
	if err := s.Offer(batchOf("a - "+strings.Repeat("x", 20<<10)), k, AckLog); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a frame too large: %v", err)
	}
	for name, err := range map[string]error{
		"exists":      s.CreateTopic("a", 0),
		"bad name":    s.CreateTopic("../a", 0),
		"too many":    s.CreateTopic("c", 0),
		"shards":      s.CreateTopic("d", ShardsMax+1),
		"no such one": s.DeleteTopic("nope"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	store(t, s, k, AckLog, "a - 2") // and the ticket is none the worse
	closeSet(t, s)
	if err := s.Offer(batchOf("a - 3"), k, AckLog); !errors.Is(err, ErrClosing) {
		t.Errorf("closed: %v", err)
	}
	if s.Ready() == nil {
		t.Error("closed and ready")
	}
}

func TestDeleteTopicUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s := openSet(t, dir, nil)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			k := s.NewTicket()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				err := s.Offer(batchOf(fmt.Sprintf("t k%d %d", w, i)), k, Ack(i%2))
				if err == nil {
					err = k.Wait(AckTimeout)
				}
				if err != nil && !errors.Is(err, ErrUnknownTopic) && !errors.Is(err, ErrSync) {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		waitFor(t, func() bool { _, ok := s.Topic("t"); return ok })
		if err := s.DeleteTopic("t"); err != nil && !errors.Is(err, ErrUnknownTopic) {
			t.Fatal(err)
		}
	}
	close(stop)
	all.Wait()
	if err := s.DeleteTopic("t"); err != nil && !errors.Is(err, ErrUnknownTopic) {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(dir, "topics"))
	if err != nil || len(left) != 0 {
		t.Errorf("%d directories are left: %v", len(left), err)
	}
}

func TestTimeoutLeavesTheTicketUsable(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.Shards = 1 })
	k := s.NewTicket()
	store(t, s, k, AckLog, "t - 0")
	held, release := make(chan struct{}), make(chan struct{})
	s.writers[0].do(func() { close(held); <-release })
	<-held
	if err := s.Offer(batchOf("t - 1"), k, AckDisk); err != nil {
		t.Fatal(err)
	}
	if err := k.Wait(5 * time.Millisecond); !errors.Is(err, ErrTimeout) {
		t.Fatalf("Wait: %v", err)
	}
	close(release)
	for i := range 100 {
		store(t, s, k, AckDisk, fmt.Sprint("t - ", i+2))
	}
	if n := len(readAll(t, s, "t")[0]); n != 102 {
		t.Errorf("%d records, want 102", n)
	}
}

func TestRetentionByAge(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.Retention = 300 * time.Millisecond; o.Shards = 1 })
	k := s.NewTicket()
	store(t, s, k, AckDisk, "t - old")
	tp, _ := s.Topic("t")
	l := tp.Logs()[0]
	waitFor(t, func() bool { return l.First() == 1 })
	store(t, s, k, AckDisk, "t - new")
	if got := string(k.AppendPosition(nil)); got != "t/0@1-1" {
		t.Errorf("offsets began anew: %s", got)
	}
}

func TestRetentionByBytes(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.RetentionBytes = 3 << 20; o.SegmentBytes = 256 << 10; o.Shards = 1 })
	k := s.NewTicket()
	value := strings.Repeat("x", 10<<10)
	for i := range 1000 {
		store(t, s, k, AckLog, fmt.Sprintf("t - %d %s", i, value))
	}
	waitFor(t, func() bool { return s.Stats().Shards[0].Bytes <= 3<<20 })
	if st := s.Stats().Shards[0]; st.First == 0 || st.Written != 1000 {
		t.Errorf("%+v", st)
	}
}

func TestRoutingSeedIsKept(t *testing.T) {
	dir := t.TempDir()
	a, err := routingSeed(disk.OS{}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := routingSeed(disk.OS{}, dir, nil); err != nil || a != b {
		t.Errorf("seed %x, then %x, %v", a, b, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "routing-seed"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := routingSeed(disk.OS{}, dir, nil); err == nil {
		t.Error("a broken seed was taken")
	}
}
