package stackstate

import "penstock/wire"

// intake is the parser of the common JSON object; one worker's.
type intake struct {
	input
	series wire.Series
	laid   int // series made
}

// parts says where the lists of a common object begin; 0 is one that is not there. They are read when all members are known: the
// host of what names none may stand behind them.
type parts struct{ metrics, events, checks, topologies, health int }

// The members of the common object that are read, which are the sections of a fault's path.
const (
	inMetrics    = "metrics"
	inEvents     = "events"
	inChecks     = "service_checks"
	inTopologies = "topologies"
	inHealth     = "health"
)

// Parse implements wire.Parser.
func (p *intake) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	p.series.Reset()
	p.laid = 0
	r, fault := p.begin(req, b)
	if fault == nil {
		fault = p.all(&r)
	}
	return p.end(fault)
}

func (p *intake) all(r *wire.Reader) *wire.Fault {
	at, fault := p.members(r)
	if fault != nil {
		return fault
	}
	if fault = p.metrics(at.metrics); fault != nil {
		return fault
	}
	p.series.Flush(p.Batch, p.topics[wire.KindMetric])
	if fault = p.events(at.events); fault != nil {
		return fault
	}
	if at.checks > 0 {
		list := wire.Reader{Src: p.body, At: at.checks + 1}
		if fault = p.checks(&list, inChecks); fault != nil {
			return fault
		}
	}
	if fault = p.topologies(at.topologies); fault != nil {
		return fault
	}
	return p.health(at.health)
}

// members reads the object up to its lists.
func (p *intake) members(r *wire.Reader) (at parts, fault *wire.Fault) {
	const hostname = "internalHostname"
	start := r.At
	if !r.Enter('{') {
		return at, p.notObject(start, "", hostname)
	}
	named := false
	for r.Next() {
		switch string(p.name(r)) {
		case hostname:
			p.host, fault = p.string(r, "", hostname)
			named = true
		case "collection_timestamp":
			fault = p.collected(r)
		case inMetrics:
			at.metrics, fault = p.list(r, '[', "", inMetrics)
		case inEvents:
			at.events, fault = p.list(r, '{', "", inEvents)
		case inChecks:
			at.checks, fault = p.list(r, '[', "", inChecks)
		case inTopologies:
			at.topologies, fault = p.list(r, '[', "", inTopologies)
		case inHealth:
			at.health, fault = p.list(r, '[', "", inHealth)
		default:
			r.Skip()
		}
		if fault != nil {
			return at, fault
		}
	}
	if !named {
		return at, p.missing(start, "", hostname)
	}
	if len(p.host) == 0 {
		p.host = nil
	}
	return at, nil
}

// collected reads the time of the whole object. One that is out of range is as good as none.
func (p *intake) collected(r *wire.Reader) *wire.Fault {
	if r.Kind() == 'n' {
		r.Skip()
		return nil
	}
	number, fault := p.number(r, "", "collection_timestamp", aDouble)
	if fault != nil {
		return fault
	}
	if ms, ok := p.moment(number); ok {
		p.time = ms
	}
	return nil
}

// topologies lays each topology as it was sent.
func (p *intake) topologies(at int) *wire.Fault {
	if at == 0 {
		return nil
	}
	list := wire.Reader{Src: p.body, At: at + 1}
	for list.Next() {
		start := list.At
		if list.Kind() != '{' {
			return p.wrong(start, inTopologies, "", aMap)
		}
		if fault := p.room(0, start); fault != nil {
			return fault
		}
		object := list.Value()
		p.layObject(wire.KindTopology, p.instance(object), object)
	}
	return nil
}

// layObject lays a record of an object as it was sent.
func (p *intake) layObject(kind wire.Kind, key, object []byte) {
	object = p.valid(object) // before Open: it may need the scratch itself
	p.lay(kind, key, p.Close(wire.AppendObject(p.Open(), kind, object, p.from)), p.time)
}

// instance returns the key of a topology's record, type_url; nil when the topology does not say which instance it is of.
func (p *intake) instance(topology []byte) []byte {
	var kind, url []byte
	r := wire.Reader{Src: topology, At: 1}
	for r.Next() {
		if string(p.name(&r)) != "instance" || !r.Enter('{') {
			r.Skip()
			continue
		}
		kind, url = nil, nil
		for r.Next() {
			switch name := p.name(&r); {
			case string(name) == "type" && r.Kind() == '"':
				kind = p.text.Of(r.Value(), p.Batch)
			case string(name) == "url" && r.Kind() == '"':
				url = p.text.Of(r.Value(), p.Batch)
			default:
				r.Skip()
			}
		}
	}
	if kind == nil || url == nil {
		return nil
	}
	return p.Close(append(append(append(p.Open(), kind...), '_'), url...))
}
