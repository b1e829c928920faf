package segstore

import "encoding/binary"

// ID names a record so that its repeat can be told: a fingerprint of what its sender calls it, made by whoever appends.
type ID [12]byte

// IDOverhead is what a record's ID takes in a batch beside RecordOverhead.
const IDOverhead = 1 + len(IDHeader) + 1 + len(ID{})

// IDHeader is the key of the record header that holds the ID. Kafka's readers see it as they see any header. Who appends headers of their own leaves it
// out of them.
const IDHeader = "penstock-id"

// putID writes the header that holds the ID.
func putID(dst []byte, id *ID) int {
	n := binary.PutVarint(dst, int64(len(IDHeader)))
	n += copy(dst[n:], IDHeader)
	n += binary.PutVarint(dst[n:], int64(len(id)))
	return n + copy(dst[n:], id[:])
}

// readID finds the ID in a record's headers, nil when it has none. Other writers' headers are stepped over.
func readID(src []byte) []byte {
	count, n := binary.Varint(src)
	if n <= 0 {
		return nil
	}
	for src = src[n:]; count > 0; count-- {
		key, rest, ok := readBytes(src)
		if !ok {
			return nil
		}
		value, rest, ok := readBytes(rest)
		if !ok {
			return nil
		}
		if string(key) == IDHeader && len(value) == len(ID{}) {
			return value
		}
		src = rest
	}
	return nil
}

// batchIDs calls each for the IDs of a batch's records, in order; nil is fine for who only wants to know how many there are.
func batchIDs(b *Batch, each func(ID)) (n int64) {
	if b.Packed() {
		return 0 // samples have none
	}
	records := b.Records()
	for r, ok := records.Next(); ok; r, ok = records.Next() {
		if r.ID == nil {
			continue
		}
		n++
		if each != nil {
			each(ID(r.ID))
		}
	}
	return n
}

// segmentIDs is batchIDs for all batches of a segment's bytes.
func segmentIDs(data []byte, each func(ID)) {
	for len(data) >= BatchOverhead {
		h := readHeader(data)
		if h.magic != magic || h.size < BatchOverhead || h.size > int64(len(data)) {
			return
		}
		batchIDs(&Batch{h: h, bytes: data[:h.size]}, each)
		data = data[h.size:]
	}
}

// IDs is a segment's records' IDs.
type IDs struct {
	Newest int64 // retention time of the segment's last append, ms
	Listed bool  // HasID finds them

	l *Log
	s *segment
}

// IDs lists the segments that have records with IDs, oldest first. It is for the time right after Open, before anything is appended, or
// after Close.
func (l *Log) IDs() []IDs {
	var all []IDs
	for _, s := range l.list() {
		if s.ids.Load() > 0 {
			all = append(all, IDs{Newest: s.newest, Listed: l.hasBlock(s), l: l, s: s})
		}
	}
	return all
}

// Each reads a segment's IDs, in the order of its records. An error means that not all can be read.
func (i *IDs) Each(each func(ID)) error {
	if err := i.s.pin(i.l.disk); err != nil {
		return err
	}
	defer i.s.unpin()
	return guard(i.s.data, func() { segmentIDs(i.s.data[:i.s.readable()], each) })
}

// UnlistedSince is when the oldest segment was begun that has IDs which HasID does not find yet; ok false when there is none.
func (l *Log) UnlistedSince() (ms int64, ok bool) {
	for _, s := range l.list() {
		if s.ids.Load() > 0 && !l.hasBlock(s) {
			return s.created, true
		}
	}
	return 0, false
}
