package cloudwisdom

import (
	"bytes"
	"hash/maphash"

	"penstock/wire"
)

// metric is what an element says of one of its metrics.
type metric struct {
	id, name, kind, unit, sparse []byte
	tags, tagsEnd                int // in elements.tags
	series                       int // -1 before its first sample
	hash                         uint64
	slot                         int
}

// metrics finds one element's metrics by id, however many there are: open addressing.
type metrics struct {
	all   []metric
	slots []int32 // 1 + an index into all, or 0
}

// seed is a hash nobody outside can choose collisions for. It shows in nothing that leaves this file.
var seed = maphash.MakeSeed()

// of finds or makes the metric of an id. The pointer is valid until the next call.
func (m *metrics) of(id []byte) *metric {
	if 2*len(m.all) >= len(m.slots) {
		m.grow()
	}
	hash := maphash.Bytes(seed, id)
	mask := len(m.slots) - 1
	at := int(hash) & mask
	for m.slots[at] != 0 {
		if had := &m.all[m.slots[at]-1]; had.hash == hash && bytes.Equal(had.id, id) {
			return had
		}
		at = (at + 1) & mask
	}
	m.all = append(m.all, metric{id: id, series: -1, hash: hash, slot: at})
	m.slots[at] = int32(len(m.all))
	return &m.all[len(m.all)-1]
}

func (m *metrics) grow() {
	m.slots = make([]int32, max(64, 2*len(m.slots)))
	mask := len(m.slots) - 1
	for i := range m.all {
		at := int(m.all[i].hash) & mask
		for m.slots[at] != 0 {
			at = (at + 1) & mask
		}
		m.slots[at], m.all[i].slot = int32(i+1), at
	}
}

// reset forgets all metrics, at a cost of their number and not of the table's size: an element with many may be followed by many
// with few.
func (m *metrics) reset() {
	for i := range m.all {
		m.slots[m.all[i].slot] = 0
	}
	clear(m.all)
	m.all = m.all[:0]
}

// trim gives up what one rare request has made large.
func (m *metrics) trim() {
	if cap(m.all) > keepRoom {
		*m = metrics{}
	}
}

// declare reads an element's metrics.
func (p *elements) declare(at int) *wire.Fault {
	if at == 0 {
		return nil
	}
	r := wire.Reader{Src: p.body, At: at + 1}
	for r.Next() {
		fault := p.object(&r)
		if fault != nil {
			return fault
		}
		start := r.At - 1
		var one metric
		tags := 0
		for r.Next() {
			switch string(p.name(&r)) {
			case "id":
				one.id, fault = p.scalar(&r)
			case "name":
				one.name, fault = p.scalar(&r)
			case "type":
				one.kind, fault = p.scalar(&r)
			case "unit":
				one.unit, fault = p.scalar(&r)
			case "sparseDataStrategy":
				one.sparse, fault = p.scalar(&r)
			case "tags":
				tags, fault = p.list(&r)
			default:
				r.Skip()
			}
			if fault != nil {
				return fault
			}
		}
		id := cleanID(one.id, p.Batch)
		if len(id) == 0 {
			return p.missing(start, "Missing required field on Metric, 'id'.")
		}
		one.tags = len(p.tags)
		if p.tags, fault = p.input.tags(tags, p.tags); fault != nil {
			return fault
		}
		m := p.metrics.of(id)
		m.name, m.kind, m.unit, m.sparse = one.name, one.kind, one.unit, one.sparse
		m.tags, m.tagsEnd = one.tags, len(p.tags)
	}
	return nil
}

// declared returns what an element says of its metrics as JSON: an array, nil when it says nothing.
func (p *elements) declared() []byte {
	if len(p.metrics.all) == 0 {
		return nil
	}
	text := append(p.Open(), '[')
	for i := range p.metrics.all {
		m := &p.metrics.all[i]
		if i > 0 {
			text = append(text, ',')
		}
		text = wire.AppendQuoted(append(text, `{"id":`...), m.id)
		text = appendText(text, `,"name":`, m.name)
		text = appendText(text, `,"type":`, m.kind)
		text = appendText(text, `,"unit":`, m.unit)
		text = appendText(text, `,"sparseDataStrategy":`, m.sparse)
		for j, tag := range p.tags[m.tags:m.tagsEnd] {
			if j == 0 {
				text = append(text, `,"tags":{`...)
			} else {
				text = append(text, ',')
			}
			text = wire.AppendQuoted(append(wire.AppendQuoted(text, tag.Name), ':'), tag.Value)
		}
		if m.tagsEnd > m.tags {
			text = append(text, '}')
		}
		text = append(text, '}')
	}
	return p.Close(append(text, ']'))
}

func appendText(dst []byte, name string, text []byte) []byte {
	if text == nil {
		return dst
	}
	return wire.AppendQuoted(append(dst, name...), text)
}
