//go:build !race

package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// A request costs no allocation from Offer to the acknowledgement, whatever its policy and however many shards it touches.
func TestOfferAndWaitAllocateNothing(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.SegmentBytes = 64 << 20 })
	single := batchOf("t k1 a value")
	var events []string
	for i := range 320 {
		events = append(events, fmt.Sprintf("t k%d value %d", i%10, i))
	}
	many := batchOf(events...)
	for _, ack := range []Ack{AckDisk, AckLog, AckRing} {
		k := s.NewTicket()
		run := func() {
			for _, b := range []*struct{ i int }{{0}, {1}} {
				batch := single
				if b.i == 1 {
					batch = many
				}
				err := s.Offer(batch, k, ack)
				for errors.Is(err, ErrBusy) && ack == AckRing { // nobody waits, so nothing slows this loop down but the ring
					runtime.Gosched()
					err = s.Offer(batch, k, ack)
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := k.Wait(AckTimeout); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 50 {
			run()
		}
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("%v: %v allocations for two requests", ack, n)
		}
	}
}

// Nor does what is laid while it is parsed.
func TestLayAllocatesNothing(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.Ack, o.SegmentBytes = AckLog, 64<<20 })
	k := s.NewTicket()
	value := strings.Repeat("x", 150)
	run := func() {
		for n := range 1000 {
			lay(k, "key"+value[:n%10], value)
		}
		k.Mark()
		if err := s.OfferLaid(k, AckLog); err != nil {
			t.Fatal(err)
		}
		if err := k.Wait(AckTimeout); err != nil {
			t.Fatal(err)
		}
		k.Drop()
	}
	for range 50 {
		run()
	}
	if n := testing.AllocsPerRun(200, run); n != 0 {
		t.Errorf("%v allocations for a thousand records", n)
	}
}

// Nor does one whose records have IDs, new ones or known ones.
func TestIDsAllocateNothing(t *testing.T) {
	s := openSet(t, t.TempDir(), func(o *Options) { o.SegmentBytes, o.RepeatBytes = 64<<20, 1<<20 })
	k := s.NewTicket()
	var events []string
	for range 50 {
		events = append(events, "t 0123456789abcdef")
	}
	batch := named(events...)
	round := uint64(0)
	run := func() {
		round++
		for i := range batch.Records {
			binary.BigEndian.PutUint64(batch.Records[i].ID, round/2*1000+uint64(i))
		}
		if err := s.Offer(batch, k, AckDisk); err != nil {
			t.Fatal(err)
		}
		if err := k.Wait(AckTimeout); err != nil {
			t.Fatal(err)
		}
	}
	for range 3000 {
		run() // until every generation has been in use
	}
	if n := testing.AllocsPerRun(1000, run); n != 0 {
		t.Errorf("%v allocations for a request", n)
	}
	if st := s.Stats(); st.Repeated < 25*1500 || st.Forgotten == 0 {
		t.Errorf("%d repeats, %d forgotten: the test does not test what it should", st.Repeated, st.Forgotten)
	}
}
