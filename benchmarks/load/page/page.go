// Package page draws reports of loads as a page: one file that needs no other, light or dark as the reader's machine is.
package page

import (
	"bytes"
	_ "embed" // the page's text and its style
	"fmt"
	"html/template"
	"maps"
	"os"
	"slices"
	"strings"

	"penstock/benchmarks/load/report"
	"penstock/benchmarks/plot"
)

//go:embed page.html
var text string

//go:embed style.css
var style string

// Runs are the reports on a page, and what is said about them all.
type Runs struct {
	Title string // empty: what the first run is named
	Note  string
	Runs  []*report.Run
}

// Write writes the page to a file.
func Write(path string, r Runs) error {
	var b bytes.Buffer
	if err := r.render(&b); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// sheet is what the page's template reads.
type sheet struct {
	Runs
	Style  template.CSS
	Cards  []card
	Charts []*plot.Plot
	Tables []table
}

// table is a table with a column for each run.
type table struct {
	Title string
	Runs  []*report.Run
	Rows  []row
}

// card is a number that is to be seen first.
type card struct{ Name, Value, Unit string }

// row is a line of a table: a name, and a cell for each run.
type row struct {
	Name  string
	Cells []cell
}

type cell struct {
	Text string
	Mark string // ok, bad or nothing
}

func (r *Runs) render(b *bytes.Buffer) error {
	if len(r.Runs) == 0 {
		return fmt.Errorf("there is no report to draw")
	}
	s := sheet{Runs: *r, Style: template.CSS(plot.Style() + style), Charts: charts(r.Runs)}
	for _, t := range []table{
		{"What came of it", r.Runs, summary(r.Runs)},
		{"What was asked for, and where", r.Runs, facts(r.Runs)},
		{"Errors by kind", r.Runs, failures(r.Runs)},
	} {
		if len(t.Rows) > 0 {
			s.Tables = append(s.Tables, t)
		}
	}
	if s.Title == "" {
		s.Title = r.Runs[0].Name
		if n := len(r.Runs); n > 1 {
			s.Title = fmt.Sprintf("%d loads beside each other", n)
		}
	}
	if len(r.Runs) == 1 {
		s.Cards = cards(r.Runs[0])
	}
	t, err := template.New("page").Funcs(template.FuncMap{"color": color}).Parse(text)
	if err != nil {
		panic("BUG: the page's template: " + err.Error())
	}
	return t.Execute(b, &s)
}

func cards(r *report.Run) []card {
	one := func(name, value string) card {
		number, unit, _ := strings.Cut(value, " ")
		return card{name, number, unit}
	}
	all := []card{{"throughput", report.Count(r.Total.ItemRate), r.Settings.Item + "/s"}}
	if l := r.Latency; l != nil {
		all = append(all, one("p50", report.Micros(l.P50)), one("p99", report.Micros(l.P99)), one("p99.9", report.Micros(l.P999)))
	}
	if r.Total.ServerMicros > 0 {
		all = append(all, card{"the server's CPU", fmt.Sprintf("%.3g", r.Total.ServerMicros), "µs each"})
	}
	return append(all, card{"errors", report.Count(float64(r.Total.Errors)), ""})
}

// rows makes a table of what each run says; a row of which nobody says anything is left out.
func rows(runs []*report.Run, of []func(*report.Run) (string, cell)) (all []row) {
	for _, f := range of {
		r, any := row{}, false
		for _, run := range runs {
			name, c := f(run)
			r.Name, r.Cells = name, append(r.Cells, c)
			any = any || c.Text != ""
		}
		if any {
			all = append(all, r)
		}
	}
	return all
}

// said is a row of texts.
func said(name string, text func(*report.Run) string) func(*report.Run) (string, cell) {
	return func(r *report.Run) (string, cell) { return name, cell{Text: text(r)} }
}

// timed is a row of latencies.
func timed(name string, of func(*report.Latency) float64) func(*report.Run) (string, cell) {
	return said("latency "+name, func(r *report.Run) string {
		if r.Latency == nil {
			return ""
		}
		return report.Micros(of(r.Latency))
	})
}

func summary(runs []*report.Run) []row {
	all := rows(runs, []func(*report.Run) (string, cell){
		said("a second", func(r *report.Run) string {
			return report.Count(r.Total.ItemRate) + " " + r.Settings.Item
		}),
		said("requests a second", func(r *report.Run) string { return report.Count(r.Total.RequestRate) }),
		said("megabytes a second", func(r *report.Run) string {
			return fmt.Sprintf("%.1f", float64(r.Total.Body)/1e6/max(r.Total.Seconds, 1e-9))
		}),
		timed("p50", func(l *report.Latency) float64 { return l.P50 }),
		timed("p90", func(l *report.Latency) float64 { return l.P90 }),
		timed("p99", func(l *report.Latency) float64 { return l.P99 }),
		timed("p99.9", func(l *report.Latency) float64 { return l.P999 }),
		timed("p99.99", func(l *report.Latency) float64 { return l.P9999 }),
		timed("max", func(l *report.Latency) float64 { return l.Max }),
		said("p99.9 ÷ p50", func(r *report.Run) string {
			if r.Latency == nil || r.Latency.P50 == 0 {
				return ""
			}
			return fmt.Sprintf("%.1f ×", r.Latency.P999/r.Latency.P50)
		}),
		said("the server's CPU time", func(r *report.Run) string {
			if r.Total.ServerMicros == 0 {
				return ""
			}
			return fmt.Sprintf("%.3g µs for each of the %s", r.Total.ServerMicros, r.Settings.Item)
		}),
		said("this generator's CPU time", func(r *report.Run) string { return fmt.Sprintf("%.2f s", r.Total.OwnCPU) }),
		said("measured", func(r *report.Run) string {
			return fmt.Sprintf("%s requests in %.1f s", report.Count(float64(r.Total.Requests)), r.Total.Seconds)
		}),
		said("told to try again", func(r *report.Run) string { return report.Count(float64(r.Total.Overload)) }),
		func(r *report.Run) (string, cell) {
			c := cell{report.Count(float64(r.Total.Errors)), ""}
			if r.Total.Errors > 0 {
				c.Mark = "bad"
			}
			return "errors", c
		},
	})
	return append(all, bounds(runs)...)
}

// bounds is a row for each bound that a run was held against.
func bounds(runs []*report.Run) []row {
	var names []string
	for _, r := range runs {
		for _, o := range r.Bounds {
			if !slices.Contains(names, o.Bound) {
				names = append(names, o.Bound)
			}
		}
	}
	var of []func(*report.Run) (string, cell)
	for _, name := range names {
		of = append(of, func(r *report.Run) (string, cell) {
			for _, o := range r.Bounds {
				switch {
				case o.Bound != name:
				case o.Failed:
					return "fails if " + name, cell{"failed", "bad"}
				default:
					return "fails if " + name, cell{"kept", "ok"}
				}
			}
			return "fails if " + name, cell{}
		})
	}
	return rows(runs, of)
}

// facts are what was asked for, and of which machine.
func facts(runs []*report.Run) []row {
	return rows(runs, []func(*report.Run) (string, cell){
		said("target", func(r *report.Run) string { return r.Settings.To }),
		said("wire", func(r *report.Run) string { return r.Settings.Wire }),
		said("loop", (*report.Run).Loop),
		said("acknowledgement asked for", func(r *report.Run) string { return r.Settings.Ack }),
		said("size of one", func(r *report.Run) string { return r.Settings.Size }),
		said("in a request", func(r *report.Run) string { return r.Settings.Batch }),
		said("keys", func(r *report.Run) string {
			return fmt.Sprintf("%s, skew %g", report.Count(float64(r.Settings.Keys)), r.Settings.Zipf)
		}),
		said("compressed", func(r *report.Run) string { return fmt.Sprintf("%g %%", 100*r.Settings.Gzip) }),
		said("different requests", func(r *report.Run) string {
			return fmt.Sprintf("%s, %.1f MB, seed %d", report.Count(float64(r.Settings.Pool)), float64(r.Settings.PoolBytes)/1e6, r.Settings.Seed)
		}),
		said("begun", func(r *report.Run) string { return r.Began.UTC().Format("2006-01-02 15:04:05 UTC") }),
		said("machine", func(r *report.Run) string { return fmt.Sprintf("%d × %s", r.Machine.CPUs, r.Machine.CPU) }),
		said("kernel", func(r *report.Run) string { return r.Machine.Kernel }),
		said("generator", func(r *report.Run) string { return r.Machine.Go }),
	})
}

// failures is a row for each kind of error.
func failures(runs []*report.Run) []row {
	kinds := map[string]bool{}
	for _, r := range runs {
		for k := range r.Errors {
			kinds[k] = true
		}
	}
	var of []func(*report.Run) (string, cell)
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		of = append(of, said(k, func(r *report.Run) string { return report.Count(float64(r.Errors[k])) }))
	}
	return rows(runs, of)
}
