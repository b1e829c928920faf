package segstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"syscall"
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
	for i, s := range f.IDs() {
		n := len(all)
		f.must(s.Each(func(id ID) { all = append(all, id) }))
		for _, id := range all[n:] {
			other := id
			other[11]++
			if f.HasID(&id, 0) != s.Listed || f.HasID(&id, s.Newest) != s.Listed || f.HasID(&other, 0) || f.HasID(&id, s.Newest+1) && i == len(f.IDs())-1 {
				f.Fatalf("segment %d, listed %v: %x is found %v, another %v", i, s.Listed, id, f.HasID(&id, 0), f.HasID(&other, 0))
			}
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
			if listed := f.IDs(); !listed[0].Listed {
				t.Fatal("the first segment's IDs are not listed")
			}
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

// Among many IDs each is found, and none that is not there; what is left when pages of the file can't be read, or are not sorted, is no
// worse than not finding.
func TestIDBlock(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 100, 4096, 100_000} {
		var all []ID
		for i := range n {
			all = append(all, idOf(i+1))
		}
		slices.SortFunc(all, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
		b := newIDBlock(encodeIDs(all), n)
		maybe := int64(0)
		for i := range n {
			known, unknown := idOf(i+1), idOf(n+i+1)
			if b.filter.mayHave(&unknown) {
				maybe++
			}
			if !b.has(&known) || !b.filter.mayHave(&known) || b.has(&unknown) {
				t.Fatalf("of %d: %x is found %v, %x %v", n, known, b.has(&known), unknown, b.has(&unknown))
			}
		}
		if maybe > n/15+5 {
			t.Errorf("of %d that are not there, %d seem to be", n, maybe)
		}
		for _, id := range []ID{{}, {11: 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
			if b.has(&id) {
				t.Fatalf("of %d: %x is found", n, id)
			}
		}
		for i := range b.mapping { // anything else
			b.mapping[i] = byte(i * i)
		}
		for i := range min(n, 1000) {
			id := idOf(i)
			_, _ = b.has(&id), b.filter.mayHave(&id)
		}
	}
	low := &idBlock{ids: make([]byte, 12*500)} // all of them far from where hashes would be
	for i := range 500 {
		binary.BigEndian.PutUint32(low.ids[12*i+8:], uint32(2*i))
	}
	for i := range uint32(1000) {
		id := ID{}
		if binary.BigEndian.PutUint32(id[8:], i); low.has(&id) != (i%2 == 0) {
			t.Fatalf("%d is found: %v", i, low.has(&id))
		}
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
	own := header(IDHeader, id[:])
	other, null := header("trace", []byte("abc")), header("trace", nil)
	for _, c := range []struct {
		name  string
		count int64
		raw   []byte
		found bool
	}{
		{"alone", 1, own, true},
		{"behind two others", 3, slices.Concat(other, null, own), true},
		{"behind as many as there are", 1, slices.Concat(other, own), false},
		{"none", 0, nil, false},
		{"others only", 2, slices.Concat(other, null), false},
		{"too short", 1, header(IDHeader, id[:5]), false},
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

// The file of IDs has 12 bytes for each and 8 for every eight of them or fewer.
func TestIDFileBytes(t *testing.T) {
	for n, want := range map[int64]int64{0: 0, 1: 12 + 8, 8: 96 + 8, 9: 108 + 16, 16: 192 + 16, 17: 204 + 24} {
		if got := idFileBytes(n); got != want || n > 0 && len(encodeIDs(make([]ID, n))) != int(want) {
			t.Errorf("%d IDs take %d bytes, want %d", n, got, want)
		}
	}
}

// IDs that the disk can't read are not found, and the process lives; any other panic goes on.
func TestIDsThatCantBeRead(t *testing.T) {
	f := openLog(t, nil, testOptions())
	f.addWithIDs(0, 20)
	f.must(f.RollOlder(f.now + 1))
	f.must(f.Sync())
	f.must(f.Background())
	id := idOf(1)
	mapping := f.blocks[0].mapping
	page := mapping[:cap(mapping)]
	f.must(syscall.Mprotect(page, syscall.PROT_NONE))
	if f.HasID(&id, 0) {
		t.Error("an ID was found that can't be read")
	}
	f.must(syscall.Mprotect(page, syscall.PROT_READ))
	if !f.HasID(&id, 0) {
		t.Error("an ID was not found that can be read again")
	}
	defer func() {
		if recover() == nil {
			t.Error("a nil ID was looked up")
		}
	}()
	f.HasID(nil, 0)
}

// Who keeps IDs in memory is told how far back: to when the oldest segment was begun whose IDs are not in a file yet.
func TestUnlistedSince(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	expect := func(when string, ms int64, unlisted bool) {
		t.Helper()
		if got, ok := f.UnlistedSince(); got != ms || ok != unlisted {
			t.Errorf("%s: unlisted since %d, %v", when, got, ok)
		}
	}
	f.addSynced(0, 4)
	expect("no IDs", 0, false)
	if n := len(f.IDs()); n != 0 {
		t.Errorf("%d segments have IDs", n)
	}
	f.addWithIDs(4, 8)
	expect("IDs", 1000, true)
	f.now = 2000
	f.must(f.RollOlder(f.now))
	f.addWithIDs(8, 12)
	expect("IDs in two segments", 1000, true)
	f.must(f.Sync())
	f.must(f.Background())
	expect("the first of them finished", 2000, true)
	f.must(f.RollOlder(f.now + 1))
	f.addSynced(12, 16)
	expect("both of them", 0, false)
	f.must(f.Close())
	f.reopen()
	if f.must(f.IDs()[0].Each(func(ID) {})); f.list()[0].pinned() {
		t.Error("whose IDs were read is still mapped")
	}
	f.disk.(*disk.Mem).Before = (&failing{call: "open read-only", on: true}).before
	if err := f.IDs()[0].Each(func(ID) {}); !errors.Is(err, errIO) {
		t.Errorf("reading the IDs gave %v", err)
	}
}

// A segment whose IDs the disk can't read when it is finished gets no file of them and no index, and that is told.
func TestIDsThatCantBeListed(t *testing.T) {
	f := openLog(t, nil, testOptions())
	f.addWithIDs(0, 20)
	page := f.active.data[:pageBytes]
	f.must(f.RollOlder(f.now + 1))
	f.must(f.Sync())
	f.must(syscall.Mprotect(page, syscall.PROT_NONE))
	var fault *faultError
	if err := f.Background(); !errors.As(err, &fault) {
		t.Errorf("finishing gave %v", err)
	}
	if _, _, _, ok := readIndexFiles(f.disk, f.list()[0]); ok || f.IDs()[0].Listed {
		t.Error("it has an index, or a file of IDs")
	}
	f.must(f.Close())
	f.reopen()
	if got := f.ids(); !slices.Equal(got, wantIDs(0, 20)) || !f.IDs()[0].Listed {
		t.Errorf("the next start finds %d IDs, listed %v", len(got), f.IDs()[0].Listed)
	}
}

// A segment with IDs keeps its age over a stop and a start: it is finished, as its files say, and not looked through again.
func TestAgeOfASegmentWithIDs(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addWithIDs(0, 20)
	f.must(f.RollOlder(f.now + 1))
	f.addWithIDs(20, 30)
	f.must(f.Sync())
	f.must(f.Background())
	f.must(f.Close())
	f.now += hour
	d.Before = func(call, path string) error {
		if call == "open" && path == segmentPath(f.dir, 0) {
			t.Error("a finished segment was looked through")
		}
		return nil
	}
	f.reopen()
	if newest, _, ok := f.Oldest(); !ok || newest != f.now-hour {
		t.Errorf("its last record came at %d, %v", newest, ok)
	}
}
