package segstore

import (
	"encoding/binary"

	"github.com/pierrec/lz4/v4"

	"penstock/segstore/pack"
)

// A batch whose records are samples may have them in an LZ4 frame: see package pack. Its attributes say so, in the bits in which Kafka has them say how a batch
// is compressed, and any client that reads LZ4 reads it as it is.
const codecLZ4 = 3

// PackRoom bounds what a sample takes in a frame.
func PackRoom(x *pack.Sample) int {
	n := RecordOverhead + len(x.Text) + len(x.Stamp) + len(x.Zeros) + len(x.Value)
	return pack.Overhead + n + n>>7 + pack.SampleOverhead
}

// Pack lays a sample's record in a frame. Its text must stay as it is until Sum or Records. false: there is less room than PackRoom, the frame is full, the batch
// has records that are in none, or the length of the value is one whose varint has not two bytes.
func (d *Draft) Pack(x *pack.Sample) bool {
	key, size := len(x.Key()), x.Size()
	if cap(d.bytes)-len(d.bytes) < PackRoom(x)+d.frame.Pending(len(d.bytes)) || d.packed != (d.count > 0) {
		return false
	}
	dst, base := d.bytes, d.baseTime
	if d.count == 0 {
		dst, base = d.frame.Begin(dst), x.Time
	}
	lead := dst[len(dst):cap(dst)]
	n, valueLength, bytes := putUsual(lead, x.Time-base, int64(d.count), int64(key), int64(size), 1)
	if n == 0 && size < usualBelow/2 {
		n, bytes = putLead(lead, x.Time-base, int64(d.count), int64(key), int64(size), 1), varintSize(int64(size))
		varint, _ := usualVarint(zigzag(int64(size)))
		valueLength = uint16(varint)
	}
	if bytes != 2 || !d.frame.Fits(n+key+bytes+size+1) {
		return false
	}
	if d.count == 0 {
		d.baseTime, d.maxTime, d.packed = base, base, true
	}
	d.bytes = d.frame.Add(dst[:len(dst)+n], n, valueLength, x)
	d.count++
	d.maxTime = max(d.maxTime, x.Time)
	return true
}

// finish ends the frame, if there is one that is being written.
func (d *Draft) finish() {
	if d.packed && d.frame.Open() {
		d.bytes = d.frame.Finish(d.bytes, BatchOverhead)
	}
}

// codec is what the batch's attributes say.
func (d *Draft) codec() uint16 {
	if !d.packed {
		return 0
	}
	if d.frame.Open() {
		panic("BUG: a frame is stored that was not ended")
	}
	return codecLZ4
}

// Packed reports whether the batch's records are in a frame.
func (b *Batch) Packed() bool { return isPacked(b.bytes) }

func isPacked(batch []byte) bool { return batch[atAttributes+1] == codecLZ4 }

// Plain is the batch as it were without a frame, but for its CRC. It is in memory of its own if there is one, else it is Bytes. A frame that was not written
// here has no records.
func (b *Batch) Plain() []byte {
	if !b.Packed() {
		return b.bytes
	}
	plain := append(b.bytes[:BatchOverhead:BatchOverhead], unpack(b.bytes[BatchOverhead:])...)
	binary.BigEndian.PutUint32(plain[atLength:], uint32(len(plain)-lengthOverhead))
	plain[atAttributes+1] = 0
	return plain
}

// unpack returns the records in a frame, in memory of its own; nil: it is none that was written here.
func unpack(frame []byte) []byte {
	block, ok := pack.Block(frame)
	if !ok {
		return nil
	}
	for room := min(8*len(block), pack.Most); ; room = min(4*room, pack.Most) {
		plain := make([]byte, room)
		n, err := lz4.UncompressBlock(block, plain)
		if err == nil {
			return plain[:n:n]
		}
		if room == pack.Most { // not a matter of room
			return nil
		}
	}
}
