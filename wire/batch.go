package wire

import "penstock/segstore/pack"

// Batch is what one request becomes: its records, and the scratch they may alias. One per worker, Reset between requests,
// never shared: after it has grown to a worker's usual request it allocates nothing.
type Batch struct {
	Records []Record
	Items   int    // what the wire counts in its reply: elements, for one; the parser's to set
	Echo    []byte // what is said back: a file's name in a reply, lines on a stream; the parser's to set
	// Hash is what the router hashes keys by; nil: nobody asks. A parser's batches all have the same, so it may remember what came out.
	Hash func(key []byte) uint64
	// Layer takes records that have nothing but topic, key, value and time, as long as there are none in Records; nil: they all go there.
	Layer Layer
	// Packs is set when the layer packs samples.
	Packs bool

	sample   pack.Sample
	laid     int // records that Layer has taken
	rejects  []Fault
	rejected int
	fault    Fault
	scratch  []byte
}

// Layer lays records where they are kept, as they are parsed: they are nowhere else. What is laid comes before what is in Records.
type Layer interface {
	// Lay lays a record but for its value, and returns the place of that, which has so many bytes, and must be filled before anything else is asked of
	// the layer. hash is the key's, as Batch.Hash makes it. nil: the record is not taken. The layer keeps none of the slices, but for the topic's name.
	Lay(topic, key []byte, hash uint64, size int, time int64) (value []byte)
	// Pack lays a sample, whose key is hashed to hash. false: it is not taken. What it points to but for the numbers must stay as it is as long as what is laid
	// may be added to.
	Pack(topic []byte, hash uint64, x *pack.Sample) bool
	// Mark notes what is laid, and Back takes back what has come since the last Mark.
	Mark()
	Back()
}

// Lay has the layer lay a record, if there is one and no record is in Records; nil: the record is to be added there. See Layer.
func (b *Batch) Lay(topic, key []byte, hash uint64, size int, time int64) (value []byte) {
	if b.Layer == nil {
		return nil
	}
	return b.lay(topic, key, hash, size, time)
}

func (b *Batch) lay(topic, key []byte, hash uint64, size int, time int64) (value []byte) {
	if len(b.Records) > 0 || hash == 0 {
		return nil
	}
	if value = b.Layer.Lay(topic, key, hash, size, time); value != nil {
		b.laid++
	}
	return value
}

// pack has the layer lay a sample.
func (b *Batch) pack(topic []byte, hash uint64) bool {
	if len(b.Records) > 0 || hash == 0 || !b.Layer.Pack(topic, hash, &b.sample) {
		return false
	}
	b.laid++
	return true
}

// Mark is what a batch has, to be cut to. A batch has one at a time: that of a frame, within which a parser may set its own before it has laid anything.
type Mark struct{ records, laid int }

// Mark notes what the batch has.
func (b *Batch) Mark() Mark {
	if b.Layer != nil {
		b.Layer.Mark()
	}
	return Mark{records: len(b.Records), laid: b.laid}
}

// CutTo takes back the records that have come since a mark.
func (b *Batch) CutTo(m Mark) {
	if b.laid > m.laid {
		b.Layer.Back()
		b.laid = m.laid
	}
	clear(b.Records[m.records:])
	b.Records = b.Records[:m.records]
}

// Count is how many records were made.
func (b *Batch) Count() int { return b.laid + len(b.Records) }

// MaxRejects is how many refused parts of a request are kept; more are counted only.
const MaxRejects = 1000

// scratchKeep is how much scratch survives a Reset; a rare giant gives its memory back.
const scratchKeep = 8 << 20

// Reset empties the batch. Records and scratch handed out before must not be used after.
func (b *Batch) Reset() {
	clear(b.Records)
	b.Records = b.Records[:0]
	if cap(b.scratch) > scratchKeep {
		b.scratch = nil
	}
	b.scratch = b.scratch[:0]
	b.fault = Fault{}
	clear(b.rejects)
	b.rejects = b.rejects[:0]
	b.Items, b.rejected, b.Echo = 0, 0, nil
	b.Layer, b.Packs, b.laid = nil, false, 0
}

// Clear takes all records back, for a request that is refused after some were laid. Scratch and rejects stay.
func (b *Batch) Clear() {
	clear(b.Records)
	b.Records = b.Records[:0]
}

// Add appends a zeroed record and returns it; the pointer is valid until the next Add.
func (b *Batch) Add() *Record {
	if len(b.Records) < cap(b.Records) {
		b.Records = b.Records[:len(b.Records)+1]
		r := &b.Records[len(b.Records)-1]
		*r = Record{}
		return r
	}
	// Doubling is twice what is needed in all; append's own steps of a quarter come to five times that.
	grown := make([]Record, len(b.Records)+1, max(16, 2*cap(b.Records)))
	copy(grown, b.Records)
	b.Records = grown
	return &b.Records[len(b.Records)-1]
}

// Scratch returns n bytes that live as long as the batch's records. Their content is undefined.
// Earlier scratch stays valid: growth starts a new slab and leaves the old one to those who alias it.
func (b *Batch) Scratch(n int) []byte {
	if cap(b.scratch)-len(b.scratch) < n {
		b.scratch = make([]byte, 0, max(n, 2*cap(b.scratch), 4096))
	}
	at := len(b.scratch)
	b.scratch = b.scratch[:at+n]
	return b.scratch[at : at+n : at+n]
}

// Fail notes why the request is refused whole and returns that fault. Refusing allocates nothing.
// offset is a byte position in the decoded payload, or NoOffset.
func (b *Batch) Fail(code Code, offset int) *Fault {
	b.fault = Fault{Code: code, Offset: offset}
	return &b.fault
}

// Refuse notes that a part of the request is not taken, and goes on. raw is the part: it, and a detail, must live as long as the
// batch's records. The pointer is valid until the next Refuse.
func (b *Batch) Refuse(code Code, offset int, raw []byte) *Fault {
	b.rejected++
	if len(b.rejects) == MaxRejects {
		b.fault = Fault{Code: code, Offset: offset, Raw: raw}
		return &b.fault
	}
	b.rejects = append(b.rejects, Fault{Code: code, Offset: offset, Raw: raw})
	return &b.rejects[len(b.rejects)-1]
}

// Rejected returns the parts refused, MaxRejects at most, and how many there were.
func (b *Batch) Rejected() (kept []Fault, all int) { return b.rejects, b.rejected }

// Open returns an empty slice to append to, without knowing how much will come. Give the outcome to Close before anything else is
// asked of the batch's scratch.
func (b *Batch) Open() []byte { return b.scratch[len(b.scratch):] }

// Close keeps what was appended to an opened slice as scratch, and returns where it lives.
func (b *Batch) Close(text []byte) []byte {
	at, n := len(b.scratch), len(text)
	if b.inPlace(text) {
		b.scratch = b.scratch[:at+n]
		return b.scratch[at : at+n : at+n]
	}
	kept := b.Scratch(n)
	copy(kept, text)
	return kept
}

// Drop gives up what was appended to an opened slice. A slab that was too small for it grows all the same, so that a worker that
// sees such requests again and again allocates for the first only.
func (b *Batch) Drop(text []byte) {
	if cap(text) > cap(b.scratch)-len(b.scratch) {
		b.scratch = make([]byte, 0, max(2*cap(b.scratch), 2*cap(text), 4096))
	}
}

// inPlace reports whether an opened slice still lies where Open put it.
func (b *Batch) inPlace(text []byte) bool {
	room := b.scratch[len(b.scratch):cap(b.scratch)]
	return cap(text) == 0 || len(room) > 0 && &room[0] == &text[:1][0]
}
