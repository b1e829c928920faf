//go:build !race

package segstore

import (
	"errors"
	"testing"
)

// steady is a log whose segment has room for everything these tests write.
func steady(t *testing.T) *Log {
	l, err := Open(t.TempDir()+"/clicks-0", Options{SegmentBytes: 64 << 20, ReadSynced: true, Now: func() int64 { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	key, value := []byte("key"), make([]byte, 200)
	for range 40 { // the first segment is small; the one that is written to is the second
		if err := l.Reserve(100 << 10); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			l.Append(key, value, 5)
		}
		l.Commit()
	}
	if err := errors.Join(l.RollOlder(2), l.Sync(), l.Background()); err != nil {
		t.Fatal(err)
	}
	return l
}

// noGarbage fails unless f allocates nothing. What a sync or an append does once is done before.
func noGarbage(t *testing.T, runs int, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(runs, f); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	l := steady(t)
	key, value := []byte("key"), make([]byte, 200)
	for name, records := range map[string]int{"one": 1, "many": 320} {
		t.Run(name, func(t *testing.T) {
			noGarbage(t, 100, func() {
				if err := l.Reserve(int64(records * (len(key) + len(value) + RecordOverhead))); err != nil {
					t.Fatal(err)
				}
				for i := range records {
					l.Append(key, value, int64(i))
				}
				l.Commit()
			})
		})
	}
}

func TestSyncAllocatesNothing(t *testing.T) {
	l := steady(t)
	value := make([]byte, 200)
	noGarbage(t, 50, func() {
		if err := l.Reserve(int64(len(value) + RecordOverhead)); err != nil {
			t.Fatal(err)
		}
		l.Append(nil, value, 5)
		l.Commit()
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		if l.Synced() != l.Written() {
			t.Fatal("not synced")
		}
	})
}

func TestBackgroundAllocatesNothingWhenIdle(t *testing.T) {
	l := steady(t)
	noGarbage(t, 100, func() {
		if err := l.Background(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReadingAllocatesNothing(t *testing.T) {
	l := steady(t)
	c := l.Cursor(0)
	defer c.Close()
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	read := 0
	noGarbage(t, 30, func() {
		b, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		for records := b.Records(); ; read++ {
			if _, ok := records.Next(); !ok {
				break
			}
		}
	})
	if read < 30*200 {
		t.Fatalf("read %d records", read)
	}
	noGarbage(t, 100, func() { // and at the tail
		c.SkipTo(l.Next())
		if _, err := c.Next(); !errors.Is(err, ErrTail) {
			t.Fatal(err)
		}
	})
}
