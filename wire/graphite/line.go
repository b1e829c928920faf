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
	digits [20]byte
}

var from = wire.Source{Wire: "graphite"}

// Parse implements wire.Parser. A line is taken or refused whole.
func (p *lines) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	line := req.Body
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
	p.known.Begin(nil)
	series, ok := p.known.Find(0, name, nil)
	if !ok {
		if why = p.names.read(name, &p.metric, b); why != taken {
			return refused(b, why, 0)
		}
		series = p.known.Learn(0, name, nil, &p.metric, from)
	}
	series.Lay(b, req.Topics[wire.KindMetric], &point)
	return nil
}

func refused(b *wire.Batch, why reason, offset int) *wire.Fault {
	r := &reasons[why]
	return b.Fail(r.code, offset).Because(r.detail)
}
