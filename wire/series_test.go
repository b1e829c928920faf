package wire

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// naive is Series in its plainest form: a list of what came, found by comparing everything.
type naive struct {
	order  []string
	points map[string][]string
	times  map[string]int64
	keys   map[string]string
}

func (n *naive) add(m *Metric, from Source, time int64, value, nanos []byte) {
	var key []string
	key = append(key, string(m.Name))
	for _, tag := range m.Tags {
		key = append(key, fmt.Sprintf("%s=%s", tag.Name, tag.Value))
	}
	switch {
	case m.Element != nil:
		key = append(key, "element="+string(m.Element))
	case m.Host != nil:
		key = append(key, "host="+string(m.Host))
	}
	id := fmt.Sprintf("%q %q %q %q %q %q %q %q %q %d %q %q", m.Name, m.Tags, orNil(m.Type), orNil(m.Unit), orNil(m.Host), orNil(m.Source),
		orNil(m.Sourcetype), orNil(m.ID), orNil(m.Element), m.TTL, from.Wire, orNil(from.Tenant))
	if n.points == nil {
		n.points, n.times, n.keys = map[string][]string{}, map[string]int64{}, map[string]string{}
	}
	if n.points[id] == nil {
		n.order = append(n.order, id)
		n.times[id], n.keys[id] = time, strings.Join(key, ";")
	}
	point := "[" + strconv.FormatInt(time, 10) + "," + string(value)
	if nanos != nil {
		point += "," + string(nanos)
	}
	n.points[id] = append(n.points[id], point+"]")
}

// orNil tells a text that is absent from one that is empty.
func orNil(text []byte) string {
	if text == nil {
		return "<absent>"
	}
	return string(text)
}

// records is what the batch should hold: each series' key, time and points.
func (n *naive) records() (all []string) {
	for _, id := range n.order {
		all = append(all, fmt.Sprintf("%s %d [%s]", n.keys[id], n.times[id], strings.Join(n.points[id], ",")))
	}
	return all
}

// pointsOf cuts the points out of a record's value.
func pointsOf(t *testing.T, value []byte) string {
	t.Helper()
	if end, code := ScanValue(value, 0); code != OK || end != len(value) {
		t.Fatalf("no JSON: %s", value)
	}
	r := Reader{Src: value}
	for r.Enter('{'); r.Next(); r.Skip() {
		if string(r.Name()) == `"points"` {
			return string(r.Value())
		}
	}
	t.Fatalf("no points in %s", value)
	return ""
}

func told(t *testing.T, b *Batch) (all []string) {
	for _, r := range b.Records {
		all = append(all, fmt.Sprintf("%s %d %s", r.Key, r.Time, pointsOf(t, r.Value)))
	}
	return all
}

// Against the naive model, one Series and one Batch for all requests: many points of few series, few of many, alike but for one
// field, in any order; and requests of every size after one another, so that the table grows, is cleared and grows again.
func TestSeries_AgreesWithModel(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 1))
	var s Series
	var b Batch
	for round := range 60 {
		b.Reset()
		s.Reset()
		var want naive
		pool, points := 1+r.IntN(1<<r.IntN(12)), r.IntN(2000)
		if round%30 == 29 {
			pool, points = 10*keepSeries, 3*keepSeries // beyond what is kept
		}
		var m Metric // one for all points, as parsers have it
		tags := make([]Tag, 0, 2)
		for range points {
			from := vary(&m, tags, r.IntN(pool))
			time, value, nanos := int64(r.IntN(1000)), strconv.AppendInt(nil, r.Int64(), 10), []byte(nil)
			if r.IntN(4) == 0 {
				nanos = strconv.AppendInt(nil, r.Int64N(1e9), 10)
			}
			want.add(&m, from, time, value, nanos)
			s.Add(s.Of(&m, from, &b), time, value, nanos)
		}
		s.Flush(&b, []byte("metrics"))
		if got, want := told(t, &b), want.records(); !slices.Equal(got, want) {
			t.Fatalf("round %d: %d records of %d points, want %d\n%.300s\n%.300s", round, len(got), points, len(want), got, want)
		}
	}
}

// vary makes the n-th of many metrics: which of its fields are there, and what they say, is in n's digits.
func vary(m *Metric, tags []Tag, n int) Source {
	name := strconv.Itoa(n / 512)
	*m = Metric{Name: []byte("m" + name)}
	optional := []*[]byte{&m.Type, &m.Unit, &m.Host, &m.Source, &m.Sourcetype, &m.ID, &m.Element}
	if n&1 > 0 {
		m.Tags = append(tags, Tag{[]byte("t"), []byte(name)})
	}
	if n&2 > 0 {
		m.TTL = 5
	}
	for i, text := range optional[:7] {
		if n>>(2+i)&1 > 0 {
			*text = []byte(name[:i%2*len(name)]) // empty or not
		}
	}
	return Source{Wire: "w"}
}

