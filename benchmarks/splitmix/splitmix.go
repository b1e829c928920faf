// Package splitmix is the generator splitmix64: small, the same in every language, and all of its state a seed.
package splitmix

const step = 0x9e3779b97f4a7c15

// Source is a generator. Its value is its seed.
type Source uint64

// Next is the next number.
func (s *Source) Next() uint64 {
	z := Mix(uint64(*s))
	*s += step
	return z
}

// Below is the next number below n. What little it prefers small ones by does not matter to those who use it.
func (s *Source) Below(n int) int { return int(s.Next() % uint64(n)) }

// Mix is what a generator seeded with x gives first: a hash of x.
func Mix(x uint64) uint64 {
	x += step
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
