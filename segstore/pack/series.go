package pack

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"sync/atomic"
)

// Sample is a record of a series with one point. Its value is the head, the point's time, a comma, its value, and the tail.
type Sample struct {
	Series *Series
	Text   []byte // head, tail and key
	Head   int    // bytes
	Tail   int    // bytes
	*Point
}

// Point is a point in the digits in which it was sent.
type Point struct {
	Time  int64  // milliseconds
	Stamp []byte // Time's digits, but for those of
	Zeros string // behind them
	Value []byte // JSON
}

func (s *Sample) head() []byte { return s.Text[:s.Head] }
func (s *Sample) tail() []byte { return s.Text[s.Head:][:s.Tail] }

// Key is the record's.
func (s *Sample) Key() []byte { return s.Text[s.Head+s.Tail:] }

// Size is how many bytes the record's value has.
func (s *Sample) Size() int {
	return s.Head + len(s.Stamp) + len(s.Zeros) + len(",") + len(s.Value) + s.Tail
}

// Series is what is remembered of a series: how its record differs from that of the one that came before it the last time. The zero value is ready. It goes with
// the same head, tail and key always.
type Series struct {
	id    uint64 // no other has had it; 0: it has none yet
	after uint64 // the other's, or 0
	alike bool   // there is something to be taken from the other's record
	tails bool   // the tail, too

	lead  uint16 // bytes of the key before what is taken first
	first taken  // within the key
	last  taken  // the end of the head; what is behind that can be taken along

	// What is between the two: LZ4's sequences, the last of them open, but for distances and the length of the value.
	between   [maxBetween]byte
	length    uint8
	token     uint8    // where the open one begins
	size      uint8    // where the length of the value stands
	distances [2]uint8 // where there are distances, to which that of the keys is to be added; 0: there is none
}

// maxBetween bounds what two records differ in: names, tags, and what LZ4 says of it.
const maxBetween = 64

// leastTail and leastEnd are what tails, and the ends of heads that are taken, have at least, so that a record ends as a block must.
const (
	leastTail = 4
	leastEnd  = 8
)

// taken is what a record has from the one before: how many bytes, and by how much those are farther apart than the keys.
type taken struct {
	bytes   uint16
	farther int16
}

// lastID numbers the series of a process, so that none is taken for another.
var lastID atomic.Uint64

// learn notes how a series' record differs from the one before.
func (s *Series) learn(x *Sample, b *before) {
	*s = Series{id: s.id, after: b.series}
	s.tails = bytes.Equal(x.tail(), b.tailText())
	w := sequences{length: 1}
	if x.Tail < leastTail || !s.learnKey(&w, x.Key(), b.key()) {
		return
	}
	longer := len(x.Key()) - len(b.key())
	w.add([]byte{0, 0})
	size, open := w.length-2, w.token
	// The end goes first: what is behind it is taken along.
	head, other := x.head(), b.headText()
	end := commonEnd(head, other)
	start := commonStart(head[:len(head)-end], other[:len(other)-end])
	if start >= shortest {
		s.distances[1] = w.take(start, longer)
		size += moreLiterals(size + 2 - open - 1)
	} else {
		start = 0
	}
	w.add(head[start : len(head)-end])
	s.last = taken{uint16(end), int16(longer + len(head) - len(other))}
	if s.alike = end >= leastEnd && w.length <= maxBetween; s.alike {
		copy(s.between[:], w.room[:w.length])
		s.length, s.token, s.size = uint8(w.length), uint8(w.token), uint8(size)
	}
}

// learnKey notes what a key has from another. false: nothing.
func (s *Series) learnKey(w *sequences, key, other []byte) bool {
	longer := len(key) - len(other)
	start := commonStart(key, other)
	end := commonEnd(key[start:], other[start:])
	switch {
	case start >= shortest && end >= shortest:
		s.first = taken{uint16(start), 0}
		w.add(key[start : len(key)-end])
		s.distances[0] = w.take(end, longer)
	case start >= shortest:
		s.first = taken{uint16(start), 0}
		w.add(key[start:])
	default:
		if end = commonEnd(key, other); end < shortest {
			return false
		}
		s.lead, s.first = uint16(len(key)-end), taken{uint16(end), int16(longer)}
	}
	return true
}

// sequences are some of LZ4's, of which the last is open. They begin with a token's place.
type sequences struct {
	room          [4 * maxBetween]byte
	length, token int
}

// add adds literals, but for what would be too much anyhow.
func (w *sequences) add(literals []byte) {
	w.length += copy(w.room[w.length:], literals[:min(len(literals), maxBetween)])
}

// take closes the open sequence, and returns where its distance stands.
func (w *sequences) take(bytes, distance int) (at uint8) {
	literals := w.length - w.token - 1
	at = uint8(w.token + 1 + moreLiterals(literals) + literals)
	w.length = len(closeSequence(w.room[:w.length], w.token, distance, bytes))
	w.token = w.length - 1
	return at
}

// commonStart is how many bytes two texts have in common at their start.
func commonStart(a, b []byte) (n int) {
	most := min(len(a), len(b))
	for ; n+8 <= most; n += 8 {
		if differ := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); differ != 0 {
			return n + bits.TrailingZeros64(differ)/8
		}
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}

// commonEnd is how many they have in common at their end.
func commonEnd(a, b []byte) (n int) {
	most := min(len(a), len(b))
	a, b = a[len(a)-most:], b[len(b)-most:]
	for ; n+8 <= most; n += 8 {
		if differ := binary.LittleEndian.Uint64(a[most-n-8:]) ^ binary.LittleEndian.Uint64(b[most-n-8:]); differ != 0 {
			return n + bits.LeadingZeros64(differ)/8
		}
	}
	for n < most && a[most-1-n] == b[most-1-n] {
		n++
	}
	return n
}
