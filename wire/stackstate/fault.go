package stackstate

import (
	"unicode/utf8"

	"penstock/wire"
)

// What the server says of a body that it cannot deserialize [C: "Failed to deserialize JSON on fields: , with message: Object is
// missing required member 'internalHostname'"]. The path names the members on the way to the object; what it looks like when it is
// not empty was never seen: here it is names with dots between [decided]. The messages are those of spray-json, which the one that
// was seen is of.
const deserialize = "Failed to deserialize JSON on fields: "

// What spray-json expected, by the type that it was to become.
const (
	aString = "String as JsString"
	aDouble = "Double as JsNumber"
	anInt   = "Int as JsNumber"
	aList   = "List as JsArray"
	aMap    = "Map as JsObject"
	aPair   = "Tuple2 as JsArray"
	aFour   = "Tuple4 as JsArray"
)

// shown is the most bytes of a wrong value that are shown to its sender.
const shown = 64

// wrong refuses the request for a value of the wrong type: the value that begins at at, of a member of what section holds. Either
// name may be empty. Of a list or an object only the brackets are shown: a key may be inside.
func (in *input) wrong(at int, section, member, expected string) *wire.Fault {
	r := wire.Reader{Src: in.body, At: at}
	value := r.Value()
	text := append(in.explain(section, member), "Expected "...)
	text = append(append(text, expected...), ", but got "...)
	switch {
	case value[0] == '{':
		text = append(text, "{…}"...)
	case value[0] == '[':
		text = append(text, "[…]"...)
	case len(value) <= shown:
		text = appendValid(text, value)
	default:
		text = append(appendValid(text, value[:wholeRunes(value)]), "…"...)
	}
	return in.Fail(wire.BadField, at).Because(in.Close(text))
}

// wholeRunes returns where a value that is too long is cut: no letter in two.
func wholeRunes(value []byte) int {
	for at := shown; at > shown-utf8.UTFMax; at-- {
		if utf8.RuneStart(value[at]) {
			return at
		}
	}
	return shown
}

// missing refuses the request for an object without a member that must be there.
func (in *input) missing(at int, section, member string) *wire.Fault {
	text := append(in.explain(section, ""), "Object is missing required member '"...)
	text = append(append(text, member...), '\'')
	return in.Fail(wire.MissingField, at).Because(in.Close(text))
}

// notObject refuses the request for a value that is no object, whose first member would be member.
func (in *input) notObject(at int, section, member string) *wire.Fault {
	text := append(in.explain(section, ""), "Object expected in field '"...)
	text = append(append(text, member...), '\'')
	return in.Fail(wire.NotObject, at).Because(in.Close(text))
}

// explain begins the server's words. They are to be closed.
func (in *input) explain(section, member string) []byte {
	text := append(append(in.Open(), deserialize...), section...)
	if section != "" && member != "" {
		text = append(text, '.')
	}
	return append(append(text, member...), ", with message: "...)
}

// valid returns JSON that ScanValue accepted; what in it is not UTF-8, which only strings can hold, is replaced by U+FFFD.
func (in *input) valid(json []byte) []byte {
	if utf8.Valid(json) {
		return json
	}
	return in.Close(appendValid(in.Open(), json))
}

func appendValid(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		dst = utf8.AppendRune(dst, r)
		text = text[size:]
	}
	return dst
}
