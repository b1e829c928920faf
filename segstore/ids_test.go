package segstore

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

func idOf(n int64) ID {
	var id ID
	binary.BigEndian.PutUint64(id[:], uint64(n)*0x9e3779b97f4a7c15)
	return id
}

// addWithIDs appends records, every third without an ID.
func (f *fixture) addWithIDs(from, to int64) {
	f.Helper()
	var bound int64
	for n := from; n < to; n++ {
		bound += int64(len([]byte("k"))+len(value(n))) + RecordOverhead + int64(IDOverhead)
	}
	f.must(f.Reserve(bound))
	for n := from; n < to; n++ {
		if n%3 == 0 {
			f.Append([]byte("k"), value(n), 10*n)
		} else {
			id := idOf(n)
			f.AppendWithID(&id, []byte("k"), value(n), 10*n)
		}
	}
	f.Commit()
}

// ids reads them the way a start does.
func (f *fixture) ids() (all []ID) {
	f.Helper()
	for _, s := range f.IDs() {
		n := int64(len(all))
		f.must(s.Each(func(id ID) { all = append(all, id) }))
		if int64(len(all))-n != s.Count {
			f.Fatalf("%d IDs, want %d", int64(len(all))-n, s.Count)
		}
	}
	return all
}

func wantIDs(first, next int64) (all []ID) {
	for n := first; n < next; n++ {
		if n%3 != 0 {
			all = append(all, idOf(n))
		}
	}
	return all
}

// IDs are in the records, and come back after every kind of end and with every kind of damage to the files beside the segments.
func TestIDsSurvive(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(f *fixture, d *disk.Mem)
	}{
		{"a clean stop", func(f *fixture, d *disk.Mem) { f.must(f.Close()) }},
		{"a kill", func(*fixture, *disk.Mem) {}},
		{"a kill, and the IDs' files are gone", func(f *fixture, d *disk.Mem) {
			for _, path := range d.Paths() {
				if strings.HasSuffix(path, idsSuffix) {
					d.Put(path, nil)
				}
			}
		}},
		{"one is cut", func(f *fixture, d *disk.Mem) {
			path := idsPath(segmentPath(f.dir, 0))
			d.Put(path, bytes.Clone(d.File(path).Bytes()[:20]))
		}},
		{"a bit is flipped in one", func(f *fixture, d *disk.Mem) {
			path := idsPath(segmentPath(f.dir, 0))
			d.Put(path, flipped(d.File(path).Bytes(), 20))
		}},
		{"one is another segment's", func(f *fixture, d *disk.Mem) {
			d.Put(idsPath(segmentPath(f.dir, 0)), bytes.Clone(d.File(idsPath(segmentPath(f.dir, f.list()[1].base))).Bytes()))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := disk.NewMem()
			f := openLog(t, d, testOptions())
			n := int64(0)
			for f.Segments() < 4 {
				f.addWithIDs(n, n+40)
				n += 40
				f.must(f.Sync())
				f.must(f.Background())
			}
			c.spoil(f, d)
			f.reopen()
			f.quiet()
			if got := f.ids(); !slices.Equal(got, wantIDs(0, n)) {
				t.Fatalf("%d IDs came back, want %d", len(got), len(wantIDs(0, n)))
			}
			f.addWithIDs(n, n+40)
			f.must(f.Sync())
			f.must(f.Close())
			f.reopen()
			if got := f.ids(); !slices.Equal(got, wantIDs(0, n+40)) {
				t.Fatalf("later, %d IDs came back, want %d", len(got), len(wantIDs(0, n+40)))
			}
			f.must(f.DropOldest())
			if first := f.First(); first == 0 || d.File(idsPath(segmentPath(f.dir, 0))) != nil {
				t.Fatalf("the log begins at %d, and what belonged to its first segment is still there:\n%v", first, d)
			} else if got := f.ids(); !slices.Equal(got, wantIDs(first, n+40)) {
				t.Fatalf("behind %d there are %d IDs, want %d", first, len(got), len(wantIDs(first, n+40)))
			}
		})
	}
}

// What a failed sync gave up is not among the IDs.
func TestIDsOfWhatIsGivenUp(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addWithIDs(0, 20)
	f.must(f.Sync())
	f.addWithIDs(20, 40)
	fault := &failing{call: "sync", on: true}
	d.Before = fault.before
	if err := f.Sync(); err == nil {
		t.Fatal("it synced")
	}
	fault.on = false
	f.addWithIDs(40, 60)
	f.must(f.Sync())
	f.must(f.Background())
	f.reopen()
	if got, want := f.ids(), append(wantIDs(0, 20), wantIDs(40, 60)...); !slices.Equal(got, want) {
		t.Fatalf("%d IDs came back, want %d", len(got), len(want))
	}
}

// Headers that others wrote are stepped over, and what is no header is none.
func TestIDAmongOtherHeaders(t *testing.T) {
	header := func(key string, value []byte) []byte {
		b := binary.AppendVarint(nil, int64(len(key)))
		b = append(b, key...)
		if value == nil {
			return binary.AppendVarint(b, -1)
		}
		return append(binary.AppendVarint(b, int64(len(value))), value...)
	}
	id := idOf(1)
	own := header(idHeader, id[:])
	other, null := header("trace", []byte("abc")), header("trace", nil)
	for _, c := range []struct {
		name  string
		count int64
		raw   []byte
		found bool
	}{
		{"alone", 1, own, true},
		{"behind two others", 3, slices.Concat(other, null, own), true},
		{"none", 0, nil, false},
		{"others only", 2, slices.Concat(other, null), false},
		{"too short", 1, header(idHeader, id[:5]), false},
		{"cut in the value", 1, own[:len(own)-1], false},
		{"cut in the key", 1, own[:4], false},
		{"fewer than it says", 9, other, false},
		{"a negative count", -1, own, false},
	} {
		got := readID(append(binary.AppendVarint(nil, c.count), c.raw...))
		if (got != nil) != c.found || c.found && ID(got) != id {
			t.Errorf("%s: %x", c.name, got)
		}
	}
	if readID(nil) != nil {
		t.Error("no headers, and yet an ID")
	}
}
