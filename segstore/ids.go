package segstore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"

	"penstock/segstore/disk"
)

// ID names a record so that its repeat can be told: a fingerprint of what its sender calls it, made by whoever appends.
type ID [12]byte

// IDOverhead is what a record's ID takes in a batch beside RecordOverhead.
const IDOverhead = 1 + len(idHeader) + 1 + len(ID{})

// idHeader is the key of the record header that holds the ID. Kafka's readers see it as they see any header.
const idHeader = "penstock-id"

// putID writes the header that holds the ID, and how many there are.
func putID(dst []byte, id *ID) int {
	n := binary.PutVarint(dst, 1)
	n += binary.PutVarint(dst[n:], int64(len(idHeader)))
	n += copy(dst[n:], idHeader)
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
		if string(key) == idHeader && len(value) == len(ID{}) {
			return value
		}
		src = rest
	}
	return nil
}

// batchIDs calls each for the IDs of a batch's records, in order; nil is fine for who only wants to know how many there are.
func batchIDs(b *Batch, each func(ID)) (n int64) {
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

// The file beside a sealed segment that has IDs: all of them, in the records' order, and behind them a CRC-32C of the segment's base
// offset and of them. The segment's index says how many there are. It is made again whenever it is missing or unsound.
const idsSuffix = ".ids"

func idsPath(segmentPath string) string { return strings.TrimSuffix(segmentPath, ".log") + idsSuffix }

// idsBytesMax bounds how much of such a file is read: a record with an ID takes more bytes than this.
const idsBytesMax = SegmentBytesMax/2 + 4

func idsCRC(ids []byte, base int64) uint32 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(base))
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, ids)
}

// encodeIDs gives the content of the file for a segment's bytes.
func encodeIDs(data []byte, base, count int64) []byte {
	ids := make([]byte, 0, count*int64(len(ID{}))+4)
	segmentIDs(data, func(id ID) { ids = append(ids, id[:]...) })
	return binary.BigEndian.AppendUint32(ids, idsCRC(ids, base))
}

// writeIDs writes the file of a segment that has any. The count is taken anew: what a failed sync gave up is still in it.
func writeIDs(d disk.Disk, temporary string, s *segment) error {
	if s.ids == 0 {
		return nil
	}
	var content []byte
	if err := guard(s.data, func() { content = encodeIDs(s.data[:s.end.Load()], s.base, s.ids) }); err != nil {
		return err
	}
	s.ids = int64(len(content)-4) / int64(len(ID{}))
	if s.ids == 0 {
		return nil
	}
	return disk.WriteWholeBy(d, temporary, idsPath(s.path), content)
}

// readIDs reads the IDs in a segment's file.
func readIDs(d disk.Disk, s *segment) ([]byte, error) {
	content, err := disk.ReadWhole(d, idsPath(s.path), idsBytesMax)
	if err != nil {
		return nil, err
	}
	ids, ok := decodeIDs(content, s.base, s.ids)
	if !ok {
		return nil, errors.New("segstore: the file is not that of the segment's IDs")
	}
	return ids, nil
}

// hasIDs says whether a segment's file of IDs is there and of the right size.
func hasIDs(d disk.Disk, s *segment) bool {
	f, err := d.OpenReadOnly(idsPath(s.path))
	if err != nil {
		return false
	}
	size, err := f.Size()
	return errors.Join(err, f.Close()) == nil && size == s.ids*int64(len(ID{}))+4
}

// decodeIDs gives back the IDs in a file's content, or says that they are not those of a segment with so many.
func decodeIDs(content []byte, base, count int64) (ids []byte, ok bool) {
	n := len(content) - 4
	if n < 0 || int64(n) != count*int64(len(ID{})) {
		return nil, false
	}
	ids = content[:n]
	return ids, binary.BigEndian.Uint32(content[n:]) == idsCRC(ids, base)
}

// IDs is what a segment knows of its records' IDs.
type IDs struct {
	Count  int64
	Newest int64 // retention time of the segment's last append, ms

	l *Log
	s *segment
}

// IDs lists the segments that have records with IDs, oldest first. It is for the time right after Open, before anything is appended, or
// after Close.
func (l *Log) IDs() []IDs {
	var all []IDs
	for _, s := range l.list() {
		if s.ids > 0 {
			all = append(all, IDs{Count: s.ids, Newest: s.newest, l: l, s: s})
		}
	}
	return all
}

// Each reads a segment's IDs. An error means that they can't be read; those that could were given.
func (i *IDs) Each(each func(ID)) error {
	if i.s != i.l.active {
		if content, err := readIDs(i.l.disk, i.s); err == nil {
			for ; len(content) > 0; content = content[len(ID{}):] {
				each(ID(content))
			}
			return nil
		}
	}
	if err := i.s.pin(i.l.disk); err != nil {
		return err
	}
	defer i.s.unpin()
	return guard(i.s.data, func() { segmentIDs(i.s.data[:i.s.readable()], each) })
}
