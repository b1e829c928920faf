package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"penstock/benchmarks/machine"
	"penstock/benchmarks/spread"
)

// report is all that a run found.
type report struct {
	Machine machine.Machine
	Peers   []string // what they say they are
	Command string
	Rounds  int
	Scale   int                 // more than 1: too short to say anything but that it runs
	Results map[string][]figure // by cell, a round each
}

// print writes the tables as Markdown.
func (r *report) print(w io.Writer, chosenCells []cell, chosenRatios []ratio) {
	fmt.Fprintf(w, "# Penstock beside its peers\n\n%v Peers: %s.\n\n", r.Machine, strings.Join(r.Peers, ", "))
	fmt.Fprintf(w, "`%s`: median [least..greatest] of %d. Each round runs every cell once, in this order, each server anew in an empty directory on 127.0.0.1. ", r.Command, r.Rounds)
	fmt.Fprintf(w, "CPU is the server's, user and kernel, from /proc, until it has settled, per million events of %d bytes or samples; the client shares the cores, so a rate is a lower bound. ", eventSize)
	fmt.Fprintf(w, "The same bytes to all: seeds %d and %d.\n\n", eventSeed, sampleSeed)
	if r.Scale > 1 {
		fmt.Fprintf(w, "**A smoke run, a %dth of the load: its figures mean nothing.**\n\n", r.Scale)
	}
	r.headlines(w)
	r.printCells(w, chosenCells)
	r.printRatios(w, chosenRatios)
	r.printVerdicts(w, chosenRatios)
	fmt.Fprintln(w)
	r.model(w)
}

func (r *report) printCells(w io.Writer, chosen []cell) {
	fmt.Fprint(w, "## Cells\n\n| cell | server | CPU s per million | a second | others' CPU s per million | most memory, bytes | remarks |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range chosen {
		var cpu, rate, others, peak []float64
		var remarks []string
		var refused int64
		ticks := int64(math.MaxInt64)
		for i, f := range r.Results[c.name] {
			if f.Err != "" {
				remarks = append(remarks, fmt.Sprintf("**failed in round %d**: %s", i+1, cellText(f.Err)))
				continue
			}
			cpu, rate, others = append(cpu, f.CPU), append(rate, f.Rate), append(others, f.Others)
			peak = append(peak, float64(f.Peak))
			refused, ticks = refused+f.Refused, min(ticks, f.Ticks)
		}
		if refused > 0 {
			remarks = append(remarks, fmt.Sprintf("%d requests told to come again, and sent again", refused))
		}
		if ticks < 100 {
			remarks = append(remarks, fmt.Sprintf("only %d ms of CPU seen, in steps of 10", ticks*10))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s %ss | %s | %s | %s |\n", c.name, c.what, spread.Of(cpu), spread.Short(spread.Of(rate).Median), c.unit,
			spread.Digits(spread.Of(others).Median), spread.Short(spread.Of(peak).Median), strings.Join(remarks, "; "))
	}
	fmt.Fprint(w, "\n“Others” is all the machine's CPU time but the server's and the client's: the kernel's write-back, and whoever else was there.\n\n")
}

func (r *report) printRatios(w io.Writer, chosen []ratio) {
	fmt.Fprint(w, "## Ratios of CPU\n\n| ratio | measured | what is not alike |\n| --- | --- | --- |\n")
	for i := range chosen {
		v := judge(&chosen[i], r.Results)
		fmt.Fprintf(w, "| %s | %s | %s |\n", chosen[i].name, v.text(), chosen[i].note)
	}
	fmt.Fprintln(w)
}

func (r *report) printVerdicts(w io.Writer, chosen []ratio) {
	fmt.Fprint(w, "## Verdict\n\n| show | must | stretch | measured | holds |\n| --- | --- | --- | --- | --- |\n")
	for i := range chosen {
		one := &chosen[i]
		if one.must == 0 {
			continue
		}
		v := judge(one, r.Results)
		stretch := "–"
		if one.stretch != 0 {
			stretch = one.bound(one.stretch)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", one.name, one.bound(one.must), stretch, v.text(), r.holds(one, v))
	}
}

// holds says whether a ratio is what it must be.
func (r *report) holds(one *ratio, v verdict) string {
	switch {
	case r.Scale > 1:
		return "not judged"
	case v.failed != "" || v.rounds == 0:
		return "**not known**"
	case one.stretch != 0 && one.meets(v.Median, one.stretch):
		return "yes, and the stretch"
	case one.meets(v.Median, one.must):
		return "yes"
	}
	return "**no**"
}

func (r *ratio) bound(to float64) string {
	if r.atLeast {
		return fmt.Sprintf("≥ %g", to)
	}
	return fmt.Sprintf("≤ %g", to)
}

func (v verdict) text() string {
	switch {
	case v.failed != "":
		return "failed: " + cellText(v.failed)
	case v.rounds == 0:
		return "–"
	}
	return v.String()
}

// cellText is the first line of a text, in a form that does not break a table.
func cellText(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return strings.ReplaceAll(first, "|", "/")
}

func (r *report) saveJSON(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// readReport reads what saveJSON wrote.
func readReport(path string) (*report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil || len(r.Results) == 0 {
		return nil, fmt.Errorf("%s has no figures of this command: %v", path, err)
	}
	return &r, nil
}
