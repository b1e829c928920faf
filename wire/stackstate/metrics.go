package stackstate

import "penstock/wire"

// metrics gives the metrics of the list that begins at at to their series.
func (p *intake) metrics(at int) *wire.Fault {
	if at == 0 {
		return nil
	}
	list := wire.Reader{Src: p.body, At: at + 1}
	for list.Next() {
		if fault := p.metric(&list); fault != nil {
			return fault
		}
	}
	return nil
}

// metric reads [name, seconds, value, {…}].
func (p *intake) metric(r *wire.Reader) (fault *wire.Fault) {
	start := r.At
	if !r.Enter('[') {
		return p.wrong(start, inMetrics, "", aFour)
	}
	var m wire.Metric
	var at, value []byte
	n := 0
	for ; r.Next(); n++ {
		switch n {
		case 0:
			m.Name, fault = p.string(r, inMetrics, "")
		case 1:
			at, fault = p.number(r, inMetrics, "", aDouble)
		case 2:
			value, fault = p.number(r, inMetrics, "", aDouble)
		case 3:
			fault = p.about(r, &m)
		default:
			r.Skip()
		}
		if fault != nil {
			return fault
		}
	}
	if n != 4 {
		return p.wrong(start, inMetrics, "", aFour)
	}
	raw := p.body[start:r.At:r.At]
	if !allowed(m.Name, forbiddenMetrics) {
		p.Refuse(wire.BadName, start, raw)
		return nil
	}
	ms, code := p.point(at, value)
	if code != wire.OK {
		p.Refuse(code, start, raw)
		return nil
	}
	m.Host = p.hostOf(m.Host)
	m.Tags = p.merge()
	of := p.series.Of(&m, p.from, p.Batch)
	p.laid = max(p.laid, of+1)
	if fault = p.room(p.laid-1, start); fault != nil {
		return fault
	}
	p.series.Add(of, ms, value, nil)
	return nil
}

// about reads what a metric says of itself. Its tags are in p.tags.
func (p *intake) about(r *wire.Reader, m *wire.Metric) (fault *wire.Fault) {
	p.noTags()
	if r.Kind() != '{' {
		return p.wrong(r.At, inMetrics, "", aMap)
	}
	var device []byte
	r.Enter('{')
	for r.Next() {
		switch string(p.name(r)) {
		case "hostname":
			m.Host, fault = p.filled(r, inMetrics, "hostname")
		case "type":
			m.Type, fault = p.filled(r, inMetrics, "type")
		case "device_name":
			device, fault = p.filled(r, inMetrics, "device_name")
		case "tags":
			fault = p.readTags(r, inMetrics)
		default:
			r.Skip()
		}
		if fault != nil {
			return fault
		}
	}
	p.tagDevice(device)
	return nil
}

var deviceTag = []byte("device")

// tagDevice adds the tag of a device, if there is one.
func (in *input) tagDevice(device []byte) {
	if device != nil {
		in.tags = append(in.tags, wire.Tag{Name: deviceTag, Value: device})
	}
}

const (
	longestNumber = 64 // bytes
	// largestDouble is the largest double, 1.797693134862315708…e308, without its last 290 digits.
	largestDouble  = 1797693134862315708
	digitsOfDouble = 290
)

// point reads the numbers of a point: its time in milliseconds, and whether the value can be kept.
func (in *input) point(at, value []byte) (ms int64, code wire.Code) {
	ms, ok := in.moment(at)
	if !ok {
		return 0, wire.BadTime
	}
	n, ok := wire.ParseScaled(value, -digitsOfDouble)
	if !ok || n > largestDouble || n < -largestDouble || len(value) > longestNumber {
		return 0, wire.BadNumber
	}
	return ms, wire.OK
}
