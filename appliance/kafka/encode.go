package kafka

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// encoder lays out Kafka's types. In flexible versions (KIP-482) lengths are unsigned varints of one more, and structures end with tags.
type encoder struct {
	out      []byte
	flexible bool
}

func (e *encoder) int16(v int16) { e.out = binary.BigEndian.AppendUint16(e.out, uint16(v)) }
func (e *encoder) int32(v int32) { e.out = binary.BigEndian.AppendUint32(e.out, uint32(v)) }
func (e *encoder) int64(v int64) { e.out = binary.BigEndian.AppendUint64(e.out, uint64(v)) }

// length is that of an array or of bytes; -1 is null.
func (e *encoder) length(n int) {
	if e.flexible {
		e.out = binary.AppendUvarint(e.out, uint64(n+1))
		return
	}
	e.int32(int32(n))
}

func (e *encoder) string(s string) {
	if e.flexible {
		e.length(len(s))
	} else {
		e.int16(int16(len(s)))
	}
	e.out = append(e.out, s...)
}

// tags ends a structure that has none.
func (e *encoder) tags() {
	if e.flexible {
		e.out = append(e.out, 0)
	}
}

// encode is the whole answer, versions 4 to 12, with the batches where they are. There are no sessions (0), transactions or other replicas.
func (f *fetch) encode(h header, r *kmsg.FetchRequest) []piece {
	v := r.Version
	e := encoder{flexible: r.IsFlexible()}
	var cuts []int // where in out the batches of a part belong
	e.int32(0)     // the size, when it is known
	e.int32(h.correlation)
	e.tags()
	e.int32(0) // throttle
	if v >= 7 {
		e.int16(0) // error
		e.int32(0) // session
	}
	e.length(len(r.Topics))
	parts := f.parts
	for i := range r.Topics {
		e.string(r.Topics[i].Topic)
		n := len(r.Topics[i].Partitions)
		e.length(n)
		for j := range parts[:n] {
			p := &parts[j]
			e.int32(r.Topics[i].Partitions[j].Partition)
			e.part(p, v)
			if len(p.span.Bytes) > 0 {
				cuts = append(cuts, len(e.out))
			}
			e.tags()
		}
		parts = parts[n:]
		e.tags()
	}
	e.tags()
	binary.BigEndian.PutUint32(e.out, uint32(len(e.out)-4+f.bytes))
	return f.between(e.out, cuts)
}

// part is one partition's answer up to its batches.
func (e *encoder) part(p *part, version int16) {
	e.int16(p.code)
	e.int64(p.end)
	e.int64(p.end) // the last stable offset: nothing is in a transaction
	if version >= 5 {
		e.int64(p.first)
	}
	e.length(-1) // aborted transactions
	if version >= 11 {
		e.int32(-1) // preferred replica
	}
	e.length(len(p.span.Bytes))
}

// piece is a part of an answer: bytes of our own, or batches of a segment.
type piece struct {
	bytes []byte
	span  *segstore.Span // whose the bytes are; or nil
}

// between lays the batches between the pieces of an answer.
func (f *fetch) between(out []byte, cuts []int) []piece {
	pieces := make([]piece, 0, 2*len(cuts)+1)
	at := 0
	for i := range f.parts {
		if span := &f.parts[i].span; len(span.Bytes) > 0 {
			pieces = append(pieces, piece{bytes: out[at:cuts[0]]}, piece{span.Bytes, span})
			at, cuts = cuts[0], cuts[1:]
		}
	}
	return append(pieces, piece{bytes: out[at:]})
}
