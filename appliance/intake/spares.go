package intake

import (
	"math/bits"
	"sync"
)

// spares is memory that was used and may be used again, what was used last first, while the caches still know it.
type spares struct {
	most int // bytes that are kept

	mu   sync.Mutex
	idle [32][][]byte // by the power of two that is their size
	kept int
}

// spareSize is what take gives to who asks for n bytes.
func spareSize(n int) int { return 1 << spareClass(n) }

func spareClass(n int) int { return bits.Len(uint(n - 1)) }

// take returns memory of spareSize(n) bytes, whatever is in it.
func (s *spares) take(n int) []byte {
	class := spareClass(n)
	s.mu.Lock()
	b := s.last(class)
	s.mu.Unlock()
	if b == nil {
		b = make([]byte, 1<<class)
	}
	return b
}

// takeLargest returns the largest that is there, or nil: for who does not know how much it will need.
func (s *spares) takeLargest() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for class := len(s.idle) - 1; class >= 0; class-- {
		if b := s.last(class); b != nil {
			return b
		}
	}
	return nil
}

// last takes what was given last of a class, or nil.
func (s *spares) last(class int) []byte {
	n := len(s.idle[class]) - 1
	if n < 0 {
		return nil
	}
	b := s.idle[class][n]
	s.idle[class][n] = nil
	s.idle[class] = s.idle[class][:n]
	s.kept -= len(b)
	return b
}

// give takes memory back, which need not be of take: what it is short of a power of two is not used again.
func (s *spares) give(b []byte) {
	class := bits.Len(uint(cap(b))) - 1
	size := 1 << class
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept+size <= s.most {
		s.idle[class] = append(s.idle[class], b[:size:size])
		s.kept += size
	}
}
