package kairosdb

import "penstock/wire"

// usual is a metric of the shape that most have: name and tags, a timestamp with its value or else datapoints, and perhaps a ttl right
// behind the tags; in any order, each once, and nothing else. All numbers are spelled as a record spells them.
//
// Name and tags are not read. They seem to end at the first quote, and at the first brace, and the object must go on behind them: with
// its own end, or with a comma and another member's name. If that quote or brace is in truth within a text, then the object is no JSON,
// or does not end where it seems to. So an object that the parser takes, and that ends here, has these parts; and then so has every
// object with the same name and tags, whatever its numbers.
type usual struct {
	name, rest []byte // as sent; rest is the tags, and behind them the ttl
	points     []written
	kinds      uint8 // of the points: a bit for each
	end        int   // where it ends in the body; 0: the element is not of this shape
}

// written is a data point whose numbers are spelled as a record spells them.
type written struct {
	ms           int64
	stamp, value []byte
	kind         pointKind
}

// keepWritten is how many points' room is kept between requests.
const keepWritten = 4 << 10

// again takes the element that starts at body[at], if it is a usual metric whose series are known, and returns where it ends. Else end
// is 0 and nothing has come of it yet.
func (p *parser) again(at int) (end int) {
	u := &p.usual
	if u.cut(p.body, at); u.end == 0 {
		return 0
	}
	var known [kinds]wire.Outline
	for kind := range kinds {
		if u.kinds>>kind&1 == 0 {
			continue
		}
		var ok bool
		if known[kind], ok = p.known.Find(uint8(kind), u.name, u.rest); !ok {
			return 0
		}
	}
	var series [kinds]int
	for i := range u.points {
		point := &u.points[i]
		if series[point.kind] == 0 {
			series[point.kind] = 1 + p.series.OfOutline(known[point.kind], p.Batch)
		}
		p.series.AddWritten(series[point.kind]-1, point.ms, point.stamp, point.value)
	}
	return u.end
}

// outline is that of a metric's series, which is remembered if the metric is a usual one.
func (p *parser) outline(of *wire.Metric, kind pointKind) wire.Outline {
	u := &p.usual
	if u.end == 0 {
		return p.known.Learn(uint8(kind), nil, nil, of, p.from)
	}
	known, ok := p.known.Find(uint8(kind), u.name, u.rest)
	if !ok {
		known = p.known.Learn(uint8(kind), u.name, u.rest, of, p.from)
	}
	return known
}

// The members of a usual metric; some of them together are a set.
const (
	nameMember = 1 << iota
	tagsMember
	stampMember
	valueMember
	pointsMember
	ttlMember
)

// cut takes the element that starts at src[at] apart.
func (u *usual) cut(src []byte, at int) {
	u.points, u.kinds, u.end = u.points[:0], 0, 0
	c := cursor{src: src, at: at}
	var point written
	all, last, tags := 0, 0, 0
	for next := byte('{'); !c.sees('}'); next = ',' {
		c.pass(next)
		name := c.enclosed('"', '"')
		c.pass(':')
		which, at := 0, c.at
		switch string(name) {
		case `"name"`:
			which, u.name = nameMember, c.enclosed('"', '"')
		case `"timestamp"`:
			which = stampMember
			point.stamp, point.ms = c.stamp()
		case `"value"`:
			which = valueMember
			point.value, point.kind = c.number()
		case `"tags"`:
			which, tags = tagsMember, at
			u.rest = c.enclosed('{', '}')
		case `"ttl"`:
			if last == tagsMember {
				which, u.rest = ttlMember, src[tags:at+len(c.digits())]
			}
		case `"datapoints"`:
			which = pointsMember
			u.cutPoints(&c)
		}
		if c.lost || which&^all == 0 {
			return
		}
		all, last = all|which, which
	}
	switch all &^ ttlMember {
	case nameMember | tagsMember | stampMember | valueMember:
		u.add(&point)
	case nameMember | tagsMember | pointsMember:
	default:
		return
	}
	u.end = c.at + 1
}

// cutPoints takes an array of points, [time, value].
func (u *usual) cutPoints(c *cursor) {
	for next := byte('['); !c.lost && !c.sees(']'); next = ',' {
		var point written
		c.pass(next)
		c.pass('[')
		point.stamp, point.ms = c.stamp()
		c.pass(',')
		point.value, point.kind = c.number()
		c.pass(']')
		if !c.lost {
			u.add(&point)
		}
	}
	c.pass(']')
}

func (u *usual) add(point *written) {
	u.points, u.kinds = append(u.points, *point), u.kinds|1<<point.kind
}
