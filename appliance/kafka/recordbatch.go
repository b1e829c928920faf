package kafka

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kerr"

	"penstock/segstore"
	"penstock/wire"
)

// The layout of a record batch is in segstore/batch.go, a record's in segstore/record.go.
const (
	batchHead   = 61
	batchBefore = 12 // bytes that batchLength does not count

	compressionBits  = 0x07
	appendTimeBit    = 0x08
	transactionalBit = 0x10
	controlBit       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// incoming is the head of a producer's batch.
type incoming struct {
	codec    byte
	baseTime int64
	producer int64 // -1: none
	epoch    int16
	sequence int32 // of the first record
	count    int32
}

// last is the sequence of the last record.
func (b *incoming) last() int32 { return sequenceAfter(b.sequence, b.count-1) }

// refusal is why a batch is not taken: Kafka's code, and a text for people.
type refusal struct {
	code *kerr.Error
	text string
}

func refused(code *kerr.Error, text string) *refusal { return &refusal{code, text} }

// readBatch reads the head of what a producer sent for one partition, which has to be one batch of magic 2 (KIP-98), and proves its CRC. rest is
// its records, compressed as codec says.
func readBatch(b []byte) (head incoming, rest []byte, why *refusal) {
	const atMagic, atCRC, atAttributes, atLastDelta, atBaseTime, atProducer, atEpoch, atSequence, atCount = 16, 17, 21, 23, 27, 43, 51, 53, 57
	be := binary.BigEndian
	if len(b) <= atMagic {
		return head, nil, refused(kerr.InvalidRecord, "there is no batch")
	}
	if magic := b[atMagic]; magic < 2 {
		return head, nil, refused(kerr.UnsupportedForMessageFormat, "batches of magic 2 are taken, and this has an older one")
	} else if magic > 2 || len(b) < batchHead {
		return head, nil, refused(kerr.CorruptMessage, "there is no batch")
	}
	switch size := int64(int32(be.Uint32(b[8:]))) + batchBefore; {
	case size < batchHead || size > int64(len(b)):
		return head, nil, refused(kerr.CorruptMessage, "the batch is cut off")
	case size < int64(len(b)):
		return head, nil, refused(kerr.InvalidRecord, "one batch is taken for a partition, and there are more")
	case crc32.Checksum(b[atAttributes:], castagnoli) != be.Uint32(b[atCRC:]):
		return head, nil, refused(kerr.CorruptMessage, "the batch's CRC does not match")
	}
	attributes := be.Uint16(b[atAttributes:])
	head = incoming{
		codec: byte(attributes & compressionBits), baseTime: int64(be.Uint64(b[atBaseTime:])), producer: int64(be.Uint64(b[atProducer:])),
		epoch: int16(be.Uint16(b[atEpoch:])), sequence: int32(be.Uint32(b[atSequence:])), count: int32(be.Uint32(b[atCount:])),
	}
	switch {
	case attributes&controlBit != 0:
		return head, nil, refused(kerr.InvalidRecord, "control records are not a producer's")
	case attributes&transactionalBit != 0:
		return head, nil, refused(kerr.InvalidTxnState, "transactions are not offered")
	case attributes&appendTimeBit != 0:
		return head, nil, refused(kerr.InvalidTimestamp, "a record's time is when it was made, and this batch has another")
	case head.count < 1, int32(be.Uint32(b[atLastDelta:])) != head.count-1:
		return head, nil, refused(kerr.InvalidRecord, "the batch's record count is impossible")
	case head.producer >= 0 && (head.epoch < 0 || head.sequence < 0):
		return head, nil, refused(kerr.InvalidRecord, "a producer's batch has no sequence")
	}
	return head, b[batchHead:], nil
}

// layRecords lays a batch's records into a wire.Batch; they alias records, and the wire.Batch's scratch. Every byte must belong to one.
func layRecords(into *wire.Batch, topic []byte, head *incoming, records []byte) *refusal {
	if head.count > recordsMost {
		return refused(kerr.MessageTooLarge, "the batch has more records than are taken at once")
	}
	if int64(head.count) > int64(len(records))/recordLeast {
		return refused(kerr.InvalidRecord, "the batch has fewer records than it says")
	}
	for i := range head.count {
		size, n := binary.Varint(records)
		if n <= 0 || size < recordLeast-1 || size > int64(len(records)-n) {
			return refused(kerr.InvalidRecord, "a record is cut off")
		}
		r := into.Add()
		r.Topic = topic
		if !layRecord(into, r, head.baseTime, i, records[n:n+int(size)]) {
			return refused(kerr.InvalidRecord, "a record is not laid out as it should be")
		}
		records = records[n+int(size):]
	}
	if len(records) > 0 {
		return refused(kerr.InvalidRecord, "something follows the batch's last record")
	}
	return nil
}

// recordLeast is the least that a record takes: its length, attributes, two deltas, two lengths and the number of headers.
const recordLeast = 7

// recordsMost bounds a batch's records: what tells of one takes more room than the smallest of them, of which little can be unpacked to very many.
const recordsMost = 1 << 17

func layRecord(into *wire.Batch, r *wire.Record, baseTime int64, place int32, body []byte) bool {
	timeDelta, body, ok1 := readVarint(body[1:])
	offsetDelta, body, ok2 := readVarint(body)
	if !ok1 || !ok2 || offsetDelta != int64(place) {
		return false
	}
	r.Time = baseTime + timeDelta
	var ok bool
	if r.Key, body, ok = readNullable(body); !ok {
		return false
	}
	if r.Value, body, ok = readNullable(body); !ok {
		return false
	}
	headers := body
	count, rest, ok := readLength(body)
	if !ok || count < 0 || count > int64(len(rest))/2 {
		return false
	}
	own := int64(0)
	for range count {
		var key []byte
		if key, rest, ok = readNullable(rest); !ok || key == nil {
			return false
		}
		if _, rest, ok = readNullable(rest); !ok {
			return false
		}
		if string(key) == segstore.IDHeader {
			own++
		}
	}
	switch {
	case len(rest) > 0:
		return false
	case own > 0:
		r.Headers = withoutIDs(into, headers, count-own)
	case count > 0:
		r.Headers = headers
	}
	return true
}

// withoutIDs copies headers without those that say which record of another appliance this is: here it gets an ID of its own, if any. left is how
// many that leaves.
func withoutIDs(into *wire.Batch, headers []byte, left int64) []byte {
	if left == 0 {
		return nil
	}
	count, rest, _ := readLength(headers)
	out := binary.AppendVarint(into.Scratch(len(headers))[:0], left)
	for range count {
		key, behind, _ := readNullable(rest)
		_, behind, _ = readNullable(behind)
		if string(key) != segstore.IDHeader {
			out = append(out, rest[:len(rest)-len(behind)]...)
		}
		rest = behind
	}
	return out
}

func readVarint(src []byte) (v int64, rest []byte, ok bool) {
	v, n := binary.Varint(src)
	if n <= 0 {
		return 0, nil, false
	}
	return v, src[n:], true
}

// readLength reads a varint of at most five bytes, as Kafka's clients do: headers are kept as they came, and must not be what others can't read.
func readLength(src []byte) (v int64, rest []byte, ok bool) {
	v, n := binary.Varint(src)
	if n <= 0 || n > binary.MaxVarintLen32 {
		return 0, nil, false
	}
	return v, src[n:], true
}

// readNullable reads bytes behind their length; -1 is nil.
func readNullable(src []byte) (b, rest []byte, ok bool) {
	size, rest, ok := readLength(src)
	if !ok || size < -1 || size > int64(len(rest)) {
		return nil, nil, false
	}
	if size < 0 {
		return nil, rest, true
	}
	return rest[:size:size], rest[size:], true
}
