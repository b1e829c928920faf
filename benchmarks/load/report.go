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

// latencyMax is the longest latency the histogram tells apart, µs.
const latencyMax = 600_000_000

func (s *stats) init() { s.latency = hdrhistogram.New(1, latencyMax, 3) }

// note counts an acknowledged request. Its latency counts from the first try on.
func (s *stats) note(events int64, bytes int, took time.Duration) {
	s.requests++
	s.events += events
	s.bytes += int64(bytes)
	if err := s.latency.RecordValue(min(max(1, took.Microseconds()), latencyMax)); err != nil {
		panic("BUG: a latency outside the histogram: " + err.Error())
	}
}

func (s *stats) add(o *stats) {
	s.requests += o.requests
	s.events += o.events
	s.bytes += o.bytes
	s.retries += o.retries
	s.latency.Merge(o.latency)
}

// loadReport is the outcome of a load, for people and for machines.
type loadReport struct {
	Seed          uint64  `json:"seed"`
	Ack           string  `json:"ack"` // the policy asked for; empty: the server's own
	Connections   int     `json:"connections"`
	Requests      int64   `json:"requests"`
	Events        int64   `json:"events"` // acknowledged ones
	Bytes         int64   `json:"bytes"`  // of the events, before compression
	Retries       int64   `json:"retries"`
	Seconds       float64 `json:"seconds"`
	EventsPerSec  float64 `json:"events_per_second"`
	P50           int64   `json:"latency_p50_us"`
	P99           int64   `json:"latency_p99_us"`
	P999          int64   `json:"latency_p999_us"`
	Max           int64   `json:"latency_max_us"`
	CPUPerMillion float64 `json:"server_cpu_seconds_per_million_events,omitempty"`
	Verified      int64   `json:"verified_records,omitempty"`
	Error         string  `json:"error,omitempty"`
}

func newLoadReport(l *load, s *stats, took time.Duration, cpu float64) loadReport {
	r := loadReport{
		Seed: l.w.Seed, Ack: l.shape.Ack, Connections: l.connections,
		Requests: s.requests, Events: s.events, Bytes: s.bytes, Retries: s.retries,
		Seconds: took.Seconds(), EventsPerSec: float64(s.events) / took.Seconds(),
		P50: s.latency.ValueAtQuantile(50), P99: s.latency.ValueAtQuantile(99), P999: s.latency.ValueAtQuantile(99.9), Max: s.latency.Max(),
	}
	if s.events > 0 {
		r.CPUPerMillion = cpu * 1e6 / float64(s.events)
	}
	return r
}

func (r *loadReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	text := fmt.Sprintf(`seed %d, %d connections, acknowledgement %s
acknowledged   %d events in %d requests, %.1f MB, %d retries after 503
rate           %.0f events/s, %.1f MB/s over %.1f s
latency        p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms
`, r.Seed, r.Connections, ackName(r.Ack), r.Events, r.Requests, float64(r.Bytes)/1e6, r.Retries, r.EventsPerSec,
		float64(r.Bytes)/1e6/r.Seconds, r.Seconds, float64(r.P50)/1e3, float64(r.P99)/1e3, float64(r.P999)/1e3, float64(r.Max)/1e3)
	if r.CPUPerMillion > 0 {
		text += fmt.Sprintf("server CPU     %.2f s per million events\n", r.CPUPerMillion)
	}
	if r.Verified > 0 {
		text += fmt.Sprintf("verified       %d records: every acknowledged event once, in order of its key, byte for byte\n", r.Verified)
	}
	_, err := io.WriteString(w, text)
	return err
}

func ackName(ack string) string {
	if ack == "" {
		return "as the server does by default"
	}
	return ack
}

// tortureReport is the outcome of a torture. Counts of events, not of requests.
type tortureReport struct {
	Seed        uint64  `json:"seed"`
	Ack         string  `json:"ack"`
	Power       string  `json:"power,omitempty"` // how the power is cut, at each kill; empty: it is not
	FS          string  `json:"fs,omitempty"`    // the file system that loses it
	Unflushed   int64   `json:"sectors_unflushed,omitempty"`
	SectorsKept int64   `json:"sectors_unflushed_kept,omitempty"`
	Torn        int     `json:"torn_cuts,omitempty"` // those that kept some sectors and lost some
	Cycles      int     `json:"cycles"`
	Kills       int     `json:"kills"`
	Starting    int     `json:"kills_while_starting"`
	AtRoll      int     `json:"kills_at_a_roll"`
	Acked       int64   `json:"acknowledged"`
	Unknown     int64   `json:"unknown"`
	Kept        int64   `json:"unknown_kept"`
	Lost        int64   `json:"unknown_not_kept"`
	Refused     int64   `json:"refused"` // answered 503 and not sent again
	Verified    int64   `json:"verified_records"`
	Reread      int64   `json:"reread_records"`
	Sighted     int64   `json:"sighted_records"` // verified ones that a reader had seen before the kill
	Violations  int     `json:"violations"`
	Seconds     float64 `json:"seconds"`
	CycleMean   float64 `json:"cycle_mean_ms"`
	RestartMean float64 `json:"restart_mean_ms"`
	RestartMax  float64 `json:"restart_max_ms"`
	Error       string  `json:"error,omitempty"`

	restarts int
}

// restarted counts a start and how long it took until the server was ready.
func (r *tortureReport) restarted(took time.Duration) {
	ms := took.Seconds() * 1e3
	r.restarts++
	r.RestartMean += (ms - r.RestartMean) / float64(r.restarts)
	r.RestartMax = max(r.RestartMax, ms)
}

func (r *tortureReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	verdict := fmt.Sprintf("%d", r.Violations)
	if r.Violations == 0 && r.Error == "" {
		verdict += ": none lost, none invented, none doubled, none out of order, none changed"
	}
	_, err := fmt.Fprintf(w, `seed %d: %d cycles, %d %s, %d of them while starting, %d at a roll; %.0f ms a cycle
acknowledged   %d events (policy: %s)
unknown fate   %d events: %d were kept, %d were not; %d refused and not sent again
verified       %d records, and %d again; a reader had seen %d of them before
restart        %.0f ms on average until ready, %.0f ms at most
violations     %s
`, r.Seed, r.Cycles, r.Kills, r.endings(), r.Starting, r.AtRoll, r.CycleMean, r.Acked, ackName(r.Ack), r.Unknown, r.Kept, r.Lost, r.Refused,
		r.Verified, r.Reread, r.Sighted, r.RestartMean, r.RestartMax, verdict)
	return err
}

// endings is what ends the lives.
func (r *tortureReport) endings() string {
	if r.Power == "" {
		return "kills"
	}
	torn := ""
	if r.Power == "fuse" {
		torn = fmt.Sprintf(", %d tore: %d of %d sectors not flushed were kept", r.Torn, r.SectorsKept, r.Unflushed)
	}
	return fmt.Sprintf("power cuts (%s, %s%s)", r.Power, r.FS, torn)
}
