package intake

// buffer is what a stream's connection has read and not yet used up. It begins small, so that ten thousand silent connections cost
// little, and grows while frames are larger or come faster. Beyond what every connection may keep, it is lent from the room that
// large bodies share, and given back as soon as the large frame is over.
type buffer struct {
	bytes  []byte
	filled int
	most   int // a frame never needs more
	room   *room
	lent   int64
}

// rest is where the next bytes go.
func (b *buffer) rest() []byte { return b.bytes[b.filled:] }

// drop lets go of the first bytes.
func (b *buffer) drop(used int) {
	if used == 0 {
		return
	}
	b.filled = copy(b.bytes, b.bytes[used:b.filled])
	if b.lent > 0 && b.filled <= bufferKeep/2 {
		small := make([]byte, bufferKeep)
		copy(small, b.bytes[:b.filled])
		b.bytes = small
		b.free()
	}
}

// grow makes room where there is none; false when the frame may not be as large, or there is no memory to lend.
func (b *buffer) grow() bool {
	if b.filled < len(b.bytes) {
		return true
	}
	size := min(4*len(b.bytes), bufferKeep)
	if len(b.bytes) >= bufferKeep {
		if size = min(2*len(b.bytes), b.most); size <= len(b.bytes) {
			return false
		}
		more := int64(size) - b.lent
		if b.room.held.Add(more) > b.room.most {
			b.room.held.Add(-more)
			return false
		}
		b.lent += more
	}
	larger := make([]byte, size)
	copy(larger, b.bytes[:b.filled])
	b.bytes = larger
	return true
}

// free gives back what was lent.
func (b *buffer) free() {
	b.room.held.Add(-b.lent)
	b.lent = 0
}
