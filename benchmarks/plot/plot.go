// Package plot draws lines and bars as SVG: inside a page that has its colours, or as a file of its own, light or dark as the reader's machine is.
package plot

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Plot is lines over two axes.
type Plot struct {
	Title, Note string
	Lines       []Line
	X, Y        Scale
	Value       func(float64) string // what a pointer that rests on a point is told
	Place       func(float64) string
	Warm        float64 // up to here is the warm-up, on the x axis; 0: none
	Limits      []Limit

	Wide          bool // it has the page's width to itself
	width, height float64
}

// Line is one line; Color is which of Colors it has, from 1. Points that are no numbers are left out.
type Line struct {
	Name   string
	Color  int
	Dashed bool
	Filled bool
	Marked bool // each point is seen
	Points []Point
}

// Point is where a line goes through. Low and High are the ends of a bar through it; both 0: there is none.
type Point struct{ X, Y, Low, High float64 }

// Limit is a horizontal line with a name.
type Limit struct {
	Y    float64
	Name string
}

// Colors is how many there are.
const Colors = 6

// left and so on are the room around the lines, in the pixels of a page that is not scaled.
const left, right, top, bottom = 62.0, 16.0, 12.0, 30.0

// pointsShown is up to how many points of a line can be pointed at.
const pointsShown = 400

func (p *Plot) across(v float64) float64 { return left + inside(p.X.at(v))*(p.width-left-right) }
func (p *Plot) up(v float64) float64 {
	return p.height - bottom - inside(p.Y.at(v))*(p.height-top-bottom)
}

// inside keeps a place within its axis.
func inside(at float64) float64 { return min(max(at, 0), 1) }

// finite are the points that are numbers.
func finite(points []Point) (all []Point) {
	for _, at := range points {
		if is := at.X + at.Y; !math.IsNaN(is) && !math.IsInf(is, 0) {
			all = append(all, at)
		}
	}
	return all
}

// SVG draws the plot for a page that has Style.
func (p *Plot) SVG() template.HTML {
	if p.width, p.height = 520, 230; p.Wide {
		p.width, p.height = 1090, 310
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, p.width, p.height, escaped(p.Title))
	p.body(&b)
	for i := range p.Lines {
		p.spots(&b, &p.Lines[i])
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // every text in it is escaped
}

func escaped(text string) string { return template.HTMLEscapeString(text) }

// body draws all but the frame.
func (p *Plot) body(b *strings.Builder) {
	width, height := p.width, p.height
	if p.Warm > 0 {
		to := min(p.across(p.Warm), width-right)
		fmt.Fprintf(b, `<rect class="warm" x="%.1f" y="%g" width="%.1f" height="%g"/>`, left, top, to-left, height-top-bottom)
		if to-left > 52 {
			fmt.Fprintf(b, `<text class="mark" x="%.1f" y="%g">warm-up</text>`, left+6, top+14)
		}
	}
	for _, m := range p.Y.marks() {
		y := height - bottom - m.at*(height-top-bottom)
		fmt.Fprintf(b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, left, width-right, y, y)
		fmt.Fprintf(b, `<text class="mark" x="%g" y="%.1f" text-anchor="end">%s</text>`, left-8, y+4, escaped(m.text))
	}
	last := -100.0
	for _, m := range p.X.marks() {
		x := left + m.at*(width-left-right)
		if x-last < 46 {
			continue // no room
		}
		last = x
		fmt.Fprintf(b, `<line class="tick" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/>`, x, x, height-bottom, height-bottom+5)
		fmt.Fprintf(b, `<text class="mark" x="%.1f" y="%g" text-anchor="%s">%s</text>`, x, height-bottom+19, anchor(m.at), escaped(m.text))
	}
	for _, l := range p.Limits {
		y := p.up(l.Y)
		fmt.Fprintf(b, `<line class="limit" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, left, width-right, y, y)
		fmt.Fprintf(b, `<text class="limit" x="%g" y="%.1f">%s</text>`, left+6, y-5, escaped(l.Name))
	}
	for i := range p.Lines {
		p.draw(b, &p.Lines[i])
	}
	fmt.Fprintf(b, `<line class="axis" x1="%g" x2="%g" y1="%g" y2="%g"/>`, left, width-right, height-bottom, height-bottom)
}

func anchor(at float64) string {
	switch {
	case at > 0.97:
		return "end"
	case at < 0.01:
		return "start"
	}
	return "middle"
}

func (p *Plot) draw(b *strings.Builder, l *Line) {
	points := finite(l.Points)
	if len(points) == 0 {
		return
	}
	var path strings.Builder
	for i, at := range points {
		letter := byte('L')
		if i == 0 {
			letter = 'M'
		}
		fmt.Fprintf(&path, "%c%.1f %.1f", letter, p.across(at.X), p.up(at.Y))
	}
	first, end := points[0], points[len(points)-1]
	if l.Filled && len(points) > 1 {
		fmt.Fprintf(b, `<path class="fill c%d" d="%sL%.1f %gL%.1f %gZ"/>`, l.Color, path.String(), p.across(end.X), p.height-bottom, p.across(first.X), p.height-bottom)
	}
	class := "line"
	if l.Dashed {
		class = "line dashed"
	}
	fmt.Fprintf(b, `<path class="%s c%d" d="%s"/>`, class, l.Color, path.String())
	if l.Marked {
		p.mark(b, l.Color, points)
	}
}

// spots are what a pointer can rest on, in a page: an image in a page has no pointer.
func (p *Plot) spots(b *strings.Builder, l *Line) {
	points := finite(l.Points)
	every := 1 + len(points)/pointsShown
	for i := 0; i < len(points); i += every {
		at := points[i]
		fmt.Fprintf(b, `<circle class="dot c%d" cx="%.1f" cy="%.1f" r="7"><title>%s, %s: %s</title></circle>`, l.Color, p.across(at.X), p.up(at.Y),
			escaped(l.Name), escaped(p.Place(at.X)), escaped(p.Value(at.Y)))
	}
}

// mark draws each point, and the bar through it.
func (p *Plot) mark(b *strings.Builder, color int, points []Point) {
	for _, at := range points {
		if at.High > 0 {
			fmt.Fprintf(b, `<line class="whisker" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, p.across(at.X), p.across(at.X), p.up(at.Low), p.up(at.High))
		}
		fmt.Fprintf(b, `<circle class="bar c%d" cx="%.1f" cy="%.1f" r="3.5"/>`, color, p.across(at.X), p.up(at.Y))
	}
}
