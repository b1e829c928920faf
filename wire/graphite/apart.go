package graphite

import "penstock/wire"

// layApart lays the points of a pickle of the usual shape as they come, each as a record, if all are taken and of different series, as
// a relay's mostly are. false: nothing has come of it.
func (p *pickles) layApart(req *wire.Request, b *wire.Batch) bool {
	before := len(b.Records)
	p.apart.Begin()
	var point sent
	u := usualPickle(req.Body)
	for u.next(&point) && p.layAlone(&point, req, b) {
	}
	if !u.ended {
		clear(b.Records[before:])
		b.Records = b.Records[:before]
	}
	return u.ended
}

func (p *pickles) layAlone(point *sent, req *wire.Request, b *wire.Batch) bool {
	if point.stamp.kind != p.stamp.kind || point.stamp.bits != p.stamp.bits {
		p.readStamp(point.stamp, req.Now)
	}
	if p.stamp.why != taken {
		return false
	}
	value, why := p.value(point.number)
	if why != taken {
		return false
	}
	series, why := p.outline(req.Body[point.name:point.behind:point.behind], b)
	if why != taken || !p.apart.First(series) {
		return false
	}
	series.Lay(b, req.Topics[wire.KindMetric], &wire.Single{Time: p.stamp.ms, Stamp: p.stamp.digits, Value: value})
	return true
}
