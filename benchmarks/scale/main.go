// Command scale runs the real binary at its sizes: does an event cost the same from the first to the last of 20 GB, with one topic and with 64, with
// 10,000 connections; what does reading cost, beside nginx sending the same bytes; and how soon is it ready again with all of that on disk?
//
//	go run ./benchmarks/scale --bin ./penstock              all, about eight minutes, and 25 GB of disk while it runs
//	go run ./benchmarks/scale --bin ./penstock --only read  a part: fill, spread, read, restart
//	go run ./benchmarks/scale --from results.json --plots benchmarks/plots  what --json has kept, told and drawn again
//
// Requests are made beforehand and sent in a closed loop by a client as cheap as can be, which runs on the same cores. What is counted is the
// server process's CPU, in user space and in the kernel, which does not include the kernel's own write-back. Everything is on the loopback.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"penstock/benchmarks/machine"
)

type options struct {
	bin, dir, only    string
	json, from, plots string
	chosen            *regexp.Regexp // cells of spread, by their names; nil is all
	fill, row         int64          // bytes sent in all, and for each row of the table
	cell              int64          // bytes sent in each cell of spread
	first             int64          // bytes that each log has before
	conns             []int          // connections
	read, records     int64          // bytes that are read, and by the slower ways
	rounds            int
	quick, cold       bool
}

// firstSegments is what a log takes before its segments are large: the first has 4 MiB, the second 16, and not all logs get the same.
const firstSegments = 26 << 20

// bench is a run.
type bench struct {
	options
	root    string
	log     io.Writer // what is going on
	began   time.Time
	events  *requests
	kept    int64 // events accepted that the data directory of fill holds
	homes   int   // made so far
	results *results
}

func main() {
	o := options{}
	gb, row, cell, cells := 0.0, 0.0, 0.0, ""
	flag.StringVar(&o.bin, "bin", "./penstock", "the binary")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "where the data is kept while it runs")
	flag.StringVar(&o.only, "only", "", "parts to run, with commas: fill, spread, read, restart (which fills first); empty is all")
	flag.Float64Var(&gb, "gb", 20, "GB of events for fill and restart")
	flag.Float64Var(&row, "row", 2, "GB for each row of fill")
	flag.StringVar(&cells, "cells", "", "cells of spread, as a regular expression: topics|^2 shards")
	flag.Float64Var(&cell, "cell", 2, "GB for each cell of spread")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of spread, read and restart")
	flag.BoolVar(&o.quick, "quick", false, "a few seconds, at sizes that say nothing")
	flag.BoolVar(&o.cold, "cold", os.Geteuid() == 0, "restart with a cold page cache, too: drops that of the whole machine, as root")
	flag.StringVar(&o.json, "json", "", "write every figure to this `FILE`")
	flag.StringVar(&o.from, "from", "", "measure nothing: tell and draw again what such a `FILE` has")
	flag.StringVar(&o.plots, "plots", "", "draw into this `DIRECTORY`: scale-fill.svg, scale-memory.svg, scale-spread.svg")
	flag.Parse()
	o.chosen = regexp.MustCompile(cells)
	o.fill, o.row, o.cell = int64(gb*1e9), int64(row*1e9), int64(cell*1e9)
	o.first = firstSegments
	o.conns = []int{1, 100, 1000, 10_000}
	o.read, o.records = 2e9, 250e6
	if o.quick {
		o.quicken()
	}
	if err := run(o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func (o *options) quicken() {
	o.quick, o.cold, o.rounds = true, false, 1
	o.fill, o.row, o.cell, o.read, o.records = 20e6, 5e6, 2e6, 4e6, 2e6
	o.first = 64 << 10
	o.conns = []int{1, 50, 200}
}

func (o *options) wants(part string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), part)
}

// diskMost is the most that a run may ask of the disk.
const diskMost = 30e9

func (o *options) validate() error {
	for word := range strings.SplitSeq(o.only, ",") {
		if word != "" && word != "fill" && word != "spread" && word != "read" && word != "restart" {
			return fmt.Errorf("no part %q: fill, spread, read, restart", word)
		}
	}
	if o.fill > diskMost*9/10 || o.row <= 0 || o.cell <= 0 || o.cell > 3e9 || o.fill < 2*o.row || o.rounds < 1 || o.rounds > 100 {
		return fmt.Errorf("fill takes from 2 rows to %.0f GB, a cell up to 3 GB, and there are 1 to 100 rounds", diskMost*9/10/1e9)
	}
	return nil
}

// run measures, or reads what was measured, and tells it. What was measured until something failed is told, too.
func run(o options, out, log io.Writer) error {
	measure := func() (*results, error) { return measured(o, log) }
	if o.from != "" {
		measure = func() (*results, error) { return readResults(o.from) }
	}
	r, err := measure()
	if r == nil {
		return err
	}
	if o.plots != "" { // which makes the directory, where the figures may go, too
		err = errors.Join(err, r.draw(o.plots))
	}
	if o.json != "" {
		err = errors.Join(err, r.save(o.json))
	}
	return errors.Join(err, r.tell(out))
}

// measured runs the parts. With an error it returns what was measured before.
func measured(o options, log io.Writer) (r *results, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return nil, err
	}
	if _, err := os.Stat(o.bin); err != nil {
		return nil, fmt.Errorf("no penstock to measure: make build, or --bin: %w", err)
	}
	root, err := os.MkdirTemp(o.dir, "penstock-scale-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	if err := roomForFiles(); err != nil {
		return nil, err
	}
	b := &bench{options: o, root: root, log: log, began: time.Now(), events: makeRequests(1, perRequest)}
	b.results = &results{Machine: machine.Here(root), Sum: b.events.sum, Rounds: o.rounds, Quick: o.quick, Seconds: map[string]float64{}}
	for _, part := range []struct {
		wanted bool
		run    func() error
	}{
		{o.wants("fill") || o.wants("restart"), b.filled},
		{o.wants("spread"), b.spread},
		{o.wants("read"), b.reading},
	} {
		if part.wanted {
			if err := part.run(); err != nil {
				return b.results, err
			}
		}
	}
	return b.results, nil
}

// took notes how long a part has taken.
func (b *bench) took(part string, began time.Time) {
	b.results.Seconds[part] = time.Since(began).Seconds()
}

func (b *bench) note(format string, args ...any) {
	fmt.Fprintf(b.log, "%4.0fs %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}
