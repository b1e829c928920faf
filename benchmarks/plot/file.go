package plot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Drawing is what may be a file of its own.
type Drawing interface {
	head() (title, note string, legend []entry)
	size() (width, height float64)
	body(b *strings.Builder)
}

// entry is a colour and what has it.
type entry struct {
	name   string
	color  int
	dashed bool
}

// Write writes a drawing into a directory, which is made where it is not there, as NAME.svg.
func Write(dir, name string, d Drawing) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".svg"), file(d), 0o644)
}

const (
	margin   = 20.0
	noteLine = 18.0
	// wide is how many pixels a letter has, about: nobody measures text here.
	wide = 6.6
)

// file is a drawing with its title, its note and its legend, on a sheet of its own: so it can be read on any background.
func file(d Drawing) []byte {
	title, note, legend := d.head()
	width, height := d.size()
	var head strings.Builder
	y := margin + 15
	fmt.Fprintf(&head, `<text class="title" x="%g" y="%g">%s</text>`, margin, y, escaped(title))
	for _, line := range wrap(note, int((width-2*margin)/wide)) {
		y += noteLine
		fmt.Fprintf(&head, `<text class="note" x="%g" y="%g">%s</text>`, margin, y, escaped(line))
	}
	y = writeLegend(&head, legend, width, y+4) + 14
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s">`, width, y+height+8, width, y+height+8, escaped(title))
	fmt.Fprintf(&b, "\n<style>\n%s</style>\n", fileStyle())
	fmt.Fprintf(&b, `<rect class="sheet" x="0.5" y="0.5" width="%g" height="%g" rx="8"/>`, width-1, y+height+7)
	fmt.Fprintf(&b, "\n%s\n<g transform=\"translate(0 %g)\">", head.String(), y)
	d.body(&b)
	b.WriteString("</g>\n</svg>\n")
	return []byte(strings.ReplaceAll(b.String(), "><", ">\n<"))
}

// writeLegend writes entries in lines, and returns where the last of them is.
func writeLegend(b *strings.Builder, legend []entry, width, y float64) float64 {
	x := width
	for _, e := range legend {
		long := 42 + wide*float64(len([]rune(e.name)))
		if x+long > width-margin {
			x, y = margin, y+noteLine
		}
		class := "line"
		if e.dashed {
			class += " dashed"
		}
		fmt.Fprintf(b, `<path class="%s c%d" d="M%.1f %.1fh18"/>`, class, e.color, x, y-4)
		fmt.Fprintf(b, `<text class="name" x="%.1f" y="%.1f">%s</text>`, x+24, y, escaped(e.name))
		x += long
	}
	return y
}

// wrap cuts a text into lines of at most so many letters, between words.
func wrap(text string, most int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > most {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func (p *Plot) head() (title, note string, legend []entry) {
	for _, l := range p.Lines {
		legend = append(legend, entry{l.Name, l.Color, l.Dashed})
	}
	return p.Title, p.Note, legend
}

func (p *Plot) size() (width, height float64) {
	p.width, p.height = 860, 300
	return p.width, p.height
}
