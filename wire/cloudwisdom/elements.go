package cloudwisdom

import "penstock/wire"

// elements is the parser of elements; one worker's.
type elements struct {
	input
	series  wire.Series
	laid    int // series made
	named   int // bytes of their names
	metrics metrics
	// Of the element being read:
	attributes []wire.Tag
	tags       []wire.Tag // its own and its metrics'
	relations  [][]byte
}

// lists says where the lists of an object begin, which may stand before or after the members that say what they belong to; 0 is a
// list that is not there.
type lists struct{ metrics, samples, attributes, tags, relations int }

// Parse implements wire.Parser.
func (p *elements) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	p.series.Reset()
	p.laid, p.named = 0, 0
	fault := p.begin(req, b)
	if fault == nil {
		fault = p.all()
	}
	p.forget()
	p.attributes, p.tags, p.relations = trim(p.attributes), trim(p.tags), trim(p.relations)
	p.metrics.trim()
	return p.end(fault)
}

func (p *elements) all() *wire.Fault {
	r, fault := p.array()
	if fault != nil {
		return fault
	}
	for r.Next() {
		if fault := p.element(&r); fault != nil {
			return fault
		}
		p.Items++
	}
	p.series.Flush(p.Batch, p.topics[wire.KindMetric])
	return nil
}

// forget empties the lists of the element that was read, at a cost of what is in them.
func (p *elements) forget() {
	clear(p.attributes)
	clear(p.tags)
	clear(p.relations)
	p.attributes, p.tags, p.relations = p.attributes[:0], p.tags[:0], p.relations[:0]
	p.metrics.reset()
}

// trim gives up a list that one rare request has made large.
func trim[T any](list []T) []T {
	if cap(list) > keepRoom {
		return nil
	}
	return list
}

// element lays the element that comes next, and gives its samples to their series.
func (p *elements) element(r *wire.Reader) *wire.Fault {
	if fault := p.object(r); fault != nil {
		return fault
	}
	start := r.At - 1
	var e wire.Element
	var at lists
	if fault := p.members(r, &e, &at); fault != nil {
		return fault
	}
	if e.ID = cleanID(e.ID, p.Batch); len(e.ID) == 0 {
		return p.missing(start, "Missing required field on Element, 'id'.")
	}
	if fault := p.walk(&e, &at); fault != nil {
		return fault
	}
	if len(p.Records)+p.laid == MaxRecords {
		return p.Fail(wire.TooMany, start)
	}
	e.Metrics = p.declared()
	value := p.Close(e.Append(p.Open(), p.from))
	rec := p.Add()
	rec.Topic, rec.Key, rec.Value, rec.Time = p.topics[wire.KindElement], e.ID, value, p.now
	return p.samples(at.samples, e.ID)
}

// members reads an element's members, up to its lists.
func (p *elements) members(r *wire.Reader, e *wire.Element, at *lists) (fault *wire.Fault) {
	for r.Next() {
		switch string(p.name(r)) {
		case "id":
			e.ID, fault = p.scalar(r)
		case "name":
			e.Name, fault = p.scalar(r)
		case "type":
			e.Type, fault = p.scalar(r)
		case "location":
			e.Location, fault = p.scalar(r)
		case "metrics":
			at.metrics, fault = p.list(r)
		case "samples":
			at.samples, fault = p.list(r)
		case "attributes":
			at.attributes, fault = p.list(r)
		case "tags":
			at.tags, fault = p.list(r)
		case "relations":
			at.relations, fault = p.list(r)
		default:
			r.Skip()
		}
		if fault != nil {
			return fault
		}
	}
	return nil
}

// walk reads an element's lists but for the samples.
func (p *elements) walk(e *wire.Element, at *lists) (fault *wire.Fault) {
	p.forget()
	if p.attributes, fault = p.input.attributes(at.attributes, p.attributes); fault != nil {
		return fault
	}
	if p.tags, fault = p.input.tags(at.tags, p.tags); fault != nil {
		return fault
	}
	e.Attributes, e.Tags = p.attributes, p.tags
	if fault = p.relate(at.relations); fault != nil {
		return fault
	}
	e.Relations = p.relations
	return p.declare(at.metrics)
}

// relate reads the elements that an element is related to; {"fqn":null} is none.
func (p *elements) relate(at int) *wire.Fault {
	if at == 0 {
		return nil
	}
	r := wire.Reader{Src: p.body, At: at + 1}
	for r.Next() {
		fault := p.object(&r)
		if fault != nil {
			return fault
		}
		var fqn []byte
		for r.Next() {
			if string(p.name(&r)) != "fqn" {
				r.Skip()
				continue
			}
			if fqn, fault = p.scalar(&r); fault != nil {
				return fault
			}
		}
		if len(fqn) > 0 {
			p.relations = append(p.relations, fqn)
		}
	}
	return nil
}
