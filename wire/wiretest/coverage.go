package wiretest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"penstock/wire"
)

// Route finds a format's route for a method and path; nil when there is none. A path element in braces stands for any one element;
// where several routes match, the one that first names an element goes before the one that takes any.
func Route(f wire.Format, method, path string) *wire.Route {
	var best *wire.Route
	for i := range f.Routes {
		r := &f.Routes[i]
		if slices.Contains(r.Methods, method) && matches(r.Path, path) && (best == nil || moreExact(r.Path, best.Path)) {
			best = r
		}
	}
	return best
}

func moreExact(a, b string) bool {
	elements := strings.Split(b, "/")
	for i, element := range strings.Split(a, "/") {
		if any := strings.HasPrefix(element, "{"); any != strings.HasPrefix(elements[i], "{") {
			return !any
		}
	}
	return false
}

// Params is what the braces of a route's path take of a path that it matches.
func Params(pattern, path string) (params [wire.MaxParams][]byte) {
	n := 0
	got := strings.Split(path, "/")
	for i, want := range strings.Split(pattern, "/") {
		if strings.HasPrefix(want, "{") {
			params[n] = []byte(got[i])
			n++
		}
	}
	return params
}

func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(want, got string) bool {
		return want == got || strings.HasPrefix(want, "{") && strings.HasSuffix(want, "}") && got != ""
	})
}

// Missing says which proofs a format's goldens lack: each method of each route, and each stream, needs a case that is accepted and
// one that is refused or has a part that is; a route that takes nothing in refuses nothing.
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
		refused[door] = refused[door] || strings.Contains(text, "\nreply 4") || strings.Contains(text, "\nfault: ") || strings.Contains(text, "\nclose: ") ||
			strings.Contains(text, "\nrejected: ")
	}
	for _, door := range doors(f) {
		if !accepted[door.name] {
			missing = append(missing, fmt.Sprintf("%s: no golden is accepted at %s", f.Name, door.name))
		}
		if door.refuses && !refused[door.name] {
			missing = append(missing, fmt.Sprintf("%s: no golden is refused at %s", f.Name, door.name))
		}
	}
	return missing
}

// door is a method of a route, or a stream.
type door struct {
	name    string
	refuses bool
}

func doors(f wire.Format) (all []door) {
	for _, route := range f.Routes {
		for _, method := range route.Methods {
			all = append(all, door{method + " " + route.Path, route.New != nil})
		}
	}
	for _, stream := range f.Streams {
		all = append(all, door{"STREAM " + stream.Name, true})
	}
	return all
}
