package shard

import (
	"testing"

	"penstock/segstore/disk"
)

// Logs share the memory for what was written last: those that were written to since the keeper looked before, and not those that a start finds.
func TestLogsShareMemory(t *testing.T) {
	d := disk.NewMem()
	start := func() *Set {
		return builtSet(t, d, func(o *Options) { o.ResidentBytes, o.Ack = 90<<20, AckLog })
	}
	s := start()
	k := s.NewTicket()
	share := func(want int64, topics ...string) {
		t.Helper()
		for _, topic := range topics {
			if err := s.Offer(batchOf(topic+" - x"), k, AckRing); err != nil {
				t.Fatal(err)
			}
			s.write()
		}
		s.shareMemory()
		for _, l := range *s.logs.Load() {
			if got := s.logOptions(l).Resident(); got != want {
				t.Fatalf("after %v a log keeps %d bytes, want %d", topics, got, want)
			}
		}
	}
	share(90 << 20)
	share(30<<20, "a", "b", "c")
	share(45<<20, "c", "a", "c")
	share(90<<20, "b")
	share(90 << 20)
	s.o.ResidentBytes = 20 << 20
	share(residentLeast, "a", "b", "c")
	s.writers[0].syncer.round()
	s = start()
	k = s.NewTicket()
	share(90 << 20)
	share(45<<20, "a", "b")
}
