package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// withKey starts a server that knows one key, and whose it is.
func withKey(t *testing.T, key, tenant string) *server {
	t.Helper()
	config := writeFile(t, "penstock.yaml", fmt.Sprintf("tenants:\n  %s: {keys: [\"sha256:%x\"]}\n", tenant, sha256.Sum256([]byte(key))))
	return start(t, t.TempDir(), "--config", config)
}

// Segment's Go library: calls of every kind, in batches sent at the same time, kept byte for byte as the library wrote them.
func TestClientSegmentAnalyticsGo(t *testing.T) {
	program := goClient(t, "segment")
	s := withKey(t, "a-write-key", "acme")
	began := time.Now()
	sent := runClient(t, program, "http://"+s.HTTP, "a-write-key")
	want := strings.Split(strings.TrimSuffix(sent, "\n"), "\n")
	if len(want) < 200 {
		t.Fatalf("the client sent %d calls", len(want))
	}
	var got []string
	for _, r := range s.records("segment") {
		if r.Key != nil || r.Time < began.UnixMilli() || r.Time > time.Now().UnixMilli() {
			t.Errorf("not without a key and at the time of arrival: %+v", r)
		}
		got = append(got, string(r.Value))
	}
	sameTexts(t, got, want)
	s.wantRejected()
}

// The Splunk Cloud SDK: events, metrics and files, and the refusals that it knows. The tenant is the key's, whatever the path says.
func TestClientSplunkCloudSDK(t *testing.T) {
	program := goClient(t, "splunk")
	s := withKey(t, "a-token", "acme")
	began := time.Now().UnixMilli()
	const log = "first,line\nsecond,\"lïne\"\r\n"
	runClient(t, program, s.HTTP, "tenant-1", "a-token", writeFile(t, "access.csv", log))

	const at = 1795324339957
	event := func(body any, more ...object) string {
		all := object{"kind": "event", "body": body, "wire": "splunk", "tenant": "acme"}
		for _, fields := range more {
			for name, value := range fields {
				all[name] = value
			}
		}
		return spelled(t, all)
	}
	file := func(name, text string) string {
		return event(text, object{"attributes": object{"filename": name}, "source": name, "time": "now"})
	}
	want := []string{
		event(object{"event": "event1", "n": json.Number("9007199254740993")}, object{
			"attributes": object{"outer": object{"inner": "ü<&>"}}, "host": "host-1", "id": "id-1", "source": "source-1", "sourcetype": "type:1",
			"time": at, "nanos": 123456}),
		event("a text with \"quotes\", a\ttab and a line\nfeed", object{"time": 0}),
		event(json.Number("0.1"), object{"time": "now"}),
		event([]string{"a", "b"}, object{"time": "now"}),
		event(false, object{"time": "now"}),
		file("access.csv", log),
		file("stream", "one\ntwo\n"),
	}
	for i := range 500 {
		want = append(want, event(fmt.Sprintf("%04d%s", i, strings.Repeat(".", 1996)), object{"time": i}))
	}
	var got []string
	for _, r := range s.records("events") {
		value := parsed(t, r.Value)
		if fmt.Sprint(value["time"]) != fmt.Sprint(r.Time) {
			t.Errorf("the record's time is not its own, %d: %s", r.Time, r.Value)
		}
		if r.Time >= began && r.Time <= time.Now().UnixMilli() {
			value["time"] = "now"
		}
		got = append(got, spelled(t, value))
	}
	sameTexts(t, got, want)

	sent := object{"tenant": "acme", "host": "host-1", "id": "metric0001", "source": "source-1", "sourcetype": "type:1"}
	bare := series(t, "splunk", "bare", nil, object{"tenant": "acme", "type": "g", "unit": "none"})
	s.wantPoints([]point{
		{series(t, "splunk", "CPU", object{"Server": "redhat", "Region": "eu", "Rack": "7"}, sent, object{"type": "t", "unit": "percentage"}), at, "5.89 and 1 ns"},
		{series(t, "splunk", "Memory", object{"Region": "us", "Rack": "7"}, sent, object{"type": "c", "unit": "MB"}), at, "20.27 and 1 ns"},
		{series(t, "splunk", "Disk", object{"Region": "us", "Rack": "7"}, sent, object{"type": "t", "unit": "MB"}), at, "0 and 1 ns"},
		{bare, at + 1, number("1e-7")},
		{bare, at + 2, "-3"},
	})
	s.wantRejected("null", "[]", "null", "[]", `[{"body":null}]`, `[{"body":"a body"},{"body":null}]`, "") // nothing of who has no key
}
