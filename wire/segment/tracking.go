package segment

import "penstock/wire"

// batch is the parser of many events in one request.
type batch struct{ text wire.Text }

// Parse implements wire.Parser.
func (p *batch) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	in, fault := open(req, b, &p.text, BatchLimit)
	if fault != nil {
		return fault
	}
	in.tracking = true
	r, fault := in.prove()
	if fault != nil {
		return fault
	}
	start := r.At
	if !r.Enter('{') {
		return in.fail(wire.NotObject, start)
	}
	found := false
	for r.Next() {
		if name := r.Name(); found || !p.text.Is(name, "batch") {
			r.Skip()
			continue
		}
		found = true
		if fault = in.array(&r); fault != nil {
			return fault
		}
	}
	if !found {
		return in.fail(wire.MissingField, start)
	}
	return nil
}

// call is the parser of one event, whose kind is the path's.
type call struct {
	text wire.Text
	kind string
}

// Parse implements wire.Parser.
func (p *call) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	in, fault := open(req, b, &p.text, EventLimit)
	if fault != nil {
		return fault
	}
	in.tracking, in.kind = true, p.kind
	r, fault := in.prove()
	if fault != nil {
		return fault
	}
	if r.Kind() != '{' {
		return in.fail(wire.NotObject, r.At)
	}
	return in.event(&r)
}

// tracked returns an event without its write key and with a type.
func (in *events) tracked(e *sent) []byte {
	kind := in.kind
	if e.hasType {
		kind = ""
	}
	if !e.hasKey && kind == "" {
		return e.raw
	}
	return in.rebuild(e.raw, kind)
}

// rebuild makes an event anew in scratch: with the type first, if there is one to give, and without write keys.
func (in *events) rebuild(event []byte, kind string) []byte {
	out := append(in.Open(), '{')
	if kind != "" {
		out = append(append(append(out, `"type":"`...), kind...), '"')
	}
	for m, at, ok := wire.NextMember(event, 0); ok; m, at, ok = wire.NextMember(event, at) {
		if in.text.Is(m.Name, "writeKey") {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, m.Name...), ':'), m.Value...)
	}
	return in.Close(append(out, '}'))
}
