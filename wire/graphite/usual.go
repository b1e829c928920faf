package graphite

import "encoding/binary"

// sent is a point of a pickle of the usual shape: where it begins, its name, and its two numbers.
type sent struct {
	stamp, number item
	start         int32
	name, behind  int32
}

// usual walks the points of a pickle as carbon and its like write them: one list of (name, (timestamp, value)), each of which is made
// where it stands, by protocol 2 or higher. Such a pickle needs no stack and no memo.
type usual struct {
	src    []byte
	at     int
	marked bool // it is between a mark and the append that closes it
	ended  bool // with the last point came the pickle's end; else it is of another shape, or no pickle at all
}

func usualPickle(src []byte) usual {
	at := 0
	if len(src) > 2 && src[0] == opProto && src[1] <= highestProtocol {
		at = 2
	}
	if len(src)-at > 9 && src[at] == opFrame && binary.LittleEndian.Uint64(src[at+1:]) <= uint64(len(src)-at-9) {
		at += 9
	}
	if at == len(src) || src[at] != opEmptyList {
		return usual{src: src, at: len(src)}
	}
	return usual{src: src, at: skipPut(src, at+1)}
}

// next reads the next point; false: there is none.
func (u *usual) next(point *sent) bool {
	for u.at < len(u.src) {
		switch op := u.src[u.at]; {
		case u.marked && op == opAppends:
			u.marked = false
		case u.marked:
			u.at = usualPoint(u.src, u.at, point)
			return u.at != 0
		case op == opStop:
			u.ended = true
			return false
		case op == opMark:
			u.marked = true
		default:
			end := usualPoint(u.src, u.at, point)
			if end == 0 || end >= len(u.src) || u.src[end] != opAppend {
				return false
			}
			u.at = end + 1
			return true
		}
		u.at++
	}
	return false
}

// usualPoint reads a point and returns where it ends; 0: it is none of the usual shape.
func usualPoint(src []byte, start int, point *sent) (end int) {
	name := 0
	n := uint64(0)
	switch src[start] {
	case opShortBinUnicode, opShortBinString, opShortBinBytes:
		if name = start + 2; name <= len(src) {
			n = uint64(src[start+1])
		}
	case opBinUnicode, opBinString, opBinBytes:
		if name = start + 5; name <= len(src) {
			n = uint64(binary.LittleEndian.Uint32(src[start+1:]))
		}
	}
	if name == 0 || name > len(src) || n > uint64(len(src)-name) {
		return 0
	}
	behind := name + int(n)
	point.start, point.name, point.behind = int32(start), int32(name), int32(behind)
	at := usualNumber(src, skipPut(src, behind), &point.stamp)
	if at == 0 {
		return 0
	}
	if at = usualNumber(src, at, &point.number); at == 0 || at >= len(src) || src[at] != opTuple2 {
		return 0
	}
	if at = skipPut(src, at+1); at >= len(src) || src[at] != opTuple2 {
		return 0
	}
	return skipPut(src, at+1)
}

// usualNumber reads a number and returns where it ends; 0: there is none.
func usualNumber(src []byte, at int, number *item) (end int) {
	if at >= len(src) {
		return 0
	}
	rest := src[at+1:]
	switch op := src[at]; {
	case op == opBinInt && len(rest) >= 4:
		number.bits, number.kind = uint64(int64(int32(binary.LittleEndian.Uint32(rest)))), integer
		return at + 5
	case op == opBinFloat && len(rest) >= 8:
		number.bits, number.kind = binary.BigEndian.Uint64(rest), double
		return at + 9
	case op == opBinInt1 && len(rest) >= 1:
		number.bits, number.kind = uint64(rest[0]), integer
		return at + 2
	case op == opBinInt2 && len(rest) >= 2:
		number.bits, number.kind = uint64(binary.LittleEndian.Uint16(rest)), integer
		return at + 3
	case op == opLong1 && len(rest) > 0 && len(rest) > int(rest[0]):
		end := 1 + int(rest[0])
		number.kind, number.bits = longOf(rest[1:end])
		return at + 1 + end
	}
	return 0
}

// skipPut goes past an opcode that remembers a value; nothing gets it back in a pickle of the usual shape.
func skipPut(src []byte, at int) int {
	if at >= len(src) {
		return at
	}
	switch src[at] {
	case opBinPut:
		return at + 2
	case opLongBinPut:
		return at + 5
	case opMemoize:
		return at + 1
	}
	return at
}
