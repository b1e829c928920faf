package page

import (
	"fmt"
	"html/template"
	"strings"
)

// plot is lines over two axes.
type plot struct {
	Title, Note string
	Lines       []line
	x, y        scale
	value       func(float64) string // what a pointer that rests on a point is told
	place       func(float64) string
	warm        float64 // up to here is the warm-up, on the x axis; 0: none
	limits      []limit

	Wide          bool // it has the page's width to itself
	width, height float64
}

// line is one line; Color is which of the page's colours it has.
type line struct {
	Name   string
	Color  int
	Dashed bool
	filled bool
	points []point
}

type point struct{ x, y float64 }

// limit is a horizontal line with a name.
type limit struct {
	y    float64
	name string
}

// left and so on are the room around the lines, in the pixels of a page that is not scaled.
const left, right, top, bottom = 62.0, 16.0, 12.0, 30.0

// pointsShown is up to how many points of a line can be pointed at.
const pointsShown = 400

func (p *plot) across(v float64) float64 { return left + p.x.at(v)*(p.width-left-right) }
func (p *plot) up(v float64) float64 {
	return p.height - bottom - min(max(p.y.at(v), 0), 1)*(p.height-top-bottom)
}

// SVG draws the plot.
func (p *plot) SVG() template.HTML {
	if p.width, p.height = 520, 230; p.Wide {
		p.width, p.height = 1090, 310
	}
	width, height := p.width, p.height
	var b strings.Builder
	esc := template.HTMLEscapeString
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height, esc(p.Title))
	if p.warm > 0 {
		to := min(p.across(p.warm), width-right)
		fmt.Fprintf(&b, `<rect class="warm" x="%.1f" y="%g" width="%.1f" height="%g"/>`, left, top, to-left, height-top-bottom)
		if to-left > 52 {
			fmt.Fprintf(&b, `<text class="mark" x="%.1f" y="%g">warm-up</text>`, left+6, top+14)
		}
	}
	for _, m := range p.y.marks() {
		y := height - bottom - m.at*(height-top-bottom)
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, left, width-right, y, y)
		fmt.Fprintf(&b, `<text class="mark" x="%g" y="%.1f" text-anchor="end">%s</text>`, left-8, y+4, esc(m.text))
	}
	last := -100.0
	for _, m := range p.x.marks() {
		x := left + m.at*(width-left-right)
		if x-last < 46 {
			continue // no room
		}
		last = x
		fmt.Fprintf(&b, `<line class="tick" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/>`, x, x, height-bottom, height-bottom+5)
		fmt.Fprintf(&b, `<text class="mark" x="%.1f" y="%g" text-anchor="%s">%s</text>`, x, height-bottom+19, anchor(m.at), esc(m.text))
	}
	for _, l := range p.limits {
		y := p.up(l.y)
		fmt.Fprintf(&b, `<line class="limit" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, left, width-right, y, y)
		fmt.Fprintf(&b, `<text class="limit" x="%g" y="%.1f">%s</text>`, left+6, y-5, esc(l.name))
	}
	for i := range p.Lines {
		p.draw(&b, &p.Lines[i])
	}
	fmt.Fprintf(&b, `<line class="axis" x1="%g" x2="%g" y1="%g" y2="%g"/></svg>`, left, width-right, height-bottom, height-bottom)
	return template.HTML(b.String()) //nolint:gosec // every text in it is escaped above
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

func (p *plot) draw(b *strings.Builder, l *line) {
	if len(l.points) == 0 {
		return
	}
	var path strings.Builder
	for i, at := range l.points {
		letter := byte('L')
		if i == 0 {
			letter = 'M'
		}
		fmt.Fprintf(&path, "%c%.1f %.1f", letter, p.across(at.x), p.up(at.y))
	}
	first, end := l.points[0], l.points[len(l.points)-1]
	if l.filled && len(l.points) > 1 {
		fmt.Fprintf(b, `<path class="fill c%d" d="%sL%.1f %gL%.1f %gZ"/>`, l.Color, path.String(), p.across(end.x), p.height-bottom, p.across(first.x), p.height-bottom)
	}
	class := "line"
	if l.Dashed {
		class = "line dashed"
	}
	fmt.Fprintf(b, `<path class="%s c%d" d="%s"/>`, class, l.Color, path.String())
	every := 1 + len(l.points)/pointsShown
	for i := 0; i < len(l.points); i += every {
		at := l.points[i]
		fmt.Fprintf(b, `<circle class="dot c%d" cx="%.1f" cy="%.1f" r="7"><title>%s, %s: %s</title></circle>`, l.Color, p.across(at.x), p.up(at.y),
			template.HTMLEscapeString(l.Name), template.HTMLEscapeString(p.place(at.x)), template.HTMLEscapeString(p.value(at.y)))
	}
}
