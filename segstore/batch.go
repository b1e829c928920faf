package segstore

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// The layout of a Kafka record batch, magic 2 (all integers big-endian; the field names are Kafka's):
//
//	 0  baseOffset            int64   offset of the first record
//	 8  batchLength           int32   bytes that follow this field
//	12  partitionLeaderEpoch  int32   our start epoch: raised each time the log is opened for writing
//	16  magic                 int8    2
//	17  crc                   uint32  CRC-32C of everything from attributes on
//	21  attributes            int16   times are the records' own; 3: they are in an LZ4 frame (see package pack), 0: they are not
//	23  lastOffsetDelta       int32   records - 1
//	27  baseTimestamp         int64   the first record's time, ms
//	35  maxTimestamp          int64   the greatest
//	43  producerId            int64   -1
//	51  producerEpoch         int16   -1
//	53  baseSequence          int32   binds the base offset and the epoch to the CRC: see bind
//	57  recordsCount          int32
//	61  records
//
// Kafka's CRC covers neither baseOffset nor the epoch, so that a broker can place a producer's batch without touching the rest. It
// does cover baseSequence, which means nothing while there is no producer id, and readers leave alone. So that is where we keep a
// checksum of the two: a batch at a wrong place, or of a wrong start, shows by itself.
const (
	atLength     = 8
	atEpoch      = 12
	atMagic      = 16
	atCRC        = 17
	atAttributes = 21
	atLastDelta  = 23
	atBaseTime   = 27
	atMaxTime    = 35
	atProducer   = 43
	atBinding    = 53
	atCount      = 57

	magic = 2

	// BatchOverhead is what a batch costs beside its records, bytes.
	BatchOverhead = 61
	// lengthOverhead is what batchLength does not count: baseOffset and itself.
	lengthOverhead = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the decoded head of a batch.
type header struct {
	base     int64
	size     int64 // of the whole batch, bytes
	epoch    int32
	magic    byte
	crc      uint32
	binding  int32
	last     int64 // offset of the last record
	baseTime int64
	maxTime  int64
	count    int32
}

// next is the offset behind the batch.
func (h *header) next() int64 { return h.last + 1 }

// readHeader decodes the head of a batch; src has at least BatchOverhead bytes.
func readHeader(src []byte) header {
	_ = src[BatchOverhead-1]
	be := binary.BigEndian
	h := header{
		base:     int64(be.Uint64(src)),
		size:     int64(int32(be.Uint32(src[atLength:]))) + lengthOverhead,
		epoch:    int32(be.Uint32(src[atEpoch:])),
		magic:    src[atMagic],
		crc:      be.Uint32(src[atCRC:]),
		binding:  int32(be.Uint32(src[atBinding:])),
		baseTime: int64(be.Uint64(src[atBaseTime:])),
		maxTime:  int64(be.Uint64(src[atMaxTime:])),
		count:    int32(be.Uint32(src[atCount:])),
	}
	h.last = h.base + int64(int32(be.Uint32(src[atLastDelta:])))
	return h
}

// seal writes the head of a batch whose records already stand behind it, and its CRC last.
func (d *Draft) seal(h *header) {
	be, batch := binary.BigEndian, d.bytes
	be.PutUint64(batch, uint64(h.base))
	be.PutUint32(batch[atLength:], uint32(len(batch)-lengthOverhead))
	be.PutUint32(batch[atEpoch:], uint32(h.epoch))
	batch[atMagic] = magic
	be.PutUint16(batch[atAttributes:], d.codec())
	be.PutUint32(batch[atLastDelta:], uint32(h.count-1))
	be.PutUint64(batch[atBaseTime:], uint64(h.baseTime))
	be.PutUint64(batch[atMaxTime:], uint64(h.maxTime))
	be.PutUint64(batch[atProducer:], ^uint64(0))
	be.PutUint16(batch[atProducer+8:], ^uint16(0))
	be.PutUint32(batch[atBinding:], uint32(bind(batch)))
	be.PutUint32(batch[atCount:], uint32(h.count))
	be.PutUint32(batch[atCRC:], d.checksum())
}

// unbound is the binding of batches that were not written here, or by an earlier version.
const unbound = -1

// bind is a checksum of a batch's base offset and epoch. It is never negative, so never unbound.
func bind(batch []byte) int32 {
	return int32(crc32.Update(crc32.Checksum(batch[:atLength], castagnoli), castagnoli, batch[atEpoch:atMagic]) & math.MaxInt32)
}

// checkBatch says whether a whole batch stands at the start of src, "" when it does, else what is wrong in a few words.
// It reads no byte behind src and trusts no length before it has bounded it.
func checkBatch(src []byte) (h header, wrong string) {
	if len(src) < BatchOverhead {
		return h, "the file ends in a batch's head"
	}
	h = readHeader(src)
	switch {
	case h.magic != magic:
		return h, "no batch begins here"
	case h.size < BatchOverhead:
		return h, "the batch's length is impossible"
	case h.size > int64(len(src)):
		return h, "the batch is longer than the file"
	case h.base < 0 || h.count <= 0 || h.last-h.base != int64(h.count)-1:
		return h, "the batch's record count is impossible"
	case crc32.Checksum(src[atAttributes:h.size], castagnoli) != h.crc:
		return h, "the batch's CRC does not match"
	case h.binding != unbound && h.binding != bind(src):
		return h, "the batch's offset or epoch is not the one that it was written with"
	}
	return h, ""
}

// Batch is one Kafka record batch, read in place.
type Batch struct {
	h     header
	bytes []byte
}

// Base is the offset of the first record.
func (b *Batch) Base() int64 { return b.h.base }

// Last is the offset of the last record.
func (b *Batch) Last() int64 { return b.h.last }

// Count is the number of records.
func (b *Batch) Count() int { return int(b.h.count) }

// Epoch is the start of the log's writer that wrote the batch, counted from 1.
func (b *Batch) Epoch() int { return int(b.h.epoch) }

// MaxTime is the greatest event time in the batch, ms since 1970.
func (b *Batch) MaxTime() int64 { return b.h.maxTime }

// CRC is the batch's stored CRC-32C.
func (b *Batch) CRC() uint32 { return b.h.crc }

// Bytes is the whole batch as it stands in the file, and as a Kafka fetch answers it. Valid as long as the batch.
func (b *Batch) Bytes() []byte { return b.bytes }

// Records starts reading the records. Those of a packed batch are in memory of their own.
func (b *Batch) Records() Records {
	records := b.bytes[BatchOverhead:]
	if b.Packed() {
		records = unpack(records)
	}
	return Records{rest: records, base: b.h.base, baseTime: b.h.baseTime, left: b.h.count}
}
