package wire

import (
	"bytes"
	"slices"
	"strconv"
)

// The records of all wires but the ones that keep events as sent: five vendors in, one stream out. Texts are bytes of UTF-8, not
// JSON; what is marked JSON goes out as it is. A field that is nil is absent. Each Append adds the record's value to dst, with the
// fields in their fixed order; it allocates nothing when dst has room.

// Source is what every normalised record says of where it came from.
type Source struct {
	Wire   string
	Tenant []byte
}

// Tag is a name and its value.
type Tag struct{ Name, Value []byte }

// SortTags sorts tags by name, in place; of several with one name the last stays.
func SortTags(tags []Tag) []Tag {
	slices.SortStableFunc(tags, func(a, b Tag) int { return bytes.Compare(a.Name, b.Name) })
	kept := tags[:0]
	for i := range tags {
		if i+1 < len(tags) && bytes.Equal(tags[i].Name, tags[i+1].Name) {
			continue
		}
		kept = append(kept, tags[i])
	}
	return kept
}

// Metric is a series: what all of its points in a request share. See Series.
type Metric struct {
	Name       []byte
	Tags       []Tag // sorted, each name once: see SortTags
	Type, Unit []byte
	Host       []byte
	Source     []byte
	Sourcetype []byte
	ID         []byte
	Element    []byte
	TTL        int64 // seconds; 0 = absent
}

// appendHead adds the record's value up to its first point.
func (m *Metric) appendHead(dst []byte) []byte {
	dst = append(dst, `{"kind":"metric","metric":`...)
	dst = AppendQuoted(dst, m.Name)
	dst = appendTags(dst, "tags", m.Tags)
	dst = appendText(dst, "type", m.Type)
	dst = appendText(dst, "unit", m.Unit)
	return append(dst, `,"points":[`...)
}

// appendTail adds what follows the last point.
func (m *Metric) appendTail(dst []byte, from Source) []byte {
	dst = append(dst, ']')
	dst = appendText(dst, "host", m.Host)
	dst = appendText(dst, "source", m.Source)
	dst = appendText(dst, "sourcetype", m.Sourcetype)
	dst = appendText(dst, "id", m.ID)
	dst = appendText(dst, "element", m.Element)
	dst = appendInt(dst, "ttl", m.TTL)
	return from.appendEnd(dst)
}

// AppendKey adds the series' identity, a metric record's key: name;tag=value;tag=value, and behind the tags the element or else the
// host, which tell the series of a thousand machines apart where the vendor does not send them as tags.
func (m *Metric) AppendKey(dst []byte) []byte {
	dst = append(dst, m.Name...)
	for i := range m.Tags {
		dst = appendPair(dst, m.Tags[i].Name, m.Tags[i].Value)
	}
	switch {
	case m.Element != nil:
		dst = appendPair(dst, []byte("element"), m.Element)
	case m.Host != nil:
		dst = appendPair(dst, []byte("host"), m.Host)
	}
	return dst
}

func appendPair(dst, name, value []byte) []byte {
	dst = append(append(dst, ';'), name...)
	return append(append(dst, '='), value...)
}

// Event is something that happened.
type Event struct {
	Name       []byte
	Time       int64  // milliseconds
	Nanos      []byte // JSON
	Title      []byte
	Text       []byte
	Body       []byte // JSON
	Attributes []byte // JSON, an object
	Tags       []Tag
	Host       []byte
	Source     []byte
	Sourcetype []byte
	ID         []byte
}

// Append adds the record's value.
func (e *Event) Append(dst []byte, from Source) []byte {
	dst = append(dst, `{"kind":"event"`...)
	dst = appendText(dst, "event", e.Name)
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, e.Time, 10)
	dst = appendJSON(dst, "nanos", e.Nanos)
	dst = appendText(dst, "title", e.Title)
	dst = appendText(dst, "text", e.Text)
	dst = appendJSON(dst, "body", e.Body)
	dst = appendJSON(dst, "attributes", e.Attributes)
	dst = appendTags(dst, "tags", e.Tags)
	dst = appendText(dst, "host", e.Host)
	dst = appendText(dst, "source", e.Source)
	dst = appendText(dst, "sourcetype", e.Sourcetype)
	dst = appendText(dst, "id", e.ID)
	return from.appendEnd(dst)
}

