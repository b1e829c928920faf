package graphite

import (
	"math"
	"strconv"

	"penstock/wire"
)

// pickles reads one pickle a frame: a list or tuple of points. One for each worker.
type pickles struct {
	names   *names
	metric  wire.Metric
	known   wire.Outlines
	series  wire.Series
	points  []sent
	apart   wire.Apart
	gathers bool        // the last frame was not one of points that each have a series, of the usual shape: nor will the next be
	next    wire.Single // a point at the last one's time; its value is in room
	single  wire.Single // any other
	room    [mostThousandths]byte
	digits  []byte // of the frame's times and values
	stamp   stamp
	found   wire.Outline
	machine machine
}

// Parse implements wire.Parser. A pickle that cannot be read is refused whole; of one that can, only the points that are none.
func (p *pickles) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	p.known.Begin(nil)
	p.forget(req.Body, b)
	if !p.gathers && p.layApart(req, b) {
		return nil
	}
	p.gathers = true
	if !p.readUsual(req.Body) {
		if fault := p.run(req, b); fault != nil {
			return fault
		}
	} else {
		p.layUsual(req, b)
	}
	before := len(b.Records)
	p.series.Flush(b, req.Topics[wire.KindMetric])
	p.gathers = len(b.Records)-before != len(p.points)
	return nil
}

// forget makes ready for a frame, and gives back the room of a rare giant.
func (p *pickles) forget(src []byte, b *wire.Batch) {
	p.machine.reset(src, b)
	p.series.Reset()
	if p.digits, p.stamp = p.digits[:0], (stamp{}); cap(p.digits) > keepDigits {
		p.digits = nil
	}
	if p.points = p.points[:0]; cap(p.points) > keepValues {
		p.points = nil
	}
}

// readUsual reads a pickle of the usual shape into points. false: it is none, and the machine must run it.
func (p *pickles) readUsual(src []byte) bool {
	u := usualPickle(src)
	for n := 0; n <= maxPoints; n++ {
		p.points = append(p.points, sent{})
		if u.next(&p.points[n]) {
			continue
		}
		if !u.ended {
			n = 0
		}
		p.points = p.points[:n]
		return u.ended
	}
	p.points = p.points[:0]
	return false
}

// layUsual takes the points of a pickle of the usual shape.
func (p *pickles) layUsual(req *wire.Request, b *wire.Batch) {
	for i := range p.points {
		it := &p.points[i]
		name := literal{text: req.Body[it.name:it.behind:it.behind]}
		if why := p.lay(&name, it.stamp, it.number, req.Now, b); why != taken {
			end := len(req.Body)
			if i+1 < len(p.points) {
				end = int(p.points[i+1].start)
			}
			refusePoint(b, why, req.Body, int(it.start), end)
		}
	}
}

// run has the machine run the pickle, and takes the points of the list that it leaves.
func (p *pickles) run(req *wire.Request, b *wire.Batch) *wire.Fault {
	m := &p.machine
	top := m.run(req.Body, b)
	if m.code != wire.OK {
		return b.Fail(m.code, m.op).Because(m.why)
	}
	if top.kind != sequence {
		return b.Fail(wire.BadPickle, int(top.start)).Because(whyNoList)
	}
	points := &m.sequences[top.bits]
	if points.length > maxPoints {
		return b.Fail(wire.TooMany, int(top.start)).Because(whyMany)
	}
	for at := points.first; at != 0; {
		c := &m.cells[at-1]
		if why := p.point(c.item, req.Now, b); why != taken {
			end := len(m.src)
			if c.next != 0 {
				end = int(m.cells[c.next-1].start)
			}
			refusePoint(b, why, m.src, int(c.start), end)
		}
		at = c.next
	}
	return nil
}

// refusePoint refuses the point that goes from start to end, or, got from the memo, the point that begins there.
func refusePoint(b *wire.Batch, why reason, src []byte, start, end int) {
	r := &reasons[why]
	b.Refuse(r.code, start, src[start:max(end, start)]).Because(r.detail)
}

// keepDigits is how much room for digits is kept between frames.
const keepDigits = 64 << 10

// maxPoints is the most points of a frame; carbon sends 500.
const maxPoints = 64 << 10

var whyNoList = []byte("the pickle is not a list of points")

// point lays (name, (timestamp, value)).
func (p *pickles) point(it item, now int64, b *wire.Batch) reason {
	name, datum, ok := p.machine.pair(it)
	if !ok {
		return notAPoint
	}
	stamp, number, ok := p.machine.pair(datum)
	if !ok || name.kind != text {
		return notAPoint
	}
	return p.lay(&p.machine.texts[name.bits], stamp, number, now, b)
}

