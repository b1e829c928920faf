package stackstate

import "penstock/wire"

// series is the parser of what agents send to api/v1/series: {"series":[{…},…]}; one worker's.
type series struct {
	input
	series wire.Series
	laid   int // series made
}

const inSeries = "series"

// Parse implements wire.Parser.
func (p *series) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	p.series.Reset()
	p.laid = 0
	r, fault := p.begin(req, b)
	if fault == nil {
		fault = p.all(&r)
	}
	return p.end(fault)
}

func (p *series) all(r *wire.Reader) (fault *wire.Fault) {
	start, at := r.At, 0
	if !r.Enter('{') {
		return p.notObject(start, "", inSeries)
	}
	for r.Next() {
		if string(p.name(r)) != inSeries {
			r.Skip()
			continue
		}
		if at, fault = p.list(r, '[', "", inSeries); fault != nil {
			return fault
		}
	}
	if at == 0 {
		return p.missing(start, "", inSeries)
	}
	list := wire.Reader{Src: p.body, At: at + 1}
	for list.Next() {
		if fault = p.one(&list); fault != nil {
			return fault
		}
	}
	p.series.Flush(p.Batch, p.topics[wire.KindMetric])
	return nil
}

// one reads a series and its points.
func (p *series) one(r *wire.Reader) (fault *wire.Fault) {
	start := r.At
	if !r.Enter('{') {
		return p.notObject(start, inSeries, "metric")
	}
	var m wire.Metric
	var device []byte
	points, named := 0, false
	p.noTags()
	for r.Next() {
		switch string(p.name(r)) {
		case "metric":
			m.Name, fault = p.string(r, inSeries, "metric")
			named = true
		case "points":
			points, fault = p.list(r, '[', inSeries, "points")
		case "tags":
			fault = p.readTags(r, inSeries)
		case "host":
			m.Host, fault = p.filled(r, inSeries, "host")
		case "type":
			m.Type, fault = p.filled(r, inSeries, "type")
		case "device":
			device, fault = p.filled(r, inSeries, "device")
		case "source_type_name":
			m.Sourcetype, fault = p.filled(r, inSeries, "source_type_name")
		default:
			r.Skip()
		}
		if fault != nil {
			return fault
		}
	}
	switch {
	case !named:
		return p.missing(start, inSeries, "metric")
	case points == 0:
		return p.missing(start, inSeries, "points")
	case !allowed(m.Name, forbiddenMetrics):
		p.Refuse(wire.BadName, start, p.body[start:r.At:r.At])
		return nil
	}
	p.tagDevice(device)
	m.Tags = p.merge()
	of := p.series.Of(&m, p.from, p.Batch)
	p.laid = max(p.laid, of+1)
	if fault = p.room(p.laid-1, start); fault != nil {
		return fault
	}
	return p.points(points, of)
}

// points gives the points of the list that begins at at, [seconds, value] each, to their series.
func (p *series) points(at, of int) *wire.Fault {
	list := wire.Reader{Src: p.body, At: at + 1}
	for list.Next() {
		start := list.At
		if !list.Enter('[') {
			return p.wrong(start, inSeries, "points", aPair)
		}
		var pair [2][]byte
		n := 0
		for ; list.Next(); n++ {
			if n >= len(pair) {
				list.Skip()
				continue
			}
			var fault *wire.Fault
			if pair[n], fault = p.number(&list, inSeries, "points", aDouble); fault != nil {
				return fault
			}
		}
		if n != len(pair) {
			return p.wrong(start, inSeries, "points", aPair)
		}
		ms, code := p.point(pair[0], pair[1])
		if code != wire.OK {
			p.Refuse(code, start, p.body[start:list.At:list.At])
			continue
		}
		p.series.Add(of, ms, pair[1], nil)
	}
	return nil
}
