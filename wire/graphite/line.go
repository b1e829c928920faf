package graphite

import (
	"strconv"

	"penstock/wire"
)

// lines reads one line a frame: name value timestamp. One for each worker.
type lines struct {
	names  *names
	metric wire.Metric
	known  wire.Outlines
	stamp  wire.Stamp
	point  wire.Single // of a line that is not like the last one
	digits [20]byte
}

var from = wire.Source{Wire: "graphite"}

// Parse implements wire.Parser. A line is taken or refused whole.
func (p *lines) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	line := req.Body
	p.known.Begin(nil)
	if value, end := p.expected(line); end > 0 && end == len(line) {
		p.layExpected(value, req, b)
		return nil
	}
	name, next := nextWord(line, 0)
	if name == nil && next == len(line) {
		return nil // an empty line
	}
	number, next := nextWord(line, next)
	stamp, end := nextWord(line, next)
	if stamp == nil {
		return refused(b, tooFewWords, 0)
	}
	p.point = wire.Single{}
	point := &p.point
	var why reason
	if ms, ok := writtenSeconds(stamp); ok {
		*point = wire.Single{Time: ms, Stamp: stamp, Zeros: "000"}
	} else if point.Time, why = seconds(stamp); why == taken {
		point.Time, why = milliseconds(point.Time, req.Now)
		point.Stamp = strconv.AppendInt(p.digits[:0], point.Time, 10)
	}
	if why != taken {
		return refused(b, why, end-len(stamp))
	}
	if point.Value, why = value(number, b); why != taken {
		return refused(b, why, next-len(number))
	}
	kind := other
	if line[0] > ' ' && line[0] != '"' {
		kind = leading
	}
	series, ok := p.known.Find(kind, name, nil)
	if !ok {
		if why = p.names.read(name, &p.metric, b); why != taken {
			return refused(b, why, 0)
		}
		series = p.known.Learn(kind, name, nil, &p.metric, from)
	}
	series.Lay(b, req.Topics[wire.KindMetric], point)
	return nil
}

// The kinds of names: those that a line begins with, without a quote, are all that stands there up to a space.
const (
	leading uint8 = iota
	other
)

// expected reads a line like most: of the series that followed the last one the time before. end is where the line ends if text ends
// there, or a line end follows; 0: it must be taken apart.
func (p *lines) expected(text []byte) (value []byte, end int) {
	kind, name, _ := p.known.Next()
	if name == nil || kind != leading || len(text) <= len(name) || string(text[:len(name)]) != string(name) || text[len(name)] != ' ' {
		return nil, 0
	}
	line := text[len(name)+1:]
	behind, _ := wire.PlainNumber(line)
	if behind == 0 || behind == len(line) || line[behind] != ' ' {
		return nil, 0
	}
	stamp := line[behind+1:]
	end = p.stamp.Leads(stamp)
	if end == 0 || end < len(stamp) && stamp[end] > ' ' {
		end = skipDigits(stamp, 0)
		if ms, ok := writtenSeconds(stamp[:end]); !ok || !p.stamp.Set(stamp[:end], "000", ms) {
			return nil, 0
		}
	}
	return line[:behind], len(text) - len(stamp) + end
}

// layExpected lays the point of the line that expected read.
func (p *lines) layExpected(value []byte, req *wire.Request, b *wire.Batch) {
	series := p.known.Met()
	series.Lay(b, req.Topics[wire.KindMetric], p.stamp.At(value))
}

// Run implements wire.Runner.
func (p *lines) Run(text []byte, most int, req *wire.Request, b *wire.Batch) (taken, used, bytes int) {
	for p.known.Begin(nil); taken < most; taken++ {
		value, end := p.expected(text[used:])
		next := wire.LineEnd(text[used:], end)
		if next == 0 || end == 0 || end > p.names.longest {
			break
		}
		p.layExpected(value, req, b)
		used, bytes = used+next, bytes+end
	}
	return taken, used, bytes
}

func refused(b *wire.Batch, why reason, offset int) *wire.Fault {
	r := &reasons[why]
	return b.Fail(r.code, offset).Because(r.detail)
}
