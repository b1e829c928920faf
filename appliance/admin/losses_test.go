package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/segstore"
)

// olderLog lays a log of several segments with raw segstore and drops its oldest ones, as retention does.
func olderLog(t *testing.T, dir string) (first, next int64) {
	t.Helper()
	log, err := segstore.Open(filepath.Join(dir, "topics", "t-0"), segstore.Options{SegmentBytes: segstore.SegmentBytesMin})
	if err != nil {
		t.Fatal(err)
	}
	value := []byte(`"` + strings.Repeat("x", 1000) + `"`)
	for i := range 500 {
		if err := log.Reserve(int64(len(value)) + segstore.RecordOverhead); err != nil {
			t.Fatal(err)
		}
		log.Append([]byte("k"), value, int64(i)*1000)
		log.Commit()
		if err := log.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := log.Background(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := log.DropOldest(); err != nil {
			t.Fatal(err)
		}
	}
	first, next = log.First(), log.Next()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if first <= 0 || first >= next {
		t.Fatalf("first %d, next %d", first, next)
	}
	return first, next
}

func TestExpired(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "topics"), 0o755); err != nil {
		t.Fatal(err)
	}
	first, next := olderLog(t, dir)
	a := start(t, dir, 1)
	all := fmt.Sprintf("%d-%d", first, next-1)
	for _, c := range [][]string{{"from", "beginning"}, {"from", "0ms"}, {}, {"from", fmt.Sprint(first)}} {
		if got := offsets(a.lines(a.get(records("t", c...)))); got != all {
			t.Errorf("%v: got %s, want %s", c, got, all)
		}
	}
	for _, c := range [][]string{{"from", "0"}, {"from", fmt.Sprint(first - 1)}, {"next", "0:0"}, {"from", "0:1"}, {"shard", "0", "from", "0"}} {
		got := a.get(records("t", c...))
		var outside rangeError
		if err := json.Unmarshal([]byte(got.body), &outside); err != nil || got.StatusCode != 416 {
			t.Fatal(got.Status, got.body, err)
		}
		if outside.First != first || outside.End != next || outside.Next != fmt.Sprintf("0:%d", first) || outside.Text == "" {
			t.Errorf("%v: %s", c, got.body)
		}
		if got := offsets(a.lines(a.get(records("t", "next", outside.Next)))); got != all {
			t.Errorf("going on as told: %s", got)
		}
	}
}

// A reader that retention overtakes goes on behind what it lost, and says so. Damage likewise.
func TestLosses(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "topics"), 0o755); err != nil {
		t.Fatal(err)
	}
	first, next := olderLog(t, dir)
	a := start(t, dir, 1)
	topic, _ := a.set.Topic("t")
	log := topic.Logs()[0]

	m := merger{ctx: context.Background(), sources: []source{{log: log, next: first - 5, end: next, after: noTime, before: allTime}}}
	n := int64(0)
	for s, ok := m.next(); ok; s, ok = m.next() {
		s.take()
		n++
	}
	m.close()
	if want := fmt.Sprintf("0:%d-%d expired", first-5, first); n != next-first || m.err != nil || formatLosses(m.losses) != want {
		t.Errorf("%d records, %v, lost %q, want %q", n, m.err, formatLosses(m.losses), want)
	}

	files, err := filepath.Glob(filepath.Join(log.Dir(), "*.log"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	flip(t, files[0], 20_000)
	got := a.get(records("t", "limit", "100000"))
	lines := a.lines(got)
	var shard, from, to int64
	var why string
	if _, err := fmt.Sscanf(got.told("Penstock-Lost"), "%d:%d-%d %s", &shard, &from, &to, &why); err != nil || why != "damaged" || from <= first || to <= from {
		t.Fatalf("lost %q, %v", got.told("Penstock-Lost"), err)
	}
	if want := next - first - (to - from); int64(len(lines)) != want || lines[len(lines)-1].Offset != next-1 {
		t.Errorf("%d records are left of %d, lost %s", len(lines), next-first, got.told("Penstock-Lost"))
	}
	if got.told("Penstock-Next") != fmt.Sprintf("0:%d", next) {
		t.Errorf("next %s", got.told("Penstock-Next"))
	}
}

// flip changes a byte of a file.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0xff
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// A search that takes too long ends in parts, each of which gets on, and nothing is missed or comes twice.
func TestLongSearch(t *testing.T) {
	a := start(t, t.TempDir(), 2)
	for i := range 50 {
		a.put("t", record(fmt.Sprint(i), fmt.Sprint(i), int64(i%5)))
	}
	topic, _ := a.set.Topic("t")
	long := time.Now().Add(-time.Hour)
	var sources []source
	for i, log := range topic.Logs() {
		sources = append(sources, source{log: log, shard: i, end: log.Next(), after: 4, before: allTime})
	}
	found := map[string]bool{}
	parts := 0
	for {
		m := merger{ctx: context.Background(), sources: sources, until: long}
		for s, ok := m.next(); ok; s, ok = m.next() {
			value := string(s.head.Value)
			if found[value] || s.head.Time != 4 {
				t.Fatalf("%s again, or of another time", value)
			}
			found[value] = true
			s.take()
		}
		m.close()
		if parts++; parts > 200 || m.err != nil {
			t.Fatal("it does not get on", m.err)
		}
		if !m.late {
			break
		}
		for i := range sources {
			sources[i].read = false
		}
	}
	if len(found) != 10 || parts < 3 {
		t.Errorf("%d found in %d parts", len(found), parts)
	}
}