func (p *pickles) lay(name *literal, stamp, number item, now int64, b *wire.Batch) reason {
	if stamp.kind != p.stamp.kind || stamp.bits != p.stamp.bits {
		p.readStamp(stamp, now)
	}
	if p.stamp.why != taken {
		return p.stamp.why
	}
	value, why := p.value(number)
	if why != taken {
		return why
	}
	if name.series == 0 && name.why == taken {
		name.series, name.why = p.seriesOf(name.text, b)
	}
	if name.why != taken {
		return name.why
	}
	p.series.AddWritten(int(name.series)-1, p.stamp.ms, p.stamp.digits, value)
	return taken
}

// stamp is the time of the last point. Most points of a frame have one time, so it is read once.
type stamp struct {
	item
	ms     int64
	digits []byte
	why    reason
	leads  uint64 // six bytes: the opcode for such an integer, its bytes, the opcode for a double; 0: it is none, or no time
}

func (p *pickles) readStamp(it item, now int64) {
	p.stamp = stamp{item: it}
	p.stamp.ms, p.stamp.why = p.machine.seconds(it)
	if p.stamp.why == taken {
		p.stamp.ms, p.stamp.why = milliseconds(p.stamp.ms, now)
	}
	from := len(p.digits)
	p.digits = strconv.AppendInt(p.digits, p.stamp.ms, 10)
	p.stamp.digits = p.digits[from:]
	p.next = wire.Single{Time: p.stamp.ms, Stamp: p.stamp.digits, Value: p.room[:0]}
	if p.stamp.why == taken && it.kind == integer && int64(it.bits) == int64(int32(it.bits)) {
		p.stamp.leads = opBinInt | uint64(uint32(it.bits))<<8 | opBinFloat<<40
	}
}

// seriesOf reads a name; a series' number is from 1.
func (p *pickles) seriesOf(name []byte, b *wire.Batch) (series int32, why reason) {
	outline, why := p.outline(name, b)
	if why != taken {
		return 0, why
	}
	return int32(p.series.OfOutline(outline, b)) + 1, taken
}

// outline finds a name's series, or learns it. It is valid until the next.
func (p *pickles) outline(name []byte, b *wire.Batch) (of *wire.Outline, why reason) {
	if kind, expected, _ := p.known.Next(); kind == leading && expected != nil && string(expected) == string(name) {
		return p.known.Met(), taken
	}
	found, ok := p.known.Find(leading, name, nil)
	if !ok {
		if why := p.names.read(name, &p.metric, b); why != taken {
			return nil, why
		}
		found = p.known.Learn(leading, name, nil, &p.metric, from)
	}
	p.found = found
	return &p.found, taken
}

// pair is the two values of a sequence of two.
func (m *machine) pair(it item) (first, second item, ok bool) {
	if it.kind != sequence || m.sequences[it.bits].length != 2 {
		return first, second, false
	}
	c := m.cells[m.sequences[it.bits].first-1]
	return c.item, m.cells[c.next-1].item, true
}

// seconds is a point's time; a fraction is cut off.
func (m *machine) seconds(it item) (int64, reason) {
	switch it.kind {
	case integer:
		return int64(it.bits), taken
	case unsigned, huge:
		return 0, timeTooLarge
	case double:
		f := math.Float64frombits(it.bits)
		switch {
		case math.IsNaN(f) || math.IsInf(f, 0):
			return 0, notFinite
		case math.Abs(f) >= math.MaxInt64:
			return 0, timeTooLarge
		}
		return int64(f), taken
	case text:
		return seconds(m.texts[it.bits].text)
	}
	return 0, notATime
}

// value is a point's value as JSON, among the digits or where it was sent.
func (p *pickles) value(it item) ([]byte, reason) {
	from := len(p.digits)
	switch it.kind {
	case integer:
		p.digits = strconv.AppendInt(p.digits, int64(it.bits), 10)
	case unsigned:
		p.digits = strconv.AppendUint(p.digits, it.bits, 10)
	case huge:
		return nil, numberTooLarge
	case double:
		f := math.Float64frombits(it.bits)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, notFinite
		}
		p.digits = appendDouble(p.digits, f)
	case text:
		return value(p.machine.texts[it.bits].text, p.machine.b)
	default:
		return nil, notANumber
	}
	return p.digits[from:], taken
}
