package interana

import "penstock/wire"

// parser is one worker's; it holds what is reused between requests.
type parser struct {
	text wire.Text
}

// batch is one request on its way into records.
type batch struct {
	*wire.Batch
	topic   []byte
	columns *wire.Columns // nil: no table behind the topic
	now     int64
}

// Parse implements wire.Parser. A refused request leaves no records.
func (p *parser) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	fault := p.parse(req, b)
	if fault != nil {
		b.Clear()
	}
	return fault
}

func (p *parser) parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	topic := req.Header.Peek("topic")
	if len(topic) == 0 {
		return b.Fail(wire.NoTopic, wire.NoOffset)
	}
	if !wire.ValidTopic(topic) {
		return b.Fail(wire.BadTopic, wire.NoOffset)
	}
	body, fault := message(req, b)
	if fault != nil {
		return fault
	}
	at := 0
	if len(body) >= 3 && string(body[:3]) == "\ufeff" {
		at = 3
	}
	at = wire.SkipSpace(body, at)
	if at == len(body) {
		return b.Fail(wire.NoData, wire.NoOffset)
	}
	in := batch{b, topic, req.Tables.Columns(topic), req.Now}
	if body[at] == '{' || body[at] == '[' {
		return p.sequence(in, &wire.Values{Src: body}, at)
	}
	in.add(body)
	return nil
}

// message returns the decoded message of a request: the body of a POST, the ia_data of a GET. It aliases the body, b's scratch or
// the decoder's.
func message(req *wire.Request, b *wire.Batch) ([]byte, *wire.Fault) {
	body, limit := req.Body, req.Limit
	if req.Method == "GET" {
		text := req.Query.Peek("ia_data")
		limit = min(limit, GetLimit)
		body = b.Scratch(limit)
		n, code, at := DecodeBase64(body, text)
		if code == wire.TooLarge {
			at = wire.NoOffset
		}
		if code != wire.OK {
			return nil, b.Fail(code, at)
		}
		body = body[:n]
	}
	if len(body) == 0 {
		return nil, b.Fail(wire.NoData, wire.NoOffset)
	}
	body, code := req.Decode.Decode(req.Header.Peek("Content-Encoding"), body, limit)
	if code == wire.OK && len(body) > limit {
		code = wire.TooLarge
	}
	if code != wire.OK {
		return nil, b.Fail(code, wire.NoOffset)
	}
	return body, nil
}

// sequence lays the objects and the elements of arrays that follow one another in the body from at.
func (p *parser) sequence(in batch, values *wire.Values, at int) (fault *wire.Fault) {
	body := values.Src
	for at = wire.SkipSpace(body, at); at < len(body); at = wire.SkipSpace(body, at) {
		switch body[at] {
		case '{':
			at, fault = p.event(in, values, at)
		case '[':
			at, fault = p.array(in, values, at+1)
		default:
			if end, code := values.Scan(at); code != wire.OK {
				return in.Fail(code, end)
			}
			return in.Fail(wire.NotObject, at)
		}
		if fault != nil {
			return fault
		}
	}
	return nil
}

// array lays each element of an array whose bracket is already read, and returns the position after its end.
func (p *parser) array(in batch, values *wire.Values, at int) (int, *wire.Fault) {
	body := values.Src
	at = wire.SkipSpace(body, at)
	if at < len(body) && body[at] == ']' {
		return at + 1, nil
	}
	for {
		var fault *wire.Fault
		if at, fault = p.event(in, values, wire.SkipSpace(body, at)); fault != nil {
			return at, fault
		}
		at = wire.SkipSpace(body, at)
		if at == len(body) || body[at] != ',' && body[at] != ']' {
			return at, in.Fail(wire.BadJSON, at)
		}
		at++
		if body[at-1] == ']' {
			return at, nil
		}
	}
}

// event lays the value that starts at the body's byte at, and returns the position after it.
func (p *parser) event(in batch, values *wire.Values, at int) (int, *wire.Fault) {
	body := values.Src
	end, code := values.Scan(at)
	if code != wire.OK {
		return end, in.Fail(code, end)
	}
	if len(in.Records) == MaxRecords {
		return at, in.Fail(wire.TooMany, at)
	}
	r := in.add(body[at:end:end])
	if in.columns != nil && body[at] == '{' {
		in.columns.Read(r, &p.text, in.Batch)
	}
	return end, nil
}

// add lays one record; the pointer is valid until the next.
func (in *batch) add(value []byte) *wire.Record {
	r := in.Add()
	r.Topic, r.Value, r.Time = in.topic, value, in.now
	return r
}
