package plot

import (
	"fmt"
	"math"
	"strings"
)

// Bars is horizontal bars in groups. A bar is as long as its value is far from the beginning of the scale, so on a logarithmic one its end
// says something, and its length does not.
type Bars struct {
	Title, Note string
	Kinds       []string // what each colour is, from the first on
	Groups      []Group
	Scale       Scale
	Value       func(float64) string
}

// Group is bars under a heading.
type Group struct {
	Name string
	Bars []Bar
}

// Bar is a value and its spread. One that is no number has no bar, and its name says so.
type Bar struct {
	Name             string
	Color            int
	Value, Low, High float64
}

const (
	barsWidth = 960.0
	barLeft   = 400.0 // room for names
	barRight  = 80.0  // room for a value behind the longest
	barHigh   = 20.0
	groupHigh = 30.0
	axisHigh  = 26.0
)

func (c *Bars) head() (title, note string, legend []entry) {
	for i, kind := range c.Kinds {
		legend = append(legend, entry{name: kind, color: 1 + i})
	}
	return c.Title, c.Note, legend
}

func (c *Bars) size() (width, height float64) {
	height = axisHigh
	for _, g := range c.Groups {
		height += groupHigh + barHigh*float64(len(g.Bars))
	}
	return barsWidth, height
}

func (c *Bars) across(v float64) float64 {
	return barLeft + inside(c.Scale.at(v))*(barsWidth-barLeft-barRight)
}

func (c *Bars) body(b *strings.Builder) {
	_, height := c.size()
	foot := height - axisHigh
	for _, m := range c.Scale.marks() {
		x := barLeft + m.at*(barsWidth-barLeft-barRight)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="0" y2="%g"/>`, x, x, foot)
		fmt.Fprintf(b, `<text class="mark" x="%.1f" y="%g" text-anchor="middle">%s</text>`, x, foot+16, escaped(m.text))
	}
	y := 0.0
	for _, g := range c.Groups {
		fmt.Fprintf(b, `<text class="group" x="%g" y="%.1f">%s</text>`, margin, y+20, escaped(g.Name))
		y += groupHigh
		for i := range g.Bars {
			c.draw(b, &g.Bars[i], y)
			y += barHigh
		}
	}
	fmt.Fprintf(b, `<line class="axis" x1="%g" x2="%g" y1="0" y2="%g"/>`, barLeft, barLeft, foot)
}

func (c *Bars) draw(b *strings.Builder, r *Bar, y float64) {
	name, middle := escaped(r.Name), y+barHigh/2-2
	fmt.Fprintf(b, `<text class="name" x="%g" y="%.1f" text-anchor="end">%s</text>`, barLeft-8, middle+4, name)
	if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
		fmt.Fprintf(b, `<text class="mark" x="%g" y="%.1f">not measured</text>`, barLeft+6, middle+4)
		return
	}
	end := c.across(r.Value)
	fmt.Fprintf(b, `<rect class="bar c%d" x="%g" y="%.1f" width="%.1f" height="%g" rx="2"><title>%s: %s</title></rect>`, r.Color, barLeft, y+1, end-barLeft, barHigh-6, name, escaped(c.Value(r.Value)))
	if r.High > r.Low {
		fmt.Fprintf(b, `<line class="whisker" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, c.across(r.Low), c.across(r.High), middle, middle)
		end = max(end, c.across(r.High))
	}
	fmt.Fprintf(b, `<text class="mark" x="%.1f" y="%.1f">%s</text>`, end+6, middle+4, escaped(c.Value(r.Value)))
}
