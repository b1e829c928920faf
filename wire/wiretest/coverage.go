package wiretest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"penstock/wire"
)

// Route finds a format's route for a method and path; nil when there is none. A path element in braces stands for any one element.
func Route(f wire.Format, method, path string) *wire.Route {
	for i := range f.Routes {
		if slices.Contains(f.Routes[i].Methods, method) && matches(f.Routes[i].Path, path) {
			return &f.Routes[i]
		}
	}
	return nil
}

func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(want, got string) bool {
		return want == got || strings.HasPrefix(want, "{") && strings.HasSuffix(want, "}") && got != ""
	})
}

// Missing says which proofs a format's goldens lack: each method of each route, and each stream, needs a case that is accepted and
// one that is refused.
func Missing(tb testing.TB, f wire.Format, dir string) (missing []string) {
	tb.Helper()
	accepted, refused := map[string]bool{}, map[string]bool{}
	for _, c := range Cases(tb, dir) {
		want, err := os.ReadFile(c.wantFile())
		if err != nil {
			tb.Fatal(err)
		}
		door := "STREAM " + c.Path
		if c.Method != "STREAM" {
			route := Route(f, c.Method, c.Path)
			if route == nil {
				missing = append(missing, fmt.Sprintf("%s: %s is for no route of it", f.Name, c.Name))
				continue
			}
			door = c.Method + " " + route.Path
		}
		text := "\n" + string(want)
		accepted[door] = accepted[door] || strings.Contains(text, "\nreply 2") || door[0] == 'S' && strings.Contains(text, "\ntopic=")
		refused[door] = refused[door] || strings.Contains(text, "\nreply 4") || strings.Contains(text, "\nfault: ") || strings.Contains(text, "\nclose: ")
	}
	for _, door := range doors(f) {
		if !accepted[door] {
			missing = append(missing, fmt.Sprintf("%s: no golden is accepted at %s", f.Name, door))
		}
		if !refused[door] {
			missing = append(missing, fmt.Sprintf("%s: no golden is refused at %s", f.Name, door))
		}
	}
	return missing
}

func doors(f wire.Format) (all []string) {
	for _, route := range f.Routes {
		for _, method := range route.Methods {
			all = append(all, method+" "+route.Path)
		}
	}
	for _, stream := range f.Streams {
		all = append(all, "STREAM "+stream.Name)
	}
	return all
}
