package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"penstock/wire"
)

// line is a record's line, read back.
type line struct {
	Topic         string
	Shard         int
	Offset, Time  int64
	Key, Encoding *string
	Value         json.RawMessage
}

func (a *appliance) lines(got *answer) []line {
	a.Helper()
	if got.StatusCode != 200 || got.Header.Get("Content-Type") != "application/x-ndjson" {
		a.Fatalf("%s %v: %s", got.Status, got.Header, got.body)
	}
	var all []line
	for text := range strings.Lines(got.body) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			a.Fatalf("%q: %v", text, err)
		}
		all = append(all, l)
	}
	return all
}

func records(topic string, parameters ...string) string {
	v := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		v.Add(parameters[i], parameters[i+1])
	}
	return "/v1/topics/" + topic + "/records?" + v.Encode()
}

// offsets writes the lines' offsets as 0-9, or 3, or nothing.
func offsets(lines []line) string {
	if len(lines) == 0 {
		return ""
	}
	first, last := lines[0].Offset, lines[len(lines)-1].Offset
	for i, l := range lines {
		if l.Offset != first+int64(i) {
			return fmt.Sprintf("a gap behind %d", first+int64(i)-1)
		}
	}
	return fmt.Sprintf("%d-%d", first, last)
}

func TestBoundsOfAPage(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	a.put("t", numbered(10)...)
	for _, c := range []struct {
		name       string
		parameters []string
		want       string
		next       string
	}{
		{"nothing said", nil, "0-9", "0:10"},
		{"beginning", []string{"from", "beginning"}, "0-9", "0:10"},
		{"end", []string{"from", "end"}, "", "0:10"},
		{"an offset", []string{"from", "3"}, "3-9", "0:10"},
		{"the next offset", []string{"from", "10"}, "", "0:10"},
		{"an offset to come", []string{"from", "20"}, "", "0:20"},
		{"positions", []string{"from", "0:3"}, "3-9", "0:10"},
		{"a time", []string{"from", "3000ms"}, "3-9", "0:10"},
		{"between times", []string{"from", "3001ms"}, "4-9", "0:10"},
		{"RFC 3339", []string{"from", "1970-01-01T00:00:07Z"}, "7-9", "0:10"},
		{"a time before all", []string{"from", "1960-01-01"}, "0-9", "0:10"},
		{"a time behind all", []string{"from", "-1h"}, "", "0:10"},
		{"until an offset", []string{"until", "3"}, "0-2", "0:3"},
		{"until an offset to come", []string{"until", "30"}, "0-9", "0:10"},
		{"until positions", []string{"until", "0:3"}, "0-2", "0:3"},
		{"until the end", []string{"until", "end"}, "0-9", "0:10"},
		{"until a time", []string{"until", "3000ms"}, "0-2", "0:10"},
		{"until between times", []string{"until", "3001ms"}, "0-3", "0:10"},
		{"until now", []string{"until", "now"}, "0-9", "0:10"},
		{"between", []string{"from", "2", "until", "5"}, "2-4", "0:5"},
		{"between times too", []string{"from", "2000ms", "until", "5000ms"}, "2-4", "0:10"},
		{"from behind until", []string{"from", "5", "until", "2"}, "", "0:5"},
		{"limit", []string{"limit", "3"}, "0-2", "0:3"},
		{"limit 0", []string{"limit", "0", "from", "4"}, "", "0:4"},
		{"limit, going on", []string{"limit", "3", "next", "0:3"}, "3-5", "0:6"},
		{"next wins over from's place", []string{"from", "beginning", "next", "0:8"}, "8-9", "0:10"},
		{"but from's time still chooses", []string{"from", "9000ms", "next", "0:2"}, "9-9", "0:10"},
		{"the shard", []string{"shard", "0", "from", "8"}, "8-9", "0:10"},
		{"wait, with something there", []string{"wait", "10s", "from", "8"}, "8-9", "0:10"},
		{"wait, with until the end", []string{"wait", "10s", "from", "end", "until", "end"}, "", "0:10"},
		{"wait, with until reached", []string{"wait", "10s", "from", "10", "until", "10"}, "", "0:10"},
	} {
		got := a.get(records("t", c.parameters...))
		if lines := offsets(a.lines(got)); lines != c.want || got.told("Penstock-Next") != c.next {
			t.Errorf("%s: got %q and next %q, want %q and %q", c.name, lines, got.told("Penstock-Next"), c.want, c.next)
		}
	}
	if got := a.do("HEAD", records("t"), ""); got.StatusCode != 200 || got.body != "" || got.told("Penstock-End") != "0:10" {
		t.Errorf("HEAD: %v", got)
	}
}

