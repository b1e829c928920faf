package shard

import (
	"errors"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/segstore/disk"
)

// still is a set in memory in which nothing moves unless a test moves it: no goroutine runs.
type still struct {
	*Set
	t    *testing.T
	disk *disk.Mem
}

func openStill(t *testing.T, d *disk.Mem, change func(*Options)) *still {
	t.Helper()
	o := Options{Dir: "/data", Disk: d, Shards: 1, SegmentBytes: 64 << 10, RingBytes: 256 << 10, openers: 1}
	if change != nil {
		change(&o)
	}
	s, err := build(o)
	if err != nil {
		t.Fatal(err)
	}
	return &still{s, t, d}
}

// log is the first log of a topic, which is made if need be.
func (s *still) log(topic string) *logState {
	s.t.Helper()
	tp, err := s.topicFor([]byte(topic))
	if err != nil {
		s.t.Fatal(err)
	}
	return tp.logs[0]
}

// write offers records and lets the writers write them, and hand those who wait to the syncers.
func (s *still) write(ack Ack, events ...string) *Ticket {
	s.t.Helper()
	k := s.NewTicket()
	if err := s.Offer(batchOf(events...), k, ack); err != nil {
		s.t.Fatal(err)
	}
	s.move()
	return k
}

func (s *still) move() {
	for _, w := range s.writers {
		w.ring.Drain(drainBytes, w.frame)
		w.commit()
	}
}

func (s *still) sync() {
	for _, w := range s.writers {
		w.syncer.round()
	}
}

// answered says whether a request's answer is there. Nobody can give one meanwhile.
func answered(k *Ticket) bool { return k.wait.state.Load() == waitDone }

// told is a request's answer, which must be there.
func (s *still) told(k *Ticket) error {
	s.t.Helper()
	if !answered(k) {
		s.t.Fatal("a request has no answer")
	}
	return k.Wait(AckTimeout)
}

// inSync runs f once while the next sync of a segment is under way, and lets that fail with f's error.
func (s *still) inSync(f func() error) {
	s.disk.Before = func(call, path string) error {
		if call != "sync" || !strings.HasSuffix(path, "spare"+disk.TemporarySuffix) && !strings.HasSuffix(path, ".log") {
			return nil
		}
		s.disk.Before = nil
		return f()
	}
}

var errIO = errors.New("input/output error")

// A request that waits for the disk is answered by a sync that began after its records were written, and by no other.
func TestAnsweredByItsOwnSync(t *testing.T) {
	s := openStill(t, disk.NewMem(), nil)
	s.log("t")
	first := s.write(AckDisk, "t - 1")
	if answered(first) {
		t.Fatal("a request was answered before anything was synced")
	}
	var second, third *Ticket
	s.inSync(func() error {
		second = s.write(AckDisk, "t - 2")
		third = s.write(AckLog, "t - 3")
		if answered(first) || answered(second) {
			t.Error("a request was answered while the disk was still at it")
		}
		return nil
	})
	s.sync()
	if err := errors.Join(s.told(first), s.told(third)); err != nil {
		t.Fatal(err)
	}
	if answered(second) {
		t.Error("a request was answered by a sync that had begun before its records were there")
	}
	s.sync()
	if err := s.told(second); err != nil {
		t.Fatal(err)
	}
}

// What was written while a sync ran that failed is given up with the rest. The next sync succeeds, and is about what came behind it.
func TestGivenUpIsNotAcknowledged(t *testing.T) {
	s := openStill(t, disk.NewMem(), nil)
	s.log("t")
	failed := s.write(AckDisk, "t - 1")
	var meanwhile *Ticket
	s.inSync(func() error {
		meanwhile = s.write(AckDisk, "t - 2")
		return errIO
	})
	s.sync()
	after := s.write(AckDisk, "t - 3")
	s.sync()
	for name, k := range map[string]*Ticket{"whose sync failed": failed, "written meanwhile": meanwhile} {
		if err := s.told(k); !errors.Is(err, ErrSync) {
			t.Errorf("a request %s is told %v", name, err)
		}
	}
	if err := s.told(after); err != nil {
		t.Error(err)
	}
	s.disk = s.disk.Crash(func(int) bool { return false }, func(string, int) bool { return false })
	if got := valuesOf(t, openStill(t, s.disk, nil).Set, "t"); got != "3" {
		t.Errorf("after a power cut there is %q", got)
	}
}

// A topic that is deleted while requests wait for its disk: the last sync decides what they are told.
func TestClosingTellsTheTruth(t *testing.T) {
	for _, want := range []error{nil, errIO} {
		s := openStill(t, disk.NewMem(), nil)
		l := s.log("t")
		k := s.write(AckDisk, "t - 1")
		s.inSync(func() error { return want })
		_ = l.close() // what it says is the deleter's
		if err := s.told(k); (want == nil) != (err == nil) || want != nil && !errors.Is(err, ErrSync) {
			t.Errorf("the last sync says %v, the request is told %v", want, err)
		}
	}
}

