package wire

// timeMax is the last millisecond of the year 9999. A later time, or one before 1970, is a wrong unit or a broken clock, not an
// event's time.
const timeMax = 253402300799999

// shifts turn a unit into milliseconds, as a power of ten.
var shifts = [...]int{Milliseconds: 0, Seconds: 3, Microseconds: -3}

// Read sets a record's shard key and time to those in its value, a JSON object that ScanValue accepted, as the table behind its
// topic names them.
//
//   - Key: a string is the key, unescaped; a number or a boolean is its text as sent. null, absent, an object or an array is the
//     null key.
//   - Time: a number, or a string that holds one, in the table's unit; a fraction is kept as far as milliseconds go and rounded
//     down beyond. Absent, anything else, or outside 1970 to 9999: the time of arrival, which the record already has.
//   - A name is that of a member, whole: "a.b" is no path. Of members with one name the first counts, as fastjson has it.
//
// The key aliases the record's value, or b's scratch.
func (c *Columns) Read(r *Record, text *Text, b *Batch) {
	wantKey, wantTime := c.Key != "", c.Time != ""
	for m, at, ok := NextMember(r.Value, 0); ok && (wantKey || wantTime); m, at, ok = NextMember(r.Value, at) {
		name, _ := text.Borrow(m.Name)
		isKey, isTime := wantKey && string(name) == c.Key, wantTime && string(name) == c.Time
		if isKey {
			wantKey = false
			r.Key = keyOf(m.Value, text, b)
		}
		if isTime {
			wantTime = false
			r.Time = timeOf(m.Value, c.Unit, text, r.Time)
		}
	}
}

// keyOf returns the shard key that a JSON value is; nil is the null key.
func keyOf(value []byte, text *Text, b *Batch) []byte {
	switch value[0] {
	case '{', '[', 'n':
		return nil
	case '"':
		return text.Of(value, b)
	}
	return value // a number, true or false
}

// timeOf returns the time that a JSON value is, in milliseconds, or else otherwise.
func timeOf(value []byte, unit Unit, text *Text, otherwise int64) int64 {
	if value[0] == '"' {
		value, _ = text.Borrow(value)
	}
	n, ok := ParseScaled(value, shifts[unit])
	if !ok || n < 0 || n > timeMax {
		return otherwise
	}
	return n
}
