package wire

import (
	"bytes"
	"hash/maphash"
	"strconv"
)

// Series gathers a request's points by what they belong to: points of one series share a record, wherever in the request they
// stand. One for each worker; the zero value is ready. Use: Reset, then Of and Add for each point, then Flush.
type Series struct {
	all    []series
	points []point
	slots  []int32 // open addressing: 1 + an index into all, or 0
}

type series struct {
	hash        uint64
	slot        int32
	ident       []byte // the record's value but for its points
	head, tail  int    // where in ident the points begin, and what follows them
	key         []byte
	lent        *outline // whose ident and key are; nil: its own
	named       bool     // its sender calls it something: what has the same ident is the same
	first, last int32    // of its points, from 1; 0 = none
}

type point struct {
	time         int64
	stamp        []byte // time's digits, or nil
	value, nanos []byte
	next         int32
}

// seed is a hash nobody outside can choose collisions for. It shows in nothing that leaves this file.
var seed = maphash.MakeSeed()

// keepPoints and keepSeries are how much room is kept between requests.
const (
	keepPoints = 16 << 10
	keepSeries = 4 << 10
)

// Reset forgets everything.
func (s *Series) Reset() {
	if cap(s.all) > keepSeries {
		s.all, s.slots = nil, nil
	}
	for i := range s.all {
		s.slots[s.all[i].slot] = 0
	}
	clear(s.all)
	s.all = s.all[:0]
	if cap(s.points) > keepPoints {
		s.points = nil
	}
	clear(s.points)
	s.points = s.points[:0]
}

// Of finds or makes the series that m and from describe, and returns its number. What it keeps lies in b's scratch, so m may be used
// again.
func (s *Series) Of(m *Metric, from Source, b *Batch) int {
	text := m.appendHead(b.Open())
	head := len(text)
	text = m.appendTail(text, from)
	hash := maphash.Bytes(seed, text)
	i, at := s.find(hash, text)
	if i >= 0 {
		b.Drop(text)
		return i
	}
	ident := b.Close(text)
	key := b.Close(m.AppendKey(b.Open()))
	return s.make(at, series{hash: hash, ident: ident, head: head, tail: head, key: key, named: len(m.ID) > 0})
}

// OfOutline is Of for an outline, up to a Flush before the next Begin of its Outlines. What it finds are series that came by their
// outlines, too.
func (s *Series) OfOutline(o *Outline, b *Batch) int {
	if at := int(o.of.mark); o.of.kept && at < len(s.all) && s.all[at].lent == o.of {
		return at
	}
	at := s.ofOutline(o, b)
	o.of.mark = uint32(at)
	return at
}

func (s *Series) ofOutline(o *Outline, b *Batch) int {
	head := int(o.of.head)
	behind := head + int(o.of.tail)
	i, at := s.find(o.of.hash, o.text[:behind])
	if i >= 0 {
		return i
	}
	text := o.text
	if !o.of.kept {
		text = b.Scratch(len(o.text))
		copy(text, o.text)
	}
	// A single point's brackets are at the end of the outline's head and at the beginning of its tail.
	return s.make(at, series{hash: o.of.hash, ident: text[:behind], head: head - 1, tail: head + 1, key: text[behind:], lent: o.of})
}

// find finds the series of an ident, or else, with a number of -1, the slot that it goes to.
func (s *Series) find(hash uint64, ident []byte) (i int, slot uint64) {
	if 2*len(s.all) >= len(s.slots) {
		s.grow()
	}
	mask := uint64(len(s.slots) - 1)
	at := hash & mask
	for s.slots[at] != 0 {
		i := int(s.slots[at] - 1)
		if had := &s.all[i]; had.hash == hash && bytes.Equal(had.ident, ident) {
			return i, at
		}
		at = (at + 1) & mask
	}
	return -1, at
}

func (s *Series) make(slot uint64, made series) int {
	made.slot = int32(slot)
	s.all = append(s.all, made)
	s.slots[slot] = int32(len(s.all))
	return len(s.all) - 1
}

func (s *Series) grow() {
	s.slots = make([]int32, max(64, 2*len(s.slots)))
	mask := uint64(len(s.slots) - 1)
	for i := range s.all {
		at := s.all[i].hash & mask
		for s.slots[at] != 0 {
			at = (at + 1) & mask
		}
		s.slots[at], s.all[i].slot = int32(i+1), int32(at)
	}
}

// Add gives a series a point: milliseconds, the value as JSON, and the nanoseconds as a JSON number or nil. Both must live until
// Flush.
func (s *Series) Add(series int, time int64, value, nanos []byte) {
	s.add(series, point{time: time, value: value, nanos: nanos})
}

// AddWritten is Add with the digits of the time, which live as long.
func (s *Series) AddWritten(series int, time int64, stamp, value []byte) {
	s.add(series, point{time: time, stamp: stamp, value: value})
}

func (s *Series) add(series int, p point) {
	s.points = append(s.points, p)
	at := int32(len(s.points))
	of := &s.all[series]
	if of.last == 0 {
		of.first = at
	} else {
		s.points[of.last-1].next = at
	}
	of.last = at
}

// Flush lays one record for each series that has points, in the order in which the series came. A record's time is that of its
// first point; its ID, where the metric has one, is all of the record but the points, the metric's own ID among it.
func (s *Series) Flush(b *Batch, topic []byte) {
	for i := range s.all {
		of := &s.all[i]
		if of.first == 0 {
			continue
		}
		text := append(b.Open(), of.ident[:of.head]...)
		for at := of.first; at != 0; at = s.points[at-1].next {
			if at != of.first {
				text = append(text, ',')
			}
			text = s.points[at-1].append(text)
		}
		text = append(text, of.ident[of.tail:]...)
		value, key := len(text), of.key
		if of.lent != nil {
			text = append(text, key...)
		}
		text = b.Close(text)
		if of.lent != nil {
			key = text[value:]
		}
		r := b.Add()
		r.Topic, r.Key, r.Value, r.Time = topic, key, text[:value:value], s.points[of.first-1].time
		if of.lent != nil {
			r.Hash = of.lent.route(key, b)
		}
		if of.named {
			r.ID = of.ident
		}
	}
}

func (p *point) append(dst []byte) []byte {
	dst = append(dst, '[')
	if p.stamp != nil {
		dst = append(dst, p.stamp...)
	} else {
		dst = strconv.AppendInt(dst, p.time, 10)
	}
	dst = append(append(dst, ','), p.value...)
	if p.nanos != nil {
		dst = append(append(dst, ','), p.nanos...)
	}
	return append(dst, ']')
}
