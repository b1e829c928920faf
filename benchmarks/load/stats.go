package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// stats is what senders count.
type stats struct {
	requests, events, bytes, retries int64
	latency                          *hdrhistogram.Histogram // µs
}

func (s *stats) init() { s.latency = hdrhistogram.New(1, 120_000_000, 3) }

func (s *stats) note(events, bytes int, took time.Duration) {
	s.requests++
	s.events += int64(events)
	s.bytes += int64(bytes)
	_ = s.latency.RecordValue(max(1, took.Microseconds())) // longer than the histogram holds: the sender's own timeout is shorter
}

func (s *stats) add(o *stats) {
	s.requests += o.requests
	s.events += o.events
	s.bytes += o.bytes
	s.retries += o.retries
	s.latency.Merge(o.latency)
}

// report is the outcome of a run, for people and for machines.
type report struct {
	Seed          uint64  `json:"seed"`
	Connections   int     `json:"connections"`
	Requests      int64   `json:"requests"`
	Events        int64   `json:"events"`
	Bytes         int64   `json:"bytes"`
	Retries       int64   `json:"retries"`
	Seconds       float64 `json:"seconds"`
	EventsPerSec  float64 `json:"events_per_second"`
	P50           int64   `json:"latency_p50_us"`
	P99           int64   `json:"latency_p99_us"`
	P999          int64   `json:"latency_p999_us"`
	Max           int64   `json:"latency_max_us"`
	CPUPerMillion float64 `json:"server_cpu_seconds_per_million_events,omitempty"`
	Verified      int64   `json:"verified_records,omitempty"`
}

func newReport(seed uint64, connections int, s *stats, took time.Duration, cpu float64) report {
	r := report{
		Seed: seed, Connections: connections, Requests: s.requests, Events: s.events, Bytes: s.bytes, Retries: s.retries,
		Seconds: took.Seconds(), EventsPerSec: float64(s.events) / took.Seconds(),
		P50: s.latency.ValueAtQuantile(50), P99: s.latency.ValueAtQuantile(99), P999: s.latency.ValueAtQuantile(99.9), Max: s.latency.Max(),
	}
	if s.events > 0 {
		r.CPUPerMillion = cpu * 1e6 / float64(s.events)
	}
	return r
}

func (r report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, `seed %d, %d connections
acknowledged   %d events in %d requests, %.1f MB, %d retries after 503
rate           %.0f events/s, %.1f MB/s over %.1f s
latency        p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms
`, r.Seed, r.Connections, r.Events, r.Requests, float64(r.Bytes)/1e6, r.Retries, r.EventsPerSec, float64(r.Bytes)/1e6/r.Seconds, r.Seconds,
		float64(r.P50)/1e3, float64(r.P99)/1e3, float64(r.P999)/1e3, float64(r.Max)/1e3)
	if r.CPUPerMillion > 0 && err == nil {
		_, err = fmt.Fprintf(w, "server CPU     %.2f s per million events\n", r.CPUPerMillion)
	}
	if r.Verified > 0 && err == nil {
		_, err = fmt.Fprintf(w, "verified       %d records: every acknowledged event once, in order of its key, byte for byte\n", r.Verified)
	}
	return err
}