// Check is the state of something at a time.
type Check struct {
	Name    []byte
	Status  []byte // JSON
	Time    int64  // milliseconds
	TTL     int64  // seconds; 0 = absent
	Message []byte
	Tags    []Tag
	Host    []byte
	Element []byte
}

// Append adds the record's value.
func (c *Check) Append(dst []byte, from Source) []byte {
	dst = append(dst, `{"kind":"check"`...)
	dst = appendText(dst, "check", c.Name)
	dst = appendJSON(dst, "status", c.Status)
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, c.Time, 10)
	dst = appendInt(dst, "ttl", c.TTL)
	dst = appendText(dst, "message", c.Message)
	dst = appendTags(dst, "tags", c.Tags)
	dst = appendText(dst, "host", c.Host)
	dst = appendText(dst, "element", c.Element)
	return from.appendEnd(dst)
}

// Element is a thing that metrics are about.
type Element struct {
	ID         []byte
	Name       []byte
	Type       []byte
	Location   []byte
	Attributes []Tag // values are JSON
	Tags       []Tag
	Relations  [][]byte
	Metrics    []byte // JSON, an array
}

// Append adds the record's value.
func (e *Element) Append(dst []byte, from Source) []byte {
	dst = append(dst, `{"kind":"element"`...)
	dst = appendText(dst, "element", e.ID)
	dst = appendText(dst, "name", e.Name)
	dst = appendText(dst, "type", e.Type)
	dst = appendText(dst, "location", e.Location)
	if len(e.Attributes) > 0 {
		dst = append(dst, `,"attributes":{`...)
		for i := range e.Attributes {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendQuoted(dst, e.Attributes[i].Name)
			dst = append(append(dst, ':'), e.Attributes[i].Value...)
		}
		dst = append(dst, '}')
	}
	dst = appendTags(dst, "tags", e.Tags)
	if len(e.Relations) > 0 {
		dst = append(dst, `,"relations":[`...)
		for i := range e.Relations {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendQuoted(dst, e.Relations[i])
		}
		dst = append(dst, ']')
	}
	dst = appendJSON(dst, "metrics", e.Metrics)
	return from.appendEnd(dst)
}

// AppendObject adds the value of a record that is an object as it was sent, under its kind's name: a topology, a health message.
func AppendObject(dst []byte, kind Kind, object []byte, from Source) []byte {
	dst = append(dst, `{"kind":"`...)
	dst = append(dst, kind.String()...)
	dst = append(dst, '"')
	dst = appendJSON(dst, kind.String(), object)
	return from.appendEnd(dst)
}

func (s Source) appendEnd(dst []byte) []byte {
	dst = append(dst, `,"wire":"`...)
	dst = append(dst, s.Wire...)
	dst = append(dst, '"')
	dst = appendText(dst, "tenant", s.Tenant)
	return append(dst, '}')
}

func appendName(dst []byte, name string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	return append(dst, `":`...)
}

func appendText(dst []byte, name string, text []byte) []byte {
	if text == nil {
		return dst
	}
	return AppendQuoted(appendName(dst, name), text)
}

func appendJSON(dst []byte, name string, value []byte) []byte {
	if value == nil {
		return dst
	}
	return append(appendName(dst, name), value...)
}

func appendInt(dst []byte, name string, n int64) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendInt(appendName(dst, name), n, 10)
}

func appendTags(dst []byte, name string, tags []Tag) []byte {
	if len(tags) == 0 {
		return dst
	}
	dst = append(appendName(dst, name), '{')
	for i := range tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendQuoted(dst, tags[i].Name)
		dst = AppendQuoted(append(dst, ':'), tags[i].Value)
	}
	return append(dst, '}')
}
