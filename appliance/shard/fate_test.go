package shard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penstock/segstore"
	"penstock/segstore/disk"
	"penstock/wire"
)

// named makes a batch of records with IDs: each is "topic id", and the value is the ID.
func named(events ...string) *wire.Batch {
	b := &wire.Batch{}
	for _, e := range events {
		topic, id, _ := strings.Cut(e, " ")
		r := b.Add()
		r.Topic, r.Value, r.ID, r.Time = []byte(topic), []byte(id), []byte(id), 1000
	}
	return b
}

// offer stores a batch and tells the records' fates: k(ept), r(epeated) or l(ost).
func offer(s *Set, k *Ticket, ack Ack, events ...string) (fates string, err error) {
	if err = s.Offer(named(events...), k, ack); err == nil {
		err = k.Wait(AckTimeout)
	}
	for i := range events {
		fates += string("lkr"[k.Fate(i)])
	}
	return fates, err
}

func wantFates(t *testing.T, s *Set, k *Ticket, ack Ack, want string, events ...string) {
	t.Helper()
	got, err := offer(s, k, ack, events...)
	if err != nil || got != want {
		t.Errorf("%v under %v: %s, %v; want %s", events, ack, got, err, want)
	}
	if n := k.Repeated(); n != strings.Count(want, "r") {
		t.Errorf("%v: %d repeated", events, n)
	}
}

