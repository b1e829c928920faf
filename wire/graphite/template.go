package graphite

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"penstock/wire"
)

// template says where in a name the metric and the tags are: "regex template [separators] tag=value,tag=value".
type template struct {
	source []byte
	filter *regexp.Regexp // source; matches from a name's first byte, not necessarily to its last
	drops  bool           // it has a filter only: its names are dropped
	parts  []part
	star   int  // which part takes several parts of a name; -1: none
	from   byte // between a name's parts
	to     byte // between a metric's parts
	static []wire.Tag
}

// part is what a template has to say about a part of a name.
type part struct {
	metric bool   // it is of the metric's name
	tag    []byte // it is this tag's value; nil: none
}

// parseTemplate reads a template as kairos-carbon has them. A separator is punctuation. What kairos-carbon would only notice in
// each name, and drop it, is an error here: a template without a metric, or with a tag that comes twice.
func parseTemplate(text string) (t template, err error) {
	words := strings.Split(strings.TrimRight(text, " "), " ")
	t = template{source: []byte(words[0]), star: -1, from: '.', to: '.', drops: len(words) == 1}
	if words[0] == "" {
		return t, errors.New("there is no regex")
	}
	if t.filter, err = regexp.Compile("^(?:" + words[0] + ")"); err != nil || t.drops {
		return t, err
	}
	for _, word := range words[2:] {
		if strings.HasPrefix(word, "[") {
			err = t.parseSeparators(word)
		} else {
			err = t.parseStatic(word)
		}
		if err != nil {
			return t, err
		}
	}
	return t, t.parseParts(words[1])
}

func (t *template) parseSeparators(word string) error {
	bad := fmt.Errorf("separators are one or two punctuation bytes, as in [.] or [.,_]: %q", word)
	inner, closed := strings.CutSuffix(word[1:], "]")
	switch {
	case !closed:
		return bad
	case len(inner) == 1 && isPunctuation(inner[0]):
		t.from, t.to = inner[0], inner[0]
	case len(inner) == 3 && isPunctuation(inner[0]) && inner[1] == ',' && isPunctuation(inner[2]):
		t.from, t.to = inner[0], inner[2]
	default:
		return bad
	}
	return nil
}

func isPunctuation(c byte) bool { return c > ' ' && c < 0x7f && !isWord(c) || c == '_' }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func (t *template) parseStatic(word string) error {
	for _, pair := range strings.Split(word, ",") {
		tag, value, _ := strings.Cut(pair, "=")
		for _, text := range []string{tag, value} {
			if text == "" || strings.IndexFunc(text, func(r rune) bool { return r > 0x7f || !isWord(byte(r)) }) >= 0 {
				return fmt.Errorf("tags are tag=value,tag=value of a-z A-Z 0-9 _: %q", word)
			}
		}
		t.static = append(t.static, wire.Tag{Name: []byte(tag), Value: []byte(value)})
	}
	return nil
}

func (t *template) parseParts(text string) error {
	had := map[string]bool{}
	for _, tag := range t.static {
		if had[string(tag.Name)] {
			return fmt.Errorf("the tag %q comes twice", tag.Name)
		}
		had[string(tag.Name)] = true
	}
	metric := false
	for i, word := range strings.Split(strings.TrimRight(text, string(t.from)), string(t.from)) {
		switch word {
		case "":
			t.parts = append(t.parts, part{})
		case "metric", "metric*":
			t.parts = append(t.parts, part{metric: true})
			metric = true
			if word == "metric*" && t.star < 0 {
				t.star = i // of several the first takes all there is to take
			}
		default:
			if had[word] {
				return fmt.Errorf("the tag %q comes twice", word)
			}
			had[word] = true
			t.parts = append(t.parts, part{tag: []byte(word)})
		}
	}
	if !metric {
		return errors.New("no part of it is the metric")
	}
	return nil
}

// readTemplates reads a name by the first template that is for it. A name that no template fits is not lost: its points go to the
// metric invalidMetrics.
func (n *names) readTemplates(name []byte, m *wire.Metric, b *wire.Batch) reason {
	for i := range n.templates {
		t := &n.templates[i]
		if !t.filter.Match(name) {
			continue
		}
		if t.drops {
			return templateDrops
		}
		if !t.fits(name) {
			invalid(name, m, causePattern)
			m.Tags = append(m.Tags, wire.Tag{Name: tagFilter, Value: t.source})
			return taken
		}
		return t.read(name, m, b)
	}
	invalid(name, m, causeNone)
	return taken
}

var (
	invalidMetrics = []byte("invalidMetrics")
	tagCause       = []byte("cause")
	tagMetricName  = []byte("metricName")
	tagFilter      = []byte("templateFilter")
	causeNone      = []byte("no matching template")
	causePattern   = []byte("does not match metric name pattern")
)

func invalid(name []byte, m *wire.Metric, cause []byte) {
	m.Name = invalidMetrics
	m.Tags = append(m.Tags, wire.Tag{Name: tagCause, Value: cause}, wire.Tag{Name: tagMetricName, Value: name})
}

// fits reports whether a name has as many parts as the template.
func (t *template) fits(name []byte) bool {
	has := 1 + bytes.Count(name, []byte{t.from})
	return has == len(t.parts) || t.star >= 0 && has > len(t.parts)
}

// read takes apart a name that fits. The metric's parts are put together in their order, also those that others stand between.
func (t *template) read(name []byte, m *wire.Metric, b *wire.Batch) reason {
	metric := b.Open()
	slack := 1 + bytes.Count(name, []byte{t.from}) - len(t.parts)
	first := true
	for i := range t.parts {
		p, takes := &t.parts[i], 1
		if i == t.star {
			takes += slack
		}
		for range takes {
			var word []byte
			word, name, _ = bytes.Cut(name, []byte{t.from})
			switch {
			case p.metric:
				if !first {
					metric = append(metric, t.to)
				}
				metric, first = append(metric, word...), false
			case p.tag != nil:
				if why := addTag(m, p.tag, word); why != taken {
					b.Drop(metric)
					return why
				}
			}
		}
	}
	if m.Name = b.Close(metric); len(m.Name) == 0 {
		return emptyName
	}
	m.Tags = append(m.Tags, t.static...)
	return sortTags(m)
}
