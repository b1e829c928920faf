package segstore

import (
	"math"
	"testing"

	"penstock/segstore/disk"
)

// What is held stays, however old it is and however little space there is; what is before it goes.
func TestHold(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	for i := range int64(4) {
		f.addSynced(10*i, 10*i+10)
		f.must(f.RollOlder(f.now + 1))
		f.must(f.Background())
	}
	f.addSynced(40, 41)
	for _, c := range []struct{ hold, first int64 }{{0, 0}, {9, 0}, {10, 10}, {25, 20}, {math.MaxInt64, 40}} {
		f.Hold(c.hold)
		_, err := f.Retire(math.MaxInt64)
		f.must(err)
		f.must(f.DropOldest())
		if got := f.First(); got != c.first {
			t.Errorf("holding from %d: the first record kept is %d, want %d", c.hold, got, c.first)
		}
	}
}