// valuesOf is what a topic holds, over all shards, sorted.
func valuesOf(t *testing.T, s *Set, topic string) string {
	t.Helper()
	var all []string
	tp, ok := s.Topic(topic)
	if !ok {
		t.Fatalf("no topic %s", topic)
	}
	for _, l := range tp.Logs() {
		c := l.Cursor(l.First())
		b, err := c.Next()
		for ; !errors.Is(err, segstore.ErrTail); b, err = c.Next() {
			var givenUp *segstore.CorruptError
			if errors.As(err, &givenUp) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			records := b.Records()
			for r, ok := records.Next(); ok; r, ok = records.Next() {
				all = append(all, string(r.Value))
			}
		}
		c.Close()
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func remembering(o *Options) { o.RepeatBytes = 1 << 20 }

func TestRepeatIsNotStoredAgain(t *testing.T) {
	dir := t.TempDir()
	s := openSet(t, dir, remembering)
	k, other := s.NewTicket(), s.NewTicket()
	k.Scope, other.Scope = []byte("acme"), []byte("acme")
	wantFates(t, s, k, AckDisk, "kkk", "t a", "t b", "u a")
	wantFates(t, s, other, AckDisk, "rrr", "t a", "t b", "u a")
	wantFates(t, s, other, AckDisk, "rkr", "t b", "t c", "t c")
	wantFates(t, s, k, AckRing, "rk", "t c", "t d")
	wantFates(t, s, k, AckLog, "rk", "t c", "t e")
	store(t, s, k, AckDisk, "t - no-id", "t - no-id")
	other.Scope = []byte("somebody else")
	wantFates(t, s, other, AckDisk, "k", "t a")
	const all = "a a b c d e no-id no-id"
	for deadline := time.Now().Add(AckTimeout); valuesOf(t, s, "t") != all && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // what is only in the ring has yet to come
	}
	if got := valuesOf(t, s, "t"); got != all {
		t.Fatalf("stored: %s", got)
	}
	if n := s.Stats().Repeated; n != 7 {
		t.Errorf("%d repeats were counted", n)
	}

	copied := filepath.Join(t.TempDir(), "killed") // what a kill leaves
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	closeSet(t, s)
	for name, dir := range map[string]string{"stopped": dir, "killed": copied} {
		s := openSet(t, dir, remembering)
		k := s.NewTicket()
		k.Scope = []byte("acme")
		wantFates(t, s, k, AckDisk, "rrrrrkr", "t a", "t b", "t c", "t d", "t e", "t f", "u a")
		if got := valuesOf(t, s, "t"); got != "a a b c d e f no-id no-id" {
			t.Errorf("%s: stored: %s", name, got)
		}
	}
}

// A record that was stored under a weaker policy than its repeat asks for is stored again: better twice than perhaps not at all.
func TestRepeatThatAsksForMore(t *testing.T) {
	s := openSet(t, t.TempDir(), remembering)
	k := s.NewTicket()
	wantFates(t, s, k, AckLog, "k", "t a")
	wantFates(t, s, k, AckLog, "r", "t a")
	wantFates(t, s, k, AckDisk, "k", "t a")
	wantFates(t, s, k, AckDisk, "r", "t a")
	wantFates(t, s, k, AckLog, "r", "t a")
}

func TestDeletedTopicForgetsItsRecords(t *testing.T) {
	s := openSet(t, t.TempDir(), remembering)
	k := s.NewTicket()
	wantFates(t, s, k, AckDisk, "kkk", "t a", "u a", "t b")
	if err := s.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	wantFates(t, s, k, AckDisk, "kkr", "t a", "t b", "t a")
	if got := valuesOf(t, s, "t"); got != "a b" {
		t.Errorf("stored: %s", got)
	}
}

// trouble is a real disk that a test troubles: by making the syncs of files under a topic wait or fail, or the making of segments.
type trouble struct {
	disk.OS
	topic string
	full  atomic.Bool
	syncs atomic.Pointer[func() error]
}

type troubled struct {
	disk.File
	of *trouble
}

func (d *trouble) Create(path string, size int64) (disk.File, error) {
	mine := strings.Contains(path, "/"+d.topic+"-")
	if mine && d.full.Load() {
		return nil, fmt.Errorf("%w: %s", disk.ErrFull, path)
	}
	f, err := d.OS.Create(path, size)
	if err != nil || !mine {
		return f, err
	}
	return troubled{f, d}, nil
}

func (f troubled) Sync() error {
	if sync := f.of.syncs.Load(); sync != nil {
		if err := (*sync)(); err != nil {
			return err
		}
	}
	return f.File.Sync()
}

// While a record is being stored its repeat is told to wait: it must not be acknowledged before the record is safe. When the first
// request has given up, the outcome is found out all the same.
func TestRepeatOfWhatIsBeingStored(t *testing.T) {
	d := &trouble{topic: "t"}
	s := openSet(t, t.TempDir(), func(o *Options) { remembering(o); o.Disk = d })
	k, other := s.NewTicket(), s.NewTicket()
	wantFates(t, s, k, AckDisk, "k", "t before")

	for _, fails := range []bool{false, true} {
		release := make(chan error)
		wait := func() error { return <-release }
		d.syncs.Store(&wait)
		told := make(chan string, 1)
		k.Late = func() func(func(int) Fate) {
			return func(fate func(int) Fate) { told <- fmt.Sprint(fate(0), fate(1), fate(2), fate(3)) }
		}
		id := fmt.Sprint("t x", fails)
		if err := s.Offer(named(id, "t before", id), k, AckDisk); err != nil {
			t.Fatal(err)
		}
		if _, err := offer(s, other, AckDisk, "t other", id); !errors.Is(err, ErrUnderWay) {
			t.Fatalf("the repeat is told %v", err)
		}
		if err := k.Wait(time.Millisecond); !errors.Is(err, ErrTimeout) {
			t.Fatalf("the first is told %v", err)
		}
		if _, err := offer(s, other, AckDisk, id); !errors.Is(err, ErrUnderWay) {
			t.Fatalf("then the repeat is told %v", err)
		}
		d.syncs.Store(nil)
		want, first := fmt.Sprint(Kept, Repeated, Repeated, Lost), "r"
		if fails {
			release <- errors.New("input/output error")
			want, first = fmt.Sprint(Lost, Repeated, Repeated, Lost), "k"
		} else {
			close(release)
		}
		if got := <-told; got != want {
			t.Errorf("fails %v: later it was told %s, want %s", fails, got, want)
		}
		k.Late = nil
		wantFates(t, s, other, AckDisk, first+"r", id, id)
	}
	if got := valuesOf(t, s, "t"); got != "before xfalse xtrue" {
		t.Errorf("stored: %s", got)
	}
}

// A request for two topics of which one has no room: what could be stored is known to be, and the second try stores the rest only.
func TestRepeatOfHalfARequest(t *testing.T) {
	d := &trouble{topic: "full"}
	s := openSet(t, t.TempDir(), func(o *Options) { remembering(o); o.Disk, o.Shards = d, 1 })
	k := s.NewTicket()
	if err := s.CreateTopic("full", 1); err != nil {
		t.Fatal(err)
	}
	d.full.Store(true)
	got, err := offer(s, k, AckDisk, "full a", "free a", "full b", "free b")
	if !errors.Is(err, ErrFull) || got != "lklk" {
		t.Fatalf("%s, %v", got, err)
	}
	d.full.Store(false)
	for deadline := time.Now().Add(AckTimeout); s.Ready() != nil && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	wantFates(t, s, k, AckDisk, "krkr", "full a", "free a", "full b", "free b")
	if full, free := valuesOf(t, s, "full"), valuesOf(t, s, "free"); full != "a b" || free != "a b" {
		t.Errorf("stored: %s and %s", full, free)
	}
}

// What never got a place in a ring, or never got that far, is as unknown as it was.
func TestRefusedBatchIsForgotten(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { remembering(o); o.RingBytes, o.MaxTopics = 64<<10, 1 })
	k := s.NewTicket()
	wantFates(t, s, k, AckDisk, "k", "t first")
	big := named("t a", "t b")
	big.Records[0].Value = make([]byte, 60<<10)
	if err := s.Offer(big, k, AckDisk); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	if got, err := offer(s, k, AckDisk, "t a", "u a"); !errors.Is(err, ErrTopics) || got != "ll" {
		t.Fatalf("%s, %v", got, err)
	}
	wantFates(t, s, k, AckDisk, "kk", "t a", "t b")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := offer(s, k, AckDisk, "t c"); !errors.Is(err, ErrClosing) || got != "l" {
		t.Fatalf("%s, %v", got, err)
	}
}

