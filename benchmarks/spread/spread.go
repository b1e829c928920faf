// Package spread is what is told of a figure that was measured several times: its median, the least and the greatest.
package spread

import (
	"fmt"
	"math"
	"slices"
)

// Spread is the median of some figures, the least and the greatest; NaN of none.
type Spread struct{ Median, Min, Max float64 }

// Of is the spread of figures.
func Of(figures []float64) Spread {
	n := len(figures)
	if n == 0 {
		return Spread{math.NaN(), math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(figures))
	return Spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

// Ratio is the spread of what each round's figures give, one by the other.
func Ratio(over, under []float64) Spread {
	ratios := make([]float64, min(len(over), len(under)))
	for i := range ratios {
		ratios[i] = over[i] / under[i]
	}
	return Of(ratios)
}

func (s Spread) String() string {
	if math.IsNaN(s.Median) {
		return "–"
	}
	return fmt.Sprintf("%s [%s..%s]", Digits(s.Median), Digits(s.Min), Digits(s.Max))
}

// Digits is a figure with three digits that count.
func Digits(f float64) string {
	switch size := math.Abs(f); {
	case math.IsNaN(f):
		return "–"
	case size >= 100:
		return fmt.Sprintf("%.0f", f)
	case size >= 10:
		return fmt.Sprintf("%.1f", f)
	case size >= 1:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.3f", f)
}

// Short is a large figure in thousands or millions.
func Short(f float64) string {
	switch {
	case math.IsNaN(f):
		return "–"
	case f >= 1e6:
		return fmt.Sprintf("%.1f M", f/1e6)
	}
	return fmt.Sprintf("%.0f k", f/1e3)
}
