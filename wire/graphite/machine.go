package graphite

import (
	"bytes"
	"encoding/binary"

	"penstock/wire"
)

// The limits of a pickle, whatever the frame's.
const (
	maxDepth  = 8         // open marks, and lists and tuples in one another
	maxMemo   = 64 << 10  // what is put beyond is forgotten
	maxValues = 512 << 10 // made by one pickle
	// keepValues is how many values' room is kept between frames; a 500-point frame of carbon's makes some 2500.
	keepValues = 16 << 10
)

// kind is what a value is.
type kind uint8

const (
	unset    kind = iota // no value: a place of the memo that nothing was put into
	nothing              // None
	integer              // bits is an int64
	unsigned             // bits is a uint64 that is no int64
	huge                 // a whole number that is neither
	double               // bits is a float64
	text                 // bits is an index into machine.texts
	sequence             // bits is an index into machine.sequences
)

// item is one value.
type item struct {
	bits  uint64
	start int32 // where in the frame it begins
	kind  kind
}

// cell is an item of a sequence.
type cell struct {
	item
	next int32 // its successor in machine.cells, from 1; 0: none
}

// chain is a list or a tuple.
type chain struct {
	first, last int32 // in machine.cells, from 1; 0: none
	length      int32
	depth       uint8 // 1 more than that of its deepest item when that was put in
	tuple       bool  // nothing can be appended
}

// literal is a string of the frame, in UTF-8 or as bytes, and what reading it as a name gave. However often the memo repeats a name,
// it is read once, so the work is linear in the frame.
type literal struct {
	text   []byte
	series int32 // from 1; 0: not read yet
	why    reason
}

// machine runs a pickle: a list of opcodes for a stack machine. It knows the opcodes that strings, numbers, lists and tuples are
// made of and runs nothing: an opcode that imports a name, makes an object or calls anything refuses the frame. One for each worker.
//
// An opcode makes one value at most and what it holds lies in the frame, so the frame's length and maxValues bound the memory. A
// list can be put into itself; nobody walks deeper than three levels, so that does not matter.
type machine struct {
	src  []byte
	at   int
	b    *wire.Batch
	code wire.Code // OK: the pickle is good so far
	op   int       // where the opcode is that code is about
	why  []byte    // the detail of code

	stack     []item
	marks     [maxDepth]mark
	open      int // marks
	made      int // values
	memo      []item
	memoized  int // places of the memo that were put into, those beyond maxMemo too
	cells     []cell
	sequences []chain
	texts     []literal
}

// mark is an open mark: how high the stack was, and where in the frame it stands.
type mark struct {
	height int
	start  int32
}

// run runs the pickle in src and returns what it leaves on top of its stack. When code is not OK then, the pickle is refused. What
// it made aliases src and b's scratch and is valid until the next run.
func (m *machine) run(src []byte, b *wire.Batch) (top item) {
	m.reset(src, b)
	for m.code == wire.OK {
		m.op = m.at
		op := m.take(1)
		if op == nil {
			break
		}
		if op[0] == opStop {
			return m.pop()
		}
		m.step(op[0])
	}
	return item{}
}

// reset forgets the last run, and gives back the room of a rare giant.
func (m *machine) reset(src []byte, b *wire.Batch) {
	m.stack, m.memo, m.cells = emptied(m.stack), emptied(m.memo), emptied(m.cells)
	m.sequences, m.texts = emptied(m.sequences), emptied(m.texts)
	m.src, m.b, m.at, m.open, m.made, m.memoized = src, b, 0, 0, 0, 0
	m.code, m.why = wire.OK, nil
}

// emptied is s without its content, and without its room when that is more than is kept.
func emptied[T any](s []T) []T {
	if cap(s) > keepValues {
		return nil
	}
	clear(s)
	return s[:0]
}

// refuse ends the run.
func (m *machine) refuse(code wire.Code, why []byte) {
	if m.code == wire.OK {
		m.code, m.why = code, why
	}
}

var (
	whyShort   = []byte("the pickle ends too soon")
	whyStack   = []byte("the pickle takes more from its stack than is there")
	whyMark    = []byte("the pickle closes a mark that is not open")
	whyDeep    = []byte("the pickle is nested deeper than 8")
	whyMany    = []byte("the pickle makes too many values")
	whyMemo    = []byte("the pickle gets from its memo what was not put there")
	whyAppend  = []byte("the pickle appends to what is no list")
	whyLine    = []byte("the pickle holds a number or string in text that is none")
	whyVersion = []byte("the pickle is of a protocol above 5")
	whyFrame   = []byte("the pickle holds a frame that is longer than itself")
	whyOpcode  = []byte("the pickle holds an opcode that no pickle of points has")
	whyUnsafe  = []byte("the pickle imports, makes or calls something")
)

// take reads n bytes; nil when there are fewer.
func (m *machine) take(n uint64) []byte {
	if n > uint64(len(m.src)-m.at) {
		m.refuse(wire.BadPickle, whyShort)
		return nil
	}
	at := m.at
	m.at += int(n)
	return m.src[at:m.at:m.at]
}

