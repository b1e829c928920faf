package shard

import (
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// On a full disk what recovery set aside goes first: nobody was told that it is safe, and the oldest records were acknowledged.
func TestWhatIsSetAsideGoesBeforeRecords(t *testing.T) {
	d := disk.NewMem()
	s := openStill(t, d, func(o *Options) { o.MinFreeBytes = 100_000 })
	for range 4 {
		s.write(AckDisk, "a - "+strings.Repeat("x", 20<<10))
		s.sync()
	}
	l := s.log("a")
	if err := l.log.Background(); err != nil {
		t.Fatal(err)
	}
	aside := l.log.Dir() + "/00000000000000000099.log.cut"
	if err := disk.WriteWhole(d, aside, make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	d.Free = 50_000
	s.keeper.freeSpace()
	if l.log.First() != 0 {
		t.Errorf("records below %d were removed", l.log.First())
	}
	if d.File(aside) != nil {
		t.Error("what was set aside is still there")
	}
	d.Free = 0
	s.keeper.freeSpace()
	if l.log.First() == 0 {
		t.Error("there is too little space, and no segment went")
	}
}
