package kairosdb

import (
	"bytes"

	"penstock/wire"
)

// parser reads the bodies of POST /api/v1/datapoints. It belongs to one worker and holds what is reused between requests.
type parser struct {
	text   wire.Text
	series wire.Series
	known  known
	apart  wire.Apart
	gather int        // bodies to be gathered by series, before another is laid as it comes
	usual  usual      // the metric at hand
	tags   []wire.Tag // of the metric at hand, as sent
	sorted []wire.Tag // the same by name, where they were not sent so
	request
}

// request is one request on its way into records.
type request struct {
	*wire.Batch
	from  wire.Source
	body  []byte
	proof wire.Values // of the body
	alone bool        // the body is one metric, not an array of them
	where place
	said  int // messages written
	muted int // messages that were too many
}

// keepTags is how many tags' room is kept between requests.
const keepTags = 4 << 10

var (
	gzip = []byte("gzip")

	endOfInput   = []byte("Invalid json. No content due to end of input.")
	invalidStart = []byte("Invalid start of json.")
	notGzip      = []byte("Not in GZIP format")
)

// Parse implements wire.Parser.
func (p *parser) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	body, fault := payload(req, b)
	if fault != nil {
		return fault
	}
	if cap(p.tags) > keepTags {
		p.tags, p.sorted = nil, nil
	}
	if cap(p.usual.points) > keepWritten {
		p.usual.points = nil
	}
	p.request = request{Batch: b, from: wire.Source{Wire: wireName, Tenant: req.Tenant}, body: body, proof: wire.Values{Src: body}}
	p.known.Begin(req.Tenant)
	p.known.point, p.known.commas = written{}, [forms][]byte{}
	if !p.layApart(req.Topics[wire.KindMetric]) {
		p.series.Reset()
		if fault := p.metrics(); fault != nil {
			return fault
		}
		p.series.Flush(b, req.Topics[wire.KindMetric])
	}
	b.Items = p.muted
	return nil
}

// payload returns the JSON of a request. See the package comment for which encodings count.
func payload(req *wire.Request, b *wire.Batch) ([]byte, *wire.Fault) {
	var encoding []byte
	if isGzipType(req) || string(req.Header.Peek("Content-Encoding")) == "gzip" {
		encoding = gzip
	}
	body, code := req.Decode.Decode(encoding, req.Body, req.Limit)
	if code == wire.OK && len(body) > req.Limit {
		code = wire.TooLarge
	}
	switch code {
	case wire.OK:
		return body, nil
	case wire.TooLarge:
		return nil, b.Fail(code, wire.NoOffset)
	}
	return nil, b.Fail(code, wire.NoOffset).Because(notGzip)
}

// isGzipType reports whether the body is said to be gzip by its type, and not by its encoding.
func isGzipType(req *wire.Request) bool {
	kind, _, _ := bytes.Cut(req.Header.Peek("Content-Type"), []byte(";"))
	return bytes.EqualFold(bytes.TrimSpace(kind), []byte("application/gzip"))
}

// metrics reads the body: one metric or an array of them. The fault is of a body that begins as neither.
func (p *parser) metrics() *wire.Fault {
	at := 0
	if len(p.body) >= 3 && string(p.body[:3]) == "\ufeff" {
		at = 3
	}
	p.where = newPlace(at)
	at = wire.SkipSpace(p.body, at)
	if at == len(p.body) {
		return p.Fail(wire.NoData, wire.NoOffset).Because(endOfInput)
	}
	switch p.body[at] {
	case '[':
		at = p.array(at + 1)
	case '{':
		p.alone = true
		at, _ = p.metric(0, at)
	default:
		p.alone = true
		if _, code := wire.ScanValue(p.body, at); code != wire.OK {
			return p.Fail(code, at).Because(p.malformed(0, at, at))
		}
		return p.Fail(wire.NotObject, at).Because(invalidStart)
	}
	if at = wire.SkipSpace(p.body, at); at < len(p.body) {
		p.Refuse(wire.Dropped, at, p.body[at:])
	}
	return nil
}

// array reads the elements of an array whose bracket is already read, and returns the position after it: the body's end where the
// JSON is malformed.
func (p *parser) array(at int) int {
	at = wire.SkipSpace(p.body, at)
	if at < len(p.body) && p.body[at] == ']' {
		return at + 1
	}
	for index := 0; ; index++ {
		at = wire.SkipSpace(p.body, at)
		if at == len(p.body) {
			return p.unfinished(index, at)
		}
		var ok bool
		if at, ok = p.metric(index, at); !ok {
			return at
		}
		at = wire.SkipSpace(p.body, at)
		if at == len(p.body) || p.body[at] != ',' && p.body[at] != ']' {
			return p.unfinished(index+1, at)
		}
		at++
		if p.body[at-1] == ']' {
			return at
		}
	}
}

// unfinished refuses what stands where an array must go on or end, and returns the body's end.
func (p *parser) unfinished(index, at int) int {
	why := endOfInput
	if at < len(p.body) {
		why = p.unterminated(index, at)
	}
	p.Refuse(wire.BadJSON, at, p.body[at:]).Because(why)
	return len(p.body)
}

// metric reads the element that starts at body[at], and returns the position after it; ok is false when it is no JSON.
func (p *parser) metric(index, at int) (end int, ok bool) {
	if end = p.again(at); end > 0 {
		return end, true
	}
	end, code := p.proof.Scan(at)
	if code == wire.TooDeep {
		p.Refuse(code, end, p.body[at:]).Because(p.quote(code.Text(), nil, ""))
		return len(p.body), false
	}
	if code != wire.OK {
		p.Refuse(code, end, p.body[at:]).Because(p.malformed(index, at, end))
		return len(p.body), false
	}
	if p.usual.end != end {
		p.usual.end = 0
	}
	m := metric{index: index, at: at, raw: p.body[at:end:end]}
	if p.read(&m) && p.valid(&m) {
		p.single(&m)
		p.points(&m)
	}
	return end, true
}
