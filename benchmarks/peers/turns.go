package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"penstock/benchmarks/machine"
	"penstock/benchmarks/spread"
)

// Turns compares binaries of ours with one another: all run at once, each warmed, and take a part of a cell's load in turns, far more often than rounds
// could. What a busy host does to one it does to its neighbours in time too, so a few per cent can be told where rounds tell ten.

// partOfCell is which part of a cell's load a turn has, and turnWindow how long a server must have been quiet after it.
const (
	partOfCell = 8
	turnWindow = 60 * time.Millisecond
)

// turns measures --bin and those of --beside, cell by cell.
func (b *bench) turns(ctx context.Context, o options, out io.Writer, chosen []cell) error {
	b.window = turnWindow
	bins := append([]string{o.bin}, strings.Split(o.beside, ",")...)
	fmt.Fprintf(out, "%v\n\n`%s`: CPU seconds of the server per million events or samples, median [quartiles] of %d turns; and turn by turn by that of the first. All servers run at once.\n\n", machine.Here(b.root), commandLine(), o.rounds)
	fmt.Fprint(out, "| cell | binary | CPU s per million | by the first |\n| --- | --- | --- | --- |\n")
	for i := range chosen {
		figures, err := b.inTurns(ctx, &chosen[i], bins, o.rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", chosen[i].name, err)
		}
		for j, bin := range bins {
			by := make([]float64, o.rounds)
			for turn := range by {
				by[turn] = figures[j][turn] / figures[0][turn]
			}
			fmt.Fprintf(out, "| %s | %s | %s | %s |\n", chosen[i].name, bin, quartiles(figures[j]), quartiles(by))
		}
	}
	return nil
}

// inTurns gives what each binary's turns cost in a cell. The first turn of each is not counted.
func (b *bench) inTurns(ctx context.Context, c *cell, bins []string, turns int) ([][]float64, error) {
	if c.apart {
		back, err := apart()
		if err != nil {
			return nil, err
		}
		defer back()
	}
	servers := make([]*server, len(bins))
	for i, bin := range bins {
		s, err := b.warmed(c, bin)
		if s != nil {
			defer s.end()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", bin, err)
		}
		servers[i] = s
	}
	figures := make([][]float64, len(bins))
	for turn := range turns + 1 {
		for i := range servers {
			if ctx.Err() != nil {
				return nil, errors.New("interrupted")
			}
			at := (turn + i) % len(servers) // nobody is always behind the same
			f, err := b.turn(c, servers[at])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", bins[at], err)
			}
			if turn > 0 {
				figures[at] = append(figures[at], f)
			}
		}
	}
	return figures, nil
}

// warmed starts a binary and warms it for a cell.
func (b *bench) warmed(c *cell, bin string) (s *server, err error) {
	if b.bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	if s, err = c.start(b); err != nil {
		return s, err
	}
	warm := c.load
	if c.grow != nil {
		warm = c.grow
	}
	if c.warm > 0 {
		if _, err := warm(b, s, max(1, c.warm/int64(b.scale))); err != nil {
			return s, err
		}
	}
	return s, s.Settle(b.window, 0)
}

func (b *bench) turn(c *cell, s *server) (seconds float64, err error) {
	before := s.CPU()
	done, err := c.load(b, s, max(1, c.count/int64(b.scale)/partOfCell))
	if err == nil {
		err = s.Settle(b.window, c.least)
	}
	return (s.CPU() - before).Seconds() / (float64(done.Units) / 1e6), err
}

// quartiles tells the median of figures, and between what half of them lie.
func quartiles(figures []float64) string {
	sorted := slices.Sorted(slices.Values(figures))
	q := len(sorted) / 4
	return fmt.Sprintf("%s [%s..%s]", spread.Digits(spread.Of(sorted).Median), spread.Digits(sorted[q]), spread.Digits(sorted[len(sorted)-1-q]))
}
