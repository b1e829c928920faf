package graphite

import (
	"encoding/binary"
	"math"

	"penstock/wire"
)

// layApart lays the points of a pickle of the usual shape as they come, each as a record, if all are taken and of different series, as
// a relay's mostly are. false: nothing has come of it.
func (p *pickles) layApart(req *wire.Request, b *wire.Batch) bool {
	before := len(b.Records)
	p.apart.Begin()
	var point sent
	u := usualPickle(req.Body)
	for {
		if value, end := p.expected(&u); end > 0 {
			u.at = end
			if p.layOne(p.known.Met(), appendDouble(p.room[:0], value), req, b) {
				continue
			}
			break
		}
		if !u.next(&point) || !p.layAlone(&point, req, b) {
			break
		}
	}
	if !u.ended {
		clear(b.Records[before:])
		b.Records = b.Records[:before]
	}
	return u.ended
}

// expected reads a point like most: of the series that followed the last one the time before, at the last point's time, with a double
// that is a number. end 0: it must be read in full.
func (p *pickles) expected(u *usual) (value float64, end int) {
	kind, name, _ := p.known.Next()
	// As much as such a point can take, so that nothing of it is behind the end.
	const most = 5 + 5 + 5 + 9 + 1 + 5 + 1 + 5
	if !u.marked || len(u.src)-u.at < len(name)+most || name == nil || kind != leading || p.stamp.kind != integer || p.stamp.why != taken {
		return 0, 0
	}
	src, at := u.src[u.at:], 0
	switch {
	case src[0] == opBinUnicode && binary.LittleEndian.Uint32(src[1:]) == uint32(len(name)):
		at = 5
	case src[0] == opShortBinUnicode && int(src[1]) == len(name):
		at = 2
	}
	if at == 0 || string(src[at:at+len(name)]) != string(name) {
		return 0, 0
	}
	at = skipPut(src, at+len(name))
	if src[at] != opBinInt || int64(int32(binary.LittleEndian.Uint32(src[at+1:]))) != int64(p.stamp.bits) || src[at+5] != opBinFloat {
		return 0, 0
	}
	value = math.Float64frombits(binary.BigEndian.Uint64(src[at+6:]))
	if at += 14; src[at] != opTuple2 || value-value != 0 {
		return 0, 0
	}
	if at = skipPut(src, at+1); src[at] != opTuple2 {
		return 0, 0
	}
	return value, u.at + skipPut(src, at+1)
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
	return why == taken && p.layOne(series, value, req, b)
}

// layOne lays a point as a record, if no point of its series came before.
func (p *pickles) layOne(series wire.Outline, value []byte, req *wire.Request, b *wire.Batch) bool {
	if !p.apart.First(series) {
		return false
	}
	series.Lay(b, req.Topics[wire.KindMetric], &wire.Single{Time: p.stamp.ms, Stamp: p.stamp.digits, Value: value})
	return true
}
