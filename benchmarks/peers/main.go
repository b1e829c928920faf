// Command peers measures what an event costs Penstock, a server that does nothing, and the servers that do something like it: on the same
// bytes, on the same machine, in the same run, one after the other and round by round. It says what is not alike in every comparison.
//
// The main figure is the server's CPU time per million events; only ratios of one run say something.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"penstock/benchmarks/machine"
	"penstock/benchmarks/spread"
)

type options struct {
	bin, out, json, only, dir string
	plots, from, beside       string
	rounds                    int
	quick, install, list      bool
}

func main() {
	o := options{}
	flag.StringVar(&o.bin, "bin", "./penstock", "the penstock to measure; make build builds it")
	flag.IntVar(&o.rounds, "rounds", 3, "`N` rounds of all cells; medians are told")
	flag.StringVar(&o.only, "only", "", "only the ratios, and the cells they need, whose name matches this `REGEXP`: '^(1|2)' for the first two shows")
	flag.StringVar(&o.out, "out", "", "write the tables to this `FILE`, too")
	flag.StringVar(&o.json, "json", "", "write every figure of every round to this `FILE`")
	flag.StringVar(&o.plots, "plots", "", "draw into this `DIRECTORY`: peers.svg")
	flag.StringVar(&o.from, "from", "", "measure nothing: tell and draw again what a `FILE` of --json has")
	flag.StringVar(&o.beside, "beside", "", "measure these `BINARIES` of penstock, with commas between them, in turns with --bin on the cells of ours that --only names; --rounds turns")
	flag.StringVar(&o.dir, "dir", "", "make the data directories below this one; needs 5 GB (default: the system's for temporary files)")
	flag.BoolVar(&o.quick, "quick", false, "a fiftieth of the load, ours and the bare server only: shows that it runs, and nothing else")
	flag.BoolVar(&o.install, "install", true, "install peers that are missing: Debian's packages where we are root, Go programs into the user's cache")
	flag.BoolVar(&o.list, "list", false, "name the ratios and the cells, and run nothing")
	flag.Usage = usage
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if flag.NArg() > 0 {
		usage()
		os.Exit(2)
	}
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(flag.CommandLine.Output(), `Measures Penstock beside a bare HTTP server and its peers, and prints tables.

	make peers ROUNDS=3
	go run ./benchmarks/peers --only '^(1|2)' --rounds 5
	go run ./benchmarks/peers --from results.json --plots benchmarks/plots
	go run ./benchmarks/peers --bin ./before --beside ./after --rounds 40 --only '^3 put ours$'

Run it in the module's directory, on a quiet machine. Exit status 1 when a cell failed; a must that does not hold is told and is no failure.

`)
	flag.PrintDefaults()
}

func run(ctx context.Context, o options, out, log io.Writer) error {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	cells, ratios := choose(only, o.quick)
	if o.beside != "" {
		cells = slices.DeleteFunc(cells, func(c cell) bool { return c.tool != "" })
	}
	if o.from != "" {
		return retell(o, out, cells, ratios)
	}
	switch {
	case len(cells) == 0:
		return fmt.Errorf("--only %s: no ratio and no cell matches", o.only)
	case o.rounds < 1 || o.rounds > 100:
		return errors.New("--rounds must be 1 to 100")
	case o.list:
		for _, r := range ratios {
			fmt.Fprintf(out, "%s = %s ÷ %s\n", r.name, r.over, r.under)
		}
		for _, c := range cells {
			fmt.Fprintf(out, "%s: %s\n", c.name, c.what)
		}
		return nil
	}
	b, err := prepare(o, log)
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.root)
	if err := b.equip(cells, o.install && !o.quick); err != nil {
		return err
	}
	if o.beside != "" {
		return b.turns(ctx, o, out, cells)
	}
	r := &report{Machine: machine.Here(b.root), Command: commandLine(), Rounds: o.rounds, Scale: b.scale, Results: map[string][]figure{}}
	r.Peers = b.versions(cells)
	began := time.Now()
	for round := range o.rounds {
		for i := range cells {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			f := b.run(&cells[i])
			r.Results[cells[i].name] = append(r.Results[cells[i].name], f)
			fmt.Fprintf(log, "%4.0fs round %d of %d: %s: %s\n", time.Since(began).Seconds(), round+1, o.rounds, cells[i].name, f.text())
		}
	}
	return r.deliver(o, out, cells, ratios)
}

