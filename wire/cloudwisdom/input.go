package cloudwisdom

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
	body   []byte // decoded
	now    int64
	inject bool // the time of arrival is every sample's and event's
	from   wire.Source
	topics *wire.Topics
}

// begin decodes a request's body.
func (in *input) begin(req *wire.Request, b *wire.Batch) *wire.Fault {
	in.Batch, in.now, in.topics = b, req.Now, req.Topics
	in.from = wire.Source{Wire: name, Tenant: req.Tenant}
	in.inject = hasOption(req, "INJECT_TIMESTAMP")
	body, code := req.Decode.Decode(req.Header.Peek("Content-Encoding"), req.Body, req.Limit)
	if code == wire.OK && len(body) > req.Limit {
		code = wire.TooLarge
	}
	if code != wire.OK {
		return b.Fail(code, wire.NoOffset)
	}
	in.body = body
	return nil
}

// end forgets the request and, when it was refused, takes back its records.
func (in *input) end(fault *wire.Fault) *wire.Fault {
	if fault != nil {
		in.Clear()
	}
	in.Batch, in.body, in.from, in.topics = nil, nil, wire.Source{}, nil
	return fault
}

// array proves that the body is one JSON array, and returns a reader that has entered it.
func (in *input) array() (wire.Reader, *wire.Fault) {
	at := 0
	if bytes.HasPrefix(in.body, []byte("\ufeff")) {
		at = 3
	}
	at = wire.SkipSpace(in.body, at)
	if at == len(in.body) {
		return wire.Reader{}, in.Fail(wire.NoData, wire.NoOffset)
	}
	values := wire.Values{Src: in.body}
	end, code := values.Scan(at)
	if code == wire.OK {
		if end = wire.SkipSpace(in.body, end); end < len(in.body) {
			code = wire.BadJSON
		}
	}
	if code != wire.OK {
		return wire.Reader{}, in.Fail(code, end)
	}
	r := wire.Reader{Src: in.body, At: at}
	if !r.Enter('[') {
		return r, in.Fail(wire.NotArray, at)
	}
	return r, nil
}

// object enters the object that comes next; anything else is a fault.
func (in *input) object(r *wire.Reader) *wire.Fault {
	if !r.Enter('{') {
		return in.Fail(wire.NotObject, r.At)
	}
	return nil
}

// name reads a member's name. It is valid until the next text is read.
func (in *input) name(r *wire.Reader) []byte {
	name, _ := in.text.Borrow(r.Name())
	return name
}

// list reads over a member that is a list, to be walked later, and returns where it begins: 0 for null, which has nothing to walk.
func (in *input) list(r *wire.Reader) (at int, fault *wire.Fault) {
	switch r.Kind() {
	case '[':
		at = r.At
	case 'n':
	default:
		return 0, in.Fail(wire.BadField, r.At)
	}
	r.Skip()
	return at, nil
}

// scalar reads a text: a string, or a number or boolean as it is spelled; nil for null.
func (in *input) scalar(r *wire.Reader) ([]byte, *wire.Fault) {
	switch r.Kind() {
	case '{', '[':
		return nil, in.Fail(wire.BadField, r.At)
	case 'n':
		r.Skip()
		return nil, nil
	case '"':
		return in.text.Of(r.Value(), in.Batch), nil
	}
	return r.Value(), nil
}

// number reads a number as it is spelled, which may be in a string; nil for null and for an empty string.
func (in *input) number(r *wire.Reader) ([]byte, *wire.Fault) {
	kind, at := r.Kind(), r.At
	if kind == '{' || kind == '[' || kind == 't' || kind == 'f' {
		return nil, in.Fail(wire.BadNumber, at)
	}
	text, _ := in.scalar(r)
	if kind != '"' || text == nil {
		return text, nil
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil, nil
	}
	if c := text[0]; c != '-' && (c < '0' || c > '9') {
		return nil, in.Fail(wire.BadNumber, at)
	}
	if end, code := wire.ScanValue(text, 0); code != wire.OK || end != len(text) {
		return nil, in.Fail(wire.BadNumber, at)
	}
	return text, nil
}

// time reads a time in milliseconds. There is none in null and in an empty string.
func (in *input) time(r *wire.Reader) (ms int64, has bool, fault *wire.Fault) {
	kind, at := r.Kind(), r.At
	value := r.Value()
	ok := false
	switch kind {
	case 'n':
		return 0, false, nil
	case '"':
		text, _ := in.text.Borrow(value)
		if text = bytes.TrimSpace(text); len(text) == 0 {
			return 0, false, nil
		}
		if ms, ok = wire.ParseTime(text); !ok {
			return 0, false, in.badDate(text, at)
		}
	default:
		ms, ok = wire.ParseScaled(value, 0)
	}
	if !ok {
		return 0, false, in.Fail(wire.BadTime, at)
	}
	return ms, true, nil
}

// missing refuses the request for a field that must be there, in the vendor's words.
func (in *input) missing(at int, words string) *wire.Fault {
	return in.Fail(wire.MissingField, at).Because(in.Close(append(in.Open(), words...)))
}

// shown is the most bytes of a bad date that are shown to its sender.
const shown = 64

// badDate refuses a time in the vendor's words. Of what follows them, the name of a Java class and a chain of references, only the
// place is given.
func (in *input) badDate(text []byte, at int) *wire.Fault {
	date := text[:min(len(text), shown)]
	dots := ""
	if len(date) < len(text) {
		dots = "…"
	}
	add := func(dst []byte, words string) []byte { return append(append(append(dst, words...), date...), dots...) }
	words := add(in.Open(), couldNotRead+"Can not construct instance of java.util.Date from String value '")
	words = add(words, "': not a valid representation (error: Failed to parse Date value '")
	words = add(words, `': Failed to parse date ["`)
	fault := in.Fail(wire.BadTime, at)
	words = fault.Append(append(words, `']: `...))
	return fault.Because(in.Close(append(words, ')')))
}
