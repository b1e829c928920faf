package wire

// Batch is what one request becomes: its records, and the scratch they may alias. One per worker, Reset between requests,
// never shared: after it has grown to a worker's usual request it allocates nothing.
type Batch struct {
	Records []Record

	fault   Fault
	scratch []byte
}

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
}

// Add appends a zeroed record and returns it; the pointer is valid until the next Add.
func (b *Batch) Add() *Record {
	if len(b.Records) < cap(b.Records) {
		b.Records = b.Records[:len(b.Records)+1]
		r := &b.Records[len(b.Records)-1]
		*r = Record{}
		return r
	}
	b.Records = append(b.Records, Record{})
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