// Ten times more IDs than there is memory for, all within the window: those of finished segments are found in their files, before and
// after a restart.
func TestRepeatsBeyondMemory(t *testing.T) {
	dir := t.TempDir()
	small := func(o *Options) { o.RepeatBytes, o.SegmentBytes, o.Shards = 1, 64<<10, 1 } // what grows fits the memory
	s := openSet(t, dir, small)
	k := s.NewTicket()
	n := int(10 * s.repeats.room())
	const batch = 100
	events := func(from int) (all []string) {
		for i := from; i < from+batch; i++ {
			all = append(all, fmt.Sprintf("t record-%d", i))
		}
		return all
	}
	for from := 0; from < n; from += batch {
		wantFates(t, s, k, AckDisk, strings.Repeat("k", batch), events(from)...)
		awaitListed(t, dir)
	}
	for range 2 {
		for from := 0; from < n; from += batch {
			wantFates(t, s, k, AckDisk, strings.Repeat("r", batch), events(from)...)
		}
		closeSet(t, s)
		s = openSet(t, dir, small)
		k = s.NewTicket()
	}
}

// awaitListed waits until only the segments that still grow have no file of IDs.
func awaitListed(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(AckTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		segments, err1 := filepath.Glob(filepath.Join(dir, "topics", "*", "*.log"))
		listed, err2 := filepath.Glob(filepath.Join(dir, "topics", "*", "*.ids"))
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if len(segments)-len(listed) <= 2 {
			return
		}
	}
	t.Fatal("segments are not finished")
}
