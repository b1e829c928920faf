package segstore

import "math/bits"

// Stages lends the memory in which open batches are laid: a batch is put into its segment when it is closed, in one piece. Memory that was
// just written and is written again is in the processor's cache; and a large batch goes to the file by a write, which spares the kernel
// the zeroing of pages that are about to be overwritten, and the faults of a mapping whose pages a sync has made read-only.
//
// Logs that have one writer may share it: it is used where they are written to, and nowhere else.
type Stages struct {
	idle [stageClasses][][]byte // by the power of two that is their size, from stageLeast on
	kept int
	lent int // bytes
}

// Lent is how much memory open batches have.
func (s *Stages) Lent() int { return s.lent }

const (
	stageLeast   = 4 << 10
	stageClasses = 19       // the last is 1 GiB, as the largest segment is
	stagesKept   = 16 << 20 // bytes kept to be lent again
)

// take lends n bytes or more.
func (s *Stages) take(n int) []byte {
	class := stageClass(max(n, stageLeast))
	s.lent += stageLeast << class
	if last := len(s.idle[class]) - 1; last >= 0 {
		b := s.idle[class][last]
		s.idle[class][last] = nil
		s.idle[class] = s.idle[class][:last]
		s.kept -= cap(b)
		return b
	}
	return make([]byte, 0, stageLeast<<class)
}

// stageClass is where memory of n bytes, or the next power of two, is kept.
func stageClass(n int) int { return bits.Len(uint(n-1)) - bits.Len(stageLeast-1) }

func (s *Stages) give(b []byte) {
	s.lent -= cap(b)
	if s.kept+cap(b) > stagesKept {
		return
	}
	class := stageClass(cap(b))
	s.idle[class] = append(s.idle[class], b[:0])
	s.kept += cap(b)
}

// ReserveInPlace is Reserve where that has nothing to ask of the disk: there is room in the segment that is being written. Else it does
// nothing, and is false.
func (l *Log) ReserveInPlace(n int64) bool {
	if l.closed.Load() || l.poisoned.Load() || l.astray || !l.fits(n) {
		return false
	}
	l.bound(n)
	l.stage(int(n))
	return true
}

// bound closes the open batch when n bytes more would make it too large.
func (l *Log) bound(n int64) {
	if l.open.count > 0 && int64(len(l.open.bytes))+n > BatchBytesMax {
		l.Commit()
	}
}

// stage makes room for n more bytes in the open batch.
func (l *Log) stage(n int) {
	b := &l.open
	if cap(b.bytes)-len(b.bytes) >= n && b.bytes != nil {
		return
	}
	if b.bytes == nil {
		b.bytes = l.o.Stages.take(max(BatchOverhead+n, l.usual))[:BatchOverhead]
		return
	}
	larger := append(l.o.Stages.take(len(b.bytes)+n), b.bytes...)
	l.o.Stages.give(b.bytes)
	b.bytes = larger
}

// unstage gives back the room that was made for a batch that was never begun.
func (l *Log) unstage() {
	if b := &l.open; b.bytes != nil && b.count == 0 {
		l.o.Stages.give(b.bytes)
		b.bytes = nil
	}
}

// writeLeast is from what size on a batch goes to its segment by a write and not through the mapping. A write costs more than a store, and its
// bytes cost less.
const writeLeast = 8 << 10

// What a batch is that a sync follows, in bytes: up to smallAlone it is a small one, from largeAlone on a large one.
const (
	smallAlone = 32 << 10
	largeAlone = 256 << 10
)

// pieceOf is how large the pieces of a segment are that a write of a batch fills, a power of two; 0: it fills none.
//
// A write that fills whole pieces of a file, from and to multiples of them, lets the kernel take memory for it in pieces of that size: half
// the work of taking it page by page, and of giving it back. A batch ends where it ends; so zeros are written behind it to the end of its
// last piece, which is what stands there anyway, and the batches that come next overwrite them. Before a store they are written from where it
// begins: else its faults would take that memory.
//
// Where a sync follows each batch it puts the zeros on disk, too. For large batches, pieces are smaller then. For small ones they are what many of them
// will overwrite, and those have cheaper syncs: the file system notes which blocks of a file were written for the first time, in writes of its own behind that of
// the data, and here there are none. Behind packed batches, which are large ones' work and a fifth of their bytes, the zeros would cost more than they save.
func (o *Options) pieceOf(batch int, packed bool) int64 {
	switch {
	case packed:
		return 0
	case !o.ReadSynced || batch <= smallAlone:
		return 256 << 10
	case batch >= largeAlone:
		return 64 << 10
	}
	return 0
}

// place puts a closed batch where it belongs. The mapping and the file are the same pages: who can't write to one stores into the other,
// and when the disk is in trouble the sync will say so. Where a sync follows each batch nothing is stored: each store would be a fault, as a sync
// makes the mapping's pages read-only, and would have all of the piece written that it is in.
func (s *segment) place(batch []byte, at int64, o *Options) {
	zeros := s.zerosBehind(at+int64(len(batch)), o.pieceOf(len(batch), isPacked(batch)))
	if len(batch) >= writeLeast || o.ReadSynced {
		if s.file.WriteZeroing(batch, zeros, at) == nil {
			return
		}
	} else if zeros > 0 {
		_ = s.file.WriteZeroing(nil, len(batch)+zeros, at)
	}
	copy(s.data[at:], batch)
	s.stored.Add(int64(len(batch)))
}

// zerosBehind is how many zeros go behind a batch that ends there: no more than the segment has already, as there may be many that get little.
func (s *segment) zerosBehind(end, piece int64) int {
	if piece == 0 || end <= s.zeroed {
		return 0
	}
	piece = min(piece, max(pageBytes, int64(1)<<(bits.Len64(uint64(end))-1)))
	s.zeroed = min((end+piece-1)&^(piece-1), s.capacity)
	return int(s.zeroed - end)
}
