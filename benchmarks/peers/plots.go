package main

import (
	"math"
	"strconv"

	"penstock/benchmarks/plot"
	"penstock/benchmarks/spread"
)

// shows names what the first letter of a cell's name stands for.
var shows = map[byte]string{
	'1': "64 KiB of NDJSON, 320 events a request",
	'2': "an event a request",
	'3': "samples",
	'4': "synced before the answer",
	'5': "other services, 64 KiB of events a request",
}

// The colours of bars.
const (
	oursColor = 1 + iota
	peersColor
	bareColor
)

// plots draws what every cell costs.
func (r *report) plots(dir string, chosen []cell) error {
	return plot.Write(dir, "peers", r.bars(chosen))
}

func (r *report) bars(chosen []cell) *plot.Bars {
	c := &plot.Bars{
		Title: "CPU seconds for a million events or samples",
		Note: "Medians and spread of " + strconv.Itoa(r.Rounds) + " rounds, " + r.Machine.When + ", commit " + r.Machine.Commit +
			". The scale is logarithmic: from one line to the next it is ten times as much. Less is better.",
		Kinds: []string{"ours", "a peer", "a server that only answers"},
		Value: spread.Digits,
	}
	low, high := math.Inf(1), 0.0
	for i := range chosen {
		name := shows[chosen[i].name[0]]
		if n := len(c.Groups); n == 0 || c.Groups[n-1].Name != name {
			c.Groups = append(c.Groups, plot.Group{Name: name})
		}
		var cpu []float64
		for _, f := range r.Results[chosen[i].name] {
			if f.Err == "" {
				cpu = append(cpu, f.CPU)
			}
		}
		s := spread.Of(cpu)
		if s.Median > 0 {
			low, high = min(low, s.Median), max(high, s.Median)
		}
		g := &c.Groups[len(c.Groups)-1]
		g.Bars = append(g.Bars, plot.Bar{Name: chosen[i].what, Color: chosen[i].color(), Value: s.Median, Low: s.Min, High: s.Max})
	}
	c.Scale = plot.Logarithmic(low/2, high, func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) })
	return c
}

func (c *cell) color() int {
	switch c.tool {
	case "":
		return oursColor
	case "bare":
		return bareColor
	}
	return peersColor
}
