package shard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"penstock/segstore/pack"
)

// packed is a sample, and the event that it is.
func packed(key string, n int, value string) (x *pack.Sample, event string) {
	head, tail, stamp := `{"kind":"metric","metric":"`+key+`","tags":{"host":"web-17"},"points":[[`, `]],"wire":"graphite"}`, strconv.Itoa(1_700_000_000_000+n)
	x = &pack.Sample{Series: new(pack.Series), Text: []byte(head + tail + key), Head: len(head), Tail: len(tail),
		Point: &pack.Point{Time: 1_700_000_000_000 + int64(n), Stamp: []byte(stamp), Value: []byte(value)}}
	return x, key + " " + head + stamp + "," + value + tail
}

// Samples are stored in frames, and read as they would be else; where one can't be packed, what was is kept, and nothing is left of a batch that it would have begun.
func TestPack(t *testing.T) {
	s, keys := apartStill(t)
	s.o.Pack = true
	k := s.NewTicket()
	put := func(x *pack.Sample) bool { return k.Pack(layTopic, k.hash.sum(x.Key()), x) }
	long := strings.Repeat("9", 9<<10)
	if x, _ := packed(keys[0], 0, long); put(x) || k.Laid() > 0 || len(k.laying.drafts) > 0 {
		t.Errorf("%d are laid in %d batches", k.Laid(), len(k.laying.drafts))
	}
	before := readAll(t, s.Set, "t")
	var want [2][]string
	for n := range 2000 {
		x, event := packed(keys[n%2], n, fmt.Sprint(n))
		if !put(x) {
			t.Fatalf("sample %d is not taken", n)
		}
		want[n%2] = append(want[n%2], event)
		if n%100 == 50 {
			k.Mark()
			for range 5 {
				x, _ := packed(keys[1], n, "1")
				put(x)
			}
			k.Back()
		}
	}
	if x, _ := packed(keys[0], 0, long); put(x) || k.Laid() != 2000 || len(k.laying.drafts) != 2 {
		t.Errorf("%d are laid in %d batches", k.Laid(), len(k.laying.drafts))
	}
	if x, _ := packed(keys[0], 0, "1"); k.Pack([]byte("t"), 1, x) {
		t.Error("what may be another topic's is taken")
	}
	if lay(k, keys[0], "a record") || k.Laid() != 2000 {
		t.Error("a record is laid among samples")
	}
	if err := s.OfferLaid(k, AckLog); err != nil {
		t.Fatal(err)
	}
	s.move()
	if err := s.told(k); err != nil {
		t.Error(err)
	}
	if left := k.Unkept(nil); len(left) > 0 {
		t.Errorf("%d are not kept", len(left))
	}
	k.Drop()
	s.sync()
	got := readAll(t, s.Set, "t")
	for i := range want {
		if !slices.Equal(got[i][len(before[i]):], want[i]) {
			t.Errorf("shard %d has %d records, want %d more than %d", i, len(got[i]), len(want[i]), len(before[i]))
		}
	}
	s.ended()
}

// What is packed and not stored is offered again as it is.
func TestPack_Unkept(t *testing.T) {
	s, keys := apartStill(t)
	k := s.NewTicket()
	var want []string
	for n := range 300 {
		x, event := packed(keys[n%2], n, fmt.Sprint(n))
		k.Pack(layTopic, k.hash.sum(x.Key()), x)
		want = append(want, "t "+event)
	}
	got := tell(k.Unkept(nil))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d are left, want %d", len(got), len(want))
	}
	k.Drop()
	s.ended()
}
