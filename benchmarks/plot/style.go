package plot

import (
	_ "embed" // the rules
	"fmt"
	"strings"
)

//go:embed style.css
var rules string

// palette is the colours by what they are for, on a light and on a dark sheet.
var palette = []struct{ name, light, dark string }{
	{"sheet", "#ffffff", "#18202a"}, {"ink", "#17202c", "#e8edf4"}, {"soft", "#5d6b7c", "#97a5b6"},
	{"faint", "#e6e9ee", "#26303c"}, {"edge", "#dde2e9", "#2a3542"}, {"warm", "#f0f2f6", "#1d2733"},
	{"c1", "#1668c7", "#5aa9ff"}, {"c2", "#d9772a", "#f5a15c"}, {"c3", "#1d9a78", "#4fd0a8"},
	{"c4", "#b8418f", "#ee86c8"}, {"c5", "#7a5bd0", "#ae97ff"}, {"c6", "#9a8412", "#d9c455"}, {"bad", "#c2303c", "#ff7a84"},
}

const whenDark = "@media (prefers-color-scheme: dark)"

// Style is what the SVG of a plot needs of the page that it stands in: the rules, and the colours as variables, which the page may use, too.
func Style() string {
	var light, dark strings.Builder
	for _, c := range palette {
		fmt.Fprintf(&light, " --%s: %s;", c.name, c.light)
		fmt.Fprintf(&dark, " --%s: %s;", c.name, c.dark)
	}
	return fmt.Sprintf(":root { color-scheme: light dark;%s }\n%s { :root {%s } }\n%s", light.String(), whenDark, dark.String(), rules)
}

// fileStyle is the same without variables, which browsers know and other programs that show an SVG do not.
func fileStyle() string {
	var light, dark []string
	for _, c := range palette {
		light, dark = append(light, "var(--"+c.name+")", c.light), append(dark, "var(--"+c.name+")", c.dark)
	}
	return strings.NewReplacer(light...).Replace(rules) + whenDark + " {\n" + strings.NewReplacer(dark...).Replace(rules) + "}\n"
}
