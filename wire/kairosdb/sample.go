package kairosdb

import (
	"penstock/wire"
)

// sample is a line of put, putm or puts taken apart as far as telling its series from others needs. ok is false for a line that
// words must take apart.
type sample struct {
	suffix            byte // of the command: putm, puts; 0: put
	name, time, value []byte
	rest              []byte // the tags as sent
	latin             bool   // it was sent in other bytes
	ok                bool
}

// kind is what makes a series of the line's name and tags: its points' type, and whether its bytes are those that were sent.
func (s *sample) kind(of pointKind) uint8 {
	if s.latin {
		return uint8(of) | 1<<7
	}
	return uint8(of)
}

// cutSample takes apart a line none of whose first four words begins with a quote. The words of such a line's rest depend on the rest
// alone, so name and rest are all there is to a series.
func cutSample(line []byte) (s sample) {
	if len(line) < len("put ") || string(line[:len("put")]) != "put" {
		return s
	}
	at := len("put")
	if line[at] == 'm' || line[at] == 's' {
		s.suffix, at = line[at], at+1
	}
	if at == len(line) || line[at] > ' ' {
		return s
	}
	s.name, at = plainWord(line, at)
	s.time, at = plainWord(line, at)
	s.value, at = plainWord(line, at)
	if len(s.name) == 0 || len(s.time) == 0 || len(s.value) == 0 {
		return sample{}
	}
	s.rest, s.ok = line[at:], true
	return s
}

// plainWord finds the next word of a line and where it ends; it is empty when there is none or it begins with a quote.
func plainWord(line []byte, at int) (word []byte, end int) {
	for at < len(line) && line[at] <= ' ' {
		at++
	}
	if at == len(line) || line[at] == '"' {
		return nil, len(line)
	}
	end = at
	for end < len(line) && line[end] > ' ' {
		end++
	}
	return line[at:end:end], end
}

// expected reads a line of put like most: of the series that followed the last one the time before. What stands around its numbers is
// compared with what stood there then. end is where the line ends if text ends there, or a line end follows; 0: it must be taken apart.
func (l *lines) expected(text []byte) (value []byte, end int) {
	of, name, rest := l.known.Next()
	at := len("put ") + len(name)
	if name == nil || len(text) <= at || string(text[:len("put ")]) != "put " || string(text[len("put "):at]) != string(name) || text[at] != ' ' {
		return nil, 0
	}
	line := text[at+1:]
	end = l.stamp.Leads(line)
	if end == 0 || end == len(line) || line[end] != ' ' {
		if end = l.readStamp(line); end == 0 || end == len(line) || line[end] != ' ' {
			return nil, 0
		}
	}
	line = line[end+1:]
	end, fraction := wire.PlainNumber(line)
	kind := longKind
	if fraction {
		kind = doubleKind
	}
	if end == 0 || of != uint8(kind) || len(line)-end < len(rest) || string(line[end:end+len(rest)]) != string(rest) {
		return nil, 0
	}
	return line[:end], len(text) - len(line) + end + len(rest)
}

// layExpected lays the point of the line that expected read.
func (l *lines) layExpected(value []byte, req *wire.Request, b *wire.Batch) {
	series := l.known.Met()
	series.Lay(b, req.Topics[wire.KindMetric], l.stamp.At(value))
}

// Run implements wire.Runner.
func (l *lines) Run(text []byte, most int, req *wire.Request, b *wire.Batch) (taken, used, bytes int) {
	for l.known.Begin(req.Tenant); taken < most; taken++ {
		value, end := l.expected(text[used:])
		next := wire.LineEnd(text[used:], end)
		if next == 0 || end == 0 || end > l.longest {
			break
		}
		l.layExpected(value, req, b)
		used, bytes = used+next, bytes+end
	}
	return taken, used, bytes
}

// readStamp reads the time that a line of put goes on with, and returns its length, or 0.
func (l *lines) readStamp(line []byte) int {
	end := skipDigits(line, 0)
	if end == 0 {
		return 0
	}
	ms, ok := writtenTime(line[:end])
	zeros := ""
	if ms < secondsBelow {
		ms, zeros = ms*1000, "000"
	}
	if !ok || !l.stamp.Set(line[:end], zeros, ms) {
		return 0
	}
	return end
}

// again lays the point of a line like most: its series is known, and its numbers are spelled as a record spells them. false: the line
// must be read word by word.
func (l *lines) again(s *sample, req *wire.Request, b *wire.Batch) bool {
	ms, ok := writtenTime(s.time)
	if !ok {
		return false
	}
	l.point = wire.Single{Time: ms, Stamp: s.time, Value: s.value}
	point := &l.point
	if s.suffix == 0 && ms < secondsBelow {
		point.Time, point.Zeros = ms*1000, "000"
	}
	kind := stringKind
	if s.suffix == 's' {
		point.Value = b.Close(wire.AppendQuoted(b.Open(), s.value))
	} else if kind, ok = writtenKind(s.value); !ok {
		return false
	}
	series, ok := l.known.Find(s.kind(kind), s.name, s.rest)
	if ok {
		series.Lay(b, req.Topics[wire.KindMetric], point)
	}
	return ok
}

// writtenTime reads a time that is above 0, and spelled as strconv does.
func writtenTime(text []byte) (n int64, ok bool) {
	if len(text) > 18 || text[0] == '0' {
		return 0, false
	}
	for _, c := range text {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		n = 10*n + int64(c)
	}
	return n, true
}

// writtenKind is the kind of a number that is spelled in JSON as it was sent: digits, perhaps a point and more digits.
func writtenKind(text []byte) (kind pointKind, ok bool) {
	at := 0
	if text[0] == '-' {
		at = 1
	}
	end := skipDigits(text, at)
	switch {
	case end == at || text[at] == '0' && end > at+1:
		return 0, false
	case end == len(text):
		return longKind, end-at <= 18 && (text[at] != '0' || at == 0)
	case text[end] != '.':
		return 0, false
	}
	from := end + 1
	end = skipDigits(text, from)
	return doubleKind, end == len(text) && end > from && end <= maxNumber
}
