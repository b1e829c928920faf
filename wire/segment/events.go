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
	end, code := wire.ScanValue(in.body, at)
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

// event lays the object that comes next.
func (in *events) event(r *wire.Reader) *wire.Fault {
	start, value := r.At, []byte(nil)
	if in.tracking {
		value = in.tracked(r)
	} else {
		value = r.Value()
	}
	switch {
	case len(in.Records) == MaxRecords:
		return in.fail(wire.TooMany, start)
	case in.tracking && r.At-start > EventLimit:
		return in.fail(wire.TooLarge, start)
	}
	record := in.Add()
	record.Topic, record.Value, record.Time = in.topic, value, in.now
	if in.columns != nil {
		in.columns.Read(record, in.text, in.Batch)
	}
	return nil
}
