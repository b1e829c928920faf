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
	count     uint8    // how many distances there are
	distances [7]uint8 // where they are: that of the keys is to be added to each
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
	w.size = w.length
	w.add([]byte{0, 0})
	// The end goes first: what is behind it is taken along.
	head, other := x.head(), b.headText()
	end := commonEnd(head, other)
	s.last = taken{uint16(end), int16(longer + len(head) - len(other))}
	s.learnBeside(&w, head[:len(head)-end], other[:len(other)-end], longer, shortest)
	if s.alike = end >= leastEnd && !w.full && w.length <= maxBetween; s.alike {
		copy(s.between[:], w.room[:w.length])
		s.length, s.token, s.size = uint8(w.length), uint8(w.token), uint8(w.size)
	}
}

// learnKey notes what a key has from another. false: nothing.
func (s *Series) learnKey(w *sequences, key, other []byte) bool {
	longer := len(key) - len(other)
	start := commonStart(key, other)
	if start < shortest {
		end := commonEnd(key, other)
		s.lead, s.first = uint16(len(key)-end), taken{uint16(end), int16(longer)}
		return end >= shortest
	}
	s.first = taken{uint16(start), 0}
	key, other = key[start:], other[start:]
	end := commonEnd(key, other)
	if end < shortest {
		end = 0
	}
	s.learnBeside(w, key[:len(key)-end], other[:len(other)-end], 0, worth)
	if end > 0 {
		s.take(w, end, longer)
	}
	return true
}

// worth is from how many bytes on it is worth a sequence to take them, in the midst of others.
const worth = 8

// learnBeside notes what a text has from another, of which it begins so much farther away than the keys: its start, if that has so many bytes, and if the two are
// as long, whatever else stands at the same place.
func (s *Series) learnBeside(w *sequences, text, other []byte, farther, least int) {
	for at := 0; at < len(text); least = worth {
		n := commonStart(text[at:], other[min(at, len(other)):])
		if n >= least && int(s.count) < len(s.distances)-1 { // one is left for a key's end
			w.add(text[:at])
			s.take(w, n, farther)
			text, other, at = text[at+n:], other[at+n:], 0
		} else {
			at += n + 1
		}
		if len(text) != len(other) {
			break
		}
	}
	w.add(text)
}

// take closes the open sequence with bytes that are so much farther away than the keys.
func (s *Series) take(w *sequences, bytes, farther int) {
	s.distances[s.count] = w.take(bytes, farther)
	s.count++
}

// sequences are some of LZ4's, of which the last is open. They begin with a token's place.
type sequences struct {
	room          [maxBetween + 8]byte
	length, token int
	size          int  // where the length of the value stands
	full          bool // they are too many
}

func (w *sequences) add(literals []byte) {
	if w.full = w.full || w.length+len(literals) > maxBetween; !w.full {
		w.length += copy(w.room[w.length:], literals)
	}
}

// take closes the open sequence, and returns where its distance stands.
func (w *sequences) take(bytes, distance int) (at uint8) {
	if w.full = w.full || w.length+4+bytes/255 > maxBetween; w.full {
		return 0
	}
	told, high := tellLiterals(w.room[:w.length], w.token)
	if w.size > w.token {
		w.size += len(told) - w.length
	}
	at = uint8(len(told))
	w.length = len(closeSequence(told, w.token, high, distance, bytes))
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
