package wires

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func pool(t *testing.T, wire string, change func(*Settings)) []Request {
	t.Helper()
	mix, err := ParseMix(wire)
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{Mix: mix, Seed: 7, Requests: 50, Host: "h", Topics: []string{"a"}, Keys: 1000, Now: time.Unix(1.7e9, 0), Partitions: map[string][]int32{"a": {0, 1}}}
	if change != nil {
		change(&s)
	}
	all, err := Pool(s)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A pool follows from its seed, and its JSON is JSON.
func TestPool(t *testing.T) {
	for _, w := range All {
		one := pool(t, w.Name, nil)
		if !reflect.DeepEqual(one, pool(t, w.Name, nil)) || reflect.DeepEqual(one, pool(t, w.Name, func(s *Settings) { s.Seed++ })) {
			t.Errorf("%s does not follow from its seed", w.Name)
		}
		for _, r := range one {
			_, body, _ := bytes.Cut(r.Bytes, []byte("\r\n\r\n"))
			if w.Transport == HTTP && w.Name != "interana-ndjson" && len(body) > 0 && !json.Valid(body) {
				t.Fatalf("%s sends %s", w.Name, body)
			}
			if r.Items < 1 || w.most > 0 && r.Items > w.most {
				t.Errorf("%s has %d items in a request", w.Name, r.Items)
			}
		}
	}
	for _, r := range pool(t, "interana-single", func(s *Settings) { s.Size = Span{200, 200} }) {
		if r.Body != 200 {
			t.Errorf("an event has %d bytes, not 200", r.Body)
		}
	}
	for _, r := range pool(t, "interana-ndjson", func(s *Settings) { s.Batch = Batch{Bytes: Span{65536, 65536}} }) {
		if r.Body < 65536 || r.Body > 65536+2100 {
			t.Errorf("a batch has %d bytes, not 64 KiB", r.Body)
		}
	}
}

// The first of skewed keys is as frequent as the law says.
func TestSkew(t *testing.T) {
	first := 0
	all := pool(t, "graphite", func(s *Settings) { s.Zipf, s.Keys, s.Batch = 1, 100, Batch{Items: Span{200, 200}} })
	for _, r := range all {
		first += bytes.Count(r.Bytes, []byte("servers.web-0.cpu.user "))
	}
	if part := float64(first) / 10_000; part < 0.17 || part > 0.215 { // 1 of 5.187
		t.Errorf("the first of 100 keys has a part of %.3f", part)
	}
}
