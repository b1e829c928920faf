package shard

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"penstock/segstore/disk"
)

// builtSet is a set on a disk in memory whose goroutines are the test's, which has them move in turn.
func builtSet(t *testing.T, d *disk.Mem, change func(*Options)) *Set {
	t.Helper()
	o := Options{Dir: simDir, Disk: d, Shards: 1, SegmentBytes: 64 << 10, RingBytes: 4 << 10, openers: 1}
	if change != nil {
		change(&o)
	}
	s, err := build(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// write has the writers write what is in their rings.
func (s *Set) write() {
	for _, w := range s.writers {
		w.ring.Drain(drainBytes, w.frame)
		w.commit()
	}
}

// The directories that everything is in outlive a power cut, whichever start has made them.
func TestDirectoriesAreOnDisk(t *testing.T) {
	d := disk.NewMem()
	d.Put(simDir+"/routing-seed", []byte("0123456789abcdef\n")) // of an earlier start, which was killed before it made the rest
	s := builtSet(t, d, nil)
	k := s.NewTicket()
	if err := s.Offer(batchOf("t - one"), k, AckDisk); err != nil {
		t.Fatal(err)
	}
	s.write()
	s.writers[0].syncer.round()
	if err := k.Wait(AckTimeout); err != nil {
		t.Fatal(err)
	}
	d = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
	if got := readAll(t, builtSet(t, d, nil), "t"); len(got[0]) == 0 {
		t.Fatalf("the record is gone:\n%v", d)
	}
}

// A record that was acknowledged as in the log, and given up since, is no reason to leave out the one that its sender sends again.
func TestRepeatOfWhatWasGivenUpIsStored(t *testing.T) {
	for _, synced := range []bool{false, true} { // whether the failed sync is the segment's first
		d := disk.NewMem()
		s := builtSet(t, d, remembering)
		k := s.NewTicket()
		send := func(ack Ack, id string) int {
			t.Helper()
			if err := s.Offer(named("t "+id), k, ack); err != nil {
				t.Fatal(err)
			}
			s.write()
			if ack == AckDisk {
				s.writers[0].syncer.round()
			}
			if err := k.Wait(AckTimeout); err != nil {
				t.Fatal(err)
			}
			return k.Repeated()
		}
		if synced {
			send(AckDisk, "safe")
		}
		send(AckLog, "lost")
		d.Before = func(call, path string) error {
			if call == "sync" {
				return syscall.EIO
			}
			return nil
		}
		s.writers[0].syncer.round()
		d.Before = nil
		send(AckLog, "next")
		if send(AckLog, "lost") > 0 || send(AckDisk, "next") > 0 || send(AckDisk, "next") != 1 || synced && send(AckDisk, "safe") != 1 {
			t.Error("what counts as a repeat is not what is there")
		}
		if got := valuesOf(t, s, "t"); got != map[bool]string{false: "lost next next", true: "lost next next safe"}[synced] {
			t.Errorf("stored: %s", got)
		}
	}
}

// Where all is to be on disk, batches stay open until the syncer comes; but not when open batches have a lot of memory already.
func TestOpenBatchesAreBounded(t *testing.T) {
	const most = 1 << 20
	s := builtSet(t, disk.NewMem(), func(o *Options) { o.SegmentBytes, o.RingBytes = 4<<20, 1<<20 })
	w := s.writers[0]
	w.openMost = most
	value := strings.Repeat("x", 100<<10)
	for i := range 100 {
		k := s.NewTicket()
		if err := s.Offer(batchOf(fmt.Sprintf("t%d - %s", i, value)), k, AckDisk); err != nil {
			t.Fatal(err)
		}
		s.write()
		if lent := w.stages.Lent(); lent > most+256<<10 {
			t.Fatalf("with %d topics open batches have %d bytes", i+1, lent)
		}
		if early := w.counts.batches.Load(); i < 5 && early > 0 {
			t.Fatalf("with %d topics %d batches are closed", i+1, early)
		}
	}
	if w.counts.batches.Load() < 80 {
		t.Errorf("%d batches are closed", w.counts.batches.Load())
	}
}
