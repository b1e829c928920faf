package stackstate

import "penstock/wire"

// attributes are the members of an event that its record has as attributes, in this order.
var attributes = [...]string{"priority", "alert_type", "aggregation_key", "event_type", "context"}

// events lays the events of the object that begins at at: lists of them, by their names.
func (p *intake) events(at int) *wire.Fault {
	if at == 0 {
		return nil
	}
	r := wire.Reader{Src: p.body, At: at + 1}
	for r.Next() {
		name := p.text.Of(r.Name(), p.Batch)
		switch r.Kind() {
		case '[':
			r.Enter('[')
		case 'n':
			r.Skip()
			continue
		default:
			return p.wrong(r.At, inEvents, "", aList)
		}
		for r.Next() {
			if fault := p.event(&r, name); fault != nil {
				return fault
			}
		}
	}
	return nil
}

// event lays the event that comes next.
func (p *intake) event(r *wire.Reader, name []byte) (fault *wire.Fault) {
	start := r.At
	if !r.Enter('{') {
		return p.notObject(start, inEvents, "msg_text")
	}
	e := wire.Event{Name: name}
	var at []byte
	var more [len(attributes)][]byte
	p.noTags()
	for r.Next() {
		switch member := p.name(r); string(member) {
		case "msg_title":
			e.Title, fault = p.option(r, inEvents, "msg_title")
		case "msg_text":
			e.Text, fault = p.option(r, inEvents, "msg_text")
		case "timestamp":
			at, fault = p.number(r, inEvents, "timestamp", aDouble)
		case "host":
			e.Host, fault = p.filled(r, inEvents, "host")
		case "source_type_name":
			e.Sourcetype, fault = p.filled(r, inEvents, "source_type_name")
		case "tags":
			fault = p.readTags(r, inEvents)
		default:
			p.attribute(r, member, &more)
		}
		if fault != nil {
			return fault
		}
	}
	if at == nil {
		return p.missing(start, inEvents, "timestamp")
	}
	raw := p.body[start:r.At:r.At]
	ms, ok := p.moment(at)
	switch {
	case !allowed(name, forbiddenEvents):
		p.Refuse(wire.BadName, start, raw)
		return nil
	case !ok:
		p.Refuse(wire.BadTime, start, raw)
		return nil
	}
	p.spread += len(name)
	e.Host = p.hostOf(e.Host)
	if fault = p.room(0, start); fault != nil {
		return fault
	}
	e.Time, e.Tags, e.Attributes = ms, p.merge(), p.object(&more)
	p.lay(wire.KindEvent, e.Host, p.Close(e.Append(p.Open(), p.from)), ms)
	return nil
}

// attribute keeps a member that is an attribute, and reads over any other; null is none.
func (p *intake) attribute(r *wire.Reader, member []byte, more *[len(attributes)][]byte) {
	for i, attribute := range attributes {
		if string(member) != attribute {
			continue
		}
		if more[i] = nil; r.Kind() != 'n' {
			more[i] = p.valid(r.Value())
			return
		}
		break
	}
	r.Skip()
}

// object returns the attributes as JSON: an object, nil when there are none.
func (p *intake) object(more *[len(attributes)][]byte) []byte {
	text := p.Open()
	for i, value := range more {
		if value == nil {
			continue
		}
		open := byte(',')
		if len(text) == 0 {
			open = '{'
		}
		text = append(append(append(text, open, '"'), attributes[i]...), `":`...)
		text = append(text, value...)
	}
	if len(text) == 0 {
		return nil
	}
	return p.Close(append(text, '}'))
}
