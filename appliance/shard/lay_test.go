package shard

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"penstock/segstore"
	"penstock/wire"
)

var layTopic = []byte("t")

// lay lays a record, and says whether it was taken.
func lay(k *Ticket, key, value string) bool {
	to := k.Lay(layTopic, []byte(key), k.hash.sum([]byte(key)), len(value), 1000)
	copy(to, value)
	return to != nil
}

// storeLaid is store for records of one topic that are laid one by one.
func storeLaid(t testing.TB, s *Set, k *Ticket, events ...string) {
	t.Helper()
	for _, e := range events {
		f := strings.SplitN(e, " ", 3)
		if !lay(k, f[1], f[2]) {
			t.Fatal("not taken")
		}
	}
	err := s.OfferLaid(k, AckLog)
	if err == nil {
		err = k.Wait(AckTimeout)
	}
	if left := k.Unkept(nil); err != nil || len(left) > 0 {
		t.Fatal(err, len(left))
	}
	k.Drop()
}

func tell(records []wire.Record) (all []string) {
	for i := range records {
		all = append(all, string(records[i].Topic)+" "+string(records[i].Key)+" "+string(records[i].Value))
	}
	return all
}

// What is laid while it is parsed is stored on the spot where the helm is free, and else by the writer, of which the ring has word only.
func TestLay(t *testing.T) {
	for taken := range 4 { // a bit for each helm
		s, keys := apartStill(t)
		for i, w := range s.writers {
			if taken>>i&1 == 1 {
				w.helm.take()
			}
		}
		k := s.NewTicket()
		var want [2][]string
		for n := range 3000 {
			value := fmt.Sprint("value ", n)
			if !lay(k, keys[n%3%2], value) {
				t.Fatal("not taken")
			}
			want[n%3%2] = append(want[n%3%2], keys[n%3%2]+" "+value)
		}
		if err := s.OfferLaid(k, AckLog); err != nil {
			t.Fatal(err)
		}
		if got, want := answered(k), taken == 0; got != want {
			t.Errorf("helms taken %02b: answered %v", taken, got)
		}
		for i, w := range s.writers {
			if busy := taken>>i&1 == 1; busy != (w.ring.Used() > 0) || w.ring.Used() > 64 {
				t.Errorf("helms taken %02b: ring %d has %d bytes", taken, i, w.ring.Used())
			} else if busy {
				w.helm.letGo()
			}
		}
		s.move()
		if err := s.told(k); err != nil {
			t.Errorf("helms taken %02b: %v", taken, err)
		}
		if k.Fate(0) != Kept || k.Fate(2999) != Kept || k.Fate(3000) != Lost {
			t.Errorf("helms taken %02b: the records' fates are %v, %v, %v", taken, k.Fate(0), k.Fate(2999), k.Fate(3000))
		}
		if left := k.Unkept(nil); len(left) > 0 || k.Laid() > 0 {
			t.Errorf("helms taken %02b: %d records are left", taken, len(left))
		}
		k.Drop()
		s.sync()
		for i, got := range readAll(t, s.Set, "t") {
			if got = got[len(got)-len(want[i]):]; !slices.Equal(got, want[i]) {
				t.Errorf("helms taken %02b: shard %d has %.200q", taken, i, got)
			}
		}
		s.ended()
	}
}

