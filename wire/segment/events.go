package segment

import "penstock/wire"

// events is one request on its way into records.
type events struct {
	*wire.Batch
	text     *wire.Text
	body     []byte // decoded
	topic    []byte
	columns  *wire.Columns // nil: no table behind the topic
	now      int64
	tracking bool   // the tracking API: see tracked; else events are kept as sent
	kind     string // of an event without a type; "" = it gets none
}

// open finds a request's topic and undoes its encoding.
func open(req *wire.Request, b *wire.Batch, text *wire.Text, limit int) (events, *wire.Fault) {
	topic := req.Header.Peek("topic")
	if len(topic) == 0 {
		topic = req.Topics[wire.KindSegment]
	} else if !wire.ValidTopic(topic) {
		return events{}, b.Fail(wire.BadTopic, wire.NoOffset)
	}
	body, code := payload(req, limit)
	if code != wire.OK {
		return events{}, b.Fail(code, wire.NoOffset)
	}
	return events{Batch: b, text: text, body: body, topic: topic, columns: req.Tables.Columns(topic), now: req.Now}, nil
}

// payload returns a request's body, decoded and within the limit.
func payload(req *wire.Request, limit int) ([]byte, wire.Code) {
	limit = min(limit, req.Limit)
	body, code := req.Decode.Decode(req.Header.Peek("Content-Encoding"), req.Body, limit)
	if code == wire.OK && len(body) > limit {
		code = wire.TooLarge
	}
	return body, code
}

// fail refuses the request whole: it leaves no records.
func (in *events) fail(code wire.Code, offset int) *wire.Fault {
	in.Clear()
	return in.Fail(code, offset)
}

// prove requires the body to be one JSON value, and returns a reader that stands before it.
func (in *events) prove() (wire.Reader, *wire.Fault) {
	at := wire.SkipSpace(in.body, 0)
	if at == len(in.body) {
		return wire.Reader{}, in.fail(wire.NoData, wire.NoOffset)
	}
	values := wire.Values{Src: in.body}
	end, code := values.Scan(at)
	if code != wire.OK {
		return wire.Reader{}, in.fail(code, end)
	}
	if end = wire.SkipSpace(in.body, end); end < len(in.body) {
		return wire.Reader{}, in.fail(wire.BadJSON, end)
	}
	return wire.Reader{Src: in.body, At: at}, nil
}

// array lays the objects of the array that comes next, and refuses its other elements, each alone.
func (in *events) array(r *wire.Reader) *wire.Fault {
	if !r.Enter('[') {
		return in.fail(wire.NotArray, r.At)
	}
	for r.Next() {
		if r.Kind() != '{' {
			at := r.At
			in.Refuse(wire.NotObject, at, r.Value())
		} else if fault := in.event(r); fault != nil {
			return fault
		}
	}
	return nil
}

// sent is an event as it was sent, and what matters of its members.
type sent struct {
	raw             []byte
	id              []byte // its messageId; nil when it has none that is a text
	hasType, hasKey bool
}

// read reads the object that comes next. Of members with one name the first counts.
func (in *events) read(r *wire.Reader) (e sent) {
	start := r.At
	for r.Enter('{'); r.Next(); {
		switch name, _ := in.text.Borrow(r.Name()); string(name) {
		case "messageId":
			if value := r.Value(); e.id == nil && value[0] == '"' && len(value) > len(`""`) {
				e.id = in.text.Of(value, in.Batch)
			}
			continue
		case "type":
			e.hasType = true
		case "writeKey":
			e.hasKey = true
		}
		r.Skip()
	}
	e.raw = in.body[start:r.At:r.At]
	return e
}

// event lays the object that comes next. Segment's libraries send an event again when they have seen no answer; it has the same
// messageId then.
func (in *events) event(r *wire.Reader) *wire.Fault {
	start := r.At
	e := in.read(r)
	value := e.raw
	if in.tracking {
		value = in.tracked(&e)
	}
	switch {
	case len(in.Records) == MaxRecords:
		return in.fail(wire.TooMany, start)
	case in.tracking && r.At-start > EventLimit:
		return in.fail(wire.TooLarge, start)
	}
	record := in.Add()
	record.Topic, record.Value, record.Time, record.ID = in.topic, value, in.now, e.id
	if in.columns != nil {
		in.columns.Read(record, in.text, in.Batch)
	}
	return nil
}