// Two series whose hashes are one stay two.
func TestSeries_HashCollision(t *testing.T) {
	var s Series
	var b Batch
	from := Source{Wire: "w"}
	a, c := &Metric{Name: []byte("a")}, &Metric{Name: []byte("c")}
	first := s.Of(a, from, &b)

	// Give the first series the hash of the second, and its place in the table.
	hash := maphash.Bytes(seed, c.appendTail(c.appendHead(nil), from))
	s.slots[s.all[first].slot] = 0
	at := hash & uint64(len(s.slots)-1)
	s.slots[at], s.all[first].slot, s.all[first].hash = int32(first+1), int32(at), hash

	second := s.Of(c, from, &b)
	if second == first || s.Of(c, from, &b) != second {
		t.Fatalf("series %d and %d", first, second)
	}
	for range 200 { // and stay so as the table grows
		s.Of(&Metric{Name: strconv.AppendInt(nil, int64(len(s.all)), 10)}, from, &b)
	}
	if s.Of(c, from, &b) != second {
		t.Error("the table lost a series when it grew")
	}
	s.Add(first, 1, []byte("1"), nil)
	s.Add(second, 2, []byte("2"), nil)
	s.Flush(&b, []byte("t"))
	if got, want := told(t, &b), []string{"a 1 [[1,1]]", "c 2 [[2,2]]"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A series without points is no record.
func TestSeries_WithoutPoints(t *testing.T) {
	var s Series
	var b Batch
	for range 3 {
		b.Reset()
		s.Reset()
		from := Source{Wire: "w"}
		s.Of(&Metric{Name: []byte("none")}, from, &b)
		s.Add(s.Of(&Metric{Name: []byte("one")}, from, &b), 7, []byte("1"), nil)
		s.Of(&Metric{Name: []byte("none either")}, from, &b)
		s.Flush(&b, []byte("t"))
		if got := told(t, &b); !slices.Equal(got, []string{"one 7 [[7,1]]"}) {
			t.Errorf("got %q", got)
		}
		b.Reset()
		s.Reset()
		s.Flush(&b, []byte("t"))
		if len(b.Records) > 0 {
			t.Errorf("a Reset left %d records", len(b.Records))
		}
	}
}

// After the largest request, what is kept is bounded, and holds on to no byte of it.
func TestSeries_RetainsLittle(t *testing.T) {
	var s Series
	var b Batch
	for _, count := range []int{10, keepSeries / 2, 60_000, 100} {
		for i := range count {
			at := s.Of(&Metric{Name: strconv.AppendInt(nil, int64(i), 10)}, Source{Wire: "w"}, &b)
			s.Add(at, 1, []byte("1"), []byte("2"))
		}
		s.Flush(&b, []byte("t"))
		s.Reset()
		b.Reset()
		if cap(s.all) > keepSeries || cap(s.points) > keepPoints || len(s.slots) > 8*keepSeries || cap(b.scratch) > scratchKeep {
			t.Errorf("after %d series: room for %d, %d points, %d slots, %d bytes", count, cap(s.all), cap(s.points), len(s.slots), cap(b.scratch))
		}
		for _, left := range s.all[:cap(s.all)] {
			if left.ident != nil || left.key != nil {
				t.Fatalf("after %d series: one is still held", count)
			}
		}
		for _, left := range s.points[:cap(s.points)] {
			if left.value != nil || left.nanos != nil {
				t.Fatalf("after %d series: a point is still held", count)
			}
		}
		for _, slot := range s.slots {
			if slot != 0 {
				t.Fatalf("after %d series: the table is not empty", count)
			}
		}
	}
}

// The caller's metric may be used again as soon as Of returns.
func TestSeries_KeepsNothingOfTheMetric(t *testing.T) {
	var s Series
	var b Batch
	name, tags, tenant := []byte("name"), []Tag{{[]byte("t"), []byte("v")}}, []byte("acme")
	s.Add(s.Of(&Metric{Name: name, Tags: tags, Host: name}, Source{"w", tenant}, &b), 1, []byte("1"), nil)
	for _, text := range [][]byte{name, tags[0].Name, tags[0].Value, tenant} {
		copy(text, bytes.Repeat([]byte("#"), len(text)))
	}
	s.Flush(&b, []byte("t"))
	r := b.Records[0]
	if string(r.Key) != "name;t=v;host=name" || bytes.Contains(r.Value, []byte("#")) {
		t.Errorf("key %s value %s", r.Key, r.Value)
	}
}

// A record has an ID where its metric has one, and only there. Two records have the same ID when all but their points is the same: then one
// repeats the other.
func TestSeries_GivesIDs(t *testing.T) {
	var s Series
	var b Batch
	from := Source{Wire: "w"}
	told := func(m *Metric, value string) string {
		b.Reset()
		s.Reset()
		s.Add(s.Of(m, from, &b), 1, []byte(value), nil)
		s.Flush(&b, []byte("t"))
		if id := b.Records[0].ID; id != nil {
			return string(id)
		}
		return "none"
	}
	named := Metric{Name: []byte("cpu"), ID: []byte("sent-1")}
	same := told(&named, "1")
	if same == "none" || told(&named, "2") != same {
		t.Errorf("one metric's record and its repeat are %s and %s", same, told(&named, "2"))
	}
	for _, m := range []Metric{{Name: []byte("mem"), ID: named.ID}, {Name: named.Name, ID: []byte("sent-2")}, {Name: named.Name, ID: named.ID, TTL: 5}} {
		if other := told(&m, "1"); other == "none" || other == same {
			t.Errorf("of another metric the ID is %s", other)
		}
	}
	if id := told(&Metric{Name: named.Name}, "1"); id != "none" {
		t.Errorf("without one from the sender the ID is %s", id)
	}
}
