package wire

import "encoding/binary"

// Stamp is the time that was sent last, in digits, and what they are in a record. Senders of single points say a time once for each of their
// series, so it is compared before it is read. The zero value is ready.
type Stamp struct {
	first, last uint64 // eight bytes of what was sent: where it begins, and where it ends
	length      int    // of it; 0: nothing was
	digits      [16]byte
	single      Single // a point then
}

// shortestStamp is the fewest bytes of a time that is remembered: two words have all of its bytes then.
const shortestStamp = 8

// Leads returns the length of the time if it is what text begins with, else 0. What is behind it may make it another time.
func (s *Stamp) Leads(text []byte) int {
	if n := s.length; len(text) >= n && n >= shortestStamp &&
		binary.LittleEndian.Uint64(text) == s.first && binary.LittleEndian.Uint64(text[n-shortestStamp:]) == s.last {
		return n
	}
	return 0
}

// Set remembers a time that was sent: with zeros behind them, its digits are those of its milliseconds. false: it is too long or too
// short for that, and nothing is remembered.
func (s *Stamp) Set(text []byte, zeros string, ms int64) bool {
	s.length = 0
	if len(text) < shortestStamp || len(text)+len(zeros) > len(s.digits) {
		return false
	}
	s.first, s.last = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[len(text)-shortestStamp:])
	s.length = len(text)
	written := len(text) + copy(s.digits[copy(s.digits[:], text):], zeros)
	s.single = Single{Time: ms, Stamp: s.digits[:written]}
	return true
}

// At is a point at the time that is remembered. It is valid until the next At or Set.
func (s *Stamp) At(value []byte) *Single {
	s.single.Value = value
	return &s.single
}
