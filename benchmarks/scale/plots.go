package main

import (
	"fmt"
	"math"
	"strconv"

	"penstock/benchmarks/plot"
	"penstock/benchmarks/spread"
)

// draw draws what was measured.
func (r *results) draw(dir string) error {
	all := map[string]plot.Drawing{}
	if r.Fill != nil {
		all["scale-fill"], all["scale-memory"] = r.fillPlot(), r.memoryPlot()
	}
	if len(r.Spread) > 0 {
		all["scale-spread"] = r.spreadPlot()
	}
	for name, d := range all {
		if err := plot.Write(dir, name, d); err != nil {
			return err
		}
	}
	return nil
}

func gigabytes(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) + " GB" }

// rowsPlot is a plot over what was sent.
func (r *results) rowsPlot(title, note string, lines ...plot.Line) *plot.Plot {
	rows := r.Fill.Rows
	end := float64(rows[len(rows)-1].Sent) / 1e9
	return &plot.Plot{Title: title, Note: note + " " + r.when(), Lines: lines, X: plot.Span(end, 10, gigabytes), Place: gigabytes}
}

func (r *results) when() string { return r.Machine.When + ", commit " + r.Machine.Commit + "." }

// over is a line of what each row has, at its end.
func (f *filling) over(name string, color int, value func(row) float64) plot.Line {
	l := plot.Line{Name: name, Color: color, Marked: true}
	for _, row := range f.Rows {
		l.Points = append(l.Points, plot.Point{X: float64(row.Sent) / 1e9, Y: value(row)})
	}
	return l
}

// most is the greatest value of all lines, or of the ends of their bars.
func most(lines []plot.Line) (all float64) {
	for _, l := range lines {
		for _, at := range l.Points {
			if top := max(at.Y, at.High); top > all && !math.IsInf(top, 1) {
				all = top
			}
		}
	}
	return all
}

func (r *results) fillPlot() *plot.Plot {
	p := r.rowsPlot("What an event costs, from the first GB to the last", "CPU seconds of the server per million events of 200 bytes, in 64 KiB batches, acknowledged from the log, over what was sent.",
		r.Fill.over("CPU seconds per million events", 1, row.cost))
	var costs []float64
	for _, row := range r.Fill.Rows {
		costs = append(costs, row.cost())
	}
	_, begin := ends(costs)
	p.Limits = []plot.Limit{{Y: begin * flatMost, Name: "+15 % of the first rows"}, {Y: begin * flatLeast, Name: "−15 %"}}
	p.Y, p.Value = plot.Linear(max(most(p.Lines), begin*flatMost)*1.1, 5, plot.Short), spread.Digits
	return p
}

func (r *results) memoryPlot() *plot.Plot {
	p := r.rowsPlot("The server's memory, from the first GB to the last", "MiB resident over what was sent: all, pages of files that are mapped included, and what is no file's.",
		r.Fill.over("resident", 1, func(row row) float64 { return mib(row.Resident) }),
		r.Fill.over("of that, no file's", 2, func(row row) float64 { return mib(row.Anonymous) }))
	p.Y, p.Value = plot.Linear(most(p.Lines)*1.1, 5, plot.Short), func(v float64) string { return fmt.Sprintf("%.1f MiB", v) }
	return p
}

func (r *results) spreadPlot() *plot.Plot {
	p := &plot.Plot{
		Title: "What an event costs over topics, shards and connections",
		Note: fmt.Sprintf("CPU by that of the first of its kind; medians and spread of %d rounds. Without a key a request stays with a shard; by key its events are parted. %s",
			r.Rounds, r.when()),
		Limits: []plot.Limit{{Y: flatMost, Name: "+15 %"}, {Y: flatLeast, Name: "−15 %"}},
		Place:  plot.Short, Value: spread.Digits,
	}
	first, far := r.Spread[0], 2.0
	for _, c := range r.Spread {
		if n := len(p.Lines); n == 0 || p.Lines[n-1].Name != c.Family {
			first = c
			p.Lines = append(p.Lines, plot.Line{Name: c.Family, Color: 1 + n%plot.Colors, Marked: true})
		}
		ratio := spread.Ratio(c.Costs, first.Costs)
		l := &p.Lines[len(p.Lines)-1]
		l.Points = append(l.Points, plot.Point{X: float64(c.Number), Y: ratio.Median, Low: ratio.Min, High: ratio.Max})
		far = max(far, float64(c.Number))
	}
	p.X, p.Y = plot.Logarithmic(1, far, plot.Short), plot.Linear(max(most(p.Lines), 1.5), 5, plot.Short)
	return p
}
