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
	digits [20]byte
}

var from = wire.Source{Wire: "graphite"}

// Parse implements wire.Parser. A line is taken or refused whole.
func (p *lines) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	line := req.Body
	p.known.Begin(nil)
	if p.expected(line, req, b) {
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
	var point wire.Single
	var why reason
	if ms, ok := writtenSeconds(stamp); ok {
		point = wire.Single{Time: ms, Stamp: stamp, Zeros: "000"}
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
	series.Lay(b, req.Topics[wire.KindMetric], &point)
	return nil
}

// The kinds of names: those that a line begins with, without a quote, are all that stands there up to a space.
const (
	leading uint8 = iota
	other
)

// expected lays the point of a line like most: of the series that followed the last one the time before. false: the line must be
// taken apart.
func (p *lines) expected(line []byte, req *wire.Request, b *wire.Batch) bool {
	kind, name, _ := p.known.Next()
	if name == nil || kind != leading || len(line) <= len(name) || string(line[:len(name)]) != string(name) || line[len(name)] != ' ' {
		return false
	}
	line = line[len(name)+1:]
	end, _ := wire.PlainNumber(line)
	if end == 0 || end == len(line) || line[end] != ' ' {
		return false
	}
	if stamp := line[end+1:]; p.stamp.Leads(stamp) != len(stamp) || len(stamp) == 0 {
		if ms, ok := writtenSeconds(stamp); !ok || !p.stamp.Set(stamp, "000", ms) {
			return false
		}
	}
	ms, digits := p.stamp.Time()
	p.known.Met().Lay(b, req.Topics[wire.KindMetric], &wire.Single{Time: ms, Stamp: digits, Value: line[:end]})
	return true
}

func refused(b *wire.Batch, why reason, offset int) *wire.Fault {
	r := &reasons[why]
	return b.Fail(r.code, offset).Because(r.detail)
}
