package graphite

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"penstock/wire"
)

// Tags says how tags are found in a name.
type Tags uint8

// The tag parsers.
const (
	HostTag      Tags = iota // a.HOST.b.c is the metric a.b.c with the tag host=HOST
	GraphiteTags             // name;tag=value;tag=value, as in Graphite 1.1
	Templates                // Settings.Templates says
	NoTags                   // the name as it is, with the tags behind a ';' if it has any
)

var tagsNames = [...]string{HostTag: "host", GraphiteTags: "graphite", Templates: "templates", NoTags: "none"}

func (t Tags) String() string { return tagsNames[t] }

// ParseTags reads a tag parser's name: host, graphite, templates or none.
func ParseTags(name string) (Tags, error) {
	for t, n := range tagsNames {
		if n == name {
			return Tags(t), nil
		}
	}
	return 0, fmt.Errorf("no tag parser is named %q: use host, graphite, templates or none", name)
}

// names finds a metric and its tags in a name. It is the same for all workers and does not change.
type names struct {
	tags      Tags
	templates []template
	longest   int // bytes
}

func newNames(s Settings) (*names, error) {
	if int(s.Tags) >= len(tagsNames) {
		return nil, fmt.Errorf("no tag parser has the number %d", s.Tags)
	}
	if (s.Tags == Templates) != (len(s.Templates) > 0) {
		return nil, errors.New("templates belong to the tag parser templates, which needs some")
	}
	n := &names{tags: s.Tags, longest: s.MaxLine}
	for _, text := range s.Templates {
		t, err := parseTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("template %q: %w", text, err)
		}
		n.templates = append(n.templates, t)
	}
	return n, nil
}

// read sets m's name, and its tags in the room that they have. What it sets aliases name, b's scratch and the templates.
func (n *names) read(name []byte, m *wire.Metric, b *wire.Batch) reason {
	switch {
	case len(name) == 0:
		return emptyName
	case len(name) > n.longest:
		return longName
	}
	name = utf8Of(name, b)
	m.Tags = m.Tags[:0]
	switch n.tags {
	case HostTag:
		return readHost(name, m, b)
	case Templates:
		return n.readTemplates(name, m, b)
	}
	return readTagged(name, m, n.tags == GraphiteTags)
}

// utf8Of returns text if it is UTF-8, else what it says in ISO-8859-1, in b's scratch.
func utf8Of(text []byte, b *wire.Batch) []byte {
	if utf8.Valid(text) {
		return text
	}
	return b.Close(appendLatin1(b.Open(), text))
}

func appendLatin1(dst, text []byte) []byte {
	for _, c := range text {
		dst = utf8.AppendRune(dst, rune(c))
	}
	return dst
}

// readHost does by hand what kairos-carbon's default patterns say: [^.]*\.([^.]*)\..* has the host, and ([^.]*)\.[^.]*\.(.*) the
// metric, $1.$2.
func readHost(name []byte, m *wire.Metric, b *wire.Batch) reason {
	first := bytes.IndexByte(name, '.')
	if first < 0 {
		return tooFewParts
	}
	length := bytes.IndexByte(name[first+1:], '.')
	if length < 0 {
		return tooFewParts
	}
	second := first + 1 + length
	m.Name = b.Close(append(append(b.Open(), name[:first]...), name[second:]...))
	return addTag(m, hostTag, name[first+1:second])
}

var hostTag = []byte("host")

// readTagged reads name;tag=value;tag=value. A value may hold a '=', as carbon has it.
func readTagged(name []byte, m *wire.Metric, must bool) reason {
	var rest []byte
	var tagged bool
	m.Name, rest, tagged = bytes.Cut(name, []byte(";"))
	if len(m.Name) == 0 {
		return emptyName
	}
	if !tagged {
		if must {
			return noTags
		}
		return taken
	}
	for more := true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte(";"))
		tag, value, _ := bytes.Cut(pair, []byte("="))
		if why := addTag(m, tag, value); why != taken {
			return why
		}
	}
	return sortTags(m)
}

func addTag(m *wire.Metric, tag, value []byte) reason {
	if len(tag) == 0 || len(value) == 0 {
		return badTag
	}
	m.Tags = append(m.Tags, wire.Tag{Name: tag, Value: value})
	return taken
}

func sortTags(m *wire.Metric) reason {
	all := len(m.Tags)
	if m.Tags = wire.SortTags(m.Tags); len(m.Tags) < all {
		return badTag
	}
	return taken
}
