package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Micros writes a time of microseconds with three digits that count.
func Micros(us float64) string {
	switch {
	case us < 999.5:
		return strconv.FormatFloat(us, 'f', decimals(us), 64) + " µs"
	case us < 999.5e3:
		return strconv.FormatFloat(us/1e3, 'f', decimals(us/1e3), 64) + " ms"
	default:
		return strconv.FormatFloat(us/1e6, 'f', decimals(us/1e6), 64) + " s"
	}
}

func decimals(v float64) int {
	switch {
	case v < 9.995:
		return 2
	case v < 99.95:
		return 1
	}
	return 0
}

// Count writes a number with its thousands apart.
func Count(v float64) string {
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// Print writes the run for people.
func (r *Run) Print(w io.Writer) error {
	var b strings.Builder
	s, t := &r.Settings, &r.Total
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s "+format+"\n", append([]any{name}, args...)...)
	}
	line("target", "%s, %s, seed %d", s.To, s.Wire, s.Seed)
	line("loop", "%s", r.Loop())
	verb := "acknowledged"
	if !s.Answered {
		verb = "sent"
	}
	line(verb, "%s %s in %s requests, %.1f MB, over %.2f s", Count(float64(t.Items)), s.Item, Count(float64(t.Requests)), float64(t.Body)/1e6, t.Seconds)
	line("rate", "%s %s/s, %s requests/s, %.1f MB/s", Count(t.ItemRate), s.Item, Count(t.RequestRate), float64(t.Body)/1e6/max(t.Seconds, 1e-9))
	switch {
	case r.Latency != nil:
		line("latency", "%s", r.Latency)
	case !s.Answered:
		line("latency", "not known: this wire has no answers; all was read %.2f s after the last was sent", t.Drain)
	}
	if r.FromSend != nil {
		line("from send", "%s", r.FromSend)
	}
	if t.ServerUser+t.ServerSystem > 0 {
		line("server CPU", "%.2f s (%.2f user, %.2f system), %.3f µs for each of the %s", t.ServerUser+t.ServerSystem, t.ServerUser, t.ServerSystem, t.ServerMicros, s.Item)
	}
	line("own CPU", "%.2f s", t.OwnCPU)
	line("errors", "%s, and %s times \"try again\"", Count(float64(t.Errors)), Count(float64(t.Overload)))
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		line("", "%s × %s", Count(float64(r.Errors[kind])), kind)
	}
	for _, o := range r.Bounds {
		if o.Failed {
			line("bound", "FAILED: %s", o.Bound)
		} else {
			line("bound", "kept: not %s", o.Bound)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Loop says how the load was driven.
func (r *Run) Loop() string {
	s := &r.Settings
	text := fmt.Sprintf("closed, %s connections", Count(float64(s.Connections)))
	if s.Loop == "open" {
		text = fmt.Sprintf("open, %s requests/s, arrivals %s, over %s connections", Count(s.Rate), s.Arrivals, Count(float64(s.Connections)))
	}
	switch {
	case s.Answered && s.Pipeline == 1:
		text += ", one request at a time on each"
	case s.Answered:
		text += fmt.Sprintf(", up to %d requests on each", s.Pipeline)
	}
	return text + fmt.Sprintf("; %g s of warm-up", s.Warmup)
}

func (l *Latency) String() string {
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, p99.9 %s, p99.99 %s, max %s", Micros(l.P50), Micros(l.P90), Micros(l.P99), Micros(l.P999), Micros(l.P9999), Micros(l.Max))
}
