package segstore

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"penstock/segstore/disk"
)

// The CRC of two texts together is made of theirs, whatever their lengths.
func TestFollowed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 1<<20)
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	for _, n := range []int{0, 1, 2, 3, 40, 255, 256, 4095, 65_536, 1_000_003, 1 << 20} {
		for _, at := range []int{0, 1, n / 2, n - 1, n} {
			if at < 0 || at > n {
				continue
			}
			a, b := crc32.Checksum(text[:at], castagnoli), crc32.Checksum(text[at:n], castagnoli)
			if got, want := followed(a, b, n-at), crc32.Checksum(text[:n], castagnoli); got != want {
				t.Errorf("%d bytes behind %d: %08x, want %08x", n-at, at, got, want)
			}
		}
	}
}

// sealBatch makes a batch of what stands behind its head.
func sealBatch(batch []byte, h *header) { (&Draft{bytes: batch}).seal(h) }

// However often an open batch is summed, it is the same batch; and the next one begins anew.
func TestSummedAsItIsLaid(t *testing.T) {
	f := openLog(t, disk.NewMem(), Options{SegmentBytes: 1 << 20})
	for round := range 4 {
		for i := range 30 {
			f.must(f.Reserve(5000 + RecordOverhead))
			f.Append([]byte("key"), make([]byte, 1000+i*round), int64(i))
			if round > 0 && i%round == 0 {
				f.SumOpen()
			}
		}
		if round == 3 {
			f.SumOpen()
			f.SumOpen() // all of it, and nothing
		}
		f.Commit()
	}
	f.SumOpen() // there is none
	f.must(f.Sync())
	f.reopen()
	c := f.Cursor(0)
	defer c.Close()
	for round := range 4 {
		b, err := c.Next()
		if err != nil || b.Count() != 30 {
			t.Fatalf("round %d: %d records, %v", round, b.Count(), err)
		}
	}
	if len(f.findings) > 0 {
		t.Errorf("a start finds %v", f.findings)
	}
}
