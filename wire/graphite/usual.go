package graphite

import "encoding/binary"

// sent is a point of a pickle of the usual shape: where it begins, its name, and its two numbers.
type sent struct {
	stamp, number item
	start         int32
	name, behind  int32
}

// usual reads a pickle as carbon and its like write them, into points: one list of (name, (timestamp, value)), each of which is made
// where it stands, by protocol 2 or higher. Such a pickle needs no stack and no memo. false: the machine must run it, for it is of
// another shape or no pickle at all; nothing has come of it yet.
func (p *pickles) usual(src []byte) bool {
	if p.points = p.points[:0]; cap(p.points) > keepValues {
		p.points = nil
	}
	at := 0
	if len(src) > 2 && src[0] == opProto && src[1] <= highestProtocol {
		at = 2
	}
	if len(src)-at > 9 && src[at] == opFrame && binary.LittleEndian.Uint64(src[at+1:]) <= uint64(len(src)-at-9) {
		at += 9
	}
	if at == len(src) || src[at] != opEmptyList {
		return false
	}
	for at = skipPut(src, at+1); at < len(src); at++ {
		end := byte(opAppends)
		switch src[at] {
		case opStop:
			return true
		case opMark:
			at++
		case opAppend: // without a point before it
			return false
		default:
			end = opAppend
		}
		for at < len(src) && src[at] != end {
			if at = p.usualPoint(src, at); at == 0 || len(p.points) > maxPoints {
				return false
			}
			if end == opAppend && (at >= len(src) || src[at] != end) {
				return false
			}
		}
	}
	return false
}

// usualPoint reads a point and returns where it ends; 0: it is none of the usual shape.
func (p *pickles) usualPoint(src []byte, start int) (end int) {
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
	point := sent{start: int32(start), name: int32(name), behind: int32(behind)}
	at := 0
	if point.stamp, at = usualNumber(src, skipPut(src, behind)); at == 0 {
		return 0
	}
	if point.number, at = usualNumber(src, at); at == 0 || at >= len(src) || src[at] != opTuple2 {
		return 0
	}
	if at = skipPut(src, at+1); at >= len(src) || src[at] != opTuple2 {
		return 0
	}
	p.points = append(p.points, point)
	return skipPut(src, at+1)
}

// usualNumber reads a number and returns where it ends; 0: there is none.
func usualNumber(src []byte, at int) (number item, end int) {
	if at >= len(src) {
		return number, 0
	}
	rest := src[at+1:]
	switch op := src[at]; {
	case op == opBinInt && len(rest) >= 4:
		return item{bits: uint64(int64(int32(binary.LittleEndian.Uint32(rest)))), kind: integer}, at + 5
	case op == opBinFloat && len(rest) >= 8:
		return item{bits: binary.BigEndian.Uint64(rest), kind: double}, at + 9
	case op == opBinInt1 && len(rest) >= 1:
		return item{bits: uint64(rest[0]), kind: integer}, at + 2
	case op == opBinInt2 && len(rest) >= 2:
		return item{bits: uint64(binary.LittleEndian.Uint16(rest)), kind: integer}, at + 3
	case op == opLong1 && len(rest) > 0 && len(rest) > int(rest[0]):
		end := 1 + int(rest[0])
		number.kind, number.bits = longOf(rest[1:end])
		return number, at + 1 + end
	}
	return number, 0
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
