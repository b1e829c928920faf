package bridge

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"strconv"
)

// Where a record batch (magic 2) has its fields; see segstore/batch.go for all of them.
const (
	atLength       = 8
	atLeaderEpoch  = 12
	atMagic        = 16
	atCRC          = 17
	atAttributes   = 21
	atLastDelta    = 23
	atBaseTime     = 27
	atMaxTime      = 35
	atProducer     = 43
	atProducerTerm = 51
	atSequence     = 53
	atCount        = 57
	batchHead      = 61
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// producer is who brings a shard to a partition, as the cluster knows it.
type producer struct {
	ID    int64 `json:"producer"`
	Epoch int16 `json:"epoch"`
	Base  int64 `json:"base"` // the offset whose sequence is 0
}

// sequence is a record's, by its offset here: Kafka counts to 2³¹ and begins again.
func (p producer) sequence(offset int64) int32 { return int32((offset - p.Base) & math.MaxInt32) }

// stamp makes a batch the producer's, its first record having that offset here, and seals it with its CRC. Its records are left as they are.
func (p producer) stamp(batch []byte, offset int64) {
	be := binary.BigEndian
	be.PutUint64(batch, 0) // the leader says where it stands
	be.PutUint32(batch[atLeaderEpoch:], math.MaxUint32)
	be.PutUint64(batch[atProducer:], uint64(p.ID))
	be.PutUint16(batch[atProducerTerm:], uint16(p.Epoch))
	be.PutUint32(batch[atSequence:], uint32(p.sequence(offset)))
	be.PutUint32(batch[atCRC:], crc32.Checksum(batch[atAttributes:], castagnoli))
}

// record is one of a batch, its key, value and headers as they are encoded there; they alias the batch.
type record struct {
	offset, time int64
	keyValue     []byte // both with their lengths
	headers      []byte // without their number
	headerCount  int64
}

// records walks a batch.
type records struct {
	rest           []byte
	base, baseTime int64
	left           int32
}

func recordsOf(batch []byte) records {
	be := binary.BigEndian
	return records{
		rest: batch[batchHead:], base: int64(be.Uint64(batch)), baseTime: int64(be.Uint64(batch[atBaseTime:])),
		left: int32(be.Uint32(batch[atCount:])),
	}
}

// next returns the next record; false behind the last one, or where the bytes are no record.
func (w *records) next() (record, bool) {
	if w.left <= 0 {
		return record{}, false
	}
	w.left--
	size, rest, ok := varint(w.rest)
	if !ok || size < 1 || size > int64(len(rest)) {
		return record{}, false
	}
	body := rest[1:size] // behind the attributes
	w.rest = rest[size:]
	timeDelta, body, ok1 := varint(body)
	offsetDelta, body, ok2 := varint(body)
	r := record{offset: w.base + offsetDelta, time: w.baseTime + timeDelta}
	tail, ok3 := skipBytes(body)
	tail, ok4 := skipBytes(tail)
	r.keyValue = body[:len(body)-len(tail)]
	var ok5 bool
	r.headerCount, r.headers, ok5 = varint(tail)
	return r, ok1 && ok2 && ok3 && ok4 && ok5
}

func varint(src []byte) (v int64, rest []byte, ok bool) {
	v, n := binary.Varint(src)
	if n <= 0 {
		return 0, nil, false
	}
	return v, src[n:], true
}

// skipBytes returns what is behind a byte string that may be null.
func skipBytes(src []byte) (rest []byte, ok bool) {
	size, rest, ok := varint(src)
	if !ok || size > int64(len(rest)) {
		return nil, false
	}
	return rest[max(size, 0):], true
}

// builder lays records of one or more batches into one. Its buffer is kept from batch to batch.
type builder struct {
	batch             []byte
	first, last       int64 // offsets here
	baseTime, maxTime int64
	count             int32
	body              []byte // of the record being laid
}

func (b *builder) reset() {
	b.batch = append(b.batch[:0], make([]byte, batchHead)...)
	b.count = 0
}

// add lays a record behind those that are there, with one more header unless that is empty.
func (b *builder) add(r *record, header []byte) {
	if b.count == 0 {
		b.first, b.baseTime, b.maxTime = r.offset, r.time, r.time
	}
	b.last, b.maxTime = r.offset, max(b.maxTime, r.time)
	b.count++
	headers := r.headerCount
	if len(header) > 0 {
		headers++
	}
	body := append(b.body[:0], 0)
	body = binary.AppendVarint(body, r.time-b.baseTime)
	body = binary.AppendVarint(body, r.offset-b.first)
	body = append(body, r.keyValue...)
	body = binary.AppendVarint(body, headers)
	body = append(body, r.headers...)
	body = append(body, header...)
	b.body = body
	b.batch = binary.AppendVarint(b.batch, int64(len(body)))
	b.batch = append(b.batch, body...)
}

// take makes a whole batch the builder's, as it is.
func (b *builder) take(batch []byte) {
	be := binary.BigEndian
	b.batch = append(b.batch[:0], batch...)
	b.first = int64(be.Uint64(batch))
	b.last = b.first + int64(be.Uint32(batch[atLastDelta:]))
	b.count = int32(be.Uint32(batch[atCount:]))
}

// head writes what the records that were added need in front of them.
func (b *builder) head() {
	be := binary.BigEndian
	be.PutUint32(b.batch[atLength:], uint32(len(b.batch)-atLeaderEpoch))
	b.batch[atMagic] = 2
	be.PutUint16(b.batch[atAttributes:], 0)
	be.PutUint32(b.batch[atLastDelta:], uint32(b.count-1))
	be.PutUint64(b.batch[atBaseTime:], uint64(b.baseTime))
	be.PutUint64(b.batch[atMaxTime:], uint64(b.maxTime))
	be.PutUint32(b.batch[atCount:], uint32(b.count))
}

// sourceHeader is a header that says where a record comes from.
func sourceHeader(dst []byte, topic string, shard int, offset int64) []byte {
	const name = "penstock-source"
	dst = binary.AppendVarint(dst, int64(len(name)))
	dst = append(dst, name...)
	var text [300]byte
	value := append(append(text[:0], topic...), '/')
	value = strconv.AppendInt(value, int64(shard), 10)
	value = strconv.AppendInt(append(value, '@'), offset, 10)
	dst = binary.AppendVarint(dst, int64(len(value)))
	return append(dst, value...)
}
