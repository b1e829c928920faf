package splunk

import "penstock/wire"

var eventPlaces = placesOf("Event")

// eventsParser is one worker's for a request that is an array of events.
type eventsParser struct{ list }

// Parse implements wire.Parser.
func (p *eventsParser) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	p.places = eventPlaces
	if fault := p.open(req, b); fault != nil {
		return fault
	}
	from, topic := source(req), req.Topics[wire.KindEvent]
	for p.next() {
		p.event(from, topic, req.Now)
	}
	return p.end()
}

// event lays the event that comes next.
func (p *eventsParser) event(from wire.Source, topic []byte, now int64) {
	var body, attributes []byte
	e := envelope{time: now}
	if p.enter('{', p.element) {
		for p.r.Next() {
			switch field := p.field(fields); field {
			case "body":
				if body = p.r.Value(); string(body) == "null" {
					body = nil
				}
			case "attributes":
				attributes = p.object(p.attributes)
			default:
				e.read(&p.strict, field, p.places, now)
			}
		}
	}
	if body == nil {
		p.fail(nullBody)
	}
	if p.fault != nil || len(p.failed) > 0 {
		return // there is nothing to lay any more
	}
	event := wire.Event{
		Time: e.time, Nanos: e.nanos, Body: body, Attributes: attributes,
		Host: e.host, Source: e.source, Sourcetype: e.sourcetype, ID: e.id,
	}
	r := p.Add()
	r.Topic, r.Key, r.Time = topic, e.key(), e.time
	if len(e.id) > 0 {
		r.ID = e.id
	}
	r.Value = p.Close(event.Append(p.Open(), from))
}

// key is an event's shard key: its host, if it has one.
func (e *envelope) key() []byte {
	if len(e.host) == 0 {
		return nil
	}
	return e.host
}
