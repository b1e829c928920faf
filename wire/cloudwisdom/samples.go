package cloudwisdom

import "penstock/wire"

// The numbers a sample may have, in the order in which a value with several shows them.
const (
	sampleVal = iota
	sampleMin
	sampleMax
	sampleAvg
	sampleSum
	sampleCnt
	sampleNumbers
)

var sampleNames = [sampleNumbers]string{`"val":`, `"min":`, `"max":`, `"avg":`, `"sum":`, `"cnt":`}

// numbers are a sample's, as they were spelled; nil is one that was not sent.
type numbers [sampleNumbers][]byte

// value returns the JSON that the numbers make: val alone is itself, any others make an object; nil for none. It lies in b's scratch
// or is one of them.
func (n *numbers) value(b *wire.Batch) []byte {
	several := false
	for _, number := range n[sampleVal+1:] {
		several = several || number != nil
	}
	if !several {
		return n[sampleVal]
	}
	text := append(b.Open(), '{')
	for i, number := range n {
		if number == nil {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(text, sampleNames[i]...), number...)
	}
	return b.Close(append(text, '}'))
}

// samples reads the samples of an element, its metrics known, and gives them to their series.
func (p *elements) samples(at int, element []byte) *wire.Fault {
	if at == 0 {
		return nil
	}
	r := wire.Reader{Src: p.body, At: at + 1}
	for r.Next() {
		if fault := p.sample(&r, element); fault != nil {
			return fault
		}
	}
	return nil
}

func (p *elements) sample(r *wire.Reader, element []byte) (fault *wire.Fault) {
	if fault = p.object(r); fault != nil {
		return fault
	}
	start := r.At - 1
	var id []byte
	var time int64
	var has bool
	var n numbers
	for r.Next() {
		switch string(p.name(r)) {
		case "metricId":
			id, fault = p.scalar(r)
		case "timestamp":
			time, has, fault = p.time(r)
		case "val":
			n[sampleVal], fault = p.number(r)
		case "min":
			n[sampleMin], fault = p.number(r)
		case "max":
			n[sampleMax], fault = p.number(r)
		case "avg":
			n[sampleAvg], fault = p.number(r)
		case "sum":
			n[sampleSum], fault = p.number(r)
		case "cnt":
			n[sampleCnt], fault = p.number(r)
		default:
			r.Skip()
		}
		if fault != nil {
			return fault
		}
	}
	if id = cleanID(id, p.Batch); len(id) == 0 {
		return p.missing(start, "Missing required field on Sample, 'metricId'.")
	}
	if p.inject {
		time, has = p.now, true
	}
	if !has {
		return p.missing(start, missingTimestamp)
	}
	value := n.value(p.Batch)
	if value == nil {
		p.Refuse(wire.MissingField, start, p.body[start:r.At:r.At])
		return nil
	}
	series, fault := p.seriesOf(id, element, start)
	if fault == nil {
		p.series.Add(series, time, value, nil)
	}
	return fault
}

// missingTimestamp is the vendor's text, word for word.
const missingTimestamp = "Missing required field on Sample, 'timestamp'. See ingest documentation to see how to send in samples without timestamps."

// seriesOf finds or makes the series of one of the element's metrics, declared or not.
func (p *elements) seriesOf(id, element []byte, at int) (int, *wire.Fault) {
	m := p.metrics.of(id)
	if m.series >= 0 {
		return m.series, nil
	}
	p.named += len(id) + len(element)
	if len(p.Records)+p.laid >= MaxRecords || p.named > MaxNames {
		return 0, p.Fail(wire.TooMany, at)
	}
	m.series = p.series.Of(&wire.Metric{Name: id, Tags: p.tags[m.tags:m.tagsEnd], Type: m.kind, Unit: m.unit, Element: element}, p.from, p.Batch)
	p.laid = max(p.laid, m.series+1)
	return m.series, nil
}
