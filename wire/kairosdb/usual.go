package kairosdb

import "penstock/wire"

// usual is a metric of the shape that most have: name and tags, perhaps a ttl, and a timestamp with its value next or else datapoints; in
// any order, each once, and nothing else. Its numbers are spelled as a record spells them. Two such metrics with the same head and
// tail differ in their points only, so a series is remembered by these.
//
// Name and tags are not read. They seem to end at the first quote, and at the first brace, and the object must go on behind them: with
// its own end, or with a comma and another member's name. If that quote or brace is in truth within a text, then the object is no JSON,
// or does not end where it seems to. So an object that the parser takes, and that ends here, is what it seems.
type usual struct {
	head, tail []byte // as sent: what is before its first point's time, and what is behind its last one's value
	form       form
	points     []written
	kinds      uint8               // of the points: a bit for each
	outlines   [kinds]wire.Outline // of these, where they are known
	end        int                 // where it ends in the body; 0: the element is not of this shape
}

// form is how a usual metric has its points.
type form uint8

const (
	alone form = iota // one, as members
	array

	forms
)

// code tells the series of metrics with the same head and tail apart.
func (f form) code(kind pointKind) uint8 { return uint8(f)*uint8(kinds) + uint8(kind) }

// written is a data point whose numbers are spelled as a record spells them.
type written struct {
	wire.Single
	comma []byte // what is between its numbers
	kind  pointKind
}

// keepWritten is how many points' room is kept between requests.
const keepWritten = 4 << 10

// cut takes the element that starts at src[at] apart.
func (u *usual) cut(src []byte, at int) {
	const name, tags, ttl, points = 1, 2, 4, 8
	*u = usual{points: u.points[:0]}
	c := cursor{src: src, at: at}
	all, from, behind := 0, 0, 0
	for next := byte('{'); !c.sees('}'); next = ',' {
		c.pass(next)
		called := c.enclosed('"', '"')
		c.pass(':')
		which := 0
		switch string(called) {
		case `"name"`:
			which = name
			c.enclosed('"', '"')
		case `"tags"`:
			which = tags
			c.enclosed('{', '}')
		case `"ttl"`:
			which = ttl
			c.digits()
		case `"timestamp"`:
			which = points
			from, behind = u.cutPoint(&c)
		case `"datapoints"`:
			which = points
			from, behind = u.cutArray(&c)
		}
		if c.lost || which&^all == 0 {
			return
		}
		all |= which
	}
	if all|ttl == name|tags|ttl|points {
		u.end = c.at + 1
		u.head, u.tail = src[at:from], src[behind:u.end]
	}
}

// cutArray takes an array of points, and says where its first one's time begins and its last one's value ends.
func (u *usual) cutArray(c *cursor) (from, behind int) {
	u.form = array
	for next := byte('['); !c.lost; next = ',' {
		c.pass(next)
		c.pass('[')
		begins, ends := u.cutPoint(c)
		c.pass(']')
		if behind = ends; from == 0 {
			from = begins
		}
		if c.sees(']') {
			break
		}
	}
	c.pass(']')
	return from, behind
}

// cutPoint takes a point's time, what is between, and its value, and says where that begins and ends.
func (u *usual) cutPoint(c *cursor) (from, behind int) {
	var p written
	from = c.at
	p.Stamp, p.Time = c.stamp()
	c.pass(',')
	if u.form == alone {
		c.word(`"value"`)
		c.pass(':')
	}
	at := c.at
	p.Value, p.kind = c.number()
	if !c.lost {
		p.comma = c.src[from+len(p.Stamp) : at]
		u.points, u.kinds = append(u.points, p), u.kinds|1<<p.kind
	}
	return from, at + len(p.Value)
}
