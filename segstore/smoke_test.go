package segstore

import (
	"fmt"
	"testing"
)

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	for life := range 3 {
		l, err := Open(dir+"/t-0", Options{SegmentBytes: 64 << 10, ReadSynced: true, Report: func(f Finding) { t.Log(f) }})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			v := fmt.Appendf(nil, "life %d value %d %0200d", life, i, i)
			if err := l.Reserve(int64(len(v)) + RecordOverhead); err != nil {
				t.Fatal(err)
			}
			l.Append(nil, v, int64(i))
			if i%7 == 0 {
				l.Commit()
			}
			if i%50 == 0 {
				if err := l.Sync(); err != nil {
					t.Fatal(err)
				}
				if err := l.Background(); err != nil {
					t.Fatal(err)
				}
			}
		}
		l.Commit()
		l.Sync()
		c := l.Cursor(0)
		n := int64(0)
		for {
			b, err := c.Next()
			if err == ErrTail {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			rs := b.Records()
			for r, ok := rs.Next(); ok; r, ok = rs.Next() {
				if r.Offset != n {
					t.Fatalf("offset %d, want %d", r.Offset, n)
				}
				n++
			}
		}
		c.Close()
		if n != int64(life+1)*1000 || l.Segments() < 3 {
			t.Fatal(n, l.Segments())
		}
		if off, err := l.OffsetAt(500); err != nil || off != 500 {
			t.Fatal(off, err)
		}
		if life != 1 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	sum, err := Verify(dir, func(f Finding) { t.Error(f) })
	t.Log(sum, err)
}
