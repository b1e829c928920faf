package segstore

import (
	"encoding/binary"
	"iter"
)

// Headers are a record's headers as Kafka lays them out: a varint of how many, and for each of them its key and its value, with their lengths
// as varints before them; a value's -1 is null.
type Headers []byte

// All reads the headers one after the other. It ends early where they are not what they should be.
func (h Headers) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		count, n := binary.Varint(h)
		if n <= 0 {
			return
		}
		for rest := []byte(h[n:]); count > 0; count-- {
			key, behind, ok := readBytes(rest)
			if !ok {
				return
			}
			value, behind, ok := readBytes(behind)
			if !ok || !yield(key, value) {
				return
			}
			rest = behind
		}
	}
}

// headersSize is what putHeaders writes.
func headersSize(id *ID, headers []byte) int {
	if headers == nil {
		if id == nil {
			return 1
		}
		return 1 + IDOverhead
	}
	if id == nil {
		return len(headers)
	}
	count, n := binary.Varint(headers)
	return varintSize(count+1) + IDOverhead + len(headers) - n
}

// putHeaders writes how many headers there are, the one that holds the ID, and the others as they are.
func putHeaders(dst []byte, id *ID, headers []byte) int {
	if id == nil {
		if headers == nil {
			dst[0] = 0
			return 1
		}
		return copy(dst, headers)
	}
	count, n := int64(0), 0
	if headers != nil {
		count, n = binary.Varint(headers)
	}
	m := binary.PutVarint(dst, count+1)
	m += putID(dst[m:], id)
	return m + copy(dst[m:], headers[n:])
}
