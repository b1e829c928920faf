package segstore

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkAppend writes records of 200 bytes in batches, and syncs each batch or none; v=write is what it is to be held against:
// the same bytes through write, and fdatasync.
//
//	go test ./segstore -run '^$' -bench . -benchtime 2s
func BenchmarkAppend(b *testing.B) {
	value := make([]byte, 200)
	for _, records := range []int{1, 320} {
		for _, synced := range []bool{false, true} {
			name := func(v string) string { return fmt.Sprintf("records=%d/sync=%v/v=%s", records, synced, v) }
			b.Run(name("log"), func(b *testing.B) {
				l := benchLog(b)
				b.SetBytes(int64(records * len(value)))
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					fill(b, l, records, value)
					if synced {
						if err := l.Sync(); err != nil {
							b.Fatal(err)
						}
					}
					keepSmall(b, l)
				}
			})
			b.Run(name("write"), func(b *testing.B) {
				f, err := os.Create(filepath.Join(b.TempDir(), "log"))
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				batch := make([]byte, records*(len(value)+10)+BatchOverhead)
				b.SetBytes(int64(records * len(value)))
				b.ReportAllocs()
				b.ResetTimer()
				for n := range b.N {
					if n*len(batch)%(256<<20) < len(batch) {
						if _, err := f.Seek(0, 0); err != nil {
							b.Fatal(err)
						}
					}
					batch[0] = byte(crc32.Checksum(batch, castagnoli))
					if _, err := f.Write(batch); err != nil {
						b.Fatal(err)
					}
					if synced {
						if err := unix.Fdatasync(int(f.Fd())); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkScan reads a log of records of 200 bytes from its start, each batch's CRC checked.
func BenchmarkScan(b *testing.B) {
	l := benchLog(b)
	for range 100 {
		fill(b, l, 320, make([]byte, 200))
	}
	b.SetBytes(l.pos)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		c, n := l.Cursor(0), 0
		for {
			batch, err := c.Next()
			if errors.Is(err, ErrTail) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			for records := batch.Records(); ; n++ {
				if _, ok := records.Next(); !ok {
					break
				}
			}
		}
		c.Close()
		if n != 100*320 {
			b.Fatalf("read %d records", n)
		}
	}
}

func benchLog(b *testing.B) *Log {
	l, err := Open(filepath.Join(b.TempDir(), "clicks-0"), Options{SegmentBytes: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	return l
}

func fill(b *testing.B, l *Log, records int, value []byte) {
	if err := l.Reserve(int64(records * (len(value) + RecordOverhead))); err != nil {
		b.Fatal(err)
	}
	for range records {
		l.Append(nil, value, 1)
	}
	l.Commit()
}

// keepSmall does the keeper's part, so that a long run does not fill the disk.
func keepSmall(b *testing.B, l *Log) {
	if l.Segments() < 4 {
		return
	}
	err := errors.Join(l.Sync(), l.Background(), l.DropOldest())
	if err != nil {
		b.Fatal(err)
	}
}

// What it costs to learn that an ID is not there, by how many segments have IDs: a million in all.
func BenchmarkHasID(b *testing.B) {
	for _, segments := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("segments=%d", segments), func(b *testing.B) {
			l := &Log{}
			for range segments {
				ids := make([]ID, 1_000_000/segments)
				for i := range ids {
					ids[i] = idOf(rand.Int64())
				}
				slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
				l.blocks = append(l.blocks, newIDBlock(encodeIDs(ids), int64(len(ids))))
			}
			b.ReportAllocs()
			for i := int64(0); b.Loop(); i++ {
				id := idOf(i)
				if l.HasID(&id, 0) {
					b.Fatal("it is there")
				}
			}
		})
	}
}
