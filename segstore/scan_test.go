package segstore

import (
	"bytes"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"penstock/segstore/disk"
)

// One byte that is not zero is seen wherever it stands.
func TestZeros(t *testing.T) {
	for n := range 40 {
		b := make([]byte, n)
		if zerosFrom(b) != 0 || !allZero(b) {
			t.Fatalf("%d zeros", n)
		}
		for at := range n {
			for bit := range 8 {
				b[at] = 1 << bit
				if zerosFrom(b) != int64(at)+1 || allZero(b) {
					t.Fatalf("bit %d of byte %d of %d: zeros from %d, all of them %v", bit, at, n, zerosFrom(b), allZero(b))
				}
			}
			b[at] = 0
		}
	}
}

// Sound batches behind damage are found where they lead up to the zeros that end the file, whatever byte the last of them ends with.
func TestSearchUpToTheZeros(t *testing.T) {
	for _, id := range []*ID{nil, {11: 0xff}} {
		batch := func(base int64) []byte {
			b := make([]byte, 200)
			n := BatchOverhead + putRecord(b[BatchOverhead:], 0, 0, id, nil, []byte("value"), nil)
			sealBatch(b[:n], &header{base: base, epoch: 1, count: 1})
			return b[:n]
		}
		data := slices.Concat(bytes.Repeat([]byte{0xaa}, 100), batch(11), batch(12), make([]byte, 500))
		if at, offset, ok := findSound(data, 0, 10, -1, -1); at != 100 || offset != 11 || !ok {
			t.Errorf("with ID %v: at %d there is %d, %v", id, at, offset, ok)
		}
		for _, base := range []int64{9, 10, 13, 14} { // a record is due from 10 on, and the segment behind begins at 14
			one := slices.Concat(bytes.Repeat([]byte{0xaa}, 100), batch(base), make([]byte, 500))
			if _, offset, ok := findSound(one, 0, 10, 14, -1); ok != (base >= 10 && base < 14) || ok && offset != base {
				t.Errorf("with ID %v: a batch of offset %d before 14 is found: %v", id, base, ok)
			}
			if _, _, ok := findSound(one, 0, 10, -1, -1); ok != (base >= 10) {
				t.Errorf("with ID %v: a batch of offset %d is found: %v", id, base, ok)
			}
		}
		far := slices.Concat(bytes.Repeat([]byte{0xaa}, 100), batch(5000), make([]byte, 500))
		if _, _, ok := findSound(far, 0, 10, -1, -1); ok {
			t.Errorf("with ID %v: believed an offset that so few bytes can't come to", id)
		}
		for next, sound := range map[int64]bool{-1: false, 12: true, 13: false} { // it stands where 10 is due, so its offset may be what is damaged
			if _, _, ok := findSound(slices.Concat(batch(11), make([]byte, 500)), 0, 10, next, -1); ok != sound {
				t.Errorf("with ID %v: the batch 11 in the place of 10, before %d, is believed: %v", id, next, ok)
			}
		}
		for name, tail := range map[string][]byte{"another byte": {7}, "a batch that does not follow": batch(20)} {
			spoilt := slices.Concat(data[:len(data)-500], tail, make([]byte, 500))
			if at, _, ok := findSound(spoilt, 0, 10, 14, -1); ok && at == 100 {
				t.Errorf("with ID %v: believed what leads to %s", id, name)
			}
		}
	}
}

// badPage is the real disk with one page of each mapping of the segment 0 that can't be read.
type badPage struct {
	disk.OS
	at int64
}

func (d *badPage) Open(path string) (disk.File, error) {
	f, err := d.OS.Open(path)
	if parsed, ok := parseSegmentName(path[len(path)-24:]); err == nil && ok && parsed == 0 {
		return badFile{f, d.at}, nil
	}
	return f, err
}

type badFile struct {
	disk.File
	at int64
}

func (f badFile) Map(size int64, write bool) ([]byte, error) {
	data, err := f.File.Map(size, write)
	if err == nil {
		err = syscall.Mprotect(data[f.at:f.at+pageBytes], syscall.PROT_NONE)
	}
	return data, err
}

func (f badFile) ReadAt(p []byte, off int64) (int, error) {
	if off < f.at+pageBytes && off+int64(len(p)) > f.at {
		return 0, errIO
	}
	return f.File.ReadAt(p, off)
}

// A page that the disk can't read when the log is opened costs the batches on it. The rest is there, the log goes on, and the file keeps
// what it has for who can read it.
func TestPageThatAStartCantRead(t *testing.T) {
	for _, page := range []int64{0, 3, 9} {
		f := openLog(t, nil, testOptions())
		var ends []int64
		for n := int64(0); f.pos < 10*pageBytes-500; n += 4 {
			f.addSynced(n, n+4)
			ends = append(ends, f.pos)
		}
		next := f.Next()
		var want, lost []span
		for i, end := range ends {
			first := 4 * int64(i)
			if begin := append([]int64{0}, ends...)[i]; end <= page*pageBytes || begin >= (page+1)*pageBytes {
				want = join(want, first, first+4)
			} else {
				lost = join(lost, first, first+4)
			}
		}
		f.disk = &badPage{at: page * pageBytes}
		f.reopen()
		f.holds(want...)
		if found := kinds(f.findings); found != fmt.Sprintf("gap; damage %d-%d", lost[0].first, lost[0].next) || f.Next() != next {
			t.Errorf("page %d: found %q, the log goes on at %d", page, found, f.Next())
		}
		f.addSynced(next, next+4)
		f.must(f.Close())
		if size, err := fileSize(disk.OS{}, segmentPath(f.dir, 0)); err != nil || size != SegmentBytesMin {
			t.Errorf("page %d: the file was cut to %d bytes, %v", page, size, err)
		}
		f.disk = disk.OS{}
		f.reopen()
		f.quiet()
		there, _ := f.read()
		if last := there[len(there)-1]; last.next != next+4 || last.first > lost[0].next {
			t.Errorf("page %d: later the log holds %v", page, there)
		}
		f.must(f.Close())
	}
}

// The same in a tail that nobody was told is safe: it is cut where the page begins, and nothing is written to it.
func TestPageOfATornTailThatCantBeRead(t *testing.T) {
	f := openLog(t, nil, testOptions())
	f.addSynced(0, 4)
	kept := int64(0)
	for n := int64(4); f.pos < 10*pageBytes-500; n += 4 {
		if f.add(n, n+4); f.pos <= 5*pageBytes {
			kept = n + 4
		}
	}
	f.disk = &badPage{at: 5 * pageBytes}
	f.reopen()
	if found := kinds(f.findings); found != fmt.Sprintf("gap; torn tail %d-%d", kept, kept) {
		t.Errorf("found %q", found)
	}
	f.holds(span{0, kept})
	f.addSynced(kept, kept+4)
	f.holds(span{0, kept + 4})
	f.must(f.Close())
}
