package intake

// The sizes of a stream's buffer. Every connection has a small one of its own, in which most lines fit, so that ten thousand silent
// connections cost little. What is larger is lent while there are bytes: for frames that need it, and for senders that are faster.
const (
	bufferOwn  = 2 << 10
	bufferLent = 64 << 10  // the least that is lent
	bufferFast = 256 << 10 // the most that is lent for speed alone; a batch is no larger, unless a frame is

	buffersIdle = 16 << 20 // bytes that are kept to be lent again
)

// buffers lends memory to all streams' connections. It counts as the bodies of HTTP do, in the room that they share.
type buffers struct {
	room *room
	spares
}

func newBuffers(r *room) *buffers { return &buffers{room: r, spares: spares{most: buffersIdle}} }

// take lends n bytes or more; nil when the room is full.
func (s *buffers) take(n int) []byte {
	n = max(n, bufferLent)
	size := int64(spareSize(n))
	if s.room.held.Add(size) > s.room.most {
		s.room.held.Add(-size)
		return nil
	}
	return s.spares.take(n)
}

func (s *buffers) give(b []byte) {
	s.room.held.Add(int64(-len(b)))
	s.spares.give(b)
}

// buffer is what a connection has read and not yet used up.
type buffer struct {
	from   *buffers
	own    [bufferOwn]byte
	bytes  []byte // own, or lent
	filled int
	most   int  // a frame never needs more
	fast   bool // the last read left no room: the sender has more
}

func newBuffer(from *buffers, frameMost int) *buffer {
	b := &buffer{from: from, most: max(frameMost, bufferOwn)}
	b.bytes = b.own[:]
	return b
}

// rest is where the next bytes go.
func (b *buffer) rest() []byte { return b.bytes[b.filled:] }

// came notes that n bytes were read there, and returns all there is.
func (b *buffer) came(n int) []byte {
	b.filled += n
	b.fast = b.filled == len(b.bytes)
	return b.bytes[:b.filled]
}

// drop lets go of the first bytes.
func (b *buffer) drop(used int) {
	if used > 0 {
		b.filled = copy(b.bytes, b.bytes[used:b.filled])
	}
}

func (b *buffer) isLent() bool { return len(b.bytes) > bufferOwn }

// isLarge reports whether memory is lent for a frame, not for speed.
func (b *buffer) isLarge() bool { return b.filled > bufferOwn }

// atMost reports whether the buffer is full and no frame may be as large.
func (b *buffer) atMost() bool { return b.filled == len(b.bytes) && len(b.bytes) >= b.most }

// grow makes room where there is none, and more of it for a fast sender; false when there is none and none could be lent.
func (b *buffer) grow() bool {
	full := b.filled == len(b.bytes)
	if full && !b.atMost() || b.fast && len(b.bytes) < bufferFast {
		b.swap(b.from.take(min(2*len(b.bytes), max(b.most, bufferFast))))
	}
	return b.filled < len(b.bytes)
}

// shrink gives back what was lent, if what is left fits into the connection's own.
func (b *buffer) shrink() {
	if b.isLent() && b.filled <= bufferOwn {
		b.swap(b.own[:])
	}
}

func (b *buffer) swap(other []byte) {
	if other == nil {
		return
	}
	copy(other, b.bytes[:b.filled])
	b.free()
	b.bytes = other
}

// free gives back what was lent, and all that was read.
func (b *buffer) free() {
	if b.isLent() {
		b.from.give(b.bytes)
	}
	b.bytes = b.own[:]
}
