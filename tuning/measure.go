package tuning

import (
	"context"
	"fmt"
	"slices"
)

// Measured is what one tuning costs and buys on this machine.
type Measured struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"` // of Without and With; less is better
	Without float64 `json:"without"`
	With    float64 `json:"with"`
	Low     float64 `json:"low"` // the least and the greatest ratio With / Without of a round
	High    float64 `json:"high"`
	Rounds  int     `json:"rounds"`
	Use     string  `json:"use"` // what the appliance does about it
	Error   string  `json:"error,omitempty"`
}

// String is one line.
func (m Measured) String() string {
	if m.Error != "" {
		return fmt.Sprintf("%s: not measured: %s (%s)", m.Name, m.Error, m.Use)
	}
	return fmt.Sprintf("%s: %.3g → %.3g %s, ×%.2f [%.2f–%.2f]: %s; %s", m.Name, m.Without, m.With, m.Unit, m.With/m.Without, m.Low, m.High, m.verdict(), m.Use)
}

// pays is how much a tuning must save to be worth a word, in every round but at most one's noise.
const pays = 0.95

// verdict says what the figures say, and no more.
func (m *Measured) verdict() string {
	switch ratio := m.With / m.Without; {
	case ratio < pays && m.High < 1:
		return "pays"
	case ratio > 1/pays && m.Low > 1:
		return "harms"
	}
	return "no difference to be seen"
}

// trial is one tuning, with it and without. Each returns what its work cost.
type trial struct {
	name, unit, use string
	run             func(with bool) (cost float64, err error)
}

// rounds is how often a trial is run, each way; once more before, which does not count.
const rounds = 5

// measure runs a trial's two ways in turn, the first one changing from round to round, so that what else the machine does falls on both.
func (t *trial) measure(ctx context.Context) Measured {
	m := Measured{Name: t.name, Unit: t.unit, Use: t.use}
	var costs [2][]float64
	var ratios []float64
	for round := range rounds + 1 {
		var cost [2]float64
		for turn := range 2 {
			with := (round + turn) % 2
			err := ctx.Err()
			if err == nil {
				cost[with], err = t.run(with == 1)
			}
			if err != nil {
				m.Error = err.Error()
				return m
			}
		}
		if round == 0 {
			continue // memory that the machine did not have until now, first connections
		}
		for with := range 2 {
			costs[with] = append(costs[with], cost[with])
		}
		ratios = append(ratios, cost[1]/cost[0])
	}
	m.Without, m.With, m.Rounds = middle(costs[0]), middle(costs[1]), rounds
	m.Low, m.High = slices.Min(ratios), slices.Max(ratios)
	return m
}

// middle is the median.
func middle(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// Measure runs every trial, for some seconds in all; those of files make theirs in dir, or the nearest directory above it, of 64 MiB and
// without a name. It ends early with ctx.
func Measure(ctx context.Context, dir string) (all []Measured) {
	for _, t := range trials(dir) {
		all = append(all, t.measure(ctx))
	}
	return all
}
