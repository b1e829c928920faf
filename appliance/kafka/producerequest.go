package kafka

import (
	"encoding/binary"
	"math"
)

// producing is a ProduceRequest (versions 3 to 9), read in place. It is read by hand: the request is the only one that may be large, and what it
// says of its own numbers must not cost memory.
type producing struct {
	transactional bool
	acks          int16
	parts         []sent
}

// sent is one partition's batch; its bytes are the frame's.
type sent struct {
	topic     []byte
	topicAt   int // the topic's place in the request
	partition int32
	records   []byte
}

const (
	produceFlexible = 9      // from this version on lengths are varints (KIP-482)
	sentMost        = 10_000 // partitions of a request
)

func readProduce(body []byte, version int16) (r producing, ok bool) {
	in := fields{rest: body, flexible: version >= produceFlexible}
	_, r.transactional = in.text()
	r.acks = int16(in.uint16())
	in.uint32() // a timeout: the appliance has its own
	topics := in.count()
	for topic := range topics {
		name, _ := in.text()
		partitions := in.count()
		for range partitions {
			if len(r.parts) == sentMost || in.bad {
				return r, false
			}
			one := sent{topic: name, topicAt: topic, partition: int32(in.uint32())}
			one.records = in.bytes()
			in.tags()
			r.parts = append(r.parts, one)
		}
		in.tags()
		if in.bad {
			return r, false
		}
	}
	in.tags()
	return r, !in.bad && len(in.rest) == 0
}

// fields reads a request's fields one after the other. Where something is not as it should be it is bad, and what it returns is nothing.
type fields struct {
	rest     []byte
	flexible bool
	bad      bool
}

func (f *fields) take(n int) []byte {
	if f.bad || n < 0 || n > len(f.rest) {
		f.bad = true
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) uint16() uint16 {
	if b := f.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (f *fields) uint32() uint32 {
	if b := f.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// length is that of what follows, -1 for null. Flexible ones are a varint of one more.
func (f *fields) length(fixed func() int32) int {
	if !f.flexible {
		return int(fixed())
	}
	v, n := binary.Uvarint(f.rest)
	if n <= 0 || v > math.MaxInt32 {
		f.bad = true
		return -1
	}
	f.rest = f.rest[n:]
	return int(v) - 1
}

func (f *fields) short() int32 { return int32(int16(f.uint16())) }
func (f *fields) long() int32  { return int32(f.uint32()) }

// text is a string; some is false when it is null.
func (f *fields) text() (b []byte, some bool) {
	n := f.length(f.short)
	if n == -1 {
		return nil, false
	}
	return f.take(n), true
}

func (f *fields) bytes() []byte {
	n := f.length(f.long)
	if n == -1 {
		return nil
	}
	return f.take(n)
}

// count is an array's number of elements: never more than there are bytes left.
func (f *fields) count() int {
	n := f.length(f.long)
	if n > len(f.rest) {
		f.bad = true
	}
	if f.bad {
		return 0
	}
	return max(n, 0)
}

func (f *fields) tags() {
	if f.flexible && !f.bad {
		rest, ok := skipTags(f.rest)
		f.rest, f.bad = rest, !ok
	}
}
