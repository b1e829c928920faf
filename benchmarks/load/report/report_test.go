package report

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestBounds(t *testing.T) {
	h := hdrhistogram.New(100, 1e10, 3)
	for n := range int64(1000) {
		if err := h.RecordValue((n + 1) * 10_000); err != nil { // 10 µs to 10 ms
			t.Fatal(err)
		}
	}
	r := Run{Latency: NewLatency(h), Total: Total{Items: 10, ItemRate: 5000, RequestRate: 50, Errors: 2, Overload: 7, ServerMicros: 3}}
	for text, fails := range map[string]bool{"p50>4ms": true, "p50>6ms": false, "p99.9>20xp50": false, "p99.9 > 1.5 x p50": true, "max>9.9ms": true, "rate<5k": false, "rate<6k": true,
		"requests<100": true, "errors>1": true, "errors>2": false, "overload>6": true, "mean<1s": true, "cpu>2us": true, "cpu>4us": false, "p99>0": true} {
		b, err := ParseBound(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := r.Hold([]Bound{b}); (err != nil) != fails || fails && !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "p50", "p50>1", "p50>20", "p50>1m", "rate<1ms", "p50>3xrate", "p50>3msxmax", "q9>1", "p100>1ms", "errors>x", "p50>1..2ms"} {
		if _, err := ParseBound(text); err == nil {
			t.Errorf("%q is a bound", text)
		}
	}
	empty := Run{}
	b, err := ParseBound("p50>1s")
	if err != nil || empty.Hold([]Bound{b}) == nil {
		t.Error("a bound on what was not measured holds")
	}
}

// The form of the JSON is a promise: who adds a member says so here, and who takes one away gives the form another name.
func TestForm(t *testing.T) {
	h := hdrhistogram.New(100, 1e9, 3)
	if err := h.RecordValue(1e6); err != nil {
		t.Fatal(err)
	}
	r := Run{Format: Format, Name: "n", Latency: NewLatency(h), Intervals: []Interval{{}}, Machine: ThisMachine()}
	path := filepath.Join(t.TempDir(), "r.json")
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := ParseBound("p50>999us"); err != nil || back.Hold([]Bound{b}) == nil {
		t.Errorf("a report that was read forgot its latency: %v", err)
	}
	text, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]string{
		"":          "began errors format intervals latency machine name settings total",
		"latency":   "distribution max_us mean_us p50_us p90_us p99_99_us p99_9_us p99_us",
		"machine":   "cpu cpus go kernel",
		"total":     "body_bytes errors ever_items ever_requests generator_cpu_seconds items items_per_second overload requests requests_per_second seconds sent_bytes",
		"settings":  "answered batch connections gzip item keys loop pipeline pool_bytes pool_requests seed size to warmup_seconds wire zipf",
		"intervals": "at_seconds errors items max_us overload p50_us p99_9_us p99_us requests seconds",
	} {
		members := top
		if part != "" {
			members = nil
			if err := json.Unmarshal([]byte(strings.Trim(string(top[part]), "[]")), &members); part != "latency" && err != nil {
				t.Fatal(err)
			} else if part == "latency" {
				if err := json.Unmarshal(top[part], &members); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := strings.Join(slices.Sorted(maps.Keys(members)), " "); got != want {
			t.Errorf("%q has %s; want %s", part, got, want)
		}
	}
}
