package kairosdb

import (
	"bytes"

	"penstock/wire"
)

// known is the series that came before, and what the metrics of a body often have in common with the one before them.
type known struct {
	wire.Outlines
	stamp  []byte // of the body's last usual metric, as is all here
	ms     int64
	commas [forms][]byte
}

// again takes the element that starts at body[at], if it is a usual metric whose series are known, and returns where it ends. Else end
// is 0 and nothing has come of it yet.
func (p *parser) again(at int) (end int) {
	if end = p.expected(at); end > 0 {
		return end
	}
	u := &p.usual
	if u.cut(p.body, at); u.end == 0 {
		return 0
	}
	var of [kinds]wire.Outline
	for kind := range kinds {
		if u.kinds>>kind&1 == 1 {
			var ok bool
			if of[kind], ok = p.known.Find(u.form.code(kind), u.head, u.tail); !ok {
				return 0
			}
		}
	}
	var series [kinds]int
	for i := range u.points {
		point := &u.points[i]
		if series[point.kind] == 0 {
			series[point.kind] = 1 + p.series.OfOutline(of[point.kind], p.Batch)
		}
		p.series.AddWritten(series[point.kind]-1, point.ms, point.stamp, point.value)
	}
	last := &u.points[len(u.points)-1]
	p.known.stamp, p.known.ms, p.known.commas[u.form] = last.stamp, last.ms, last.comma
	return u.end
}

// expected is again for a metric with one point, if its series is the one that followed the last time and all but the numbers is spelled
// as it was then.
func (p *parser) expected(at int) (end int) {
	k := &p.known
	code, head, tail := k.Next()
	rest := p.body[at:]
	if head == nil || !bytes.HasPrefix(rest, head) {
		return 0
	}
	rest = rest[len(head):]
	stamp, ms, comma := k.stamp, k.ms, k.commas[code/uint8(kinds)]
	if !bytes.HasPrefix(rest, stamp) {
		size := 0
		size, ms = leadingStamp(rest)
		stamp = rest[:size:size]
	}
	rest = rest[len(stamp):]
	if len(stamp) == 0 || len(comma) == 0 || !bytes.HasPrefix(rest, comma) {
		return 0
	}
	rest = rest[len(comma):]
	size, point := wire.PlainNumber(rest)
	value, kind := rest[:size:size], longKind
	if point {
		kind = doubleKind
	}
	rest = rest[size:]
	if size == 0 || code%uint8(kinds) != uint8(kind) || !bytes.HasPrefix(rest, tail) {
		return 0
	}
	k.stamp, k.ms = stamp, ms
	p.series.AddWritten(p.series.OfOutline(k.Met(), p.Batch), ms, stamp, value)
	return len(p.body) - len(rest) + len(tail)
}

// outline is that of a metric's series, which is remembered if the metric is a usual one.
func (p *parser) outline(of *wire.Metric, kind pointKind) wire.Outline {
	u := &p.usual
	if u.end == 0 {
		return p.known.Learn(uint8(kind), nil, nil, of, p.from)
	}
	series, ok := p.known.Find(u.form.code(kind), u.head, u.tail)
	if !ok {
		series = p.known.Learn(u.form.code(kind), u.head, u.tail, of, p.from)
	}
	return series
}
