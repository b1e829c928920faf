package kairosdb

import (
	"bytes"
	"math"
	"slices"

	"penstock/wire"
)

// none is an index of nothing.
const none = -1

// metric is one element of a body. Its tags are the parser's.
type metric struct {
	index int
	at    int    // where it starts
	raw   []byte // as sent

	name         []byte // nil: absent or null, as for all of these
	kind         []byte
	value        []byte // JSON
	points       []byte // JSON, an array
	valueAt      int
	pointsAt     int
	time         moment // "time", which goes before
	timestamp    moment
	ttl          int64
	skipValidate bool

	shown  bool // the name is good, and is in messages
	faulty bool // something was said of it
	series [kinds]int32
}

// moment is a time in milliseconds that may be absent.
type moment struct {
	ms  int64
	set bool
}

// moment is when the metric's own data point is.
func (m *metric) moment() moment {
	if m.time.set {
		return m.time
	}
	return m.timestamp
}

// read takes the metric apart. A member of the wrong kind refuses it, as does an element that is no object; then ok is false.
func (p *parser) read(m *metric) (ok bool) {
	p.tags, p.sorted = p.tags[:0], p.sorted[:0]
	r := wire.Reader{Src: p.body[:m.at+len(m.raw)], At: m.at}
	if !r.Enter('{') {
		if r.Kind() == 'n' {
			p.refuse(m, wire.NotObject, m.at, p.say(p.Open(), m, subject{}, " may not be null."))
			return false
		}
		p.Refuse(wire.NotObject, m.at, m.raw).Because(p.mismatch(m, "BEGIN_OBJECT", m.at, "", none))
		return false
	}
	for r.Next() {
		quoted := r.Name()
		kind := r.Kind()
		at := r.At
		member, _ := p.text.Borrow(quoted)
		switch string(member) {
		case "name":
			m.name, ok = p.scalar(m, &r, "a string", "name")
		case "type":
			m.kind, ok = p.scalar(m, &r, "a string", "type")
		case "timestamp":
			m.timestamp, ok = p.instant(m, &r, "timestamp")
		case "time":
			m.time, ok = p.instant(m, &r, "time")
		case "ttl":
			ok = p.readTTL(m, &r)
		case "skip_validate":
			ok = p.readSkip(m, &r)
		case "tags":
			ok = p.readTags(m, &r)
		case "value":
			m.valueAt, m.value, ok = at, r.Value(), true
		case "datapoints":
			m.pointsAt, m.points, ok = at, r.Value(), kind == '[' || kind == 'n'
			if !ok {
				p.Refuse(wire.NotArray, at, m.raw).Because(p.mismatch(m, "BEGIN_ARRAY", at, "datapoints", none))
			} else if kind == 'n' {
				m.points = nil
			}
		default:
			r.Skip()
			ok = true
		}
		if !ok {
			return false
		}
	}
	return true
}

// refuse notes what was said of a metric, if anything was: said is an opened slice with the messages.
func (p *parser) refuse(m *metric, code wire.Code, at int, said []byte) {
	if !m.faulty {
		return
	}
	var why []byte
	if len(said) > 0 {
		why = p.Close(said)
	}
	p.Refuse(code, at, m.raw).Because(why)
}

// scalar reads a member that is text, or what Gson makes text of: a number or a boolean, as it was sent.
func (p *parser) scalar(m *metric, r *wire.Reader, expected, member string) (text []byte, ok bool) {
	at := r.At
	switch r.Kind() {
	case '"':
		return p.text.Of(r.Value(), p.Batch), true
	case 'n':
		r.Skip()
		return nil, true
	case '{', '[':
		p.Refuse(wire.BadField, at, m.raw).Because(p.mismatch(m, expected, at, member, none))
		return nil, false
	}
	return r.Value(), true
}

// instant reads a member that is a time.
func (p *parser) instant(m *metric, r *wire.Reader, member string) (t moment, ok bool) {
	t.ms, t.set, ok = p.whole(m, r, "a long", member)
	return t, ok
}

// readTTL reads the member "ttl", an int of Java's.
func (p *parser) readTTL(m *metric, r *wire.Reader) bool {
	n, set, ok := p.whole(m, r, "an int", "ttl")
	if set {
		m.ttl = n
	}
	return ok
}

// whole reads a member that is a whole number, or a string that is one; set is false when it is null.
func (p *parser) whole(m *metric, r *wire.Reader, expected, member string) (n int64, set, ok bool) {
	at, kind := r.At, r.Kind()
	if kind == 'n' {
		r.Skip()
		return 0, false, true
	}
	if kind != '"' && gsonName(kind) != "NUMBER" {
		p.Refuse(wire.BadField, at, m.raw).Because(p.mismatch(m, expected, at, member, none))
		return 0, false, false
	}
	text := r.Value()
	if kind == '"' {
		text = p.text.Of(text, p.Batch)
	}
	n, number := wholeNumber(text)
	switch {
	case number == notOne && len(text) == 0:
		p.Refuse(wire.BadField, at, m.raw).Because(p.quote("java.lang.NumberFormatException: empty String", nil, ""))
	case number == notOne:
		p.Refuse(wire.BadField, at, m.raw).Because(p.quote(`java.lang.NumberFormatException: For input string: "`, text, `"`))
	case number == notWhole, expected == "an int" && (n < math.MinInt32 || n > math.MaxInt32):
		p.Refuse(wire.BadField, at, m.raw).Because(p.notWhole(m, expected, text, r.At, member))
	default:
		return n, true, true
	}
	return 0, false, false
}