// A request for two shards is answered when both are done, and with the fault of either.
func TestAnsweredByAllParts(t *testing.T) {
	for _, fails := range []int{-1, 0, 1} {
		s := openStill(t, disk.NewMem(), func(o *Options) { o.Shards = 2 })
		s.log("t")
		k := s.NewTicket()
		b := batchOf("t - a", "t - b")
		b.Records[0].Key, b.Records[1].Key = keyFor(k, 0), keyFor(k, 1)
		if err := s.Offer(b, k, AckDisk); err != nil {
			t.Fatal(err)
		}
		s.move()
		for shard, w := range s.writers {
			if answered(k) {
				t.Fatalf("answered with %d of 2 parts on disk", shard)
			}
			s.inSync(func() error {
				if shard == fails {
					return errIO
				}
				return nil
			})
			w.syncer.round()
		}
		if err := s.told(k); (fails < 0) != (err == nil) {
			t.Errorf("shard %d fails, and the request is told %v", fails, err)
		}
	}
}

// The records of a request stay together at the end of a segment, too: they go to the next one, all of them.
func TestARequestDoesNotStraddleSegments(t *testing.T) {
	s := openStill(t, disk.NewMem(), nil)
	l := s.log("t").log
	value := strings.Repeat("x", 3000)
	for range 40 {
		first := l.Written()
		s.write(AckRing, "t - "+value, "t - "+value, "t - "+value)
		c := l.Cursor(first)
		s.sync()
		b, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if b.Base() != first || b.Last() != first+2 {
			t.Fatalf("a request at %d to %d has a batch at %d to %d", first, first+2, b.Base(), b.Last())
		}
		c.Close()
	}
	if l.Segments() < 3 {
		t.Fatalf("%d segments", l.Segments())
	}
}

// A request is published when it is all there, and not before: one that can't be read to its end leaves nothing in a ring.
func TestPublishedWhenCopied(t *testing.T) {
	s := openStill(t, disk.NewMem(), nil)
	s.log("t")
	dark, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(dark) }()
	b := batchOf("t - 1", "t - 2")
	b.Records[1].Value = dark
	func() {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() {
			if recover() == nil {
				t.Error("a record that can't be read was taken")
			}
		}()
		_ = s.Offer(b, s.NewTicket(), AckDisk)
	}()
	s.writers[0].ring.Drain(drainBytes, func(frame []byte) { t.Errorf("a frame of %d bytes was published", len(frame)) })
}

// A log that is known to have no room takes nothing, under no policy: what only goes into the ring would be dropped unheard.
func TestNothingGoesIntoAFullLog(t *testing.T) {
	d := disk.NewMem()
	s := openStill(t, d, nil)
	l := s.log("t")
	d.Free = 0
	k := s.write(AckDisk, "t - 1")
	if err := s.told(k); !errors.Is(err, ErrFull) || !l.log.Full() {
		t.Fatalf("with no room: %v", err)
	}
	for _, ack := range []Ack{AckDisk, AckLog, AckRing} {
		if err := s.Offer(batchOf("t - 2"), s.NewTicket(), ack); !errors.Is(err, ErrFull) {
			t.Errorf("under %v: %v", ack, err)
		}
	}
	calls := d.Calls
	for range 100 {
		if err := l.log.Reserve(100); !errors.Is(err, disk.ErrFull) {
			t.Fatal(err)
		}
	}
	if d.Calls != calls {
		t.Errorf("a hundred records asked the disk %d times: that is the keeper's part", d.Calls-calls)
	}
	d.Free = -1
	s.keeper.retry()
	k = s.write(AckDisk, "t - 3")
	s.sync()
	if err := s.told(k); err != nil {
		t.Error(err)
	}
}

// When space must be made, the oldest segment of all logs goes, wherever it is.
func TestTheOldestGoesFirst(t *testing.T) {
	for _, old := range []string{"a", "b"} {
		now := int64(1000)
		s := openStill(t, disk.NewMem(), func(o *Options) {
			o.RetentionBytes = 1
			o.Times = Times{Wall: func() int64 { return now }, Boot: func() int64 { return now }}
		})
		young := strings.Trim("ab", old)
		value := strings.Repeat("x", 20<<10)
		for _, topic := range []string{old, young} {
			for range 4 {
				s.write(AckRing, topic+" - "+value)
				s.sync()
			}
			if err := s.log(topic).log.Background(); err != nil {
				t.Fatal(err)
			}
			now += 1000
		}
		if l := s.keeper.oldest(*s.logs.Load()); l != s.log(old) {
			t.Errorf("with %s the older, the oldest is %v", old, l)
		}
	}
}

// The time that ages go by follows the machine's, whatever the wall clock does meanwhile.
func TestNowFollowsElapsedTime(t *testing.T) {
	wall, boot := int64(1_000_000), int64(5000)
	s := openStill(t, disk.NewMem(), func(o *Options) {
		o.Times = Times{Wall: func() int64 { return wall }, Boot: func() int64 { return boot }}
	})
	for _, jump := range []int64{0, 1 << 40, -1 << 41} {
		wall += jump
		before := s.Now()
		boot += 7000
		if passed := s.Now().Sub(before); passed != 7*time.Second {
			t.Errorf("with the wall clock %d ms on, %v have passed in 7s", jump, passed)
		}
	}
}
