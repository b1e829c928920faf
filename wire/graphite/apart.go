package graphite

import "penstock/wire"

// apart tells whether the points of a frame are all of different series: a table of what their records have in common is empty before
// each. One for each worker.
type apart struct {
	tags  [2 * mostApart]uint32 // of the series that came, open addressing; 0: none
	count int
}

// mostApart is the most points of such a frame; carbon sends 500.
const mostApart = 1 << 10

func (a *apart) reset() {
	clear(a.tags[:])
	a.count = 0
}

// first reports whether a series comes for the first time, and there is room for it. It may take a new one for another, once in
// millions of frames; never one that came before for a new one.
func (a *apart) first(series uint64) bool {
	if a.count++; a.count > mostApart {
		return false
	}
	tag := uint32(series>>32) | 1
	at := series
	for ; a.tags[at%uint64(len(a.tags))] != 0; at++ {
		if a.tags[at%uint64(len(a.tags))] == tag {
			return false
		}
	}
	a.tags[at%uint64(len(a.tags))] = tag
	return true
}

// layApart lays the points of a pickle of the usual shape as they come, each as a record, if all are taken and of different series, as
// a relay's mostly are. false: nothing has come of it.
func (p *pickles) layApart(req *wire.Request, b *wire.Batch) bool {
	before := len(b.Records)
	p.apart.reset()
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
	if why != taken || !p.apart.first(series.Ident()) {
		return false
	}
	series.Lay(b, req.Topics[wire.KindMetric], &wire.Single{Time: p.stamp.ms, Stamp: p.stamp.digits, Value: value})
	return true
}