// readSkip reads the member "skip_validate": a boolean, or a string, of which "true" in any case is true.
func (p *parser) readSkip(m *metric, r *wire.Reader) bool {
	at, kind := r.At, r.Kind()
	if kind == '[' || kind == '{' || gsonName(kind) == "NUMBER" {
		p.Refuse(wire.BadField, at, m.raw).Because(p.mismatch(m, "a boolean", at, "skip_validate", none))
		return false
	}
	switch value := r.Value(); kind {
	case 't', 'f':
		m.skipValidate = kind == 't'
	case '"':
		text, _ := p.text.Borrow(value)
		m.skipValidate = bytes.EqualFold(text, []byte("true"))
	}
	return true
}

// readTags reads the member "tags", an object of texts. A tag whose value is null has the value nil.
func (p *parser) readTags(m *metric, r *wire.Reader) bool {
	p.tags, p.sorted = p.tags[:0], p.sorted[:0]
	at := r.At
	if !r.Enter('{') {
		value := r.Value()
		if value[0] == 'n' || value[0] == '[' && wire.SkipSpace(value, 1) == len(value)-1 {
			return true // no tags; an empty array is what PHP makes of no tags
		}
		p.Refuse(wire.BadTag, at, m.raw).Because(p.mismatch(m, "BEGIN_OBJECT", at, "tags", none))
		return false
	}
	for r.Next() {
		key := p.text.Of(r.Name(), p.Batch)
		r.Kind()
		value, ok := p.scalar(m, r, "a string", "tags.")
		if !ok {
			return false
		}
		p.tags = append(p.tags, wire.Tag{Name: key, Value: value})
	}
	if p.sortTags(); len(p.sorted) > 0 {
		for i := range p.sorted[1:] {
			if key := p.sorted[i].Name; bytes.Equal(key, p.sorted[i+1].Name) {
				p.Refuse(wire.BadTag, at, m.raw).Because(p.quote("duplicate key: ", key, ""))
				return false
			}
		}
	}
	return true
}

// sortTags makes sorted of tags.
func (p *parser) sortTags() {
	p.sorted = append(p.sorted[:0], p.tags...)
	byName := func(a, b wire.Tag) int { return bytes.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(p.sorted, byName) {
		slices.SortStableFunc(p.sorted, byName)
	}
}

// valid holds the metric against the rules that are not those of its data points. What breaks them is said in the server's order.
func (p *parser) valid(m *metric) bool {
	said := p.Open()
	m.shown = len(m.name) > 0 && !m.skipValidate
	if !m.skipValidate {
		said = p.checkName(said, m)
		said = p.checkPoint(said, m)
	}
	said = p.checkTags(said, m)
	p.refuse(m, wire.BadField, m.at, said)
	return !m.faulty
}

func (p *parser) checkName(said []byte, m *metric) []byte {
	switch {
	case m.name == nil:
		return p.say(said, m, subject{}, ".name may not be null.")
	case len(m.name) == 0:
		return p.say(said, m, subject{}, ".name may not be empty.")
	}
	return said
}

// checkPoint checks that the metric's own data point has both its halves, or neither.
func (p *parser) checkPoint(said []byte, m *metric) []byte {
	switch {
	case m.moment().set && m.value == nil:
		return p.say(said, m, subject{}, ".value may not be null.")
	case m.moment().set:
		if flaw := flawOf(m.value, m.kind); flaw != "" {
			return p.say(said, m, subject{}, flaw)
		}
	case m.value != nil && m.value[0] != 'n':
		return p.say(said, m, subject{}, ".timestamp may not be null.")
	}
	return said
}

// checkTags checks the tags. Those of a metric that asks not to be checked must have values all the same, or they are none.
func (p *parser) checkTags(said []byte, m *metric) []byte {
	if len(p.tags) == 0 && !m.skipValidate {
		return p.say(said, m, subject{}, ".tags count must be greater than or equal to 1.")
	}
	for i, tag := range p.tags {
		of := subject{list: "tag", index: i}
		if len(tag.Name) > 0 {
			of.key = tag.Name
		} else if !m.skipValidate {
			said = p.say(said, m, of, ".name may not be empty.")
		}
		if tag.Value == nil {
			said = p.say(said, m, of, ".value may not be null.")
		} else if len(tag.Value) == 0 && !m.skipValidate {
			said = p.say(said, m, of, ".value may not be empty.")
		}
	}
	return said
}
