package wire

// Reader reads JSON that ScanValue accepted, from front to back, in one pass and without a tree:
//
//	r := wire.Reader{Src: src, At: at}
//	if r.Enter('{') {
//		for r.Next() {
//			switch name := r.Name(); {
//			case string(name) == `"points"` && r.Enter('['):
//				for r.Next() { … }
//			default:
//				r.Skip()
//			}
//		}
//	}
//
// Every value must be read: entered and walked to its end, taken with Value, or skipped. On JSON that ScanValue did not accept its
// answers are undefined, and it may panic.
type Reader struct {
	Src []byte
	At  int
}

// Kind is the first byte of the value that comes next: { [ " t f n - or a digit.
func (r *Reader) Kind() byte {
	r.At = SkipSpace(r.Src, r.At)
	return r.Src[r.At]
}

// Enter goes into the array or object that comes next, if it is one of that opening bracket; else it stays where it is.
func (r *Reader) Enter(bracket byte) bool {
	if r.Kind() != bracket {
		return false
	}
	r.At++
	return true
}

// Next goes to the next element or member; at the container's end it leaves it and returns false.
func (r *Reader) Next() bool {
	switch r.Kind() {
	case ']', '}':
		r.At++
		return false
	case ',':
		r.At++
		r.At = SkipSpace(r.Src, r.At)
	}
	return true
}

// Name reads a member's name, a JSON string with its quotes as sent, and stands before its value.
func (r *Reader) Name() []byte {
	start := r.At
	end, _ := scanString(r.Src, start+1)
	r.At = SkipSpace(r.Src, end) + 1
	return r.Src[start:end:end]
}

// Value reads a value whole, as sent.
func (r *Reader) Value() []byte {
	r.At = SkipSpace(r.Src, r.At)
	start := r.At
	r.Skip()
	return r.Src[start:r.At:r.At]
}

// Skip reads over a value.
func (r *Reader) Skip() {
	depth := 0
	for start := r.At; ; {
		switch c := r.Kind(); c {
		case '"':
			r.At, _ = scanString(r.Src, r.At+1)
		case '{', '[':
			depth++
			r.At++
		case '}', ']':
			depth--
			r.At++
		case ':': // inside only, as a comma is, so depth is not 0
			r.At++
		case ',':
			r.At++
			if r.At-start > smallValue && byBlocks && r.At < len(r.Src) {
				r.skipRest(depth)
				return
			}
		default:
			r.At, _ = scanScalar(r.Src, r.At)
		}
		if depth == 0 {
			return
		}
	}
}

// skipRest reads over what is left of a value, so many arrays and objects deep.
//
//go:noinline
func (r *Reader) skipRest(depth int) {
	var ahead blocks
	r.At = ahead.skip(r.Src, r.At, depth)
}

// smallValue is the bytes of a value after which it is worth reading the rest by blocks: one at least.
const smallValue = 2 * blockSize
