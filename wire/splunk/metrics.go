package splunk

import (
	"unicode/utf8"

	"penstock/wire"
)

var metricPlaces = placesOf("MetricEvent")

// The places within the attributes and the body of a metric event.
const (
	placeDefaultDimensions = "struct field MetricAttribute.attributes.defaultDimensions of type map[string]string"
	placeDefaultDimension  = "struct field MetricAttribute.attributes.defaultDimensions of type string"
	placeDefaultType       = "struct field MetricAttribute.attributes.defaultType of type string"
	placeDefaultUnit       = "struct field MetricAttribute.attributes.defaultUnit of type string"
	placeAttributes        = "struct field MetricEvent.attributes of type ingest.MetricAttribute"
	placeMetric            = "struct field MetricEvent.body of type ingest.Metric"
	placeName              = "struct field Metric.body.name of type string"
	placeValue             = "struct field Metric.body.value of type float64"
	placeDimensions        = "struct field Metric.body.dimensions of type map[string]string"
	placeDimension         = "struct field Metric.body.dimensions of type string"
	placeType              = "struct field Metric.body.type of type string"
	placeUnit              = "struct field Metric.body.unit of type string"
)

var (
	metricFields    = []string{"name", "value", "dimensions", "type", "unit"}
	attributeFields = []string{"defaultDimensions", "defaultType", "defaultUnit"}
)

// What metrics may grow to by what they inherit.
const (
	dimensionsMost = 1000    // of one metric
	inheritedMost  = 8 << 20 // bytes, in all metrics of a request
)

// What a metric is without saying so.
var (
	gauge    = []byte("g")
	unitless = []byte("none")
	zero     = []byte("0")
)

// metricsParser is one worker's for a request that is an array of metric events.
type metricsParser struct {
	list
	series wire.Series
	room   int // bytes that further metrics may inherit

	// Of the event being read: its metrics, and the dimensions of all of them and of its attributes.
	metrics    []metric
	dimensions []wire.Tag
	merged     []wire.Tag
}

// metric is one measurement as it came.
type metric struct {
	name, value, kind, unit []byte
	dimensions              span
}

// span is a part of the parser's dimensions.
type span struct{ from, to int }

// defaults is what an event's attributes say.
type defaults struct {
	kind, unit []byte
	dimensions span
}

// slicesKept is how much room for metrics and dimensions survives a request.
const slicesKept = 16 << 10

// Parse implements wire.Parser.
func (p *metricsParser) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	p.places, p.room = metricPlaces, inheritedMost
	p.series.Reset()
	if fault := p.open(req, b); fault != nil {
		return fault
	}
	from := source(req)
	for p.next() {
		p.event(from, req.Now)
	}
	if cap(p.metrics) > slicesKept {
		p.metrics = nil
	}
	if cap(p.dimensions) > slicesKept {
		p.dimensions = nil
	}
	if fault := p.end(); fault != nil {
		return fault
	}
	p.series.Flush(b, req.Topics[wire.KindMetric])
	return nil
}

// event reads the metric event that comes next, and then, when it knows what they inherit, lays its metrics.
func (p *metricsParser) event(from wire.Source, now int64) {
	p.metrics, p.dimensions = p.metrics[:0], p.dimensions[:0]
	var inherit defaults
	failed := nullBody
	e := envelope{time: now}
	if p.enter('{', p.element) {
		for p.r.Next() {
			switch field := p.field(fields); field {
			case "body":
				failed = p.readBody()
			case "attributes":
				inherit = p.readAttributes()
			default:
				e.read(&p.strict, field, p.places, now)
			}
		}
	}
	if failed != "" {
		p.fail(failed)
	}
	if p.fault == nil && len(p.failed) == 0 {
		p.lay(&e, &inherit, from)
	}
}

