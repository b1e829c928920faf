package segstore

import (
	"slices"
	"testing"

	"penstock/segstore/disk"
)

// coolDisk adds up what is given back, and notes what is taken out of mappings.
type coolDisk struct {
	disk.Disk
	cooled   int64
	unstored [][2]int64
}

type coolFile struct {
	disk.File
	d *coolDisk
}

func (d *coolDisk) Create(path string, size int64) (disk.File, error) {
	f, err := d.Disk.Create(path, size)
	return &coolFile{f, d}, err
}

func (d *coolDisk) OpenReadOnly(path string) (disk.File, error) {
	f, err := d.Disk.OpenReadOnly(path)
	return &coolFile{f, d}, err
}

func (f *coolFile) Cool(mapping []byte, from, to int64) { f.d.cooled += to - from }

func (f *coolFile) Unstore(mapping []byte, from, to int64) {
	f.d.unstored = append(f.d.unstored, [2]int64{from, to})
}

// The newest Resident bytes stay in memory, and all before them is given back once it is on disk: of the segment that grows, and of those that
// are done with. Where they become fewer, so does what stays.
func TestCooling(t *testing.T) {
	d := &coolDisk{Disk: disk.NewMem()}
	o := testOptions()
	resident := int64(6 << 20)
	o.SegmentBytes, o.Resident = 16<<20, func() int64 { return resident }
	f := openLog(t, d, o)
	value := make([]byte, 1<<20)
	for n := range 80 {
		if n == 60 {
			resident = 1 << 20
		}
		f.must(f.Reserve(int64(len(value)) + RecordOverhead))
		f.Append(nil, value, 1)
		f.Commit()
		before := d.cooled
		f.must(f.Background())
		if f.Synced() == 0 && before > 0 {
			t.Fatal("given back before a sync")
		}
		f.must(f.Sync())
		f.must(f.Background())
		all, cold := int64(0), int64(0)
		for _, s := range f.list() {
			all, cold = all+s.readable(), cold+s.cooled.Load()
		}
		if warm := all - cold; warm < min(all, resident) || warm > resident+2*coolStep {
			t.Fatalf("of %d bytes %d are warm", all, warm)
		}
		if d.cooled < cold {
			t.Fatalf("%d bytes were given back of the %d that are cold", d.cooled, cold)
		}
	}
	if f.Segments() < 3 {
		t.Fatalf("%d segments", f.Segments())
	}
}

// Before a sync the pages that were stored to are taken out of the mapping, where they are some: not where little was stored, nor for what was
// written, which is in no mapping.
func TestUnstoredBeforeASync(t *testing.T) {
	d := &coolDisk{Disk: disk.NewMem()}
	o := testOptions()
	o.SegmentBytes, o.ReadSynced = 4<<20, false // else nothing is stored
	f := openLog(t, d, o)
	store := func(batches, size int) {
		for range batches {
			f.must(f.Reserve(int64(size) + RecordOverhead))
			f.Append(nil, make([]byte, size), 1)
			f.Commit()
		}
		f.must(f.Sync())
	}
	var want [][2]int64
	for _, c := range []struct {
		batches, size int
		unstored      bool
	}{
		{1, 100, false}, {20, 1000, true}, {3, 5000, false}, {4, 20 << 10, false}, {4, 5000, true}, {0, 0, false}, {1, 1000, false}, {16, 1000, true},
	} {
		from := f.pos
		store(c.batches, c.size)
		if c.unstored {
			want = append(want, [2]int64{from, f.pos})
		}
		if !slices.Equal(d.unstored, want) {
			t.Errorf("after %d batches of %d bytes and a sync %v was taken out of mappings, want %v", c.batches, c.size, d.unstored, want)
		}
	}
}