func TestBadRequestsForRecords(t *testing.T) {
	a := start(t, t.TempDir(), 2)
	a.put("t", numbered(3)...)
	for _, c := range []struct {
		path   string
		status int
		part   string
	}{
		{records("nothing"), 404, `there is no topic \"nothing\"`},
		{records("t", "shard", "2"), 400, "the shards 0 to 1, not 2"},
		{records("t", "shard", "-1"), 400, "shard must be a number"},
		{records("t", "shard", "x"), 400, "shard must be a number"},
		{records("t", "from", "yesterday"), 400, "from: "},
		{records("t", "from", "-5"), 400, "from: "},
		{records("t", "until", "soon"), 400, "until: "},
		{records("t", "until", "beginning"), 400, "until: "},
		{records("t", "limit", "100001"), 400, "limit must be 0 to 100000"},
		{records("t", "limit", "-1"), 400, "limit must be"},
		{records("t", "limit", ""), 400, "limit must be"},
		{records("t", "wait", "5"), 400, "wait must be a duration"},
		{records("t", "wait", "-5s"), 400, "wait must be a duration"},
		{records("t", "next", "17"), 400, "next must be"},
		{records("t", "next", "0:1"), 400, "no offset for shard 1"},
		{records("t", "until", "0:1"), 400, "no offset for shard 1"},
		{records("t", "from", "1:1"), 400, "no offset for shard 0"},
		{records("t", "encoding", "hex"), 400, "encoding can only be"},
		{records("t", "form", "end"), 400, `no parameter \"form\"`},
		{records("t", "from", "1", "from", "2"), 400, "from is given twice"},
		{records("t", "next", "0:99,1:99"), 416, "cut back or made anew"},
	} {
		if got := a.get(c.path); got.StatusCode != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s: got %d %s want %d %s", c.path, got.StatusCode, got.body, c.status, c.part)
		}
	}
}

// Records come back as they were sent, exactly in base64.
func TestValuesComeBack(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	sent := []string{`{"n":12345678901234567890.10}`, "{\n \"a\": 1\n}", "text", "\xff\x00", "", `"string"`}
	for i, value := range sent {
		a.put("t", record("k", value, int64(i)))
	}
	exact := a.lines(a.get(records("t", "encoding", "base64")))
	for i, l := range exact {
		var value []byte
		if err := json.Unmarshal(l.Value, &value); err != nil || string(value) != sent[i] {
			t.Errorf("%q came back as %q, %v", sent[i], value, err)
		}
	}
	want := `{"topic":"t","shard":0,"offset":0,"time":0,"key":"k","value":{"n":12345678901234567890.10}}
{"topic":"t","shard":0,"offset":1,"time":1,"key":"k","value":{  "a": 1 }}
{"topic":"t","shard":0,"offset":2,"time":2,"key":"k","value":"text"}
{"topic":"t","shard":0,"offset":3,"time":3,"key":"k","value":"/wA=","encoding":"base64"}
{"topic":"t","shard":0,"offset":4,"time":4,"key":"k","value":""}
{"topic":"t","shard":0,"offset":5,"time":5,"key":"k","value":"string"}
`
	if got := a.get(records("t")).body; got != want || len(exact) != len(sent) {
		t.Errorf("got\n%s want\n%s", got, want)
	}
}

// All shards merged: by time, then shard, then offset; in pages of any size the same.
func TestMerge(t *testing.T) {
	a := start(t, t.TempDir(), 4)
	const n = 500
	var all []wire.Record
	for i := range n {
		all = append(all, record(fmt.Sprintf("key %d", i%37), fmt.Sprint(i), int64(i/3))) // three of a time
	}
	a.put("t", all...)
	want := a.lines(a.get(records("t")))
	seen := map[string]bool{}
	shards := map[int]bool{}
	for i, l := range want {
		seen[string(l.Value)] = true
		shards[l.Shard] = true
		if i == 0 {
			continue
		}
		p := want[i-1]
		if l.Time < p.Time || l.Time == p.Time && (l.Shard < p.Shard || l.Shard == p.Shard && l.Offset <= p.Offset) {
			t.Fatalf("%+v before %+v", p, l)
		}
	}
	if len(want) != n || len(seen) != n || len(shards) != 4 {
		t.Fatalf("%d records, %d of them different, of %d shards", len(want), len(seen), len(shards))
	}
	for _, limit := range []int{1, 7, 499, 500} {
		var got []line
		next := ""
		for {
			parameters := []string{"limit", fmt.Sprint(limit)}
			if next != "" {
				parameters = append(parameters, "next", next)
			}
			page := a.get(records("t", parameters...))
			lines := a.lines(page)
			if len(lines) > limit {
				t.Fatalf("%d lines, the limit is %d", len(lines), limit)
			}
			if len(lines) == 0 {
				break
			}
			got = append(got, lines...)
			next = page.told("Penstock-Next")
		}
		if fmt.Sprint(places(got)) != fmt.Sprint(places(want)) {
			t.Errorf("in pages of %d: %v", limit, places(got))
		}
	}
	for shard := range 4 {
		lines := a.lines(a.get(records("t", "shard", fmt.Sprint(shard))))
		if want := fmt.Sprintf("0-%d", len(lines)-1); len(lines) == 0 || offsets(lines) != want {
			t.Errorf("shard %d: %s", shard, offsets(lines))
		}
	}
}

