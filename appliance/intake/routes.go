package intake

import (
	"bytes"
	"fmt"
	"strings"

	"penstock/wire"
)

// routes finds a request's route by path and method.
//
// Paths are compared byte for byte as they were sent. Nothing is decoded or tidied: "//add_events", "/x/../add_events" and
// "/%61dd_events" are other paths, and unknown ones. Whoever filters by path in front of us then sees the path we act on.
type routes struct {
	byPath   map[string]*methods
	patterns []*pattern // paths with braces, the most exact first
	count    int
	streams  int // of all formats
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

// pattern is a path with segments that take anything; those are empty here.
type pattern struct {
	segments []string
	methods
}

func newRoutes(formats []wire.Format) (*routes, error) {
	r := &routes{byPath: make(map[string]*methods)}
	byPattern := map[string]*methods{}
	for i, f := range formats {
		r.streams += len(f.Streams)
		for _, door := range f.Routes {
			if door.Reply == nil || len(door.Methods) == 0 || !strings.HasPrefix(door.Path, "/") {
				panic(fmt.Sprintf("BUG: wire %s has an incomplete route %q", f.Name, door.Path))
			}
			m := r.at(door.Path, byPattern)
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
		m.setAllow()
	}
	for _, p := range r.patterns {
		p.setAllow()
	}
	return r, nil
}

// at finds or makes the methods of a path, which may have braces. Patterns that differ in the names within the braces only are one.
func (r *routes) at(path string, byPattern map[string]*methods) *methods {
	if !strings.Contains(path, "{") {
		if r.byPath[path] == nil {
			r.byPath[path] = &methods{}
		}
		return r.byPath[path]
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = ""
		}
	}
	name := strings.Join(segments, "/")
	if m := byPattern[name]; m != nil {
		return m
	}
	p := &pattern{segments: segments}
	place := 0
	for place < len(r.patterns) && !moreExact(segments, r.patterns[place].segments) {
		place++
	}
	r.patterns = append(r.patterns[:place:place], append([]*pattern{p}, r.patterns[place:]...)...)
	byPattern[name] = &p.methods
	return &p.methods
}

// moreExact reports whether a goes before b: at the first segment that only one of them names, a is the one that does.
func moreExact(a, b []string) bool {
	for i := range min(len(a), len(b)) {
		if (a[i] == "") != (b[i] == "") {
			return b[i] == ""
		}
	}
	return false
}

func (m *methods) setAllow() {
	names := make([]string, len(m.list))
	for i := range m.list {
		names[i] = m.list[i].method
	}
	m.allow = strings.Join(names, ", ")
}

// find returns the route and what its braces took; or no route and the methods its path does have: nil when the path is unknown.
// Of patterns that match, the most exact one that has the method answers.
func (r *routes) find(path, method []byte) (*route, *methods, [wire.MaxParams][]byte) {
	var none [wire.MaxParams][]byte
	m := r.byPath[string(path)]
	if m != nil {
		if found := m.find(string(method)); found != nil {
			return found, m, none
		}
	}
	for _, p := range r.patterns {
		params, ok := p.match(path)
		if !ok {
			continue
		}
		if found := p.find(string(method)); found != nil {
			return found, &p.methods, params
		}
		if m == nil {
			m = &p.methods
		}
	}
	return nil, m, none
}

// match lays what the open segments take into params.
func (p *pattern) match(path []byte) (params [wire.MaxParams][]byte, ok bool) {
	rest, n := path[1:], 0 // the guard has seen to the slash
	for i, want := range p.segments {
		segment := rest
		end := bytes.IndexByte(rest, '/')
		if last := i == len(p.segments)-1; last != (end < 0) {
			return params, false
		}
		if end >= 0 {
			segment, rest = rest[:end:end], rest[end+1:]
		}
		if want == "" && len(segment) > 0 {
			params[n] = segment
			n++
		} else if string(segment) != want || len(segment) == 0 && want == "" {
			return params, false
		}
	}
	return params, true
}

func (m *methods) find(method string) *route {
	for i := range m.list {
		if m.list[i].method == method {
			return &m.list[i]
		}
	}
	return nil
}
