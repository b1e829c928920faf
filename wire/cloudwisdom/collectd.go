package cloudwisdom

import "penstock/wire"

// collectd is the parser of what collectd's write_http plugin sends with "Format JSON"; one worker's. Its source is collectd 5.12.
//
//	[{"values":[0.03,0.05,null],"dstypes":["gauge","gauge","gauge"],"dsnames":["shortterm","midterm","longterm"],
//	  "time":1795324339.957,"interval":1.000,"host":"h.example","plugin":"load","plugin_instance":"","type":"load","type_instance":""}]
//
// How the vendor names metrics of this is not known. [decided]
//
//   - The host is the element; no element record is made, since a value list says nothing of it but its name.
//   - A metric is plugin[-plugin_instance].type[-type_instance], and .dsname for a source that is not called "value", collectd's name
//     for the only one. Ids are cleaned as all are.
//   - The source's dstype is the metric's type. A value that is null is collectd's NaN, and is left out.
//   - A time is a number of seconds with a fraction, read exactly to the millisecond. interval and meta are not kept.
//   - host, plugin, type, time and values must be there, and as many dsnames and dstypes as values: it always sends them.
//   - Each value list counts as an element in the reply.
type collectd struct {
	input
	series wire.Series
	laid   int // series made
	named  int // bytes of their names
}

// valueList is one value list. Lists are where they begin in the body, 0 when absent; texts are nil when absent or empty.
type valueList struct {
	values, names, types         int
	host, plugin, kind           []byte
	pluginInstance, kindInstance []byte
	time                         int64
	hasTime                      bool
}

// Parse implements wire.Parser.
func (p *collectd) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	p.series.Reset()
	p.laid, p.named = 0, 0
	fault := p.begin(req, b)
	if fault == nil {
		fault = p.all()
	}
	return p.end(fault)
}

func (p *collectd) all() *wire.Fault {
	r, fault := p.array()
	if fault != nil {
		return fault
	}
	for r.Next() {
		if fault := p.valueList(&r); fault != nil {
			return fault
		}
		p.Items++
	}
	p.series.Flush(p.Batch, p.topics[wire.KindMetric])
	return nil
}

// valueList reads the value list that comes next and gives its values to their series.
func (p *collectd) valueList(r *wire.Reader) *wire.Fault {
	if fault := p.object(r); fault != nil {
		return fault
	}
	start := r.At - 1
	var v valueList
	if fault := p.members(r, &v); fault != nil {
		return fault
	}
	if p.inject {
		v.time, v.hasTime = p.now, true
	}
	v.host = cleanID(v.host, p.Batch)
	switch {
	case len(v.host) == 0:
		return p.missing(start, "Missing required field on collectd value list, 'host'.")
	case len(v.plugin) == 0:
		return p.missing(start, "Missing required field on collectd value list, 'plugin'.")
	case len(v.kind) == 0:
		return p.missing(start, "Missing required field on collectd value list, 'type'.")
	case v.values == 0:
		return p.missing(start, "Missing required field on collectd value list, 'values'.")
	case v.names == 0:
		return p.missing(start, "Missing required field on collectd value list, 'dsnames'.")
	case v.types == 0:
		return p.missing(start, "Missing required field on collectd value list, 'dstypes'.")
	case !v.hasTime:
		return p.missing(start, "Missing required field on collectd value list, 'time'.")
	}
	return p.values(&v)
}

func (p *collectd) members(r *wire.Reader, v *valueList) (fault *wire.Fault) {
	for r.Next() {
		switch string(p.name(r)) {
		case "values":
			v.values, fault = p.list(r)
		case "dsnames":
			v.names, fault = p.list(r)
		case "dstypes":
			v.types, fault = p.list(r)
		case "host":
			v.host, fault = p.scalar(r)
		case "plugin":
			v.plugin, fault = p.scalar(r)
		case "plugin_instance":
			v.pluginInstance, fault = p.scalar(r)
		case "type":
			v.kind, fault = p.scalar(r)
		case "type_instance":
			v.kindInstance, fault = p.scalar(r)
		case "time":
			v.time, v.hasTime, fault = p.seconds(r)
		default:
			r.Skip()
		}
		if fault != nil {
			return fault
		}
	}
	return nil
}

// seconds reads a time in seconds and returns milliseconds.
func (p *collectd) seconds(r *wire.Reader) (ms int64, has bool, fault *wire.Fault) {
	at := r.At
	text, fault := p.number(r)
	if fault != nil || text == nil {
		return 0, false, fault
	}
	ms, ok := wire.ParseScaled(text, 3)
	if !ok {
		return 0, false, p.Fail(wire.BadTime, at)
	}
	return ms, true, nil
}

// values walks the three lists of a value list side by side.
func (p *collectd) values(v *valueList) *wire.Fault {
	base := p.Close(v.appendName(p.Open()))
	values := wire.Reader{Src: p.body, At: v.values + 1}
	names := wire.Reader{Src: p.body, At: v.names + 1}
	types := wire.Reader{Src: p.body, At: v.types + 1}
	for values.Next() {
		if !names.Next() || !types.Next() {
			return p.Fail(wire.BadField, v.values)
		}
		at := values.At
		value, fault := p.number(&values)
		if fault != nil {
			return fault
		}
		source, fault := p.scalar(&names)
		if fault != nil {
			return fault
		}
		kind, fault := p.scalar(&types)
		if fault != nil {
			return fault
		}
		if value == nil {
			continue
		}
		if fault = p.value(v, base, source, kind, value, at); fault != nil {
			return fault
		}
	}
	if names.Next() || types.Next() {
		return p.Fail(wire.BadField, v.values)
	}
	return nil
}

// value gives one value to its series.
func (p *collectd) value(v *valueList, base, source, kind, value []byte, at int) *wire.Fault {
	p.named += len(v.host) + len(base) + len(source)
	if p.named > MaxNames {
		return p.Fail(wire.TooMany, at)
	}
	id := base
	if len(source) > 0 && string(source) != "value" {
		id = p.Close(appendID(append(append(p.Open(), base...), '.'), source))
	}
	series := p.series.Of(&wire.Metric{Name: id, Type: kind, Element: v.host}, p.from, p.Batch)
	if p.laid = max(p.laid, series+1); p.laid > MaxRecords {
		return p.Fail(wire.TooMany, at)
	}
	p.series.Add(series, v.time, value, nil)
	return nil
}

// appendName adds plugin[-plugin_instance].type[-type_instance].
func (v *valueList) appendName(dst []byte) []byte {
	dst = appendID(dst, v.plugin)
	if len(v.pluginInstance) > 0 {
		dst = appendID(append(dst, '-'), v.pluginInstance)
	}
	dst = appendID(append(dst, '.'), v.kind)
	if len(v.kindInstance) > 0 {
		dst = appendID(append(dst, '-'), v.kindInstance)
	}
	return dst
}
