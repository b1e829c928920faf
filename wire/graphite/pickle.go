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
	machine machine
}

// Parse implements wire.Parser. A pickle that cannot be read is refused whole; of one that can, only the points that are none.
func (p *pickles) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	p.known.Begin(nil)
	p.series.Reset()
	var fault *wire.Fault
	if p.usual(req.Body) {
		p.layUsual(req, b)
	} else {
		fault = p.run(req, b)
	}
	if fault == nil {
		p.series.Flush(b, req.Topics[wire.KindMetric])
	}
	return fault
}

// layUsual takes the points of a pickle of the usual shape.
func (p *pickles) layUsual(req *wire.Request, b *wire.Batch) {
	p.machine.reset(req.Body, b)
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
	ms, why := p.machine.seconds(stamp)
	if why == taken {
		ms, why = milliseconds(ms, now)
	}
	if why != taken {
		return why
	}
	value, why := p.machine.value(number)
	if why != taken {
		return why
	}
	series, why := p.seriesOf(name, b)
	if why != taken {
		return why
	}
	p.series.Add(series, ms, value, nil)
	return taken
}

// seriesOf reads a name, the first time that it comes.
func (p *pickles) seriesOf(name *literal, b *wire.Batch) (int, reason) {
	if name.series == 0 && name.why == taken {
		outline, ok := p.known.Find(0, name.text, nil)
		if !ok {
			if name.why = p.names.read(name.text, &p.metric, b); name.why != taken {
				return 0, name.why
			}
			outline = p.known.Learn(0, name.text, nil, &p.metric, from)
		}
		name.series = int32(p.series.OfOutline(outline, b)) + 1
	}
	return int(name.series) - 1, name.why
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

// value is a point's value as JSON, in the batch's scratch or in the frame.
func (m *machine) value(it item) ([]byte, reason) {
	b := m.b
	switch it.kind {
	case integer:
		return b.Close(strconv.AppendInt(b.Open(), int64(it.bits), 10)), taken
	case unsigned:
		return b.Close(strconv.AppendUint(b.Open(), it.bits, 10)), taken
	case huge:
		return nil, numberTooLarge
	case double:
		f := math.Float64frombits(it.bits)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, notFinite
		}
		return b.Close(appendDouble(b.Open(), f)), taken
	case text:
		return value(m.texts[it.bits].text, b)
	}
	return nil, notANumber
}
