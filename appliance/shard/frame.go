package shard

import (
	"encoding/binary"

	"penstock/segstore"
	"penstock/wire"
)

// A frame is what goes through a ring: one request's records of one shard, or where they are laid already (see apartLeast) its head only. It never
// leaves the process, so its integers are in the machine's order.
//
//	 0  log     uint32  index of the shard's log in the set
//	 4  ticket  uint32  who waits, noTicket for nobody
//	 8  slot    uint32  which of the ticket's parts this is
//	12  ack     uint32  the policy
//	16  count   uint32  records
//	20  bound   uint32  bytes the records take in a log at most
//	24  records: time int64, key length int32 (-1: null), value length int32 with flags in its highest bits; the ID if it has one, the length int32
//	    of its headers if it has some; key, value, headers
const (
	frameHead  = 24
	recordHead = 16
	noTicket   = ^uint32(0)
)

type frameHeader struct {
	log, ticket, slot uint32
	ack               Ack
	count, bound      uint32
}

var native = binary.NativeEndian

func (h *frameHeader) put(dst []byte) {
	_ = dst[frameHead-1]
	native.PutUint32(dst, h.log)
	native.PutUint32(dst[4:], h.ticket)
	native.PutUint32(dst[8:], h.slot)
	native.PutUint32(dst[12:], uint32(h.ack))
	native.PutUint32(dst[16:], h.count)
	native.PutUint32(dst[20:], h.bound)
}

func readFrameHeader(src []byte) frameHeader {
	_ = src[frameHead-1]
	return frameHeader{
		log:    native.Uint32(src),
		ticket: native.Uint32(src[4:]),
		slot:   native.Uint32(src[8:]),
		ack:    Ack(native.Uint32(src[12:])),
		count:  native.Uint32(src[16:]),
		bound:  native.Uint32(src[20:]),
	}
}

// frameBytes is what a record takes in a frame, logBytes what it takes in a log at most.
func frameBytes(r *wire.Record) int {
	n := recordHead + len(r.Key) + len(r.Value)
	if r.Headers != nil {
		n += 4 + len(r.Headers)
	}
	return n
}

func logBytes(r *wire.Record) int {
	return segstore.RecordOverhead + len(r.Key) + len(r.Value) + len(r.Headers)
}

// The flags in a record's value length. A ring's frame is far shorter than what is left for the length.
const (
	withID      = 1 << 31
	withHeaders = 1 << 30
	nullValue   = 1 << 29
	lengthMask  = nullValue - 1
)

func putRecord(dst []byte, id *segstore.ID, r *wire.Record) int {
	_ = dst[recordHead-1]
	native.PutUint64(dst, uint64(r.Time))
	keyLength := int32(len(r.Key))
	if r.Key == nil {
		keyLength = -1
	}
	native.PutUint32(dst[8:], uint32(keyLength))
	valueLength := uint32(len(r.Value))
	n := recordHead
	if id != nil {
		valueLength |= withID
		n += copy(dst[n:], id[:])
	}
	if r.Headers != nil {
		valueLength |= withHeaders
		native.PutUint32(dst[n:], uint32(len(r.Headers)))
		n += 4
	}
	if r.Value == nil {
		valueLength |= nullValue
	}
	native.PutUint32(dst[12:], valueLength)
	n += copy(dst[n:], r.Key)
	n += copy(dst[n:], r.Value)
	return n + copy(dst[n:], r.Headers)
}

// framed is a record as it is read from a frame, which its parts alias. What it has not is nil.
type framed struct {
	id                  *segstore.ID
	key, value, headers []byte
	ms                  int64
}

// readRecord reads the record at the start of src and returns what is behind it.
func readRecord(src []byte) (r framed, rest []byte) {
	_ = src[recordHead-1]
	r.ms = int64(native.Uint64(src))
	keyLength := int32(native.Uint32(src[8:]))
	flags := native.Uint32(src[12:])
	valueLength, headersLength := flags&lengthMask, uint32(0)
	src = src[recordHead:]
	if flags&withID != 0 {
		r.id, src = (*segstore.ID)(src), src[len(segstore.ID{}):]
	}
	if flags&withHeaders != 0 {
		headersLength, src = native.Uint32(src), src[4:]
	}
	if keyLength >= 0 {
		r.key, src = src[:keyLength:keyLength], src[keyLength:]
	}
	if flags&nullValue == 0 {
		r.value, src = src[:valueLength:valueLength], src[valueLength:]
	}
	if flags&withHeaders != 0 {
		r.headers, src = src[:headersLength:headersLength], src[headersLength:]
	}
	return r, src
}
