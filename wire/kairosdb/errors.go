package kairosdb

import (
	"strconv"
	"unicode/utf8"

	"penstock/wire"
)

// The messages of the server's validator, Validator.java and DataPointsParser.java, and of the JSON reader below it, Gson 2.8.9.
//
// A refused part has all of its messages in its fault's detail, one a line.

// MaxErrors is the most messages a reply has; of more it has the number.
const MaxErrors = wire.MaxRejects

// maxQuoted is the most bytes of a name or value that a message repeats.
const maxQuoted = 256

// room reports whether one more message may be said, and counts it. Who gets a no says nothing.
func (p *parser) room() bool {
	if p.said == MaxErrors {
		p.muted++
		return false
	}
	p.said++
	return true
}

// subject is what a message is about: a metric, or one of its tags or data points.
type subject struct {
	list  string // "tag", "datapoints"; "": the metric itself
	index int
	key   []byte // instead of the index; nil: none
}

// say adds a message to those of a part: the subject, then what is wrong with it.
func (p *parser) say(dst []byte, m *metric, s subject, what string) []byte {
	m.faulty = true
	if !p.room() {
		return dst
	}
	if len(dst) > 0 {
		dst = append(dst, '\n')
	}
	dst = append(dst, "metric["...)
	dst = strconv.AppendInt(dst, int64(m.index), 10)
	dst = append(dst, ']')
	if m.shown {
		dst = append(appendText(append(dst, "(name="...), m.name), ')')
	}
	if s.list != "" {
		dst = append(append(append(dst, '.'), s.list...), '[')
		if s.key != nil {
			dst = appendText(dst, s.key)
		} else {
			dst = strconv.AppendInt(dst, int64(s.index), 10)
		}
		dst = append(dst, ']')
	}
	return append(dst, what...)
}

// quote is a message of its own that quotes a text; nil when there is no room for it.
func (p *parser) quote(before string, text []byte, after string) []byte {
	if !p.room() {
		return nil
	}
	dst := appendText(append(p.Open(), before...), text)
	return p.Close(append(dst, after...))
}

// notANumber is what Java says of a text that is no number.
func (p *parser) notANumber(text []byte) []byte { return p.quote(`For input string: "`, text, `"`) }

// unregistered is said of a type that is none.
func (p *parser) unregistered(kind []byte) []byte {
	return p.quote("Unregistered data point type '", kind, "'")
}

// mismatch is what Gson says of a value of the wrong kind: what was expected of the value that starts at body[at], which is a
// member of the metric, or an element of that member.
func (p *parser) mismatch(m *metric, expected string, at int, member string, element int) []byte {
	if !p.room() {
		return nil
	}
	end := at + 1
	what := gsonName(p.body[at])
	if what == "BOOLEAN" || what == "NUMBER" || what == "NULL" {
		end, _ = wire.ScanValue(p.body, at)
	}
	dst := append(p.Open(), "java.lang.IllegalStateException: Expected "...)
	dst = append(append(append(dst, expected...), " but was "...), what...)
	dst = p.appendPlace(dst, end)
	return p.Close(p.appendPath(dst, m.index, member, element))
}

// gsonName is Gson's name of what a value that begins with c is.
func gsonName(c byte) string {
	switch c {
	case '{':
		return "BEGIN_OBJECT"
	case '[':
		return "BEGIN_ARRAY"
	case '"':
		return "STRING"
	case 't', 'f':
		return "BOOLEAN"
	case 'n':
		return "NULL"
	}
	return "NUMBER"
}

// notWhole is what Gson says of a number that is not a whole one of the wanted size.
func (p *parser) notWhole(m *metric, expected string, text []byte, end int, member string) []byte {
	if !p.room() {
		return nil
	}
	dst := append(p.Open(), "java.lang.NumberFormatException: Expected "...)
	dst = append(append(dst, expected...), " but was "...)
	dst = p.appendPlace(appendText(dst, text), end)
	return p.Close(p.appendPath(dst, m.index, member, none))
}

// malformed is what Gson says of an element that starts at body[start] and has a byte at body[at] that cannot be there.
func (p *parser) malformed(index, start, at int) []byte {
	if !p.room() {
		return nil
	}
	dst := p.Open()
	switch {
	case at == len(p.body):
		dst = append(dst, "java.io.EOFException: End of input"...)
	case at > start:
		dst = append(dst, "com.google.gson.stream.MalformedJsonException: "+lenient...)
	default:
		dst = append(dst, lenient...)
		if c := p.body[at] | 0x20; c < 'a' || c > 'z' {
			at++ // what begins no word Gson has read
		}
	}
	return p.Close(p.appendPath(p.appendPlace(dst, at), index, "", none))
}

const lenient = "Use JsonReader.setLenient(true) to accept malformed JSON"

// unterminated is what Gson says of what stands behind an element, and is neither a comma nor the array's end.
func (p *parser) unterminated(index, at int) []byte {
	if !p.room() {
		return nil
	}
	dst := p.appendPlace(append(p.Open(), "Unterminated array"...), at+1)
	return p.Close(p.appendPath(dst, index, "", none))
}

// appendPlace adds where body[at] is, as Gson counts.
func (p *parser) appendPlace(dst []byte, at int) []byte {
	p.where.move(p.body, at)
	dst = strconv.AppendInt(append(dst, " at line "...), int64(p.where.line), 10)
	return strconv.AppendInt(append(dst, " column "...), int64(p.where.column), 10)
}

// appendPath adds the path of a metric's member, and of an element of that.
func (p *parser) appendPath(dst []byte, index int, member string, element int) []byte {
	dst = append(dst, " path $"...)
	if !p.alone {
		dst = append(strconv.AppendInt(append(dst, '['), int64(index), 10), ']')
	}
	if member != "" {
		dst = append(append(dst, '.'), member...)
	}
	if element != none {
		dst = append(strconv.AppendInt(append(dst, '['), int64(element), 10), ']')
	}
	return dst
}

// appendText adds text of the client's to a message: not too much of it, and without control bytes, for messages are lines.
func appendText(dst, text []byte) []byte {
	cut := len(text) > maxQuoted
	if cut {
		text = text[:maxQuoted]
		for i := 1; i < utf8.UTFMax; i++ {
			if utf8.RuneStart(text[len(text)-i]) {
				if !utf8.FullRune(text[len(text)-i:]) {
					text = text[:len(text)-i]
				}
				break
			}
		}
	}
	for _, c := range text {
		if c < ' ' {
			c = ' '
		}
		dst = append(dst, c)
	}
	if cut {
		dst = append(dst, "..."...)
	}
	return dst
}

// place is a position in a body, as Gson tells it: lines from 1, and columns from 1 in UTF-16 units. It only moves on, so that all
// the places of a request cost one walk through its body.
type place struct{ at, line, column int }

func newPlace(at int) place { return place{at, 1, 1} }

func (w *place) move(body []byte, to int) {
	for ; w.at < to && w.at < len(body); w.at++ {
		switch c := body[w.at]; {
		case c == '\n':
			w.line, w.column = w.line+1, 1
		case c >= 0xf0:
			w.column += 2
		case c < 0x80 || c >= 0xc0:
			w.column++
		}
	}
}
