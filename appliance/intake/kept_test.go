package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"penstock/appliance/shard"
	"penstock/segstore"
	"penstock/segstore/disk"
	"penstock/wire"
)

// troubled is the real disk with trouble for segments: a call that makes or syncs one may wait or fail.
type troubled struct {
	disk.OS
	trouble atomic.Pointer[func(call, path string) error] // nil: all is well
}

func (d *troubled) ask(call, path string) error {
	if trouble := d.trouble.Load(); trouble != nil && strings.HasSuffix(path, "/spare.tmp") {
		return (*trouble)(call, path)
	}
	return nil
}

func (d *troubled) Create(path string, size int64) (disk.File, error) {
	if err := d.ask("create", path); err != nil {
		return nil, err
	}
	f, err := d.OS.Create(path, size)
	return troubledFile{f, d, path}, err
}

type troubledFile struct {
	disk.File
	d    *troubled
	path string // that it was made under
}

func (f troubledFile) Sync() error {
	if err := f.d.ask("sync", f.path); err != nil {
		return err
	}
	return f.File.Sync()
}

// openTroubled is a front door that nobody comes through, on a disk with trouble.
func openTroubled(t *testing.T) (r *rig, d *troubled) {
	t.Helper()
	d = &troubled{}
	set, err := shard.Open(shard.Options{Dir: t.TempDir(), Shards: 1, SegmentBytes: 1 << 20, RingBytes: 64 << 10, RepeatBytes: 1 << 20, Disk: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := set.Close(ctx); err != nil {
			t.Errorf("closing the shards: %v", err)
		}
	})
	for _, topic := range []string{"a", "b"} {
		if err := set.CreateTopic(topic, 1); err != nil {
			t.Fatal(err)
		}
	}
	r = open(t, func(o *Options) {
		withLines(o)
		o.Set, o.Ack = set, shard.AckDisk
	})
	r.set = set
	return r, d
}

// lay adds a record for each event, "topic value", to a batch.
func lay(b *wire.Batch, events ...string) {
	for _, e := range events {
		topic, value, _ := strings.Cut(e, " ")
		record := b.Add()
		record.Topic, record.Value = []byte(topic), []byte(value)
	}
}

// values are what the topics hold, "topic value", of the value its first letter.
func (r *rig) values(t *testing.T, topics ...string) (all []string) {
	t.Helper()
	for _, name := range topics {
		for _, value := range r.texts(t, name) {
			all = append(all, name+" "+value[:1])
		}
	}
	return all
}

// texts are the values that the first shards of topics hold.
func (r *rig) texts(t *testing.T, topics ...string) (all []string) {
	t.Helper()
	for _, name := range topics {
		topic, ok := r.set.Topic(name)
		if !ok {
			t.Fatalf("no topic %s", name)
		}
		log := topic.Logs()[0]
		c := log.Cursor(log.First())
		defer c.Close()
		b, err := c.Next()
		for ; !errors.Is(err, segstore.ErrTail); b, err = c.Next() {
			var givenUp *segstore.CorruptError
			if errors.As(err, &givenUp) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			records := b.Records()
			for record, ok := records.Next(); ok; record, ok = records.Next() {
				all = append(all, string(record.Value))
			}
		}
	}
	return all
}

func (r *rig) worker() *worker { return r.doors[0].workers.take() }

func (r *rig) holds(t *testing.T, want ...string) {
	t.Helper()
	if got := r.values(t, "a", "b"); !slices.Equal(got, want) {
		t.Errorf("stored: %q, want %q", got, want)
	}
}

// A request of which one part finds no room is refused, and what was stored of it is counted as stored. A large one that goes in
// pieces is refused, too, when a later piece is.
func TestPartOfARequestIsKept(t *testing.T) {
	large := strings.Repeat("x", 10<<10)
	for name, events := range map[string][]string{
		"whole":     {"a 1", "b 2", "a 3"},
		"in pieces": {"a 1" + large, "a 3" + large, "b 2" + large, "b 4" + large},
	} {
		t.Run(name, func(t *testing.T) {
			r, d := openTroubled(t)
			full := func(call, path string) error {
				if call == "create" && strings.Contains(path, "/b-0/") {
					return disk.ErrFull
				}
				return nil
			}
			d.trouble.Store(&full)
			w := r.worker()
			lay(&w.batch, events...)
			if err := w.store(r.Server, shard.AckDisk); !errors.Is(err, shard.ErrFull) {
				t.Errorf("it is told %v", err)
			}
			if w.kept != 2 || w.repeated != 0 || w.late != 0 {
				t.Errorf("%d kept, %d repeated, %d late", w.kept, w.repeated, w.late)
			}
			r.holds(t, "a 1", "a 3")
		})
	}
}