// readBody reads an event's metrics, and says what is wrong with them.
func (p *metricsParser) readBody() (failed string) {
	p.metrics = p.metrics[:0]
	if !p.enter('[', p.body) {
		return nullBody
	}
	failed = "Event body cannot be empty"
	for nameless := false; p.r.Next(); {
		m := p.readMetric()
		if nameless = nameless || len(m.name) == 0; nameless {
			failed = "Metric name cannot be empty"
			continue
		}
		failed = ""
		p.metrics = append(p.metrics, m)
	}
	return failed
}

func (p *metricsParser) readMetric() (m metric) {
	if !p.enter('{', placeMetric) {
		return m
	}
	for p.r.Next() {
		switch p.field(metricFields) {
		case "name":
			m.name = p.str(placeName)
		case "value":
			m.value = p.number(placeValue)
		case "dimensions":
			m.dimensions = p.readDimensions(placeDimensions, placeDimension)
		case "type":
			m.kind = p.str(placeType)
		case "unit":
			m.unit = p.str(placeUnit)
		}
	}
	return m
}

func (p *metricsParser) readAttributes() (d defaults) {
	if !p.enter('{', placeAttributes) {
		return d
	}
	for p.r.Next() {
		switch p.field(attributeFields) {
		case "defaultDimensions":
			d.dimensions = p.readDimensions(placeDefaultDimensions, placeDefaultDimension)
		case "defaultType":
			d.kind = p.str(placeDefaultType)
		case "defaultUnit":
			d.unit = p.str(placeDefaultUnit)
		}
	}
	return d
}

// readDimensions reads a map of strings. A value that is null is an empty one, as in Go.
func (p *metricsParser) readDimensions(place, each string) span {
	from := len(p.dimensions)
	if p.enter('{', place) {
		for p.r.Next() {
			name := p.text.Of(p.r.Name(), p.Batch)
			p.dimensions = append(p.dimensions, wire.Tag{Name: name, Value: p.str(each)})
		}
	}
	return span{from, len(p.dimensions)}
}

// lay gives the metrics just read to their series.
func (p *metricsParser) lay(e *envelope, inherit *defaults, from wire.Source) {
	inherited := p.dimensions[inherit.dimensions.from:inherit.dimensions.to]
	if p.room -= len(p.metrics) * weigh(e, inherit, inherited); p.room < 0 {
		p.refuse(wire.TooLarge, wire.NoOffset)
		return
	}
	for i := range p.metrics {
		m := &p.metrics[i]
		own := p.dimensions[m.dimensions.from:m.dimensions.to]
		if len(own)+len(inherited) > dimensionsMost {
			p.refuse(wire.TooMany, wire.NoOffset)
			return
		}
		p.merged = wire.SortTags(append(append(p.merged[:0], inherited...), own...))
		series := wire.Metric{
			Name: m.name, Tags: p.merged, Type: first(m.kind, inherit.kind, gauge), Unit: first(m.unit, inherit.unit, unitless),
			Host: e.host, Source: e.source, Sourcetype: e.sourcetype, ID: e.id,
		}
		p.series.Add(p.series.Of(&series, from, p.Batch), e.time, first(m.value, zero), e.nanos)
	}
}

// first returns the first text that is not empty.
func first(texts ...[]byte) []byte {
	for _, text := range texts {
		if len(text) > 0 {
			return text
		}
	}
	return nil
}

// weigh is how many bytes each metric of an event gets into its record from what it inherits, or a little more.
func weigh(e *envelope, inherit *defaults, dimensions []wire.Tag) int {
	weight := 0
	for _, text := range [...][]byte{e.host, e.source, e.sourcetype, e.id, inherit.kind, inherit.unit} {
		weight += quoted(text)
	}
	for i := range dimensions {
		weight += quoted(dimensions[i].Name) + quoted(dimensions[i].Value)
	}
	return weight
}

// quoted is how long a text is as JSON, if most of it is text.
func quoted(text []byte) int {
	n := len(text) + len(`"":`)
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			n += len(`\u0000`) - 1
		}
	}
	if !utf8.Valid(text) {
		n *= utf8.UTFMax - 1 // each stray byte becomes U+FFFD
	}
	return n
}
