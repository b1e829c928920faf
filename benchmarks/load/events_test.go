package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestEventsAreWhatTheirPlaceMakesThem(t *testing.T) {
	a, b := newWorkload(1, 2, 10, 50, 8192), newWorkload(1, 2, 10, 50, 8192)
	other := newWorkload(2, 2, 10, 50, 8192)
	var x, y, z []byte
	differs := 0
	for seq := range int64(2000) {
		x = a.appendEvent(x[:0], 1, 7, seq)
		y = b.appendEvent(y[:0], 1, 7, seq)
		z = other.appendEvent(z[:0], 1, 7, seq)
		if !bytes.Equal(x, y) {
			t.Fatalf("event %d is not the same twice", seq)
		}
		if !bytes.Equal(x, z) {
			differs++
		}
	}
	if differs < 1000 {
		t.Errorf("another seed changed only %d of 2000 events", differs)
	}
}

func TestEventsAreJSONOfAllSizes(t *testing.T) {
	w := newWorkload(3, 4, 64, 50, 8192)
	var e []byte
	var sum, small, large, unicode int
	const n = 20_000
	for i := range n {
		topic, key, seq := i%4, i%64, int64(i)
		e = w.appendEvent(e[:0], topic, key, seq)
		var event struct {
			TS  int64
			SK  string
			Seq int64
		}
		if err := json.Unmarshal(e, &event); err != nil {
			t.Fatalf("%v: %s", err, e)
		}
		if event.TS != eventTime(key, seq) || event.SK != string(appendKey(nil, key)) || event.Seq != seq {
			t.Fatalf("not what it should be: %s", e)
		}
		if !utf8.Valid(e) || bytes.IndexByte(e, '\n') >= 0 || len(e) > 8192+100 {
			t.Fatalf("a bad event of %d bytes: %q", len(e), e)
		}
		sum += len(e)
		if len(e) < 100 {
			small++
		}
		if len(e) > 4096 {
			large++
		}
		if utf8.RuneCount(e) < len(e) {
			unicode++
		}
	}
	if mean := sum / n; mean < 400 || mean > 900 || small < n/4 || large < n/100 || unicode < n/10 {
		t.Errorf("mean %d bytes, %d small, %d large, %d with more than ASCII of %d", mean, small, large, unicode, n)
	}
}

// The generator shares the machine with what it measures, so an event and a request must cost little.
func BenchmarkAppendEvent(b *testing.B) {
	w := newWorkload(1, 4, 256, 50, 8192)
	var e []byte
	bytes := 0
	for seq := int64(0); b.Loop(); seq++ {
		e = w.appendEvent(e[:0], int(seq&3), int(seq&255), seq)
		bytes += len(e)
	}
	b.SetBytes(int64(bytes / b.N))
}

func BenchmarkBuildRequest(b *testing.B) {
	for _, c := range []struct {
		name  string
		shape shape
	}{
		{"single", shape{Single: 1}},
		{"get", shape{Get: 1}},
		{"ndjson", shape{NDJSON: 1, BatchBytes: 64 << 10}},
		{"ndjson-compressed", shape{NDJSON: 1, BatchBytes: 64 << 10, Gzip: 1}},
	} {
		b.Run("kind="+c.name, func(b *testing.B) {
			w := newWorkload(1, 4, 256, 50, 8192)
			s := newSender(w, &c.shape, newBook(w), "", 0, 64)
			events := int64(0)
			for b.Loop() {
				s.build(1 << 20)
				events += s.out.events()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
		})
	}
}
