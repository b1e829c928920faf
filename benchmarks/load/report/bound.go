package report

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Bound is a condition under which a run has failed, such as p99.9>20ms.
type Bound struct {
	Text   string
	metric string
	above  bool    // it fails above the limit; else below
	limit  float64 // µs for latencies
	times  string  // the limit is in multiples of this metric; "": it is absolute
}

// Outcome is what became of a bound.
type Outcome struct {
	Bound  string  `json:"bound"`
	Value  float64 `json:"value"` // µs for latencies
	Limit  float64 `json:"limit"`
	Failed bool    `json:"failed"`
}

var boundForm = regexp.MustCompile(`^([a-z]+[0-9.]*)\s*([<>])\s*([0-9.]+)\s*(ns|us|µs|ms|s|k|M|)(?:\s*[x×]\s*([a-z]+[0-9.]*))?$`)

var units = map[string]float64{"ns": 1e-3, "us": 1, "µs": 1, "ms": 1e3, "s": 1e6}

// BoundHelp says what may be in a bound.
const BoundHelp = "METRIC>LIMIT or METRIC<LIMIT; metrics are p50, p99.9 (any percentile), mean, max (limits with ns, us, ms or s), rate (items a second), " +
	"requests (a second), errors, overload, cpu (the server's, us for each item); a limit may be so many times another metric: p99.9>20xp50"

// ParseBound reads a bound.
func ParseBound(text string) (Bound, error) {
	b := Bound{Text: text}
	parts := boundForm.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return b, fmt.Errorf("%q is no bound: write %s", text, BoundHelp)
	}
	b.metric, b.above, b.times = parts[1], parts[2] == ">", parts[5]
	limit, err := strconv.ParseFloat(parts[3], 64)
	if err != nil {
		return b, fmt.Errorf("%q: %q is no number", text, parts[3])
	}
	for _, m := range []string{b.metric, b.times} {
		if m != "" && !known(m) {
			return b, fmt.Errorf("%q: there is no metric %s; write %s", text, m, BoundHelp)
		}
	}
	unit := parts[4]
	switch timed := isTime(b.metric); {
	case b.times != "" && unit != "":
		return b, fmt.Errorf("%q: so many times another metric has no unit", text)
	case b.times != "":
		if timed != isTime(b.times) {
			return b, fmt.Errorf("%q compares a time with what is none", text)
		}
	case timed && (units[unit] == 0 && limit != 0):
		return b, fmt.Errorf("%q: a time needs a unit, ns, us, ms or s", text)
	case timed:
		limit *= units[unit]
	case unit == "k":
		limit *= 1e3
	case unit == "M":
		limit *= 1e6
	case unit != "":
		return b, fmt.Errorf("%q: %s is no unit of %s", text, unit, b.metric)
	}
	b.limit = limit
	return b, nil
}

var isPercentile = regexp.MustCompile(`^p\d{1,2}(\.\d+)?$`)

func isTime(metric string) bool {
	return metric == "mean" || metric == "max" || metric == "cpu" || isPercentile.MatchString(metric)
}

func known(metric string) bool {
	return isTime(metric) || metric == "rate" || metric == "requests" || metric == "errors" || metric == "overload"
}

// ofLatency says whether a metric is of how long answers took.
func ofLatency(metric string) bool { return isTime(metric) && metric != "cpu" }

// Possible says why a bound can't be held against a run: nobody answers, or nobody measures CPU.
func (b *Bound) Possible(answered, measured bool) error {
	for _, m := range []string{b.metric, b.times} {
		switch {
		case m == "":
		case ofLatency(m) && !answered:
			return fmt.Errorf("--fail-if %q: this wire has no answers, so no latency is known", b.Text)
		case m == "cpu" && !measured:
			return fmt.Errorf("--fail-if %q needs --pid", b.Text)
		}
	}
	return nil
}

// errNothing says that a run has no value of a metric.
var errNothing = errors.New("nothing was measured")

func (r *Run) value(metric string) (float64, error) {
	switch metric {
	case "rate":
		return r.Total.ItemRate, nil
	case "requests":
		return r.Total.RequestRate, nil
	case "errors":
		return float64(r.Total.Errors), nil
	case "overload":
		return float64(r.Total.Overload), nil
	case "cpu":
		if r.Total.Items == 0 {
			return 0, errNothing
		}
		return r.Total.ServerMicros, nil
	}
	if r.Latency == nil {
		return 0, errNothing
	}
	switch metric {
	case "mean":
		return r.Latency.Mean, nil
	case "max":
		return r.Latency.Max, nil
	}
	percent, err := strconv.ParseFloat(metric[1:], 64)
	return r.Latency.at(percent), err
}

// Hold holds the bounds against the run, notes what became of them, and returns an error that names those that failed. One that can't
// be told, because nothing was measured, has failed.
func (r *Run) Hold(bounds []Bound) error {
	var failed []error
	for _, b := range bounds {
		value, err := r.value(b.metric)
		limit, unit := b.limit, 1.0
		if b.times != "" && err == nil {
			unit, err = r.value(b.times)
		}
		limit *= unit
		o := Outcome{Bound: b.Text, Value: value, Limit: limit, Failed: err != nil || b.above && value > limit || !b.above && value < limit}
		r.Bounds = append(r.Bounds, o)
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", b.Text, err))
		case o.Failed:
			failed = append(failed, fmt.Errorf("failed because %s: %s is %s", b.Text, b.metric, inUnit(b.metric, value)))
		}
	}
	return errors.Join(failed...)
}

func inUnit(metric string, value float64) string {
	if isTime(metric) {
		return Micros(value)
	}
	return Count(value)
}
