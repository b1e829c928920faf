package segstore

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// A batch goes to its segment by a write when it is large and through the mapping when it is small; and through the mapping, too, when the
// disk refuses the write. It is the same batch, wherever it came by.
func TestTheWaysIntoASegment(t *testing.T) {
	for _, refused := range []bool{false, true} {
		d := disk.NewMem()
		f := openLog(t, d, testOptions())
		f.must(f.Reserve(10)) // a segment
		writes := 0
		d.Before = func(call, path string) error {
			if call != "write" || strings.HasSuffix(path, checkpointName) {
				return nil
			}
			writes++
			if refused {
				return errIO
			}
			return nil
		}
		for i, c := range []struct{ value, writes int }{{100, 0}, {writeLeast - BatchOverhead - RecordOverhead, 0}, {writeLeast, 1}, {3 * writeLeast, 2}, {7, 2}} {
			f.must(f.Reserve(int64(c.value) + RecordOverhead))
			f.Append(nil, bytes.Repeat([]byte{'a' + byte(i)}, c.value), 5)
			f.Commit()
			if writes != c.writes {
				t.Errorf("with a value of %d bytes there were %d writes, want %d", c.value, writes, c.writes)
			}
		}
		d.Before = nil
		f.must(f.Sync())
		c := f.Cursor(0)
		defer c.Close()
		for i := range 5 {
			b, err := c.Next()
			if err != nil {
				t.Fatal(err)
			}
			records := b.Records()
			if r, ok := records.Next(); !ok || r.Value[0] != 'a'+byte(i) {
				t.Errorf("batch %d, writes refused %v: %v", i, refused, ok)
			}
		}
		if _, err := c.Next(); !errors.Is(err, ErrTail) {
			t.Errorf("behind the last batch: %v", err)
		}
	}
}

// What is lent is as large as was asked for, is lent again, and no more is kept than may be.
func TestStages(t *testing.T) {
	var s Stages
	for _, n := range []int{1, stageLeast, stageLeast + 1, 1 << 20, 1<<20 + 1, 1 << 30} {
		if class := stageClass(max(n, stageLeast)); n < 1<<24 && cap(s.take(n)) < n || class < 0 || class >= stageClasses {
			t.Errorf("%d bytes are of class %d", n, class)
		}
	}
	b := s.take(5000)
	s.give(b)
	if again := s.take(8000); &again[:1][0] != &b[:1][0] || s.kept != 0 {
		t.Error("memory that was given back was not lent again")
	}
	for range 5 {
		s.give(make([]byte, 0, stagesKept/4))
	}
	if s.kept != stagesKept {
		t.Errorf("%d bytes are kept", s.kept)
	}
}

// A batch that grows in its memory keeps what is in it.
func TestABatchOutgrowsItsMemory(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	for i := range 200 {
		f.must(f.Reserve(300))
		f.Append([]byte("key"), bytes.Repeat([]byte{byte(i)}, 200), int64(i))
	}
	f.Commit()
	f.must(f.Sync())
	c := f.Cursor(0)
	defer c.Close()
	b, err := c.Next()
	if err != nil || b.Count() != 200 {
		t.Fatalf("a batch of %d records, %v", b.Count(), err)
	}
	records := b.Records()
	for i := range 200 {
		if r, ok := records.Next(); !ok || len(r.Value) != 200 || r.Value[0] != byte(i) || r.Time != int64(i) {
			t.Fatalf("record %d is not what it was", i)
		}
	}
}