func places(lines []line) (all []string) {
	for _, l := range lines {
		all = append(all, fmt.Sprintf("%d:%d", l.Shard, l.Offset))
	}
	return all
}

// A page larger than the buffer says in trailers what it knows at the end.
func TestLargePage(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	big := strings.Repeat("x", 50_000)
	for i := range 10 {
		a.put("t", record("k", big, int64(i)))
	}
	got := a.get(records("t"))
	if lines := a.lines(got); offsets(lines) != "0-9" || got.Trailer.Get("Penstock-Next") != "0:10" || got.Header.Get("Penstock-Next") != "" {
		t.Errorf("%s, header %v, trailer %v", offsets(lines), got.Header, got.Trailer)
	}
}

// Times need not rise with the offsets: a reading by time finds exactly the records of those times.
func TestTimesOutOfOrder(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	for i, ms := range []int64{5, 9_999_999_999_999, 3, 7, 1, 6} {
		a.put("t", record("k", fmt.Sprint(i), ms))
	}
	got := a.get(records("t", "from", "5ms", "until", "7ms"))
	if fmt.Sprint(places(a.lines(got))) != "[0:0 0:5]" {
		t.Errorf("%s", got.body)
	}
}

// A record's time can be any, and the edges are read like the rest.
func TestTimesAtTheEdges(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	for i, ms := range []int64{math.MaxInt64, 0, math.MinInt64, -1} {
		a.put("t", record("k", fmt.Sprint(i), ms))
	}
	if got := a.get(records("t")); fmt.Sprint(places(a.lines(got))) != "[0:0 0:1 0:2 0:3]" {
		t.Errorf("%s", got.body)
	}
}

func TestWait(t *testing.T) {
	a := start(t, t.TempDir(), 3)
	a.put("t", numbered(3)...)
	empty := a.get(records("t", "from", "end", "wait", "1ms"))
	if empty.StatusCode != 200 || empty.body != "" {
		t.Fatalf("%v %s", empty.Status, empty.body)
	}
	next := empty.told("Penstock-Next")
	came := make(chan *answer)
	go func() { came <- a.get(records("t", "next", next, "wait", "60s")) }()
	a.put("t", record("other", `"awaited"`, 1))
	if got := <-came; !strings.Contains(got.body, `"awaited"`) || len(a.lines(got)) != 1 {
		t.Errorf("%s", got.body)
	}
	// Records of other times do not end the wait.
	go func() { came <- a.get(records("t", "next", next, "from", "2016-09-26", "wait", "60s")) }()
	a.put("t", record("other", `"too old"`, 2))
	a.put("t", record("other", `"new"`, 1474921202000))
	if got := <-came; strings.Contains(got.body, "old") || !strings.Contains(got.body, `"new"`) {
		t.Errorf("%s", got.body)
	}
}

// Neither stopping nor deleting waits for those who wait, and each is told the truth.
func TestWaitEnds(t *testing.T) {
	a := start(t, t.TempDir(), 2)
	a.put("t", numbered(3)...)
	a.put("u", numbered(3)...)
	came := make(chan *answer)
	poll := func(topic string) {
		got := a.get(records(topic, "from", "end", "wait", "60s"))
		came <- got
	}
	go poll("t")
	a.awaitReader()
	if got := a.do("DELETE", "/v1/topics/t", ""); got.StatusCode != 204 {
		t.Fatal(got.Status, got.body)
	}
	if got := <-came; got.StatusCode != 404 {
		t.Errorf("deleted: %s %s", got.Status, got.body)
	}
	go poll("u")
	a.awaitReader()
	a.close()
	if got := <-came; got.StatusCode != 200 || got.told("Penstock-Next") == "" {
		t.Errorf("stopped: %s %s", got.Status, got.body)
	}
}

// awaitReader returns when a poll waits for a record.
func (a *appliance) awaitReader() {
	a.Helper()
	for !strings.Contains(a.get("/debug/pprof/goroutine?debug=2").body, "segstore.(*Log).Wait(") {
		time.Sleep(time.Millisecond)
	}
}

// A log that closes under a reader is the appliance stopping, not an error of the log.
func TestClosedUnderneath(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	a.put("t", numbered(3)...)
	if err := a.set.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := a.get(records("t")); got.StatusCode != 503 || !strings.Contains(got.body, "stopping") {
		t.Errorf("%s %s", got.Status, got.body)
	}
}
