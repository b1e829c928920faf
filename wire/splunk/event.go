package splunk

import (
	"strconv"

	"penstock/wire"
)

// envelope is the fields that events and metric events share. Texts that are nil are absent.
type envelope struct {
	host, source, sourcetype, id []byte
	time                         int64
	nanos                        []byte // as written
}

// read reads the value of one of the fields, if it is one; the places are those of the struct that it belongs to.
func (e *envelope) read(in *strict, field string, places *places, now int64) {
	switch field {
	case "host":
		e.host = in.str(places.host)
	case "source":
		e.source = in.str(places.source)
	case "sourcetype", "source_type":
		e.sourcetype = in.str(places.sourcetype)
	case "id":
		e.id = in.str(places.id)
	case "kind":
		in.str(places.kind)
	case "timestamp":
		n, text := in.integer(places.timestamp, 64)
		if e.time = n; text == nil {
			e.time = now
		}
	case "nanos":
		_, e.nanos = in.integer(places.nanos, 32)
	}
}

// fields is the names of an event's fields, the most frequent first.
var fields = []string{"body", "attributes", "host", "source", "sourcetype", "timestamp", "nanos", "id", "kind", "source_type"}

// places is what Go's decoder calls an array of one of the structs, the struct and its fields.
type places struct {
	array, element, body, attributes                     string
	host, source, sourcetype, timestamp, nanos, id, kind string
}

func placesOf(name string) *places {
	of := func(field, kind string) string { return "struct field " + name + "." + field + " of type " + kind }
	return &places{
		array: "value of type []ingest." + name, element: "value of type ingest." + name,
		body: of("body", "[]ingest.Metric"), attributes: of("attributes", "map[string]interface {}"),
		host: of("host", "string"), source: of("source", "string"), sourcetype: of("sourcetype", "string"),
		timestamp: of("timestamp", "int64"), nanos: of("nanos", "int32"), id: of("id", "string"), kind: of("kind", "string"),
	}
}

// list is a request that is an array of events: open, then next for each event, then end.
type list struct {
	strict
	*places
	count  int // of the events seen
	failed []failure
}

// failure is an event that is JSON and yet no event. A request has MaxEvents of them at most.
type failure struct {
	index   int
	message string
}

// open decodes and proves the request, and goes into the array.
func (l *list) open(req *wire.Request, b *wire.Batch) *wire.Fault {
	l.count, l.failed = 0, l.failed[:0]
	if fault := l.strict.open(req, b); fault != nil {
		return fault
	}
	if !l.enter('[', l.array) {
		return l.end()
	}
	return nil
}

// next goes to the next event.
func (l *list) next() bool {
	if !l.r.Next() {
		return false
	}
	if l.count == MaxEvents {
		l.refuse(wire.TooMany, l.r.At)
		return false
	}
	l.count++
	return true
}

const nullBody = "Event body cannot be null"

// fail notes that the event just read is none.
func (l *list) fail(message string) {
	l.failed = append(l.failed, failure{l.count - 1, message})
}

// end says what is wrong with the request: the first fault, or all events that failed. It leaves no records then.
func (l *list) end() *wire.Fault {
	switch {
	case l.fault != nil:
	case l.count == 0:
		l.refuse(wire.Empty, wire.NoOffset).Because(emptyArray)
	case len(l.failed) > 0:
		l.refuse(wire.MissingField, wire.NoOffset).Because(l.Close(l.appendFailed(l.Open())))
	default:
		return nil
	}
	l.Clear()
	return l.fault
}

var emptyArray = []byte("Empty array was provided as input")

// appendFailed adds the events that failed as the vendor lists them, a JSON object.
func (l *list) appendFailed(dst []byte) []byte {
	dst = append(dst, `{"failedEvents":[`...)
	for i := range l.failed {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"index":`...)
		dst = strconv.AppendInt(dst, int64(l.failed[i].index), 10)
		dst = append(dst, `,"message":`...)
		dst = append(wire.AppendQuoted(dst, l.failed[i].message), '}')
	}
	return append(dst, `]}`...)
}
