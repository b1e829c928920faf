package kairosdb

import (
	"bytes"
	"math"
	"strconv"

	"penstock/wire"
)

// lines reads the lines of the stream telnet.
type lines struct {
	feedback bool
	longest  int // bytes of a line
	known    wire.Outlines
	stamp    wire.Stamp
	point    wire.Single // of a line that is not like the last one
	digits   [maxNumber]byte
	words    [][]byte
	tags     []wire.Tag
}

// The server takes a time of put below this for seconds: "backwards compatible hack for the next 30 years".
const secondsBelow = 3_000_000_000

// ttlTag is no tag but how long the point is to be kept, in seconds.
const ttlTag = "kairos_opt.ttl"

var (
	versionLine = []byte(Version + "\n")

	// A point without tags gets this one, since the server cannot hold it without.
	addTag = wire.Tag{Name: []byte("add"), Value: []byte("tag")}

	emptyName = []byte("metricName may not be empty.")
	badTTL    = []byte("tag[kairos_opt.ttl] must be a number")
)

// cut is a line whose connection ended before it did. It is refused: nothing tells a whole line from half of one there, and half a
// number is a number too.
var cut = wire.Fault{Code: wire.BadLine, Offset: wire.NoOffset, Detail: []byte("the connection ended within the line")}

// Parse implements wire.Parser for one line.
func (l *lines) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	line := req.Body
	l.known.Begin(req.Tenant)
	if value, end := l.expected(line); end > 0 && end == len(line) {
		l.layExpected(value, req, b)
		return nil
	}
	latin := !isASCII(line)
	if latin {
		line = b.Close(latin1(b.Open(), line))
	}
	sent := cutSample(line)
	sent.latin = latin
	if sent.ok && l.again(&sent, req, b) {
		return nil
	}
	l.words = words(l.words[:0], line)
	if len(l.words) == 0 {
		return nil
	}
	fault := l.command(&sent, req, b)
	if fault != nil && l.feedback {
		b.Echo = appendFeedback(b.Echo, l.words[0], fault)
	}
	return fault
}

func (l *lines) command(s *sample, req *wire.Request, b *wire.Batch) *wire.Fault {
	switch command := l.words[0]; string(command) {
	case "put", "putm", "puts":
		return l.put(s, req, b)
	case "version":
		if b.Echo == nil {
			b.Echo = versionLine[:len(versionLine):len(versionLine)]
		} else {
			b.Echo = append(b.Echo, versionLine...)
		}
		return nil
	default:
		return because(b, wire.BadCommand, "Unknown command: '", command, "'")
	}
}

// put reads a data point: its time, name, value and tags, in the server's order.
func (l *lines) put(s *sample, req *wire.Request, b *wire.Batch) *wire.Fault {
	if len(l.words) < 4 {
		return b.Fail(wire.BadLine, wire.NoOffset)
	}
	command, name, time, sent := l.words[0], l.words[1], l.words[2], l.words[3]
	ms, flaw := strictLong(time)
	if flaw != "" {
		return because(b, wire.BadTime, flaw, time, "")
	}
	if string(command) == "put" && ms < secondsBelow {
		if ms < math.MinInt64/1000 {
			return because(b, wire.BadTime, overflow, time, "")
		}
		ms *= 1000
	}
	if len(name) == 0 {
		return b.Fail(wire.BadName, wire.NoOffset).Because(emptyName)
	}
	kind, value, fault := putValue(b, command, sent)
	if fault != nil {
		return fault
	}
	ttl, fault := l.readTags(b)
	if fault != nil {
		return fault
	}
	of := wire.Metric{Name: name, Tags: l.tags, Type: kindNames[kind], TTL: ttl}
	series, ok := l.known.Find(s.kind(kind), s.name, s.rest)
	if !ok {
		series = l.known.Learn(s.kind(kind), s.name, s.rest, &of, wire.Source{Wire: wireName, Tenant: req.Tenant})
	}
	l.point = wire.Single{Time: ms, Stamp: strconv.AppendInt(l.digits[:0], ms, 10), Value: value}
	series.Lay(b, req.Topics[wire.KindMetric], &l.point)
	return nil
}

