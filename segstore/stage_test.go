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
		d, o := disk.NewMem(), testOptions()
		o.ReadSynced = false // else all are written
		f := openLog(t, d, o)
		f.must(f.Reserve(10)) // a segment
		f.active.zeroed = f.active.capacity
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

// What is lent is what open batches have, and comes back when they are closed, or their logs are.
func TestStagesKnowWhatIsLent(t *testing.T) {
	stages := new(Stages)
	o := testOptions()
	o.Stages = stages
	f := openLog(t, disk.NewMem(), o)
	lent := func(what string, want int) {
		t.Helper()
		if stages.Lent() != want {
			t.Errorf("%s: %d bytes are lent, not %d", what, stages.Lent(), want)
		}
	}
	lent("nothing is open", 0)
	f.must(f.Reserve(stageLeast))
	lent("room was made", 2*stageLeast)
	f.Append(nil, make([]byte, 10), 5)
	f.must(f.Reserve(2 * stageLeast))
	lent("the batch grew", 4*stageLeast)
	f.Commit()
	lent("it is closed", 0)
	f.must(f.Reserve(10))
	lent("room was made again", stageLeast)
	f.must(f.Close())
	lent("the log is closed", 0)
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

// A batch begins with as much memory as the last one needed, so that batches that grow alike are not copied as they grow.
func TestABatchTakesWhatTheLastOneHad(t *testing.T) {
	o := Options{SegmentBytes: 1 << 20, Stages: new(Stages)}
	f := openLog(t, disk.NewMem(), o)
	grow := func(bytes int) {
		f.must(f.Reserve(10))
		for f.open.Size() < int64(bytes) {
			f.must(f.Reserve(1000 + RecordOverhead))
			f.Append(nil, make([]byte, 1000), 5)
		}
	}
	for _, c := range []struct{ bytes, want int }{{100_000, stageLeast}, {3000, 128 << 10}, {0, stageLeast}} {
		f.must(f.Reserve(10))
		if lent := o.Stages.Lent(); lent != c.want {
			t.Errorf("a batch begins with %d bytes, want %d", lent, c.want)
		}
		grow(c.bytes)
		f.Commit()
	}
}

// Zeros are written behind a batch, to the end of a piece of the file; never beyond the file's end, and no byte twice. Pieces grow with the segment.
func TestZerosBehindABatch(t *testing.T) {
	const piece = 64 << 10
	for _, c := range []struct {
		name                  string
		end                   int64
		before, capacity      int64 // segment.zeroed
		want, zeroed, another int64 // a batch of that size may follow without zeros
	}{
		{"half a piece", 2*piece + piece/2, 0, 64 * piece, piece / 2, 3 * piece, piece / 2},
		{"whole pieces", 3 * piece, 0, 64 * piece, 0, 3 * piece, 0},
		{"from the middle of one", 8*piece + 101, 0, 64 * piece, piece - 101, 9 * piece, piece - 101},
		{"over a border", 8*piece + 100, 8 * piece, 64 * piece, piece - 100, 9 * piece, piece - 100},
		{"in what was zeroed", 9*piece - 1, 9 * piece, 64 * piece, 0, 9 * piece, 1},
		{"to the end of it", 9 * piece, 9 * piece, 64 * piece, 0, 9 * piece, 0},
		{"at the file's end", 8*piece + 100, 0, 8*piece + 200, 100, 8*piece + 200, 100},
		{"to the file's last byte", 8*piece + 100, 0, 8*piece + 100, 0, 8*piece + 100, 0},
		{"a segment's first", piece/2 + 100, 0, 64 * piece, piece/2 - 100, piece, piece/2 - 100},
	} {
		s := newSegment(0, "", c.capacity)
		s.zeroed = c.before
		if got := s.zerosBehind(c.end, piece); int64(got) != c.want || s.zeroed != c.zeroed {
			t.Errorf("%s: %d zeros up to %d, want %d up to %d", c.name, got, s.zeroed, c.want, c.zeroed)
		}
		if got := s.zerosBehind(c.end+c.another, piece); got != 0 {
			t.Errorf("%s: %d zeros behind another", c.name, got)
		}
	}
	for _, c := range []struct{ end, want int64 }{
		{1, 4096}, {4096, 4096}, {4097, 8192}, {8191, 8192}, {8193, 16384}, {20_000, 32768}, {70_000, 128 << 10}, {200_000, 256 << 10}, {300_000, 512 << 10},
	} {
		s := newSegment(0, "", 1<<30)
		if s.zerosBehind(c.end, 256<<10); s.zeroed != c.want {
			t.Errorf("behind %d bytes zeros go up to %d, want %d", c.end, s.zeroed, c.want)
		}
	}
}

// How far zeros go depends on who waits for them.
func TestPieces(t *testing.T) {
	for _, c := range []struct {
		readSynced bool
		batch      int
		want       int64
	}{
		{false, 100, 256 << 10}, {false, 100 << 10, 256 << 10}, {false, 1 << 20, 256 << 10},
		{true, 100, 256 << 10}, {true, smallAlone, 256 << 10}, {true, smallAlone + 1, 0}, {true, largeAlone - 1, 0}, {true, largeAlone, 64 << 10}, {true, 1 << 20, 64 << 10},
	} {
		o := Options{ReadSynced: c.readSynced}
		if got := o.pieceOf(c.batch, false); got != c.want || o.pieceOf(c.batch, true) != 0 {
			t.Errorf("a batch of %d bytes, a sync behind each: %v: pieces of %d, want %d", c.batch, c.readSynced, got, c.want)
		}
	}
}

// Where no sync follows, zeros are written ahead of what is stored as well: once for each piece (up to 4 KiB, 8, 16 and so on, up to 768), and never over a record.
// Where one does each batch is written. When the disk refuses that it is stored all the same.
func TestZerosAheadOfStores(t *testing.T) {
	for _, c := range []struct {
		name       string
		readSynced bool
		fails      error
		want       int
	}{
		{"log", false, nil, 9},
		{"log, and the disk refuses writes", false, errors.New("input/output error"), 9},
		{"disk", true, nil, 600},
		{"disk, and it refuses writes", true, errors.New("input/output error"), 600},
	} {
		writes := 0
		trace := &disk.Trace{Disk: disk.NewMem(), Before: func(call, path string) error {
			if call != "write" || strings.HasSuffix(path, "checkpoint") {
				return nil
			}
			writes++
			return c.fails
		}}
		f := openLog(t, trace, Options{SegmentBytes: 4 << 20, ReadSynced: c.readSynced})
		const records, size = 600, 1000
		for i := range records {
			f.must(f.Reserve(size + RecordOverhead))
			f.Append(nil, bytes.Repeat([]byte{'a' + byte(i%20)}, size), 5)
			f.Commit()
			if s := f.active; bytes.Count(s.data[f.pos:s.capacity], []byte{0}) != int(s.capacity-f.pos) {
				t.Fatalf("%s: something stands behind record %d", c.name, i)
			}
		}
		if writes != c.want || len(f.list()) != 1 {
			t.Errorf("%s: %d writes, want %d; %d segments", c.name, writes, c.want, len(f.list()))
		}
		f.must(f.Sync())
		cursor := f.Cursor(0)
		for i := range records {
			b, err := cursor.Next()
			if err != nil {
				t.Fatalf("%s: batch %d: %v", c.name, i, err)
			}
			all := b.Records()
			if r, _ := all.Next(); bytes.Count(r.Value, []byte{'a' + byte(i%20)}) != size {
				t.Errorf("%s: record %d is not what was written", c.name, i)
			}
		}
		cursor.Close()
	}
}

// The zeros are not part of the log: a reader stops before them, a start goes on before them, and what comes next overwrites them.
func TestZerosBehindTheLog(t *testing.T) {
	for _, readSynced := range []bool{false, true} {
		f := openLog(t, disk.NewMem(), Options{SegmentBytes: 2 << 20, ReadSynced: readSynced})
		sizes := []int{100, 32 << 10, 64 << 10, 192 << 10, 300, largeAlone, 1000, 320<<10 + 1, 64 << 10, 10}
		want := 0
		for round := range 3 {
			for i, size := range sizes {
				f.must(f.Reserve(int64(size) + RecordOverhead))
				if offset := f.Append(nil, bytes.Repeat([]byte{'a' + byte(i)}, size), 5); offset != int64(want) {
					t.Fatalf("record %d got offset %d", want, offset)
				}
				want++
				f.Commit()
				if s := f.active; bytes.Count(s.data[f.pos:s.capacity], []byte{0}) != int(s.capacity-f.pos) {
					t.Fatalf("behind a batch of %d bytes the segment is not empty", size)
				}
			}
			if round > 0 {
				f.reopen() // as after a kill
			}
			f.must(f.Sync())
			c := f.Cursor(0)
			for i := range want {
				b, err := c.Next()
				if err != nil {
					t.Fatalf("batch %d: %v", i, err)
				}
				records, size := b.Records(), sizes[i%len(sizes)]
				if r, ok := records.Next(); !ok || len(r.Value) != size || bytes.Count(r.Value, []byte{'a' + byte(i%len(sizes))}) != size {
					t.Errorf("batch %d is not what was written", i)
				}
			}
			if _, err := c.Next(); !errors.Is(err, ErrTail) {
				t.Errorf("behind the last batch: %v", err)
			}
			c.Close()
			if len(f.findings) > 0 {
				t.Errorf("a start finds %v", f.findings)
			}
		}
	}
}
