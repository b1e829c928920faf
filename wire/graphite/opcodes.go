package graphite

import (
	"encoding/binary"
	"math"

	"penstock/wire"
)

// The opcodes of protocols 0 to 5 that strings, numbers, lists and tuples are made of. (CPython, Lib/pickletools.py.)
const (
	opMark            = '('
	opStop            = '.'
	opFloat           = 'F'
	opInt             = 'I'
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opLong            = 'L'
	opBinInt2         = 'M'
	opNone            = 'N'
	opString          = 'S'
	opBinString       = 'T'
	opShortBinString  = 'U'
	opUnicode         = 'V'
	opBinUnicode      = 'X'
	opBinBytes        = 'B'
	opShortBinBytes   = 'C'
	opBinFloat        = 'G'
	opAppend          = 'a'
	opAppends         = 'e'
	opGet             = 'g'
	opBinGet          = 'h'
	opLongBinGet      = 'j'
	opPut             = 'p'
	opBinPut          = 'q'
	opLongBinPut      = 'r'
	opList            = 'l'
	opEmptyList       = ']'
	opTuple           = 't'
	opEmptyTuple      = ')'
	opProto           = 0x80
	opTuple1          = 0x85
	opTuple2          = 0x86
	opTuple3          = 0x87
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opLong1           = 0x8a
	opLong4           = 0x8b
	opShortBinUnicode = 0x8c
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opMemoize         = 0x94
	opFrame           = 0x95
)

// unsafeOpcodes import a name, make an object or call something: GLOBAL, INST, OBJ, BUILD, REDUCE, PERSID, BINPERSID, NEWOBJ, EXT1,
// EXT2, EXT4, NEWOBJ_EX, STACK_GLOBAL.
const unsafeOpcodes = "ciobRPQ\x81\x82\x83\x84\x92\x93"

const highestProtocol = 5

// step does one opcode.
func (m *machine) step(op byte) {
	switch op {
	case opMark:
		m.mark()
	case opTuple, opList:
		items, start := m.toMark()
		if m.code == wire.OK {
			m.chain(items, start, op == opTuple)
		}
	case opEmptyTuple, opEmptyList:
		m.chain(nil, int32(m.op), op == opEmptyTuple)
	case opTuple1, opTuple2, opTuple3:
		m.tuple(int(op-opTuple1) + 1)
	case opAppend:
		if it := m.pop(); it.kind != unset {
			m.appendTo([]item{it})
		}
	case opAppends:
		items, _ := m.toMark()
		m.appendTo(items)
	case opMemoize:
		m.put(uint64(m.memoized))
	case opBinPut:
		m.put(m.number(1))
	case opLongBinPut:
		m.put(m.number(4))
	case opPut:
		m.put(m.place())
	case opBinGet:
		m.get(m.number(1))
	case opLongBinGet:
		m.get(m.number(4))
	case opGet:
		m.get(m.place())
	case opProto:
		if m.number(1) > highestProtocol {
			m.refuse(wire.BadPickle, whyVersion)
		}
	case opFrame:
		if n := m.number(8); n > uint64(len(m.src)-m.at) {
			m.refuse(wire.BadPickle, whyFrame)
		}
	default:
		m.scalar(op)
	}
}

// scalar does an opcode that makes a string or a number.
func (m *machine) scalar(op byte) {
	switch op {
	case opShortBinUnicode, opShortBinString, opShortBinBytes:
		m.makeText(m.take(m.number(1)))
	case opBinUnicode, opBinString, opBinBytes:
		m.makeText(m.take(m.number(4)))
	case opBinUnicode8, opBinBytes8:
		m.makeText(m.take(m.number(8)))
	case opUnicode:
		m.makeText(m.unicodeLine(m.line()))
	case opString:
		m.makeText(m.stringLine(m.line()))
	case opBinInt1:
		m.make(integer, m.number(1))
	case opBinInt2:
		m.make(integer, m.number(2))
	case opBinInt:
		m.make(integer, uint64(int64(int32(m.number(4)))))
	case opBinFloat:
		if word := m.take(8); word != nil {
			m.make(double, binary.BigEndian.Uint64(word))
		}
	case opLong1:
		m.long(m.take(m.number(1)))
	case opLong4:
		m.long(m.take(m.number(4)))
	case opInt, opLong:
		m.integerLine(m.line(), op == opLong)
	case opFloat:
		m.floatLine(m.line())
	case opNewTrue, opNewFalse:
		m.make(integer, uint64(opNewFalse-op))
	case opNone:
		m.make(nothing, 0)
	default:
		m.unknown(op)
	}
}

func (m *machine) unknown(op byte) {
	for i := range len(unsafeOpcodes) {
		if unsafeOpcodes[i] == op {
			m.refuse(wire.UnsafePickle, whyUnsafe)
			return
		}
	}
	m.refuse(wire.BadPickle, whyOpcode)
}

// place reads a place of the memo in text.
func (m *machine) place() uint64 {
	bits, k := wholeNumber(m.line())
	if k != integer || int64(bits) < 0 {
		m.refuse(wire.BadPickle, whyLine)
	}
	return bits
}

// long makes a number of the bytes of its two's complement, the lowest first.
func (m *machine) long(word []byte) { m.make(longOf(word)) }

func longOf(word []byte) (k kind, bits uint64) {
	for n := len(word); n > 1; n = len(word) { // the highest byte says nothing that the next does not
		if sign := byte(int8(word[n-2]) >> 7); word[n-1] != sign {
			break
		}
		word = word[:n-1]
	}
	switch {
	case len(word) > 9 || len(word) == 9 && word[8] != 0:
		return huge, 0
	case len(word) == 9:
		return unsigned, binary.LittleEndian.Uint64(word)
	case len(word) == 0:
		return integer, 0
	}
	var full [8]byte
	copy(full[:], word)
	shift := 64 - 8*len(word)
	return integer, uint64(int64(binary.LittleEndian.Uint64(full[:])<<shift) >> shift)
}

func (m *machine) integerLine(line []byte, long bool) {
	if n := len(line); long && n > 0 && line[n-1] == 'L' {
		line = line[:n-1]
	}
	bits, k := wholeNumber(line)
	if k == unset {
		m.refuse(wire.BadPickle, whyLine)
	}
	m.make(k, bits)
}

// wholeNumber reads a whole number in text; its kind is unset when it is none.
func wholeNumber(line []byte) (bits uint64, k kind) {
	negative := len(line) > 0 && line[0] == '-'
	if len(line) > 0 && (negative || line[0] == '+') {
		line = line[1:]
	}
	if len(line) == 0 || skipDigits(line, 0) < len(line) {
		return 0, unset
	}
	for _, c := range line {
		digit := uint64(c - '0')
		if bits > (math.MaxUint64-digit)/10 {
			return 0, huge
		}
		bits = bits*10 + digit
	}
	switch {
	case negative && bits > 1<<63:
		return 0, huge
	case negative:
		return -bits, integer
	case bits > math.MaxInt64:
		return bits, unsigned
	}
	return bits, integer
}

func (m *machine) floatLine(line []byte) {
	n, why := readNumber(line)
	switch why {
	case taken:
		m.make(double, math.Float64bits(n.float()))
	case notFinite:
		m.make(double, math.Float64bits(math.NaN()))
	default:
		m.refuse(wire.BadPickle, whyLine)
	}
}
