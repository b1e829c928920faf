// Package report is what a load generator measured: as data, as JSON of a stable form, as text, and against bounds.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"penstock/benchmarks/machine"
)

// Format names the form of the JSON. A change that breaks a reader changes it.
const Format = "penstock-load/1"

// Run is one load, measured. Durations are in the unit that their names say.
type Run struct {
	Format   string    `json:"format"`
	Name     string    `json:"name"`
	Began    time.Time `json:"began"`
	Settings Settings  `json:"settings"`
	Machine  Machine   `json:"machine"`
	Total    Total     `json:"total"`

	// Latency counts from when a request was due: in an open loop that is when the schedule had it, sent or not. Absent where
	// requests are not answered.
	Latency *Latency `json:"latency,omitempty"`
	// FromSend counts from when a request was sent; in an open loop only. What lies between the two is time in which the connections
	// were all waiting, or the generator late.
	FromSend *Latency `json:"latency_from_send,omitempty"`

	Intervals []Interval       `json:"intervals"`
	Errors    map[string]int64 `json:"errors"` // by kind, the warm-up included
	Bounds    []Outcome        `json:"bounds,omitempty"`
}

// Settings are what was asked for.
type Settings struct {
	To          string  `json:"to"`
	Wire        string  `json:"wire"`
	Item        string  `json:"item"` // what is counted, in the plural
	Answered    bool    `json:"answered"`
	Loop        string  `json:"loop"` // closed, open
	Rate        float64 `json:"rate,omitempty"`
	Arrivals    string  `json:"arrivals,omitempty"`
	Connections int     `json:"connections"`
	Pipeline    int     `json:"pipeline"`
	Warmup      float64 `json:"warmup_seconds"`
	Duration    float64 `json:"duration_seconds,omitempty"`
	Requests    int64   `json:"requests,omitempty"`
	Seed        uint64  `json:"seed"`
	Keys        int     `json:"keys"`
	Zipf        float64 `json:"zipf"`
	Size        string  `json:"size"`
	Batch       string  `json:"batch"`
	Gzip        float64 `json:"gzip"`
	Ack         string  `json:"ack,omitempty"`
	Pool        int     `json:"pool_requests"`
	PoolBytes   int64   `json:"pool_bytes"`
}

// Machine is where it ran.
type Machine struct {
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Go     string `json:"go"`
}

// Total is what was measured, the warm-up excluded.
type Total struct {
	Seconds      float64 `json:"seconds"`
	Requests     int64   `json:"requests"` // answered with success; sent, where nobody answers
	Items        int64   `json:"items"`
	Body         int64   `json:"body_bytes"` // of the items, before compression
	Sent         int64   `json:"sent_bytes"` // as they went onto the connections
	Errors       int64   `json:"errors"`     // requests
	Overload     int64   `json:"overload"`   // requests that were answered "try again": 429, 503, or Kafka's own
	RequestRate  float64 `json:"requests_per_second"`
	ItemRate     float64 `json:"items_per_second"`
	ServerUser   float64 `json:"server_cpu_user_seconds,omitempty"`
	ServerSystem float64 `json:"server_cpu_system_seconds,omitempty"`
	ServerMicros float64 `json:"server_cpu_us_per_item,omitempty"`
	OwnCPU       float64 `json:"generator_cpu_seconds"`
	// EverRequests and EverItems are those of the whole run: the warm-up and what was answered after the end included.
	EverRequests int64   `json:"ever_requests"`
	EverItems    int64   `json:"ever_items"`
	Drain        float64 `json:"drain_seconds,omitempty"` // where nobody answers: from the last byte sent until the server had read all
}

// Latency is a distribution, in microseconds.
type Latency struct {
	Mean   float64    `json:"mean_us"`
	P50    float64    `json:"p50_us"`
	P90    float64    `json:"p90_us"`
	P99    float64    `json:"p99_us"`
	P999   float64    `json:"p99_9_us"`
	P9999  float64    `json:"p99_99_us"`
	Max    float64    `json:"max_us"`
	Points []Quantile `json:"distribution"` // for a plot, up to the largest

	histogram *hdrhistogram.Histogram // ns; nil when it was read from a file
}

// Quantile says that so many percent took at most so long.
type Quantile struct {
	Percent float64 `json:"percent"`
	Micros  float64 `json:"us"`
}

// Interval is a piece of the run, the warm-up included; the latencies are of what was answered in it.
type Interval struct {
	At           float64 `json:"at_seconds"` // its end, from the beginning of the load
	Seconds      float64 `json:"seconds"`
	Warmup       bool    `json:"warmup,omitempty"`
	Requests     int64   `json:"requests"`
	Items        int64   `json:"items"`
	Errors       int64   `json:"errors"`
	Overload     int64   `json:"overload"`
	P50          float64 `json:"p50_us"`
	P99          float64 `json:"p99_us"`
	P999         float64 `json:"p99_9_us"`
	Max          float64 `json:"max_us"`
	ServerUser   float64 `json:"server_cpu_user,omitempty"` // CPUs: seconds a second
	ServerSystem float64 `json:"server_cpu_system,omitempty"`
}

// NewLatency reads a histogram of nanoseconds; nil when it is empty.
func NewLatency(h *hdrhistogram.Histogram) *Latency {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	l := &Latency{Mean: h.Mean() / 1e3, Max: float64(h.Max()) / 1e3, histogram: h}
	l.P50, l.P90, l.P99, l.P999, l.P9999 = l.at(50), l.at(90), l.at(99), l.at(99.9), l.at(99.99)
	// Ten points for each halving of what is left above, down to the single largest request.
	left := 1.0
	for n := 0; left > 0.5/float64(h.TotalCount()) && n < 400; n++ {
		l.Points = append(l.Points, Quantile{100 * (1 - left), l.at(100 * (1 - left))})
		left *= 0.933032991536807 // the tenth root of a half
	}
	l.Points = append(l.Points, Quantile{100, l.Max})
	return l
}

func (l *Latency) at(percent float64) float64 {
	if l.histogram != nil {
		return float64(l.histogram.ValueAtQuantile(percent)) / 1e3
	}
	for _, p := range l.Points {
		if p.Percent >= percent {
			return p.Micros
		}
	}
	return l.Max
}

// ThisMachine describes where this process runs.
func ThisMachine() Machine {
	return Machine{Kernel: "Linux " + machine.Kernel(), CPU: machine.Processor(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
}

// Write writes the run as JSON; "-" is standard output.
func (r *Run) Write(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "-" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// Read reads what Write wrote.
func Read(path string) (*Run, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Run
	if err := json.Unmarshal(text, &r); err != nil || r.Format != Format {
		return nil, fmt.Errorf("%s is no report of this load generator (%s)", path, Format)
	}
	return &r, nil
}