// What was not kept can be offered again, in its order, whatever the reason.
func TestLayUnkept(t *testing.T) {
	for name, c := range map[string]struct {
		hinder func(s *still) (relieve func())
		offer  error
		answer error
		left   []string // of the shards 0 and 1
	}{
		"nothing": {func(*still) func() { return func() {} }, nil, nil, nil},
		"the set is closing": {func(s *still) func() {
			s.closing.Store(true)
			return func() { s.closing.Store(false) }
		}, ErrClosing, nil, []string{"0", "1"}},
		"a ring is full": {func(s *still) func() {
			s.writers[1].helm.take()
			claims := claimAll(s.writers[1].ring)
			return func() {
				for _, c := range claims {
					c.Abort()
				}
				s.writers[1].helm.letGo()
			}
		}, ErrBusy, nil, []string{"0", "1"}},
		"the sync of one log fails": {func(s *still) func() {
			s.disk.Before = func(call, path string) error {
				if call == "sync" && strings.Contains(path, "t-1/") {
					s.disk.Before = nil
					return errIO
				}
				return nil
			}
			return func() {}
		}, nil, ErrSync, []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, keys := apartStill(t)
			k := s.NewTicket()
			var all []string
			for n := range 100 {
				lay(k, keys[n%2], fmt.Sprint(n))
				all = append(all, "t "+keys[n%2]+" "+fmt.Sprint(n))
			}
			relieve := c.hinder(s)
			err := s.OfferLaid(k, AckDisk)
			relieve()
			if !errors.Is(err, c.offer) {
				t.Fatal(err)
			}
			if err == nil {
				s.move()
				s.sync()
				if err := s.told(k); !errors.Is(err, c.answer) {
					t.Error(err)
				}
			}
			var want []string
			for i := range keys {
				if slices.Contains(c.left, fmt.Sprint(i)) {
					for n := i; n < 100; n += 2 {
						want = append(want, all[n])
					}
				}
			}
			left := k.Unkept(nil)
			if got := tell(left); !slices.Equal(got, want) {
				t.Errorf("left are %q, want %q", got, want)
			}
			s.move()
			if len(left) > 0 { // they are good until Drop, whatever is offered meanwhile
				if err := s.Offer(&wire.Batch{Records: left}, k, AckLog); err != nil {
					t.Fatal(err)
				}
				s.move()
				if err := s.told(k); err != nil {
					t.Error(err)
				}
			}
			k.Drop()
			s.ended()
			s.sync()
			for i, key := range keys {
				cursor := (*s.logs.Load())[s.log("t").index+uint32(i)].log.Cursor(0)
				var got []string
				for b, err := cursor.Next(); !errors.Is(err, segstore.ErrTail); b, err = cursor.Next() {
					if err != nil { // what a failed sync has lost
						continue
					}
					for records := b.Records(); ; {
						r, more := records.Next()
						if !more {
							break
						}
						got = append(got, string(r.Key)+" "+string(r.Value))
					}
				}
				cursor.Close()
				for n := range 50 {
					if want := key + " " + fmt.Sprint(2*n+i); len(got) < 51 || got[len(got)-50+n] != want {
						t.Fatalf("shard %d has %q, want %q to be record %d of the last 50", i, got, want, n)
					}
				}
			}
		})
	}
}

// On a full disk the writer refuses what was laid, and it can be offered again once there is room.
func TestLayOnAFullDisk(t *testing.T) {
	s, keys := apartStill(t)
	k, stored := s.NewTicket(), 0
	s.disk.Free = 0
	for n := 0; ; n++ {
		if n == 1000 {
			t.Fatal("the disk does not fill up")
		}
		lay(k, keys[0], large("a"))
		err := s.OfferLaid(k, AckLog)
		if err == nil {
			s.move()
			err = s.told(k)
		}
		if left := k.Unkept(nil); err == nil {
			stored++
		} else if !errors.Is(err, ErrFull) || len(left) != 1 || string(left[0].Value) != large("a") {
			t.Errorf("after %d: %v, and %d are left", stored, err, len(left))
		}
		k.Drop()
		s.ended()
		if err != nil {
			break
		}
	}
	if stored == 0 {
		t.Error("nothing was stored")
	}
}

// Who waits no longer leaves what was laid to the writer, which gives its memory back; then it is told what became of the records.
func TestLayAndLeave(t *testing.T) {
	s, keys := apartStill(t)
	s.writers[0].helm.take()
	k := s.NewTicket()
	var fates []Fate
	k.Late = func() func(func(int) Fate) {
		return func(fate func(int) Fate) { fates = append(fates, fate(0), fate(1), fate(2), fate(3)) }
	}
	for n := range 3 {
		lay(k, keys[n%2], large("a"))
	}
	if err := s.OfferLaid(k, AckLog); err != nil {
		t.Fatal(err)
	}
	if err := k.Wait(1); !errors.Is(err, ErrTimeout) {
		t.Fatal(err)
	}
	if k.Laid() > 0 || s.drafts.Lent() == 0 || fates != nil {
		t.Errorf("%d are laid still, drafts have %d bytes, told of %v", k.Laid(), s.drafts.Lent(), fates)
	}
	k.Drop()
	lay(k, keys[0], large("b")) // in memory of its own
	s.writers[0].helm.letGo()
	s.move()
	if want := []Fate{Kept, Kept, Kept, Lost}; !slices.Equal(fates, want) {
		t.Errorf("told of %v, want %v", fates, want)
	}
	if err := s.OfferLaid(k, AckLog); err != nil {
		t.Fatal(err)
	}
	if err := s.told(k); err != nil {
		t.Error(err)
	}
	k.Drop()
	s.sync()
	got := readAll(t, s.Set, "t")[0]
	for i, letter := range []string{"a", "a", "b"} {
		if got[len(got)-3+i] != keys[0]+" "+large(letter) {
			t.Errorf("record %d is not what was laid", i)
		}
	}
	s.ended()
}

