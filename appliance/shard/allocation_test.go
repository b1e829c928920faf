//go:build !race

package shard

import (
	"errors"
	"fmt"
	"runtime"
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
