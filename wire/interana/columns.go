package interana

import (
	"bytes"

	"penstock/wire"
)

// timeMax is the last millisecond of the year 9999. A later time, or one before 1970, is a wrong unit or a broken clock, not an
// event's time.
const timeMax = 253402300799999

// shifts turn a unit into milliseconds, as a power of ten.
var shifts = [...]int{wire.Milliseconds: 0, wire.Seconds: 3, wire.Microseconds: -3}

// columns reads a JSON object's shard key and time, as the table behind its topic names them.
//
//   - Key: a string is the key, unescaped; a number or a boolean is its text as sent. null, absent, an object or an array is the
//     null key.
//   - Time: a number, or a string that holds one, in the table's unit; a fraction is kept as far as milliseconds go and rounded
//     down beyond. Absent, anything else, or outside 1970 to 9999: the time of arrival, which the record already has.
//   - A name is that of a member, whole: "a.b" is no path. Of members with one name the first counts, as fastjson has it.
//
// fastjson reads what is spelled with escapes; the walk over members is the scanner's. A fastjson parser that sees whole events
// keeps, for each place a value ever had in any event, room for the longest array or object that ever stood there: with events
// of a sender's choosing that grows as the square of the event, for as long as the worker lives.
func (p *parser) columns(r *wire.Record, c *wire.Columns, b *wire.Batch) {
	wantKey, wantTime := c.Key != "", c.Time != ""
	for m, at, ok := wire.NextMember(r.Value, 0); ok && (wantKey || wantTime); m, at, ok = wire.NextMember(r.Value, at) {
		name, _ := p.text(m.Name)
		isKey, isTime := wantKey && string(name) == c.Key, wantTime && string(name) == c.Time
		if isKey {
			wantKey = false
			r.Key = p.key(m.Value, b)
		}
		if isTime {
			wantTime = false
			r.Time = p.time(m.Value, c.Unit, r.Time)
		}
	}
}

// key returns the shard key that a JSON value is; nil is the null key. It aliases the value, or b's scratch.
func (p *parser) key(value []byte, b *wire.Batch) []byte {
	switch value[0] {
	case '{', '[', 'n':
		return nil
	case '"':
		text, borrowed := p.text(value)
		if !borrowed {
			return text
		}
		key := b.Scratch(len(text))
		copy(key, text)
		return key
	}
	return value // a number, true or false
}

// time returns the time that a JSON value is, in milliseconds, or else otherwise.
func (p *parser) time(value []byte, unit wire.Unit, otherwise int64) int64 {
	if value[0] == '"' {
		value, _ = p.text(value)
	}
	n, ok := wire.ParseScaled(value, shifts[unit])
	if !ok || n < 0 || n > timeMax {
		return otherwise
	}
	return n
}

// text returns what a JSON string says. Without escapes that aliases quoted; with, it is borrowed from fastjson until the next call.
func (p *parser) text(quoted []byte) (text []byte, borrowed bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1 : len(quoted)-1], false
	}
	v, err := p.json.ParseBytes(quoted)
	if err != nil {
		panic("BUG: fastjson refuses JSON that the scanner accepted: " + err.Error())
	}
	return v.GetStringBytes(), true
}
