package segstore

import "encoding/binary"

// A record inside a batch (Kafka's layout, varints are zigzag as in protobuf's sint):
//
//	length          varint   bytes that follow
//	attributes      int8     0
//	timestampDelta  varlong  against the batch's baseTimestamp
//	offsetDelta     varint   against the batch's baseOffset
//	keyLength       varint   -1: null
//	key
//	valueLength     varint   -1: null
//	value
//	headers         varint   how many, and then they; the record's ID is the first of them (see ids.go)
//
// RecordOverhead bounds what a record without an ID takes beside its key, value and headers: 5 + 1 + 10 + 5 + 5 + 5 + 1.
const RecordOverhead = 32

// Record is one record of a batch, read in place: what it holds aliases the batch.
type Record struct {
	Offset  int64
	Time    int64 // event time, ms since 1970
	Key     []byte
	Value   []byte
	ID      []byte  // as in type ID; nil when it has none
	Headers Headers // all of them, the ID's too; nil when it has none
}

// Records reads a batch's records one after the other.
type Records struct {
	rest     []byte
	base     int64
	baseTime int64
	left     int32
}

// Next returns the next record, or false at the end. A batch whose CRC is right and whose records are not is our bug or another
// writer's; reading then ends early rather than guess.
func (r *Records) Next() (Record, bool) {
	if r.left <= 0 {
		return Record{}, false
	}
	r.left--
	size, n := binary.Varint(r.rest)
	if n <= 0 || size < 0 || size > int64(len(r.rest)-n) {
		return r.bad()
	}
	body := r.rest[n : n+int(size)]
	r.rest = r.rest[n+int(size):]
	if len(body) < 1 {
		return r.bad()
	}
	body = body[1:]
	timeDelta, n := binary.Varint(body)
	if n <= 0 {
		return r.bad()
	}
	body = body[n:]
	offsetDelta, n := binary.Varint(body)
	if n <= 0 {
		return r.bad()
	}
	body = body[n:]
	key, body, ok := readBytes(body)
	if !ok {
		return r.bad()
	}
	value, body, ok := readBytes(body)
	if !ok {
		return r.bad()
	}
	record := Record{Offset: r.base + offsetDelta, Time: r.baseTime + timeDelta, Key: key, Value: value}
	if len(body) > 1 {
		record.ID, record.Headers = readID(body), body
	}
	return record, true
}

func (r *Records) bad() (Record, bool) {
	r.left = 0
	return Record{}, false
}

func readBytes(src []byte) (b, rest []byte, ok bool) {
	size, n := binary.Varint(src)
	if n <= 0 || size < -1 || size > int64(len(src)-n) {
		return nil, nil, false
	}
	src = src[n:]
	if size < 0 {
		return nil, src, true
	}
	return src[:size:size], src[size:], true
}

// putRecord writes one record to dst and returns its size. dst has room for key, value, headers and RecordOverhead, and for IDOverhead when
// there is an id.
func putRecord(dst []byte, timeDelta, offsetDelta int64, id *ID, key, value, headers []byte) int {
	if id == nil && headers == nil {
		n, behind, bytes := putUsual(dst, timeDelta, offsetDelta, lengthOf(key), lengthOf(value), 1)
		if n == 0 {
			n = putHead(dst, timeDelta, offsetDelta, key, lengthOf(value), 1)
		} else {
			n = putKey(dst, n, key, behind, bytes)
		}
		n += copy(dst[n:], value)
		dst[n] = 0
		return n + 1
	}
	n := putHead(dst, timeDelta, offsetDelta, key, lengthOf(value), headersSize(id, headers))
	n += copy(dst[n:], value)
	return n + putHeaders(dst[n:], id, headers)
}

// putHead writes what a record has before its value, whose length is given, and before the headers, which are so many bytes.
func putHead(dst []byte, timeDelta, offsetDelta int64, key []byte, valueLength int64, headers int) int {
	n := putLead(dst, timeDelta, offsetDelta, lengthOf(key), valueLength, headers)
	n += copy(dst[n:], key)
	return n + binary.PutVarint(dst[n:], valueLength)
}

// putLead writes what a record has before its key.
func putLead(dst []byte, timeDelta, offsetDelta, keyLength, valueLength int64, headers int) int {
	size := 1 + varintSize(timeDelta) + varintSize(offsetDelta) + varintSize(keyLength) + int(max(keyLength, 0)) + varintSize(valueLength) + int(max(valueLength, 0)) + headers
	n := binary.PutVarint(dst, int64(size))
	dst[n] = 0
	n++
	n += binary.PutVarint(dst[n:], timeDelta)
	n += binary.PutVarint(dst[n:], offsetDelta)
	return n + binary.PutVarint(dst[n:], keyLength)
}

// lengthOf is what stands before a key or value.
func lengthOf(b []byte) int64 {
	if b == nil {
		return -1
	}
	return int64(len(b))
}

// usualBelow is what fits in a varint of two bytes, as zigzag has it.
const usualBelow = 1 << 14

// putUsual is putLead for a record all of whose varints have one byte or two, but for the time's, which may have three: they are put together in a word
// and stored at once, which is a quarter of the work. behind is the varint that is behind the key, of so many bytes. 0: it is another record.
func putUsual(dst []byte, timeDelta, offsetDelta, keyLength, length int64, headers int) (n int, behind uint16, bytes int) {
	time, offset, keyZigzag, valueLength := zigzag(timeDelta), zigzag(offsetDelta), zigzag(keyLength), zigzag(length)
	if offset|keyZigzag|valueLength >= usualBelow || time >= usualBelow<<7 {
		return 0, 0, 0
	}
	head, bits := uint64(0), uint64(8) // attributes
	v, size := usualVarint(time)
	if time >= usualBelow {
		v, size = time&0x7f|time<<1&0x7f00|time>>14<<16|0x8080, 24
	}
	head, bits = head|v<<(bits&63), bits+size
	v, size = usualVarint(offset)
	head, bits = head|v<<(bits&63), bits+size
	v, size = usualVarint(keyZigzag)
	head, bits = head|v<<(bits&63), bits+size
	before := int(bits / 8)
	valueVarint, valueBits := usualVarint(valueLength)
	all := before + int(max(keyLength, 0)) + int(valueBits/8) + int(max(length, 0)) + headers
	if all >= usualBelow/2 {
		return 0, 0, 0
	}
	v, size = usualVarint(uint64(all) << 1)
	at := int(size / 8)
	binary.LittleEndian.PutUint64(dst, v)
	binary.LittleEndian.PutUint64(dst[at:], head)
	return at + before, uint16(valueVarint), int(valueBits / 8)
}

// putKey writes a key behind what putUsual wrote, and what is behind it.
func putKey(dst []byte, n int, key []byte, behind uint16, bytes int) int {
	n += copy(dst[n:], key)
	binary.LittleEndian.PutUint16(dst[n:], behind)
	return n + bytes
}

func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

// usualVarint is the varint of what is below usualBelow, and its bits.
func usualVarint(u uint64) (varint, bits uint64) {
	if u < 0x80 {
		return u, 8
	}
	return u&0x7f | 0x80 | u<<1&0x7f00, 16
}

func varintSize(v int64) int {
	n, u := 1, zigzag(v)
	for u >= 0x80 {
		u >>= 7
		n++
	}
	return n
}
