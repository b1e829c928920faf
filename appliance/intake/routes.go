package intake

import (
	"fmt"
	"strings"

	"penstock/wire"
)

// routes finds a request's route by path and method.
//
// Paths are compared byte for byte as they were sent. Nothing is decoded or tidied: "//add_events", "/x/../add_events" and
// "/%61dd_events" are other paths, and unknown ones. Whoever filters by path in front of us then sees the path we act on.
type routes struct {
	byPath map[string]*methods
	count  int
}

// methods is what one path can do.
type methods struct {
	list  []route
	allow string // for the Allow header
}

// route is one method of one path of one format.
type route struct {
	wire.Route
	method string
	format int // index of the format
	number int // index among all wire routes: a worker has one parser for each
}

func newRoutes(formats []wire.Format) (*routes, error) {
	r := &routes{byPath: make(map[string]*methods)}
	for i, f := range formats {
		for _, door := range f.Routes {
			if door.New == nil || door.Reply == nil || len(door.Methods) == 0 || !strings.HasPrefix(door.Path, "/") {
				panic(fmt.Sprintf("BUG: wire %s has an incomplete route %q", f.Name, door.Path))
			}
			m := r.byPath[door.Path]
			if m == nil {
				m = &methods{}
				r.byPath[door.Path] = m
			}
			for _, method := range door.Methods {
				if m.find(method) != nil {
					return nil, fmt.Errorf("intake: two wires answer %s %s: %s and %s",
						method, door.Path, formats[m.find(method).format].Name, f.Name)
				}
				m.list = append(m.list, route{Route: door, method: method, format: i, number: r.count})
			}
			r.count++
		}
	}
	for _, m := range r.byPath {
		names := make([]string, len(m.list))
		for i := range m.list {
			names[i] = m.list[i].method
		}
		m.allow = strings.Join(names, ", ")
	}
	return r, nil
}

// find returns the route, or nil and the methods its path does have: nil when the path is unknown.
func (r *routes) find(path, method []byte) (*route, *methods) {
	m := r.byPath[string(path)]
	if m == nil {
		return nil, nil
	}
	return m.find(string(method)), m
}

func (m *methods) find(method string) *route {
	for i := range m.list {
		if m.list[i].method == method {
			return &m.list[i]
		}
	}
	return nil
}
