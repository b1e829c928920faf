package stackstate

import (
	"bytes"
	"cmp"
	"slices"

	"penstock/wire"
)

// noTags empties in.tags, at a cost of what is in them.
func (in *input) noTags() {
	clear(in.tags)
	in.tags = in.tags[:0]
}

// readTags reads a list of tags, "name:value" each, into in.tags; null is none. A tag without a name is noted as refused.
func (in *input) readTags(r *wire.Reader, section string) *wire.Fault {
	in.noTags()
	at, fault := in.list(r, '[', section, "tags")
	if at == 0 || fault != nil {
		return fault
	}
	walk := wire.Reader{Src: in.body, At: at + 1}
	for walk.Next() {
		start := walk.At
		text, fault := in.string(&walk, section, "tags")
		if fault != nil {
			return fault
		}
		name, value, _ := bytes.Cut(text, colon)
		if len(name) == 0 {
			in.Refuse(wire.BadTag, start, in.body[start:walk.At:walk.At])
			continue
		}
		in.tags = append(in.tags, wire.Tag{Name: name, Value: value})
	}
	return nil
}

var colon = []byte(":")

// merge returns in.tags sorted, each name once, with all of its values.
func (in *input) merge() []wire.Tag {
	slices.SortFunc(in.tags, func(a, b wire.Tag) int {
		return cmp.Or(bytes.Compare(a.Name, b.Name), bytes.Compare(a.Value, b.Value))
	})
	kept := in.tags[:0]
	for rest := in.tags; len(rest) > 0; {
		n := 1
		for n < len(rest) && bytes.Equal(rest[n].Name, rest[0].Name) {
			n++
		}
		one := wire.Tag{Name: rest[0].Name, Value: in.join(rest[:n])}
		kept, rest = append(kept, one), rest[n:]
	}
	return kept
}

// join returns the values of tags, which are sorted, with commas between: each once, and an empty one only when it is the only one.
func (in *input) join(tags []wire.Tag) []byte {
	first, last := tags[0].Value, tags[len(tags)-1].Value
	if bytes.Equal(first, last) || len(tags) == 2 && len(first) == 0 {
		return last
	}
	text := in.Open()
	for i := range tags {
		value := tags[i].Value
		if len(value) == 0 || i > 0 && bytes.Equal(value, tags[i-1].Value) {
			continue
		}
		if len(text) > 0 {
			text = append(text, ',')
		}
		text = append(text, value...)
	}
	return in.Close(text)
}
