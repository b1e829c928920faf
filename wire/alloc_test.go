//go:build !race

package wire

import (
	"strconv"
	"strings"
	"testing"
)

func TestAllocations(t *testing.T) {
	bad := []byte(strings.Repeat(`{"a":[`, MaxDepth))
	rows := []byte(strings.Repeat(string(event200)+"\n", 20))
	text := "the ring of shard 3 is \"full\": é\n"
	dst := make([]byte, 0, 256)
	fault := &Fault{Code: BadJSON, Offset: 1 << 40}
	var b Batch
	batch := func() {
		b.Reset()
		for range 300 {
			r := b.Add()
			r.Key = b.Scratch(17)
			r.Value = b.Scratch(900)
		}
		b.Fail(BadJSON, 0)
	}
	batch()
	batch() // the scratch finds its size in the first two
	for name, f := range map[string]func(){
		"scan":     func() { ScanValue(event200, 0) },
		"scan bad": func() { ScanValue(bad, 0) },
		"scan cut": func() { ScanValue(event200[:150], 0) },
		"values": func() {
			values := Values{Src: rows}
			for at := 0; at < len(rows); at = SkipSpace(rows, at) {
				at, _ = values.Scan(at)
			}
		},
		"member":      func() { NextMember(event200, 0) },
		"number":      func() { ParseScaled([]byte("1474921202.123e0"), 3) },
		"quote":       func() { AppendQuoted(dst, text) },
		"fault":       func() { fault.Append(dst) },
		"valid topic": func() { ValidTopic("cooltopic") },
		"batch":       batch,
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// What formats are made of allocates nothing either, once a worker has seen its usual request.
func TestAllocations_Formats(t *testing.T) {
	var b Batch
	var text Text
	var series Series
	from := Source{Wire: "w", Tenant: []byte("acme")}
	value, nanos := []byte("12.5"), []byte("17")
	name, escaped, lone := []byte(`"name"`), []byte(`"a\u0062\n\ud83d\ude00"`), []byte(`"\ud800\u0041"`)
	names := make([][]byte, 500)
	for i := range names {
		names[i] = strconv.AppendInt(nil, int64(i), 10)
	}
	tags := make([]Tag, 20)
	columns := &Columns{Time: "ts", Key: "s\"k"}
	object := []byte(`{"a":1,"s\"k":"u\u002d1","ts":"1474921202.5"}`)
	event := Event{Name: name, Title: name, Body: object, Attributes: object, Tags: []Tag{{name, lone}}, Host: name}
	check := Check{Name: name, Status: object, TTL: 5, Message: name}
	element := Element{ID: name, Attributes: []Tag{{name, object}}, Relations: [][]byte{name, name}, Metrics: object}
	list := []byte(`[` + strings.Repeat(string(event200)+`,`, 50) + string(event200) + `]`)
	for name, f := range map[string]func(){
		"text": func() {
			for range 300 {
				text.Of(name, &b)
				text.Of(escaped, &b)
				text.Of(lone, &b)
				text.Is(escaped, "other")
			}
		},
		"percent": func() { b.Close(AppendPercentDecoded(b.Open(), []byte("a%2Fb%"))) },
		"reader": func() {
			r := Reader{Src: list}
			for r.Enter('['); r.Next(); {
				for r.Enter('{'); r.Next(); r.Skip() {
					r.Name()
				}
			}
		},
		"columns": func() {
			r := b.Add()
			r.Value = object
			columns.Read(r, &text, &b)
		},
		"records": func() {
			for range 300 {
				b.Add().Value = b.Close(event.Append(b.Open(), from))
				b.Add().Value = b.Close(check.Append(b.Open(), from))
				b.Add().Value = b.Close(element.Append(b.Open(), from))
				b.Add().Value = b.Close(AppendObject(b.Open(), KindTopology, object, from))
			}
		},
		"few series": func() {
			series.Reset()
			for i := range 5000 {
				m := Metric{Name: names[i%10], Tags: event.Tags}
				series.Add(series.Of(&m, from, &b), int64(i), value, nil)
			}
			series.Flush(&b, value)
		},
		"many series": func() {
			series.Reset()
			for i := range 5000 {
				m := Metric{Name: names[i%500], Host: names[i%7], Unit: name}
				series.Add(series.Of(&m, from, &b), int64(i), value, nanos)
			}
			series.Flush(&b, value)
		},
		"refuse": func() {
			for i := range 2 * MaxRejects {
				b.Refuse(BadName, i, object).Because(name)
			}
			b.Clear()
			b.Fail(BadName, 0)
		},
		"drop": func() {
			for range 300 {
				b.Drop(append(b.Open(), list...))
			}
		},
		"sort tags": func() {
			for i := range tags {
				tags[i] = Tag{names[i*7%11], name}
			}
			SortTags(tags)
		},
		"time": func() { ParseTime([]byte("2015-09-07T14:26:47.457+02:00")) },
	} {
		run := func() {
			b.Reset()
			f()
		}
		for range 3 { // the scratch finds its size
			run()
		}
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Finding a series again in a slab that is full costs once, not every time.
func TestAllocations_SeriesInAFullSlab(t *testing.T) {
	var b Batch
	var series Series
	m, from := Metric{Name: []byte("cpu")}, Source{Wire: "w"}
	series.Of(&m, from, &b)
	b.Scratch(cap(b.scratch) - len(b.scratch))
	if n := testing.AllocsPerRun(100, func() { series.Of(&m, from, &b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
