package plot

import (
	"math"
	"strconv"
)

// Scale says where on an axis a value is, from 0 to 1, and where the axis has its marks.
type Scale interface {
	at(v float64) float64
	marks() []mark
}

type mark struct {
	at   float64
	text string
}

type linear struct {
	top, step float64
	text      func(float64) string
}

// Linear goes from 0 to a round number at or above the largest value, with about so many marks.
func Linear(largest float64, marks int, text func(float64) string) Scale {
	return newLinear(largest, marks, text)
}

func newLinear(largest float64, marks int, text func(float64) string) linear {
	if !(largest > 0) || math.IsInf(largest, 1) {
		largest = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(largest/float64(marks))))
	for _, times := range []float64{1, 2, 2.5, 5, 10} {
		if step*times*float64(marks) >= largest {
			step *= times
			break
		}
	}
	return linear{math.Ceil(largest/step-1e-9) * step, step, text}
}

func (l linear) at(v float64) float64 { return v / l.top }

func (l linear) marks() (all []mark) {
	for n := 0; float64(n)*l.step <= l.top*1.0001; n++ {
		v := float64(n) * l.step
		all = append(all, mark{l.at(v), l.text(v)})
	}
	return all
}

// Span is a linear scale that ends where the values do, for time.
func Span(largest float64, marks int, text func(float64) string) Scale {
	l := newLinear(largest, marks, text)
	if largest > 0 {
		l.top = min(largest, l.top)
	}
	return l
}

type logarithmic struct {
	low, high float64 // their logarithms
	text      func(float64) string
}

// Logarithmic goes from one value to another, both above 0, and has marks at 1, 2 and 5 of each decade, or fewer.
func Logarithmic(smallest, largest float64, text func(float64) string) Scale {
	if !(smallest >= 1e-3) || math.IsInf(smallest, 1) {
		smallest = 1e-3
	}
	if !(largest >= smallest*2) || math.IsInf(largest, 1) {
		largest = smallest * 2
	}
	return logarithmic{math.Log10(smallest) - 0.05, math.Log10(largest) + 0.05, text}
}

func (l logarithmic) at(v float64) float64 {
	return (math.Log10(max(v, 1e-9)) - l.low) / (l.high - l.low)
}

func (l logarithmic) marks() (all []mark) {
	times := []float64{1, 2, 5}
	if l.high-l.low > 2.5 {
		times = []float64{1}
	}
	for decade := math.Floor(l.low); decade <= l.high; decade++ {
		for _, t := range times {
			v := t * math.Pow(10, decade)
			if at := l.at(v); at >= 0 && at <= 1 {
				all = append(all, mark{at, l.text(v)})
			}
		}
	}
	return all
}

type percentile struct{ nines float64 }

// Percentile stretches what is near 100: 90, 99 and 99.9 % are equally far apart.
func Percentile(largest float64) Scale {
	return percentile{max(1, -math.Log10(1-min(largest, 100-1e-7)/100))}
}

func (p percentile) at(percent float64) float64 {
	return min(1, -math.Log10(1-min(percent, 100-1e-7)/100)/p.nines)
}

func (p percentile) marks() []mark {
	all := []mark{{0, "0"}, {p.at(50), "50 %"}}
	for nines := 1; float64(nines) <= p.nines+1e-9; nines++ {
		percent := 100 - math.Pow(10, float64(2-nines))
		all = append(all, mark{p.at(percent), strconv.FormatFloat(percent, 'f', max(0, nines-2), 64) + " %"})
	}
	return all
}

// Short writes a number in three digits and a letter.
func Short(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= u.size {
			return strconv.FormatFloat(v/u.size, 'g', 3, 64) + u.name
		}
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// Seconds writes a time of seconds.
func Seconds(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) + " s" }