// Repeats are counted as such, and not as stored.
func TestRepeatsAreCountedApart(t *testing.T) {
	r, _ := openTroubled(t)
	for round, want := range []string{"2 0", "1 2"} {
		w := r.worker()
		lay(&w.batch, []string{"a 1", "b 2", "a 3"}[:2+round]...)
		for i := range w.batch.Records {
			w.batch.Records[i].ID = w.batch.Records[i].Value
		}
		if err := w.store(r.Server, shard.AckDisk); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(w.kept, " ", w.repeated); got != want {
			t.Errorf("round %d: kept and repeated %s, want %s", round, got, want)
		}
	}
	r.holds(t, "a 1", "a 3", "b 2")
}

// newFeed is a stream's feed that a test fills by hand.
func (r *rig) newFeed() *feed {
	return &feed{
		streamOf: &streamOf{Stream: wire.Stream{Name: "lines"}, server: r.Server}, door: &doorCounts{},
		workers: &workers{server: r.Server, limit: 1}, closing: make(chan struct{}),
	}
}

// fill fills a feed's batch; in the second way, what is of the first record's topic is laid.
func (f *feed) fill(way string, events ...string) {
	w := f.worker()
	var first []byte
	for _, e := range events {
		topic, value, _ := strings.Cut(e, " ")
		if first == nil {
			first = []byte(topic)
		}
		if way == "laid" && topic == string(first) {
			w.batch.Layer = w.ticket
			copy(w.batch.Lay(first, nil, 1, len(value), 0), value)
		} else {
			lay(&w.batch, e)
		}
	}
}

// ways are how records come to be a batch's.
var ways = []string{"gathered", "laid"}

// A stream whose batch was kept in part, as a sync of one of its logs failed, sends the rest again, and nothing else.
func TestStream_RestIsStoredOnce(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			r, d := openTroubled(t)
			fails := true
			once := func(call, path string) error {
				if call == "sync" && strings.Contains(path, "/b-0/") && fails {
					fails = false
					return errors.New("input/output error")
				}
				return nil
			}
			d.trouble.Store(&once)
			f := r.newFeed()
			f.fill(way, "b 2", "b 4", "a 1", "a 3")
			if !f.store() || fails {
				t.Fatalf("the stream ends; the sync has yet to fail: %v", fails)
			}
			r.holds(t, "a 1", "a 3", "b 2", "b 4")
			if c := &f.workers.tallies()[0].wires[0]; c.stored.Load() != 4 || c.received.Load() != 4 {
				t.Errorf("%d are counted as stored, %d as received", c.stored.Load(), c.received.Load())
			}
		})
	}
}

// What a stream has waited for in vain is in a ring, or in a log, and will be stored: it is not sent again. How it ended is counted when
// it is known.
func TestStream_LateIsStoredOnce(t *testing.T) {
	for _, way := range ways {
		synctest.Test(t, func(t *testing.T) {
			r, d := openTroubled(t)
			slow := func(call, path string) error {
				if call == "create" {
					time.Sleep(shard.AckTimeout * 3 / 2)
				}
				return nil
			}
			d.trouble.Store(&slow)
			f := r.newFeed()
			f.fill(way, "a 1", "a 2")
			began := time.Now()
			f.store()
			if waited := time.Since(began); waited < shard.AckTimeout {
				t.Fatalf("%s: nothing was late: it took %v", way, waited)
			}
			count := &f.workers.tallies()[0].wires[0]
			if n := count.stored.Load() + count.busy.Load() + count.failed.Load(); n != 0 {
				t.Errorf("%s: %d are counted before anybody knows", way, n)
			}
			d.trouble.Store(nil)
			time.Sleep(2 * shard.AckTimeout)
			r.holds(t, "a 1", "a 2")
			if n := count.stored.Load(); n != 2 || count.received.Load() != 2 {
				t.Errorf("%s: %d are counted as stored, %d as received", way, n, count.received.Load())
			}
		})
	}
}

// Whenever the ledger is read, no more has become of records than were received.
func TestLedgerIsNeverAhead(t *testing.T) {
	count := &newTally(1).wires[0]
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				count.received.Add(1)
				count.stored.Add(1)
			}
		}
	}()
	w := WireStats{RefusedBy: make([]uint64, len(count.refusedBy))}
	for range 1_000_000 {
		w.InFlight, w.Received, w.Stored = 0, 0, 0
		if w.add(count); int64(w.InFlight) < 0 {
			t.Errorf("%d received, %d stored", w.Received, w.Stored)
			break
		}
	}
	close(stop)
	<-ended
}

// A stop that comes while a stream is at work does not end it before it has stored what its sender has sent until then.
func TestStream_StopTakesWhatCame(t *testing.T) {
	r := open(t, withToy)
	ended, closed := make(chan error, 1), make(chan error, 1)
	go func() { ended <- r.Serve() }()
	c := dial(t, r.at("toy"))
	tell(t, c, "wait\n")
	eventually(t, "it is at work", r.toyWireBusy)
	tell(t, c, "two\nthree\n")
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		closed <- r.Close(ctx)
	}()
	eventually(t, "it is to stop", r.streams[0].isClosing)
	toyGate <- struct{}{}
	if err := errors.Join(<-closed, <-ended); err != nil {
		t.Error(err)
	}
	if n := r.stored("events"); n != 3 {
		t.Errorf("%d lines are stored, want 3", n)
	}
}
