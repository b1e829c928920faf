package graphite

import (
	"encoding/binary"
	"math"

	"penstock/wire"
)

// layApart lays the points of a pickle of the usual shape as they come, each as a record, if all are taken and of different series, as
// a relay's mostly are. false: nothing has come of it.
func (p *pickles) layApart(req *wire.Request, b *wire.Batch) bool {
	before := b.Mark()
	p.apart.Begin()
	var point sent
	u := usualPickle(req.Body)
	for p.layExpected(&u, req, b) || u.next(&point) && p.layAlone(&point, req, b) {
	}
	if !u.ended {
		b.CutTo(before)
	}
	return u.ended
}

// layExpected lays a point like most: of the series that followed the last one the time before, at the last point's time, with a double of
// few digits. false: it is another, and must be read in full.
func (p *pickles) layExpected(u *usual, req *wire.Request, b *wire.Batch) bool {
	kind, name, _ := p.known.Next()
	// As much as such a point can take, so that nothing of it is behind the end.
	const most = 5 + 5 + len(numbers{})
	if !u.marked || len(u.src)-u.at < len(name)+most || name == nil || kind != leading || p.stamp.leads == 0 {
		return false
	}
	src, at := u.src[u.at:], 0
	switch {
	case src[0] == opBinUnicode && binary.LittleEndian.Uint32(src[1:]) == uint32(len(name)):
		at = 5
	case src[0] == opShortBinUnicode && int(src[1]) == len(name):
		at = 2
	}
	if at == 0 || string(src[at:at+len(name)]) != string(name) {
		return false
	}
	at = skipPut(src, at+len(name))
	value, length := (*numbers)(src[at:]).read(p.stamp.leads)
	n, ok := thousandths(value)
	if length == 0 || !ok {
		return false
	}
	series := p.known.Met()
	if !p.apart.First(series) {
		return false
	}
	u.at += at + length
	p.next.Value = p.next.Value[:writeThousandths(&p.room, n, value < 0)]
	series.Lay(b, req.Topics[wire.KindMetric], &p.next)
	return true
}

// numbers is what follows a point's name: an integer, a double, and the ends of two tuples, each of which may be remembered.
type numbers [5 + 9 + 1 + 5 + 1 + 5]byte

// How the two tuples end, in a word: each is remembered under a number, as most write them, of one byte for the first 256 and of four for the rest.
const (
	shortEnds, shortNumbers = opTuple2 | opBinPut<<8 | opTuple2<<24 | opBinPut<<32, 0xff<<16 | 0xffffff<<40
	longEnds, longNumbers   = opTuple2 | opLongBinPut<<8 | opTuple2<<48 | opLongBinPut<<56, 0xffffffff << 16
)

// read returns the double that follows an integer, by what leads to it, and where the tuples end; or else 0.
func (s *numbers) read(leads uint64) (value float64, end int) {
	if binary.LittleEndian.Uint64(s[:])&(1<<48-1) != leads {
		return 0, 0
	}
	value = math.Float64frombits(binary.BigEndian.Uint64(s[6:]))
	ends := binary.LittleEndian.Uint64(s[14:])
	if ends&^longNumbers == longEnds {
		return value, len(s)
	}
	if ends&^shortNumbers == shortEnds {
		return value, 20
	}
	if s[14] != opTuple2 {
		return 0, 0
	}
	if end = skipPut(s[:], 15); s[end] != opTuple2 {
		return 0, 0
	}
	return value, skipPut(s[:], end+1)
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
func (p *pickles) layOne(series *wire.Outline, value []byte, req *wire.Request, b *wire.Batch) bool {
	if !p.apart.First(series) {
		return false
	}
	p.single = wire.Single{Time: p.stamp.ms, Stamp: p.stamp.digits, Value: value}
	series.Lay(b, req.Topics[wire.KindMetric], &p.single)
	return true
}
