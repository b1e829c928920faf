package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"penstock/benchmarks/load/page"
	"penstock/benchmarks/load/report"
	"penstock/benchmarks/plot"
	"penstock/benchmarks/spread"
)

// contest is what a comparison found; it is what --json keeps.
type contest struct {
	Rounds  int
	Servers [2]contender // ours, and the bare one
	Disk    []syncs      `json:",omitempty"` // before each round
}

// contender is what became of one server, round by round.
type contender struct {
	Name     string
	Capacity []float64     // requests a second of the closed loop
	Runs     []*report.Run // of the open loop, at half of that
}

// tail is how far a run's tail is from its middle.
func tail(r *report.Run) float64 { return r.Latency.P999 / r.Latency.P50 }

// of is the spread of a figure over the rounds.
func (c *contender) of(value func(*report.Run) float64) spread.Spread {
	var all []float64
	for _, r := range c.Runs {
		all = append(all, value(r))
	}
	return spread.Of(all)
}

// middle is the round whose tail is the median one.
func (c *contender) middle() *report.Run {
	sorted := slices.SortedFunc(slices.Values(c.Runs), func(x, y *report.Run) int { return cmp.Compare(tail(x), tail(y)) })
	return sorted[(len(sorted)-1)/2]
}

// print prints the medians, and what our tail is.
func (c *contest) print(w io.Writer) {
	fmt.Fprintf(w, "%-14s %12s %12s %10s %10s %10s %22s\n", "", "bears/s", "driven/s", "p50", "p99", "p99.9", "p99.9 ÷ p50")
	for i := range c.Servers {
		s := &c.Servers[i]
		micros := func(value func(*report.Run) float64) string { return report.Micros(s.of(value).Median) }
		fmt.Fprintf(w, "%-14s %12s %12s %10s %10s %10s %22s\n", s.Name, report.Count(spread.Of(s.Capacity).Median),
			report.Count(s.of(func(r *report.Run) float64 { return r.Settings.Rate }).Median),
			micros(func(r *report.Run) float64 { return r.Latency.P50 }), micros(func(r *report.Run) float64 { return r.Latency.P99 }),
			micros(func(r *report.Run) float64 { return r.Latency.P999 }), s.of(tail))
	}
}

// tell prints, writes the files that are wanted, and holds our tail against the bound.
func (b *beside) tell(w io.Writer) error {
	c := &b.found
	c.print(w)
	printAlone(w, c.Disk)
	ours := c.Servers[0].of(tail).Median
	verdict := fmt.Sprintf("our p99.9 is %.1f times our p50, the bound is %g times (medians of %d rounds)", ours, b.times, c.Rounds)
	fmt.Fprintln(w, verdict)
	title, runs := "At half of capacity: ours, and a bare server", []*report.Run{c.Servers[0].middle(), c.Servers[1].middle()}
	if b.htmlFile != "" {
		if err := page.Write(b.htmlFile, page.Runs{Title: title, Note: verdict, Runs: runs}); err != nil {
			return err
		}
	}
	if b.plots != "" {
		p := page.Percentiles(runs)
		p.Title, p.Note = title, "Latency of single events by percentile, of the round whose tail is the median one. "+p.Note
		if err := plot.Write(b.plots, "openloop", p); err != nil {
			return err
		}
	}
	if b.jsonFile != "" {
		if err := c.save(b.jsonFile); err != nil {
			return err
		}
	}
	if ours > b.times {
		return errors.New("the bound is not kept: " + verdict)
	}
	return nil
}

func (c *contest) save(path string) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// readContest reads what save wrote.
func readContest(path string) (c contest, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	err = json.Unmarshal(text, &c)
	for _, s := range c.Servers {
		if len(s.Runs) == 0 || len(s.Runs) != c.Rounds || slices.ContainsFunc(s.Runs, func(r *report.Run) bool { return r == nil || r.Format != report.Format || r.Latency == nil }) {
			err = errors.Join(err, fmt.Errorf("%s has not every round of a comparison", path))
		}
	}
	return c, err
}
