package cloudwisdom

import "penstock/wire"

// events is the parser of events; one worker's.
type events struct {
	input
	tags []wire.Tag // of the event being read
}

// Parse implements wire.Parser.
func (p *events) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	fault := p.begin(req, b)
	if fault == nil {
		fault = p.all()
	}
	p.tags = trim(p.tags)
	clear(p.tags)
	return p.end(fault)
}

func (p *events) all() *wire.Fault {
	r, fault := p.array()
	if fault != nil {
		return fault
	}
	for r.Next() {
		if fault := p.event(&r); fault != nil {
			return fault
		}
		p.Items++
	}
	return nil
}

// event lays the event that comes next, or notes it as refused when it names no element.
func (p *events) event(r *wire.Reader) (fault *wire.Fault) {
	if fault = p.object(r); fault != nil {
		return fault
	}
	start := r.At - 1
	e := wire.Event{Time: p.now}
	var oldName []byte
	time, has, tags := int64(0), false, 0
	for r.Next() {
		switch string(p.name(r)) {
		case "type":
			e.Name, fault = p.scalar(r)
		case "eventType":
			oldName, fault = p.scalar(r)
		case "title":
			e.Title, fault = p.scalar(r)
		case "source":
			e.Source, fault = p.scalar(r)
		case "timestamp":
			time, has, fault = p.time(r)
		case "tags":
			tags, fault = p.list(r)
		case "data":
			fault = p.data(r, &e)
		default:
			r.Skip()
		}
		if fault != nil {
			return fault
		}
	}
	if p.tags, fault = p.input.tags(tags, p.tags[:0]); fault != nil {
		return fault
	}
	e.Tags = p.tags
	if len(e.Host) == 0 {
		p.Refuse(wire.Dropped, start, p.body[start:r.At:r.At])
		return nil
	}
	if e.Name == nil {
		e.Name = oldName
	}
	if has && !p.inject {
		e.Time = time
	}
	if len(p.Records) == MaxRecords {
		return p.Fail(wire.TooMany, start)
	}
	value := p.Close(e.Append(p.Open(), p.from))
	rec := p.Add()
	rec.Topic, rec.Key, rec.Value, rec.Time = p.topics[wire.KindEvent], e.Host, value, e.Time
	return nil
}

// data reads an event's data: the element that it is about, its message, and all of it as attributes. Its other members may be
// anything.
func (p *events) data(r *wire.Reader, e *wire.Event) *wire.Fault {
	e.Host, e.Text, e.Attributes = nil, nil, nil
	start := 0
	switch r.Kind() {
	case 'n':
		r.Skip()
		return nil
	case '{':
		start = r.At
		r.At++
	default:
		return p.Fail(wire.BadField, r.At)
	}
	for r.Next() {
		var into *[]byte
		switch string(p.name(r)) {
		case "elementId":
			into = &e.Host
		case "message":
			into = &e.Text
		}
		if kind := r.Kind(); into == nil || kind == '{' || kind == '[' {
			r.Skip()
			continue
		}
		*into, _ = p.scalar(r)
	}
	e.Attributes = p.valid(p.body[start:r.At:r.At])
	return nil
}

// webhook is the parser of texts that are an event's message; it has no state.
type webhook struct{}

// webhookEvent is the type of an event that came by webhook [decided: the documents give it none].
var webhookEvent = []byte("webhook")

// Parse implements wire.Parser.
func (webhook) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	var in input
	if fault := in.begin(req, b); fault != nil {
		return in.end(fault)
	}
	if len(in.body) == 0 {
		return in.end(b.Fail(wire.NoData, wire.NoOffset))
	}
	e := wire.Event{Name: webhookEvent, Time: in.now, Text: in.body}
	value := b.Close(e.Append(b.Open(), in.from))
	rec := b.Add()
	rec.Topic, rec.Value, rec.Time = in.topics[wire.KindEvent], value, in.now
	b.Items = 1
	return in.end(nil)
}
