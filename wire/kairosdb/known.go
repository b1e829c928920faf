package kairosdb

import (
	"bytes"

	"penstock/wire"
)

// known is the series that came before, and what the metrics of a body often have in common with the one before them.
type known struct {
	wire.Outlines
	point  written       // of the body's last usual metric, the last one
	commas [forms][]byte // of the last usual metric of each form
}

// again takes the element that starts at body[at], if it is a usual metric whose series are known, and returns where it ends. Else end
// is 0 and nothing has come of it yet.
func (p *parser) again(at int) (end int) {
	if outline, end := p.expected(at); end > 0 {
		p.take(p.series.OfOutline(outline, p.Batch), &p.known.point)
		return end
	}
	if !p.recall(at) {
		return 0
	}
	u := &p.usual
	var series [kinds]int
	for i := range u.points {
		point := &u.points[i]
		if series[point.kind] == 0 {
			series[point.kind] = 1 + p.series.OfOutline(&u.outlines[point.kind], p.Batch)
		}
		p.take(series[point.kind]-1, point)
	}
	return u.end
}

func (p *parser) take(series int, point *written) {
	p.series.AddWritten(series, point.Time, point.Stamp, point.Value)
}

// recall takes the element that starts at body[at] apart, and reports whether it is a usual metric whose series are known.
func (p *parser) recall(at int) bool {
	u := &p.usual
	if u.cut(p.body, at); u.end == 0 {
		return false
	}
	for kind := range kinds {
		if u.kinds>>kind&1 == 1 {
			var ok bool
			if u.outlines[kind], ok = p.known.Find(u.form.code(kind), u.head, u.tail); !ok {
				return false
			}
		}
	}
	p.known.point = u.points[len(u.points)-1]
	p.known.commas[u.form] = p.known.point.comma
	return true
}

// expected finds the series of the metric that starts at body[at] and where that ends, if it has one point, its series is the one that
// followed the last time, and all but the numbers is spelled as it was then; else end is 0.
func (p *parser) expected(at int) (outline *wire.Outline, end int) {
	k := &p.known
	code, head, tail := k.Next()
	rest := p.body[at:]
	if head == nil || !bytes.HasPrefix(rest, head) {
		return outline, 0
	}
	rest = rest[len(head):]
	stamp, ms, comma := k.point.Stamp, k.point.Time, k.commas[code/uint8(kinds)]
	if !bytes.HasPrefix(rest, stamp) {
		size := 0
		size, ms = leadingStamp(rest)
		stamp = rest[:size]
	}
	rest = rest[len(stamp):]
	if len(stamp) == 0 || len(comma) == 0 || !bytes.HasPrefix(rest, comma) {
		return outline, 0
	}
	rest = rest[len(comma):]
	size, point := wire.PlainNumber(rest)
	value, kind := rest[:size], longKind
	if point {
		kind = doubleKind
	}
	rest = rest[size:]
	if size == 0 || code%uint8(kinds) != uint8(kind) || !bytes.HasPrefix(rest, tail) {
		return outline, 0
	}
	k.point.Time, k.point.Stamp, k.point.Value = ms, stamp, value
	return k.Met(), len(p.body) - len(rest) + len(tail)
}

// outline is that of a metric's series, which is remembered if the metric is a usual one.
func (p *parser) outline(of *wire.Metric, kind pointKind) wire.Outline {
	u := &p.usual
	if u.end == 0 {
		return p.known.Learn(uint8(kind), nil, nil, of, p.from)
	}
	outline, ok := p.known.Find(u.form.code(kind), u.head, u.tail)
	if !ok {
		outline = p.known.Learn(u.form.code(kind), u.head, u.tail, of, p.from)
	}
	return outline
}
