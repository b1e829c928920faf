package page

import (
	"fmt"
	"math"
	"strconv"

	"penstock/benchmarks/load/report"
	"penstock/benchmarks/plot"
)

// charts are the plots that the runs give.
func charts(runs []*report.Run) (all []*plot.Plot) {
	for _, p := range []*plot.Plot{Percentiles(runs), throughput(runs)} {
		if p != nil {
			all = append(all, p)
		}
	}
	low, high := latencies(runs)
	for n, r := range runs {
		if p := latencyOverTime(r, n, len(runs), low, high); p != nil {
			all = append(all, p)
		}
	}
	for _, p := range []*plot.Plot{cpu(runs), troubles(runs)} {
		if p != nil {
			all = append(all, p)
		}
	}
	all[0].Wide = true
	if n := len(all); n%2 == 0 {
		all[n-1].Wide = true // the others stand in pairs
	}
	return all
}

// Percentiles is how long all but the slowest took; nil when nobody was answered.
func Percentiles(runs []*report.Run) *plot.Plot {
	p := &plot.Plot{Title: "Latency by percentile", Value: exact, Place: func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + " %" }}
	low, high, far := math.Inf(1), 0.0, 0.0
	add := func(name string, color int, dashed bool, l *report.Latency) {
		if l == nil || len(l.Points) == 0 {
			return
		}
		of := plot.Line{Name: name, Color: color, Dashed: dashed}
		for _, q := range l.Points {
			if q.Percent < 100 {
				far = max(far, q.Percent)
			}
			low, high = min(low, q.Micros), max(high, q.Micros)
			of.Points = append(of.Points, plot.Point{X: q.Percent, Y: q.Micros})
		}
		p.Lines = append(p.Lines, of)
	}
	open := false
	for n, r := range runs {
		add(r.Name, color(n), false, r.Latency)
		if len(runs) == 1 && r.FromSend != nil {
			p.Lines[0].Name = "since it was due"
			add("since it was sent", color(n), true, r.FromSend)
		}
		open = open || r.FromSend != nil
	}
	if len(p.Lines) == 0 {
		return nil
	}
	p.X, p.Y = plot.Percentile(far), plot.Logarithmic(low, high, round)
	p.Note = "Each nine is as wide as the one before; the right end is the slowest request."
	if open {
		p.Note += " In an open loop a latency counts from when the request was due."
	}
	if len(runs) == 1 {
		p.Limits = limits(runs[0])
	}
	return p
}

// limits are the bounds on single latencies, as lines.
func limits(r *report.Run) (all []plot.Limit) {
	for _, o := range r.Bounds {
		if r.Latency != nil && len(o.Bound) > 1 && (o.Bound[0] == 'p' || o.Bound[0] == 'm') && o.Limit > 0 {
			all = append(all, plot.Limit{Y: o.Limit, Name: o.Bound})
		}
	}
	return all
}

// overTime makes a plot over the time of the runs.
func overTime(runs []*report.Run, title, note string) *plot.Plot {
	end, warm := 0.0, math.Inf(1)
	for _, r := range runs {
		if n := len(r.Intervals); n > 0 {
			end = max(end, r.Intervals[n-1].At)
		}
		warm = min(warm, r.Settings.Warmup)
	}
	return &plot.Plot{Title: title, Note: note, X: plot.Span(end, 8, plot.Seconds), Warm: warm, Place: func(v float64) string { return fmt.Sprintf("%.1f s", v) }}
}

// trace is a value of each interval, at its middle; the ends are drawn out to the ends of the time.
func trace(r *report.Run, name string, color int, value func(*report.Interval) float64) plot.Line {
	l := plot.Line{Name: name, Color: color}
	for n := range r.Intervals {
		i := &r.Intervals[n]
		l.Points = append(l.Points, plot.Point{X: i.At - i.Seconds/2, Y: value(i)})
	}
	return l
}

func largest(lines []plot.Line) (most float64) {
	for _, l := range lines {
		for _, p := range l.Points {
			most = max(most, p.Y)
		}
	}
	return most
}

