package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// texts is all text of an SVG, which must be well-formed and have no number that is none.
func texts(t *testing.T, svg string) string {
	t.Helper()
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("it has a number that is none:\n%s", svg)
	}
	var all strings.Builder
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		switch token, err := d.Token(); e := token.(type) {
		case xml.CharData:
			all.Write(e)
			all.WriteByte('\n')
		case xml.StartElement:
			for _, a := range e.Attr {
				if a.Name.Local == "href" || a.Name.Local == "src" {
					t.Errorf("it asks for %s", a.Value)
				}
			}
		case nil:
			if !errors.Is(err, io.EOF) {
				t.Fatalf("%v\n%s", err, svg)
			}
			return all.String()
		}
	}
}

const evil = `</svg><script>x</script> & "quotes"`

func lines(scale Scale) *Plot {
	return &Plot{
		Title: evil, Note: strings.Repeat("a word and ", 40), X: Linear(4, 4, Short), Y: scale, Value: Short, Place: Seconds, Limits: []Limit{{2, evil}}, Warm: 1,
		Lines: []Line{
			{Name: "first", Color: 1, Filled: true, Points: []Point{{X: 1, Y: 1}, {X: 2, Y: 3}}},
			{Name: "second & last", Color: 2, Dashed: true, Marked: true, Points: []Point{{0, 0, 0, 0}, {1, math.NaN(), 0, 0}, {math.Inf(1), 2, 0, 0}, {2, 1e9, 1, 2e9}, {3, -1, 0, 0}}},
			{Name: "nothing", Color: 3},
		},
	}
}

func TestLines(t *testing.T) {
	for _, scale := range []Scale{
		Linear(4, 4, Short), Linear(0, 4, Short), Linear(math.NaN(), 4, Short), Linear(math.Inf(1), 4, Short),
		Logarithmic(1, 100, Short), Logarithmic(0, 0, Short), Logarithmic(math.NaN(), math.NaN(), Short), Logarithmic(math.Inf(1), 0, Short),
		Span(3, 4, Seconds), Span(0, 4, Seconds), Percentile(99.99), Percentile(0),
	} {
		p := lines(scale)
		dir := filepath.Join(t.TempDir(), "new")
		if err := Write(dir, "lines", p); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "lines.svg"))
		if err != nil {
			t.Fatal(err)
		}
		said := texts(t, string(text))
		for _, want := range []string{evil, "first", "second & last", "nothing", "a word and"} {
			if !strings.Contains(said, want) {
				t.Errorf("%q is not in it:\n%s", want, text)
			}
		}
		if n := strings.Count(string(text), `<path class="line`); n != len(p.Lines)+2 {
			t.Errorf("%d lines, those of the legend included", n)
		}
		texts(t, string(p.SVG()))
	}
}

func TestBars(t *testing.T) {
	c := &Bars{
		Title: "Bars", Note: evil, Kinds: []string{"ours", "theirs"}, Scale: Logarithmic(0.1, 10, Short), Value: Short,
		Groups: []Group{
			{"one", []Bar{{"plain", 1, 1, 0, 0}, {"spread", 2, 2, 1.5, 2.5}}},
			{evil, []Bar{{"none", 1, math.NaN(), math.NaN(), math.NaN()}, {"zero", 1, 0, 0, 0}, {"far", 2, 1e12, 0, 1e13}, {evil, 1, math.Inf(1), 0, 0}}},
			{"empty", nil},
		},
	}
	text := string(file(c))
	said := texts(t, text)
	for _, want := range []string{"Bars", evil, "ours", "theirs", "one", "plain", "spread", "none", "zero", "far", "empty", "not measured"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in it:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "<rect class=\"bar"); n != 4 {
		t.Errorf("%d bars of 4", n)
	}
	if n := strings.Count(said, "not measured"); n != 2 {
		t.Errorf("%d are not measured of 2", n)
	}
}

func TestStyle(t *testing.T) {
	for name, style := range map[string]string{"a page's": Style(), "a file's": fileStyle()} {
		if n := strings.Count(style, "{"); n != strings.Count(style, "}") || strings.Contains(style, "<") || !strings.Contains(style, whenDark) {
			t.Errorf("%s style:\n%s", name, style)
		}
		for _, c := range palette {
			if !strings.Contains(style, c.light) || !strings.Contains(style, c.dark) {
				t.Errorf("%s style does not have the colour %s", name, c.name)
			}
		}
	}
	if strings.Contains(fileStyle(), "var(") {
		t.Errorf("a colour has no value:\n%s", fileStyle())
	}
}

func TestScales(t *testing.T) {
	if l := Linear(4, 4, Short); l.at(0) != 0 || l.at(4) != 1 || len(l.marks()) != 5 {
		t.Errorf("linear: %v, %v", l.at(4), l.marks())
	}
	l := Logarithmic(1, 100, Short)
	if low, middle, high := l.at(1), l.at(10), l.at(100); math.Abs(middle-0.5) > 1e-9 || low <= 0 || high >= 1 {
		t.Errorf("logarithmic: %v %v %v", low, middle, high)
	}
	if p := Percentile(99.9); math.Abs(p.at(99)-2.0/3) > 1e-9 || p.at(100) != 1 || p.at(0) != 0 {
		t.Errorf("percentile: %v", p.at(99))
	}
	if got := strings.Join(wrap("one two three  four", 8), "|"); got != "one two|three|four" {
		t.Errorf("wrapped: %s", got)
	}
}
