package kairosdb

import (
	"penstock/wire"
)

// single takes the metric's own data point, if it has one.
func (p *parser) single(m *metric) {
	if m.moment().set && m.value != nil {
		p.point(m, m.moment().ms, m.value, m.kind, m.valueAt, subject{}, m.raw)
	}
}

// points takes the data points of the metric's array. A bad one costs itself.
//
// index is the server's count, not the element's place: a data point that is refused does not advance it.
func (p *parser) points(m *metric) {
	if m.points == nil {
		return
	}
	r := wire.Reader{Src: p.body[:m.pointsAt+len(m.points)], At: m.pointsAt}
	r.Enter('[')
	for index, place := 0, 0; r.Next(); place++ {
		if p.element(m, &r, index, place) {
			index++
		}
	}
}

// element reads one data point, [time, value] or [time, value, type], and reports whether it was taken.
func (p *parser) element(m *metric, r *wire.Reader, index, place int) bool {
	at := r.At
	of := subject{list: "datapoints", index: index}
	if !r.Enter('[') {
		raw := r.Value()
		if raw[0] == 'n' {
			p.refusePoint(m, of, wire.NotArray, at, raw, " may not be null.")
		} else {
			p.Refuse(wire.NotArray, at, raw).Because(p.mismatch(m, "BEGIN_ARRAY", at, "datapoints", place))
		}
		return false
	}
	var parts [3][]byte
	valueAt, n := 0, 0
	for r.Next() {
		if n == 1 {
			valueAt = r.At
		}
		part := r.Value()
		if n < len(parts) {
			parts[n] = part
		}
		n++
	}
	raw := p.body[at:r.At:r.At]
	switch {
	case n < 1:
		p.refusePoint(m, of, wire.MissingField, at, raw, ".timestamp cannot be null or empty.")
		return false
	case n < 2:
		p.refusePoint(m, of, wire.MissingField, at, raw, ".value cannot be null or empty.")
		return false
	case parts[0][0] == 'n':
		p.refusePoint(m, of, wire.MissingField, at, raw, ".timestamp may not be null.")
		return false
	}
	ms, ok := p.pointTime(parts[0])
	if !ok {
		p.Refuse(wire.BadTime, at, raw).Because(p.notANumber(p.plain(parts[0])))
		return false
	}
	kind := m.kind
	if parts[2] != nil && parts[2][0] != 'n' {
		kind = p.plain(parts[2])
	}
	if flaw := flawOf(parts[1], kind); flaw != "" {
		p.refusePoint(m, of, wire.BadField, valueAt, raw, flaw)
		return false
	}
	return p.point(m, ms, parts[1], kind, valueAt, of, raw)
}

// point gives a data point to its series, and reports whether it was taken.
func (p *parser) point(m *metric, ms int64, value, kind []byte, at int, of subject, raw []byte) bool {
	invalid := value[0] == '{' || value[0] == '[' || value[0] == 'n'
	if kind == nil && invalid {
		p.refusePoint(m, subject{}, wire.BadField, at, raw, " value is an invalid type")
		return false
	}
	var known pointKind
	var ok bool
	if kind == nil {
		known = p.inferred(value)
	} else if known, ok = parseKind(kind); !ok {
		p.Refuse(wire.BadType, at, raw).Because(p.unregistered(kind))
		return false
	}
	if invalid {
		p.refusePoint(m, subject{}, wire.BadField, at, raw, " value is an invalid type")
		return false
	}
	json, ok := p.value(known, value)
	if !ok {
		p.Refuse(wire.BadNumber, at, raw).Because(p.notANumber(p.plain(value)))
		return false
	}
	p.series.Add(p.seriesOf(m, known), ms, json, nil)
	return true
}

func (p *parser) refusePoint(m *metric, of subject, code wire.Code, at int, raw []byte, what string) {
	said := p.say(p.Open(), m, of, what)
	var why []byte
	if len(said) > 0 {
		why = p.Close(said)
	}
	p.Refuse(code, at, raw).Because(why)
}

// seriesOf is the metric's series for one type.
func (p *parser) seriesOf(m *metric, kind pointKind) int {
	if m.series[kind] == 0 {
		of := wire.Metric{Name: m.name, Tags: p.sorted, Type: kindNames[kind], TTL: m.ttl}
		outline := p.outline(&of, kind)
		m.series[kind] = int32(p.series.OfOutline(&outline, p.Batch)) + 1
	}
	return int(m.series[kind]) - 1
}

// flawOf says what is wrong with a value before its type matters, in the server's words; "" when nothing is.
func flawOf(value, kind []byte) string {
	switch {
	case string(kind) == "string" && value[0] == 'n':
		return ".value may not be null."
	case string(kind) == "string":
		return ""
	case value[0] == 'n', string(value) == `""`:
		return ".value may not be empty."
	case value[0] == '[' && wire.SkipSpace(value, 1) == len(value)-1:
		return ".value may not be an empty array."
	}
	return ""
}
