package stackstate

import (
	"bytes"

	"penstock/wire"
)

// keepRoom is how many entries of a list survive a request; a rare giant gives its memory back.
const keepRoom = 16 << 10

// input is one request while it is read: what the parsers of all doors share. It is reused; begin sets it up.
type input struct {
	*wire.Batch
	text   wire.Text
	body   []byte // decoded; nil when it could not be
	proven bool   // the body is one JSON value
	time   int64  // of what has none of its own
	shift  int    // powers of ten from the request's times to milliseconds
	host   []byte // of what names none; nil = nobody's
	spread int    // see MaxSpread
	tags   []wire.Tag
	from   wire.Source
	topics *wire.Topics
}

// begin decodes a request's body and proves that it is one JSON value. The reader stands before it.
func (in *input) begin(req *wire.Request, b *wire.Batch) (wire.Reader, *wire.Fault) {
	in.Batch, in.time, in.shift, in.topics = b, req.Now, 3, req.Topics
	in.host, in.spread, in.proven = nil, 0, false
	in.from = wire.Source{Wire: name, Tenant: req.Tenant}
	if bytes.EqualFold(req.Header.Peek("sts-time-format"), milliseconds) {
		in.shift = 0
	}
	var code wire.Code
	in.body, code = req.Decode.Decode(req.Header.Peek("Content-Encoding"), req.Body, req.Limit)
	if code == wire.OK && len(in.body) > req.Limit {
		code = wire.TooLarge
	}
	if code != wire.OK {
		return wire.Reader{}, b.Fail(code, wire.NoOffset)
	}
	at := 0
	if bytes.HasPrefix(in.body, byteOrderMark) {
		at = len(byteOrderMark)
	}
	if at = wire.SkipSpace(in.body, at); at == len(in.body) {
		return wire.Reader{}, b.Fail(wire.NoData, wire.NoOffset)
	}
	values := wire.Values{Src: in.body}
	end, code := values.Scan(at)
	if code == wire.OK {
		if end = wire.SkipSpace(in.body, end); end < len(in.body) {
			code = wire.BadJSON
		}
	}
	if code != wire.OK {
		return wire.Reader{}, b.Fail(code, end)
	}
	in.proven = true
	return wire.Reader{Src: in.body, At: at}, nil
}

var (
	milliseconds  = []byte("ms")
	byteOrderMark = []byte("\ufeff")
)

// end forgets the request and, when it was refused, takes back its records.
func (in *input) end(fault *wire.Fault) *wire.Fault {
	if fault != nil {
		in.Clear()
		fault.Raw = in.withoutKey()
	}
	in.noTags()
	if cap(in.tags) > keepRoom {
		in.tags = nil
	}
	in.Batch, in.body, in.host, in.from, in.topics = nil, nil, nil, wire.Source{}, nil
	return fault
}

// name reads a member's name. It is valid until the next text is read.
func (in *input) name(r *wire.Reader) []byte {
	name, _ := in.text.Borrow(r.Name())
	return name
}

// list reads over a member that begins with bracket, to be walked later, and returns where it begins: 0 for null, which has nothing
// to walk.
func (in *input) list(r *wire.Reader, bracket byte, section, member string) (at int, fault *wire.Fault) {
	switch kind := r.Kind(); {
	case kind == bracket:
		at = r.At
	case kind == 'n':
	case bracket == '{':
		return 0, in.wrong(r.At, section, member, aMap)
	default:
		return 0, in.wrong(r.At, section, member, aList)
	}
	r.Skip()
	return at, nil
}

// string reads a text that must be there.
func (in *input) string(r *wire.Reader, section, member string) ([]byte, *wire.Fault) {
	if r.Kind() != '"' {
		return nil, in.wrong(r.At, section, member, aString)
	}
	return in.text.Of(r.Value(), in.Batch), nil
}

// option reads a text that need not be there: nil for null.
func (in *input) option(r *wire.Reader, section, member string) ([]byte, *wire.Fault) {
	if r.Kind() == 'n' {
		r.Skip()
		return nil, nil
	}
	return in.string(r, section, member)
}

// filled is option where an empty text is none, too.
func (in *input) filled(r *wire.Reader, section, member string) ([]byte, *wire.Fault) {
	text, fault := in.option(r, section, member)
	if len(text) == 0 {
		text = nil
	}
	return text, fault
}

// number reads a number as it is spelled.
func (in *input) number(r *wire.Reader, section, member, expected string) ([]byte, *wire.Fault) {
	if kind := r.Kind(); kind != '-' && (kind < '0' || kind > '9') {
		return nil, in.wrong(r.At, section, member, expected)
	}
	return r.Value(), nil
}

// moment is a time, spelled as number reads it, in milliseconds; ok is false when it is out of range.
func (in *input) moment(number []byte) (ms int64, ok bool) { return wire.ParseScaled(number, in.shift) }

// room refuses the request when it may not become one more record, beside those laid and others.
func (in *input) room(others, at int) *wire.Fault {
	if len(in.Records)+others >= MaxRecords || in.spread > MaxSpread {
		return in.Fail(wire.TooMany, at)
	}
	return nil
}

// hostOf is the host of what names this one.
func (in *input) hostOf(named []byte) []byte {
	if named == nil {
		in.spread += len(in.host)
		return in.host
	}
	return named
}

// lay adds a record.
func (in *input) lay(kind wire.Kind, key, value []byte, time int64) {
	r := in.Add()
	r.Topic, r.Key, r.Value, r.Time = in.topics[kind], key, value, time
}