// putValue reads the value: with a point it is a double, without one a long; of puts it is a string whatever it is.
func putValue(b *wire.Batch, command, sent []byte) (pointKind, []byte, *wire.Fault) {
	switch {
	case string(command) == "puts":
		return stringKind, b.Close(wire.AppendQuoted(b.Open(), sent)), nil
	case bytes.IndexByte(sent, '.') >= 0:
		value, ok := appendDouble(b.Open(), sent)
		if !ok {
			return 0, nil, because(b, wire.BadNumber, `For input string: "`, sent, `"`)
		}
		return doubleKind, b.Close(value), nil
	}
	n, flaw := strictLong(sent)
	if flaw != "" {
		return 0, nil, because(b, wire.BadNumber, flaw, sent, "")
	}
	return longKind, b.Close(strconv.AppendInt(b.Open(), n, 10)), nil
}

// readTags reads the words behind the value into tags, sorted.
func (l *lines) readTags(b *wire.Batch) (ttl int64, fault *wire.Fault) {
	l.tags = l.tags[:0]
	for _, word := range l.words[4:] {
		name, value, ok := splitTag(word)
		switch {
		case !ok:
			return 0, aboutTag(b, len(l.tags), "] must be in the format 'name=value'.")
		case len(name) == 0:
			return 0, aboutTag(b, len(l.tags), "].name may not be empty.")
		case len(value) == 0:
			return 0, aboutTag(b, len(l.tags), "].value may not be empty.")
		case string(name) == ttlTag:
			if ttl, ok = parseLong(value); !ok || ttl < math.MinInt32 || ttl > math.MaxInt32 {
				return 0, b.Fail(wire.BadTag, wire.NoOffset).Because(badTTL)
			}
		default:
			l.tags = append(l.tags, wire.Tag{Name: name, Value: value})
		}
	}
	all := len(l.tags)
	if all == 0 {
		l.tags = append(l.tags, addTag)
		return ttl, nil
	}
	if l.tags = wire.SortTags(l.tags); len(l.tags) < all {
		return 0, b.Fail(wire.BadTag, wire.NoOffset).Because(sameKey)
	}
	return ttl, nil
}

var sameKey = []byte("Multiple entries with same key")

// splitTag takes a tag apart as Java's split("=") does: the parts that are empty at the end are none, and of the others only the
// first two count.
func splitTag(word []byte) (name, value []byte, ok bool) {
	word = bytes.TrimRight(word, "=")
	name, rest, ok := bytes.Cut(word, equals)
	value, _, _ = bytes.Cut(rest, equals)
	return name, value, ok
}

var equals = []byte("=")

// What the server says of a long that is none; the text follows.
const (
	malformed = "Malformed:  "
	overflow  = "Over/underflow:  "
	missing   = "Missing digits:  "
)

// strictLong reads a long as the server's own parser does: digits, perhaps behind a minus. flaw is what is wrong; "" when nothing is.
func strictLong(text []byte) (n int64, flaw string) {
	digits := bytes.TrimPrefix(text, minus)
	switch {
	case len(digits) == 0 && len(text) > 0:
		return 0, missing
	case len(digits) == 0 || skipDigits(digits, 0) < len(digits):
		return 0, malformed
	}
	n, ok := parseLong(text)
	if !ok {
		return 0, overflow
	}
	return n, ""
}

// because refuses the line, and quotes a word of it.
func because(b *wire.Batch, code wire.Code, before string, word []byte, after string) *wire.Fault {
	why := appendText(append(b.Open(), before...), word)
	return b.Fail(code, wire.NoOffset).Because(b.Close(append(why, after...)))
}

// aboutTag refuses the line for the tag of that number.
func aboutTag(b *wire.Batch, index int, what string) *wire.Fault {
	why := strconv.AppendInt(append(b.Open(), "tag["...), int64(index), 10)
	return b.Fail(wire.BadTag, wire.NoOffset).Because(b.Close(append(why, what...)))
}

// appendFeedback tells the sender why a line was not taken, in OpenTSDB's manner: the command, then the reason.
func appendFeedback(dst, command []byte, fault *wire.Fault) []byte {
	dst = append(appendText(dst, command), ": "...)
	if fault.Detail != nil {
		dst = append(dst, fault.Detail...)
	} else {
		dst = fault.Append(dst)
	}
	return append(dst, '\n')
}
