package shard

import (
	"testing"

	"penstock/segstore/disk"
)

// The directories that everything is in outlive a power cut, whichever start has made them.
func TestDirectoriesAreOnDisk(t *testing.T) {
	d := disk.NewMem()
	o := Options{Dir: "/data", Disk: d, Shards: 1, SegmentBytes: 64 << 10, RingBytes: 4 << 10, openers: 1}
	d.Put("/data/routing-seed", []byte("0123456789abcdef\n")) // of an earlier start, which was killed before it made the rest
	for range 2 {
		s, err := build(o)
		if err != nil {
			t.Fatal(err)
		}
		k := s.NewTicket()
		if err := s.Offer(batchOf("t - one"), k, AckDisk); err != nil {
			t.Fatal(err)
		}
		s.writers[0].ring.Drain(drainBytes, s.writers[0].frame)
		s.writers[0].commit()
		s.writers[0].syncer.round()
		if err := k.Wait(AckTimeout); err != nil {
			t.Fatal(err)
		}
		d = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
		o.Disk = d
		if s, err = build(o); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, s, "t"); len(got[0]) == 0 {
			t.Fatalf("the record is gone:\n%v", d)
		}
		d = d.Killed()
		o.Disk = d
	}
}
