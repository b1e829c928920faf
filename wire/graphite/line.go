package graphite

import "penstock/wire"

// lines reads one line a frame: name value timestamp. One for each worker.
type lines struct {
	names  *names
	metric wire.Metric
	series wire.Series
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
	ms, why := seconds(stamp)
	if why == taken {
		ms, why = milliseconds(ms, req.Now)
	}
	if why != taken {
		return refused(b, why, end-len(stamp))
	}
	text, why := value(number, b)
	if why != taken {
		return refused(b, why, next-len(number))
	}
	if why = p.names.read(name, &p.metric, b); why != taken {
		return refused(b, why, 0)
	}
	p.series.Reset()
	p.series.Add(p.series.Of(&p.metric, from, b), ms, text, nil)
	p.series.Flush(b, req.Topics[wire.KindMetric])
	return nil
}

func refused(b *wire.Batch, why reason, offset int) *wire.Fault {
	r := &reasons[why]
	return b.Fail(r.code, offset).Because(r.detail)
}
