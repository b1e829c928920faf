package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/shard"
)

// openAt opens a door on a directory's logs, with a memory of repeats; shut closes it, so that it can be opened again.
func openAt(t *testing.T, dir string) (d *door, shut func()) {
	t.Helper()
	set, err := shard.Open(shard.Options{Dir: dir, Shards: 2, SegmentBytes: 64 << 10, RepeatBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	d = &door{T: t, set: set, log: &bytes.Buffer{}}
	d.server, err = New(Options{Addr: "127.0.0.1:0", Set: set, MaxConnections: 100, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		Logger: slog.New(slog.NewTextHandler(d.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- d.server.Serve() }()
	return d, func() {
		t.Helper()
		d.close()
		if err := errors.Join(<-served, set.Close(context.Background())); err != nil {
			t.Error(err)
		}
		if d.log.Len() > 0 {
			t.Errorf("the log says\n%s", d.log)
		}
	}
}

// Every producer gets a name of its own; who wants transactions is refused.
func TestInitProducerID(t *testing.T) {
	d := open(t, 1, nil)
	w := d.dial()
	seen := map[int64]bool{}
	for version := int16(0); version <= 4; version++ {
		r := kmsg.NewPtrInitProducerIDRequest()
		r.SetVersion(version)
		got := w.ask(r).(*kmsg.InitProducerIDResponse)
		if got.ErrorCode != 0 || got.ProducerID < 0 || got.ProducerEpoch != 0 || seen[got.ProducerID] {
			t.Errorf("version %d: %+v", version, got)
		}
		seen[got.ProducerID] = true
		id := "payments"
		r.TransactionalID = &id
		if got := w.ask(r).(*kmsg.InitProducerIDResponse); got.ErrorCode != kerr.TransactionalIDAuthorizationFailed.Code || got.ProducerID != -1 {
			t.Errorf("version %d, transactional: %+v", version, got)
		}
	}
}

// sequenced is a producer's batch of records with the numbers from its sequence on.
func sequenced(t *testing.T, producer int64, epoch int16, sequence int32, n int) []byte {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("%d/%d", producer, sequenceAfter(sequence, int32(i)))
	}
	return made{producer: producer, epoch: epoch, sequence: sequence, records: simple(values...)}.bytes(t)
}

// A batch that comes again is acknowledged and not stored again, and one before which others are missing is refused.
func TestSequences(t *testing.T) {
	d, shut := openAt(t, t.TempDir())
	defer shut()
	d.create("t")
	w := d.dial()
	for _, c := range []struct {
		name     string
		producer int64
		epoch    int16
		from     int32
		code     *kerr.Error
		stored   bool
	}{
		{"the first", 1, 0, 0, nil, true},
		{"the first again", 1, 0, 0, nil, false},
		{"the next", 1, 0, 2, nil, true},
		{"the first once more", 1, 0, 0, nil, false},
		{"one too far", 1, 0, 6, kerr.OutOfOrderSequenceNumber, false},
		{"the one that was missing", 1, 0, 4, nil, true},
		{"now it is its turn", 1, 0, 6, nil, true},
		{"another producer's first", 2, 0, 0, nil, true},
		{"the same of a later epoch", 1, 1, 0, nil, true},
		{"an epoch that is over", 1, 0, 8, kerr.InvalidProducerEpoch, false},
		{"unknown, in the midst", 3, 0, 1000, nil, true},
		{"the last sequences there are", 4, 0, math.MaxInt32 - 1, nil, true},
		{"the first ones again", 4, 0, 0, nil, true},
		{"the last ones repeated", 4, 0, math.MaxInt32 - 1, nil, false},
	} {
		before := len(d.values("t", 0))
		got := w.told(produceOf(9, acksAll, "t", sequenced(t, c.producer, c.epoch, c.from, 2)))[0]
		if err := kerr.ErrorForCode(got.ErrorCode); (err == nil) != (c.code == nil) || c.code != nil && !errors.Is(err, c.code) {
			t.Errorf("%s: %v", c.name, err)
		}
		want := before
		if c.stored {
			want += 2
			if got.BaseOffset != int64(before) {
				t.Errorf("%s: at %d, not %d", c.name, got.BaseOffset, before)
			}
		}
		if now := len(d.values("t", 0)); now != want {
			t.Errorf("%s: there are %d records, not %d", c.name, now, want)
		}
	}
	d.balanced(18, 6, 4)
}

// A batch with sequences that were used before, for other records, is new: Kafka counts to 2³¹ and begins again.
func TestSequencesUsedAgain(t *testing.T) {
	d, shut := openAt(t, t.TempDir())
	defer shut()
	d.create("t")
	w := d.dial()
	first, second := made{producer: 1, records: simple("a")}.bytes(t), made{producer: 1, records: simple("b")}.bytes(t)
	for _, b := range [][]byte{first, second, first, second} {
		if got := w.told(produceOf(9, acksAll, "t", b))[0]; got.ErrorCode != 0 {
			t.Fatalf("%+v", got)
		}
	}
	if got := d.values("t", 0); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("stored are %q", got)
	}
}

// When a batch was turned away, the ones behind it wait for it, although nothing is known of the producer, and it is not taken for a repeat.
func TestSequencesBehindARefused(t *testing.T) {
	p := producers{known: map[producerAt]producerState{}}
	at := producerAt{"t", 0, 1}
	first, second := &incoming{sequence: 10, count: 2}, &incoming{sequence: 12, count: 2}
	if why := p.check(at, first); why != nil {
		t.Fatal(why.text)
	}
	if why := p.check(at, second); why == nil || why.code != kerr.OutOfOrderSequenceNumber {
		t.Errorf("the second may go before the first: %v", why)
	}
	for _, b := range []*incoming{first, second, first} { // the last of them is a repeat
		if why := p.check(at, b); why != nil {
			t.Fatal(why.text)
		}
		p.stored(at, b)
	}
	if why := p.check(at, &incoming{sequence: 14, count: 1}); why != nil {
		t.Errorf("a repeat set the producer back: %s", why.text)
	}
}

// What is remembered of producers is bounded.
func TestProducersAreBounded(t *testing.T) {
	p := producers{known: map[producerAt]producerState{}}
	for i := range int64(producersMost + 100) {
		b := &incoming{producer: i, count: 1}
		if why := p.check(producerAt{"t", 0, i}, b); why != nil {
			t.Fatal(why.text)
		}
		p.stored(producerAt{"t", 0, i}, b)
	}
	if len(p.known) != producersMost {
		t.Errorf("%d are remembered", len(p.known))
	}
}

// Producers whose answers get lost, while the appliance is started again and again, send until they are told: nothing is lost, nothing is there twice,
// and all of it is in order.
func TestProduceAcrossRestarts(t *testing.T) {
	const seed, producers, rounds, batches = 20261126, 4, 6, 12
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	d, shut := openAt(t, dir)
	d.create("t")
	next := make([]int32, producers) // the first batch that is not known to be stored
	want := make([][]string, producers)
	repeated := uint64(0)
	for range rounds {
		w := d.dial()
		for range batches {
			p := r.IntN(producers)
			n := 1 + r.IntN(5)
			batch := sequenced(t, int64(p+1), 0, next[p], n)
			acks := []int16{acksLeader, acksAll}[r.IntN(2)]
			times := 1 + r.IntN(3) // the answers but the last are taken for lost
			for range times {
				if got := w.told(produceOf(9, acks, "t", batch))[0]; got.ErrorCode != 0 {
					t.Fatalf("producer %d, sequence %d: %v", p, next[p], kerr.TypedErrorForCode(got.ErrorCode))
				}
			}
			if r.IntN(3) == 0 { // the last one, too: it is sent again to the next process
				repeated += d.server.Stats().Produced.Duplicate
				shut()
				d, shut = openAt(t, dir)
				w = d.dial()
				if got := w.told(produceOf(9, acks, "t", batch))[0]; got.ErrorCode != 0 {
					t.Fatalf("after a restart: %v", kerr.TypedErrorForCode(got.ErrorCode))
				}
			}
			for i := range n {
				want[p] = append(want[p], fmt.Sprintf("%d/%d", p+1, int(next[p])+i))
			}
			next[p] += int32(n)
		}
	}
	repeated += d.server.Stats().Produced.Duplicate
	total := 0
	for p := range producers {
		total += len(want[p])
	}
	got := d.values("t", 0)
	if len(got) != total || repeated == 0 {
		t.Errorf("%d are stored of %d, and %d were repeats", len(got), total, repeated)
	}
	for _, value := range got { // the producers' records stand between each other, each one's in order
		p := slices.IndexFunc(want, func(left []string) bool { return len(left) > 0 && left[0] == value })
		if p < 0 {
			t.Fatalf("%s is nobody's next", value)
		}
		want[p] = want[p][1:]
	}
	shut()
}

// Who waits for records to be stored holds little of what they were unpacked to.
func TestTakersAreSmall(t *testing.T) {
	d := open(t, 1, nil)
	d.create("t")
	values := make([]string, 50_000)
	got := d.dial().told(produceOf(9, acksAll, "t", made{codec: codecGzip, producer: -1, records: simple(values...)}.bytes(t)))[0]
	if got.ErrorCode != 0 {
		t.Fatalf("%+v", got)
	}
	d.balanced(uint64(len(values)), 0, 0)
	d.server.takersMu.Lock()
	defer d.server.takersMu.Unlock()
	for _, idle := range d.server.takers {
		if n := cap(idle.batch.Records); n > 1<<12 {
			t.Errorf("an idle taker has room for %d records", n)
		}
	}
	if len(d.server.takers) != 1 || len(d.server.unpacking) != 0 {
		t.Errorf("%d takers are idle, %d batches are being unpacked", len(d.server.takers), len(d.server.unpacking))
	}
}