// What has come since a mark is taken back, shares and all; what cannot be laid is not taken.
func TestLayBack(t *testing.T) {
	s, keys := apartStill(t)
	k := s.NewTicket()
	k.Mark()
	lay(k, keys[1], "never")
	k.Back()
	if s.ended(); k.Laid() > 0 {
		t.Errorf("%d are laid", k.Laid())
	}
	lay(k, keys[0], "first")
	k.Mark()
	for range 1000 { // it grows
		lay(k, keys[0], "never was, and never will be, as a bug was met")
		lay(k, keys[1], "never")
	}
	k.Back()
	if lay(k, keys[0], strings.Repeat("x", layMost)) {
		t.Error("more is taken than there may be")
	}
	other := []byte("t")
	if k.Lay(other, []byte("k"), 1, 1, 1) != nil {
		t.Error("what may be another topic's is taken")
	}
	lay(k, keys[0], "second")
	lay(k, keys[1], "third")
	if k.Laid() != 3 {
		t.Errorf("%d are laid", k.Laid())
	}
	if err := s.OfferLaid(k, AckLog); err != nil {
		t.Fatal(err)
	}
	s.move()
	if err := s.told(k); err != nil {
		t.Error(err)
	}
	k.Drop()
	s.sync()
	got := readAll(t, s.Set, "t")
	for i, want := range [2][]string{{"first", "second"}, {"third"}} {
		for j := range want {
			want[j] = keys[i] + " " + want[j]
		}
		if before := 2 - i; len(got[i]) < before || !slices.Equal(got[i][before:], want) {
			t.Errorf("shard %d has %q", i, got[i])
		}
	}
	s.ended()
}

// Where memory for drafts is out, nothing is taken.
func TestLayIsBounded(t *testing.T) {
	s, keys := apartStill(t)
	var tickets []*Ticket
	for n := 0; ; n++ {
		if n == 10_000 {
			t.Fatal("there is no end of it")
		}
		k := s.NewTicket()
		tickets = append(tickets, k)
		if !lay(k, keys[0], strings.Repeat("x", 200<<10)) {
			break
		}
	}
	if lent := s.drafts.Lent(); lent < 60<<20 || lent > 65<<20 {
		t.Errorf("drafts have %d bytes", lent)
	}
	first := tickets[0]
	if lay(first, keys[0], strings.Repeat("x", 100<<10)) || lay(first, keys[1], "x") || first.Laid() != 1 {
		t.Errorf("one goes on, and has %d", first.Laid())
	}
	for _, k := range tickets {
		k.Drop()
	}
	s.ended()
}

// Reads come in turns, as many and what is left: a few records do not make the next many grow out of their memory piece by piece. In the end they do.
func TestLayRemembersItsSize(t *testing.T) {
	s, keys := apartStill(t)
	k := s.NewTicket()
	begins := func(want bool, when string) {
		t.Helper()
		if lay(k, keys[0], "x"); s.drafts.Lent() >= 200<<10 != want {
			t.Errorf("%s: the first record has %d bytes lent", when, s.drafts.Lent())
		}
		k.Drop()
	}
	for range 200 {
		lay(k, keys[0], strings.Repeat("x", 1<<10))
	}
	k.Drop()
	begins(true, "after many")
	begins(true, "after many and few")
	for range 20 {
		lay(k, keys[0], "x")
		k.Drop()
	}
	begins(false, "after few for long")
	s.ended()
}
