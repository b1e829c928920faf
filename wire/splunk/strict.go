package splunk

import (
	"bytes"
	"strconv"

	"penstock/wire"
)

// strict reads JSON into fields as encoding/json does when unknown ones are forbidden: it goes on after what is wrong, so that a value
// has always been read to its end, and the first fault is the one that counts. null is nothing, wherever it stands.
//
// A place is what Go's decoder calls it: `struct field Event.host of type string`, or `value of type ingest.Event`.
type strict struct {
	*wire.Batch
	r     wire.Reader
	fault *wire.Fault
	text  wire.Text
}

// open decodes a request's body and proves it one JSON value.
func (in *strict) open(req *wire.Request, b *wire.Batch) *wire.Fault {
	body, code := payload(req)
	if code != wire.OK {
		return b.Fail(code, wire.NoOffset)
	}
	at := wire.SkipSpace(body, 0)
	if at == len(body) {
		return b.Fail(wire.NoData, wire.NoOffset)
	}
	values := wire.Values{Src: body}
	end, code := values.Scan(at)
	if code != wire.OK {
		return b.Fail(code, end)
	}
	if end = wire.SkipSpace(body, end); end < len(body) {
		return b.Fail(wire.BadJSON, end)
	}
	in.Batch, in.r, in.fault = b, wire.Reader{Src: body, At: at}, nil
	return nil
}

// refuse notes a fault; the first one stays. It returns the one that counts.
func (in *strict) refuse(code wire.Code, at int) *wire.Fault {
	if in.fault == nil {
		in.fault = in.Fail(code, at)
	}
	return in.fault
}

// enter goes into the array or object that comes next; anything else it reads.
func (in *strict) enter(bracket byte, place string) bool {
	if in.r.Enter(bracket) {
		return true
	}
	in.other(place)
	return false
}

// field reads a member's name and finds which of names it is. One that is none of them is a fault, its value is read, and "" returned.
func (in *strict) field(names []string) string {
	at := in.r.At
	name, _ := in.text.Borrow(in.r.Name())
	for _, known := range names {
		if string(name) == known {
			return known
		}
	}
	for _, known := range names {
		if bytes.EqualFold(name, []byte(known)) {
			return known
		}
	}
	if in.fault == nil {
		text := append(in.Open(), "json: unknown field "...)
		text = strconv.AppendQuote(text, string(clip(name)))
		in.refuse(wire.UnknownField, at).Because(in.Close(text))
	}
	in.r.Skip()
	return ""
}

// str reads a string; nil when there is none.
func (in *strict) str(place string) []byte {
	if in.r.Kind() == '"' {
		return in.text.Of(in.r.Value(), in.Batch)
	}
	in.other(place)
	return nil
}

// integer reads a whole number of so many bits, and returns it also as it is written; nil when there is none.
func (in *strict) integer(place string, bits uint) (n int64, text []byte) {
	at, ok := 0, false
	if text, at = in.digits(place); text == nil {
		return 0, nil
	}
	n, ok = wire.ParseScaled(text, 0)
	if !ok || bytes.ContainsAny(text, ".eE") || n < -1<<(bits-1) || n > 1<<(bits-1)-1 {
		in.mismatch(wire.BadNumber, at, "number ", text, place)
		return 0, nil
	}
	return n, text
}

// number reads a number that a double can hold, as it is written; nil when there is none.
func (in *strict) number(place string) []byte {
	text, at := in.digits(place)
	if text != nil && !isDouble(text) {
		in.mismatch(wire.BadNumber, at, "number ", text, place)
		return nil
	}
	return text
}

// digits reads a number and says where it stood; nil when there is none.
func (in *strict) digits(place string) (text []byte, at int) {
	if c := in.r.Kind(); c != '-' && (c < '0' || c > '9') {
		in.other(place)
		return nil, 0
	}
	at = in.r.At
	return in.r.Value(), at
}

// numberMost is the longest number: far more digits than a double has, and few enough to be read in no time.
const numberMost = 64

func isDouble(text []byte) bool {
	if len(text) > numberMost {
		return false
	}
	if bytes.IndexByte(text, 'e') < 0 && bytes.IndexByte(text, 'E') < 0 {
		return true // doubles end beyond the 300th digit
	}
	var held [numberMost]byte
	_, err := strconv.ParseFloat(string(append(held[:0], text...)), 64)
	return err == nil
}

// object reads an object as it is written; nil when there is none.
func (in *strict) object(place string) []byte {
	if in.r.Kind() == '{' {
		return in.r.Value()
	}
	in.other(place)
	return nil
}

// other reads a value that is not what is due at place: nothing, if it is null.
func (in *strict) other(place string) {
	what := "number"
	switch in.r.Kind() {
	case 'n':
		in.r.Skip()
		return
	case '{':
		what = "object"
	case '[':
		what = "array"
	case '"':
		what = "string"
	case 't', 'f':
		what = "bool"
	}
	at := in.r.At
	in.r.Skip()
	in.mismatch(wire.BadField, at, what, nil, place)
}

// mismatch notes a value that does not fit its place, in Go's words.
func (in *strict) mismatch(code wire.Code, at int, what string, value []byte, place string) {
	if in.fault != nil {
		return
	}
	text := append(in.Open(), "json: cannot unmarshal "...)
	text = append(append(text, what...), clip(value)...)
	text = append(append(text, " into Go "...), place...)
	in.refuse(code, at).Because(in.Close(text))
}

// clip bounds what is quoted of a request.
func clip(text []byte) []byte { return text[:min(len(text), 100)] }