// retell tells what a file has of the cells.
func retell(o options, out io.Writer, cells []cell, ratios []ratio) error {
	r, err := readReport(o.from)
	if err != nil {
		return err
	}
	measured := func(name string) bool { return len(r.Results[name]) > 0 }
	cells = slices.DeleteFunc(cells, func(c cell) bool { return !measured(c.name) })
	ratios = slices.DeleteFunc(ratios, func(one ratio) bool { return !measured(one.over) || !measured(one.under) })
	return r.deliver(o, out, cells, ratios)
}

// commandLine is what was typed, or may be typed for the same.
func commandLine() string {
	words := []string{"go", "run", "./benchmarks/peers"}
	for _, word := range os.Args[1:] {
		if strings.ContainsAny(word, " ()|^$*") || word == "" {
			word = "'" + word + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func prepare(o options, log io.Writer) (*bench, error) {
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(bin); err != nil {
		return nil, fmt.Errorf("no penstock to measure: make build, or --bin: %w", err)
	}
	root, err := os.MkdirTemp(o.dir, "penstock-peers-")
	if err != nil {
		return nil, err
	}
	b := &bench{bin: bin, root: root, tools: map[string]string{}, lacks: map[string]error{}, now: time.Now().Unix(), scale: 1, window: settleWindow, made: map[string]*messages{}, log: log}
	if o.quick {
		b.scale, b.window = 50, settleWindow/50
	}
	return b, nil
}

// choose is the ratios whose name matches, and the cells they need or whose own name matches.
func choose(only *regexp.Regexp, quick bool) ([]cell, []ratio) {
	var chosenRatios []ratio
	wanted := map[string]bool{}
	for _, c := range cells {
		if only.MatchString(c.name) && !(quick && c.foreign()) {
			wanted[c.name] = true
		}
	}
	for _, r := range ratios {
		if quick && (cellNamed(r.over).foreign() || cellNamed(r.under).foreign()) {
			continue
		}
		if only.MatchString(r.name) {
			chosenRatios = append(chosenRatios, r)
			wanted[r.over], wanted[r.under] = true, true
		}
	}
	var chosenCells []cell
	for _, c := range cells {
		if wanted[c.name] {
			chosenCells = append(chosenCells, c)
		}
	}
	return chosenCells, chosenRatios
}

// foreign says that a cell needs what is not in this module.
func (c cell) foreign() bool {
	return slices.ContainsFunc(tools, func(t tool) bool { return t.name == c.tool && t.ours == "" })
}

func cellNamed(name string) cell {
	for _, c := range cells {
		if c.name == name {
			return c
		}
	}
	panic("BUG: no cell " + name)
}

func (f figure) text() string {
	if f.Err != "" {
		return "failed: " + f.Err
	}
	return fmt.Sprintf("%s CPU s per million, %s a second", spread.Digits(f.CPU), spread.Short(f.Rate))
}

// deliver prints the tables and writes the files. A cell that failed is an error, when all is told.
func (r *report) deliver(o options, out io.Writer, cells []cell, ratios []ratio) error {
	var tables bytes.Buffer
	r.print(&tables, cells, ratios)
	if _, err := out.Write(tables.Bytes()); err != nil {
		return err
	}
	if o.out != "" {
		if err := os.WriteFile(o.out, tables.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if o.plots != "" { // which makes the directory, where the figures may go, too
		if err := r.plots(o.plots, cells); err != nil {
			return err
		}
	}
	if o.json != "" {
		if err := r.saveJSON(o.json); err != nil {
			return err
		}
	}
	for _, c := range cells {
		for _, f := range r.Results[c.name] {
			if f.Err != "" {
				return fmt.Errorf("%s failed: %s", c.name, f.Err)
			}
		}
	}
	return nil
}