func throughput(runs []*report.Run) *plot.Plot {
	p := overTime(runs, "Throughput", runs[0].Settings.Item+" a second, acknowledged; where nobody answers, sent")
	for n, r := range runs {
		l := trace(r, r.Name, color(n), func(i *report.Interval) float64 { return float64(i.Items) / i.Seconds })
		l.Filled = len(runs) == 1
		p.Lines = append(p.Lines, l)
	}
	p.Y, p.Value = plot.Linear(largest(p.Lines)*1.05, 5, plot.Short), func(v float64) string { return report.Count(v) + " a second" }
	return p
}

// latencies are the smallest and the largest latency over time, of all runs: one scale for all makes them comparable.
func latencies(runs []*report.Run) (low, high float64) {
	low = math.Inf(1)
	for _, r := range runs {
		for _, i := range r.Intervals {
			if i.P50 > 0 {
				low, high = min(low, i.P50), max(high, i.P999)
			}
		}
	}
	return low, high
}

func latencyOverTime(r *report.Run, n, of int, low, high float64) *plot.Plot {
	if r.Latency == nil || high == 0 {
		return nil
	}
	title := "Latency over time"
	if of > 1 {
		title += ": " + r.Name
	}
	p := overTime([]*report.Run{r}, title, "of what was answered in each second")
	for k, of := range []struct {
		name  string
		value func(*report.Interval) float64
	}{
		{"p50", func(i *report.Interval) float64 { return i.P50 }},
		{"p99", func(i *report.Interval) float64 { return i.P99 }},
		{"p99.9", func(i *report.Interval) float64 { return i.P999 }},
	} {
		l := trace(r, of.name, 1+k, of.value)
		kept := l.Points[:0]
		for _, at := range l.Points {
			if at.Y > 0 { // nothing was answered in this second
				kept = append(kept, at)
			}
		}
		l.Points = kept
		p.Lines = append(p.Lines, l)
	}
	p.Y, p.Value = plot.Logarithmic(low, high, round), exact
	return p
}

func cpu(runs []*report.Run) *plot.Plot {
	p := overTime(runs, "The server's CPU time", "CPUs in use: its own code and the kernel's")
	for n, r := range runs {
		if r.Total.ServerUser+r.Total.ServerSystem == 0 {
			continue
		}
		both := trace(r, r.Name, color(n), func(i *report.Interval) float64 { return i.ServerUser + i.ServerSystem })
		if len(runs) == 1 {
			both.Name, both.Filled = "in all", true
			p.Lines = append(p.Lines, both, trace(r, "its own code", 3, func(i *report.Interval) float64 { return i.ServerUser }))
			continue
		}
		p.Lines = append(p.Lines, both)
	}
	if len(p.Lines) == 0 {
		return nil
	}
	p.Y, p.Value = plot.Linear(largest(p.Lines)*1.05, 4, plot.Short), func(v float64) string { return fmt.Sprintf("%.2f CPUs", v) }
	return p
}

// troubles are errors and "try again" over time, if there were any.
func troubles(runs []*report.Run) *plot.Plot {
	p := overTime(runs, "Errors", "requests a second that failed, or that were told to try again")
	for n, r := range runs {
		for _, of := range []struct {
			name  string
			dash  bool
			value func(*report.Interval) float64
		}{
			{"failed", false, func(i *report.Interval) float64 { return float64(i.Errors) / i.Seconds }},
			{"try again", true, func(i *report.Interval) float64 { return float64(i.Overload) / i.Seconds }},
		} {
			l := trace(r, of.name, color(n), of.value)
			if l.Dashed = of.dash; len(runs) > 1 {
				l.Name = r.Name + ": " + of.name
			}
			if largest([]plot.Line{l}) > 0 {
				p.Lines = append(p.Lines, l)
			}
		}
	}
	if len(p.Lines) == 0 {
		return nil
	}
	p.Y, p.Value = plot.Linear(largest(p.Lines)*1.05, 4, plot.Short), func(v float64) string { return report.Count(v) + " a second" }
	return p
}

func color(n int) int { return 1 + n%plot.Colors }

// round writes a round time of microseconds.
func round(us float64) string {
	switch {
	case us < 1e3:
		return strconv.FormatFloat(us, 'g', 4, 64) + " µs"
	case us < 1e6:
		return strconv.FormatFloat(us/1e3, 'g', 4, 64) + " ms"
	}
	return strconv.FormatFloat(us/1e6, 'g', 4, 64) + " s"
}

var exact = report.Micros
