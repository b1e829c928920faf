package shard

// residentLeast is what a log keeps in memory in any case.
const residentLeast = 8 << 20

// shareMemory gives each log that is written to the same part of the memory that logs may have together for what was written last. The keeper calls it
// every now and then: a log that it finds longer than it was is one of those. Of one that nobody writes to any more the system takes back what it needs.
func (s *Set) shareMemory() {
	busy := int64(0)
	for _, l := range *s.logs.Load() {
		if written := l.log.Written(); written != l.looked {
			l.looked = written
			busy++
		}
	}
	s.resident.Store(max(s.o.ResidentBytes/max(busy, 1), residentLeast))
}