// number reads n bytes, 8 at most, as a whole number, the lowest byte first; 0 when there are fewer.
func (m *machine) number(n uint64) uint64 {
	var word [8]byte
	copy(word[:], m.take(n))
	return binary.LittleEndian.Uint64(word[:])
}

// line reads up to a line end, which it takes away; nil when there is none.
func (m *machine) line() []byte {
	n := bytes.IndexByte(m.src[m.at:], '\n')
	if n < 0 {
		m.refuse(wire.BadPickle, whyShort)
		return nil
	}
	line := m.take(uint64(n))
	m.at++
	return line
}

func (m *machine) push(it item) {
	if m.made++; m.made > maxValues {
		m.refuse(wire.TooMany, whyMany)
		return
	}
	m.stack = append(m.stack, it)
}

// make pushes a new value that begins at the current opcode.
func (m *machine) make(k kind, bits uint64) { m.push(item{bits: bits, start: int32(m.op), kind: k}) }

func (m *machine) makeText(s []byte) {
	m.texts = append(m.texts, literal{text: s})
	m.make(text, uint64(len(m.texts)-1))
}

// height is how many values can be taken from the stack: those above the last open mark.
func (m *machine) height() int {
	if m.open == 0 {
		return len(m.stack)
	}
	return len(m.stack) - m.marks[m.open-1].height
}

// top returns the value on top of the stack, kind unset when there is none.
func (m *machine) top() item {
	if m.height() == 0 {
		m.refuse(wire.BadPickle, whyStack)
		return item{}
	}
	return m.stack[len(m.stack)-1]
}

func (m *machine) pop() item {
	it := m.top()
	if it.kind != unset {
		m.stack = m.stack[:len(m.stack)-1]
	}
	return it
}

func (m *machine) mark() {
	if m.open == maxDepth {
		m.refuse(wire.BadPickle, whyDeep)
		return
	}
	m.marks[m.open] = mark{len(m.stack), int32(m.op)}
	m.open++
}

// toMark closes the last mark and takes what lies above it from the stack; the items are valid until the next push.
func (m *machine) toMark() (items []item, start int32) {
	if m.open == 0 {
		m.refuse(wire.BadPickle, whyMark)
		return nil, 0
	}
	m.open--
	closed := m.marks[m.open]
	items = m.stack[closed.height:]
	m.stack = m.stack[:closed.height]
	return items, closed.start
}

// tuple makes a tuple of the n values on top of the stack.
func (m *machine) tuple(n int) {
	if m.height() < n {
		m.refuse(wire.BadPickle, whyStack)
		return
	}
	items := m.stack[len(m.stack)-n:]
	m.stack = m.stack[:len(m.stack)-n]
	m.chain(items, items[0].start, true)
}

// chain pushes a list or tuple of items, which may lie where the stack grows to.
func (m *machine) chain(items []item, start int32, tuple bool) {
	m.sequences = append(m.sequences, chain{depth: 1, tuple: tuple})
	at := len(m.sequences) - 1
	m.extend(&m.sequences[at], items)
	m.push(item{bits: uint64(at), start: start, kind: sequence})
}

// appendTo appends items to the list that is on top of the stack.
func (m *machine) appendTo(items []item) {
	on := m.top()
	if m.code != wire.OK {
		return
	}
	if on.kind != sequence || m.sequences[on.bits].tuple {
		m.refuse(wire.BadPickle, whyAppend)
		return
	}
	m.extend(&m.sequences[on.bits], items)
}

func (m *machine) extend(s *chain, items []item) {
	for _, it := range items {
		if it.kind == sequence {
			s.depth = max(s.depth, m.sequences[it.bits].depth+1)
		}
		m.cells = append(m.cells, cell{item: it})
		if last := int32(len(m.cells)); s.length == 0 {
			s.first, s.last = last, last
		} else {
			m.cells[s.last-1].next, s.last = last, last
		}
		s.length++
	}
	if s.depth > maxDepth {
		m.refuse(wire.BadPickle, whyDeep)
	}
}

// put remembers the value on top of the stack.
func (m *machine) put(place uint64) {
	it := m.top()
	if it.kind == unset {
		return
	}
	// Picklers number the places as they go, an opcode of a byte at least for each: a place beyond the frame's length is nobody's.
	if place >= min(maxMemo, uint64(len(m.src))) {
		m.memoized++
		return
	}
	for uint64(len(m.memo)) <= place {
		m.memo = append(m.memo, item{})
	}
	if m.memo[place].kind == unset {
		m.memoized++
	}
	m.memo[place] = it
}

// get pushes what was put into a place.
func (m *machine) get(place uint64) {
	if place >= uint64(len(m.memo)) || m.memo[place].kind == unset {
		m.refuse(wire.BadPickle, whyMemo)
		return
	}
	it := m.memo[place]
	it.start = int32(m.op)
	m.push(it)
}
