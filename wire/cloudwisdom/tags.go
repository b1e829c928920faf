package cloudwisdom

import (
	"unicode/utf8"

	"penstock/wire"
)

// tag reads {"name":…,"value":…}; the value is JSON of valid UTF-8, nil when absent. A tag without a name is noted as refused.
func (in *input) tag(r *wire.Reader) (t wire.Tag, fault *wire.Fault) {
	if fault = in.object(r); fault != nil {
		return t, fault
	}
	at := r.At - 1
	for r.Next() {
		switch string(in.name(r)) {
		case "name":
			t.Name, fault = in.scalar(r)
		case "value":
			if kind := r.Kind(); kind == '{' || kind == '[' {
				return t, in.Fail(wire.BadField, r.At)
			}
			t.Value = in.valid(r.Value())
		default:
			r.Skip()
		}
		if fault != nil {
			return t, fault
		}
	}
	if len(t.Name) == 0 {
		in.Refuse(wire.BadTag, at, in.body[at:r.At:r.At])
	}
	return t, nil
}

// attributes adds the attributes of the list that begins at at (0: there is none) to dst, sorted, each name once. Their values are
// JSON.
func (in *input) attributes(at int, dst []wire.Tag) ([]wire.Tag, *wire.Fault) {
	if at == 0 {
		return dst, nil
	}
	first := len(dst)
	r := wire.Reader{Src: in.body, At: at + 1}
	for r.Next() {
		t, fault := in.tag(&r)
		if fault != nil {
			return dst, fault
		}
		if len(t.Name) == 0 {
			continue
		}
		if t.Value == nil {
			t.Value = null
		}
		dst = append(dst, t)
	}
	return dst[:first+len(wire.SortTags(dst[first:]))], nil
}

var null = []byte("null")

// tags is attributes with texts for values: a number's is as it was spelled, that of null is empty.
func (in *input) tags(at int, dst []wire.Tag) ([]wire.Tag, *wire.Fault) {
	first := len(dst)
	dst, fault := in.attributes(at, dst)
	if fault != nil {
		return dst, fault
	}
	for i := first; i < len(dst); i++ {
		switch value := dst[i].Value; value[0] {
		case 'n':
			dst[i].Value = nil
		case '"':
			dst[i].Value = in.text.Of(value, in.Batch)
		}
	}
	return dst, nil
}

// valid returns JSON that ScanValue accepted; what in it is not UTF-8, which only strings can hold, is replaced by U+FFFD.
func (in *input) valid(json []byte) []byte {
	if utf8.Valid(json) {
		return json
	}
	text := in.Open()
	for len(json) > 0 {
		r, size := utf8.DecodeRune(json)
		text = utf8.AppendRune(text, r)
		json = json[size:]
	}
	return in.Close(text)
}
