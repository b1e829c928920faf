package segstore

import (
	"bytes"
	"errors"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"penstock/segstore/disk"
)

type address uintptr

func (a address) Addr() uintptr { return uintptr(a) }

// A page fault inside the mapping is the disk's; one outside of it, or any other panic, is ours and goes on.
func TestFaultsInsideAndOutside(t *testing.T) {
	page, err := syscall.Mmap(-1, 0, pageBytes, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	start := address(unsafe.Pointer(&page[0]))
	for _, c := range []struct {
		recovered any
		at        int64
		inside    bool
	}{
		{start, 0, true}, {start + pageBytes - 1, pageBytes - 1, true}, {start + pageBytes, pageBytes, false}, {start - 1, -1, false},
		{"no fault", 0, false}, {nil, 0, false},
	} {
		if at, inside := faultIn(c.recovered, page); at != c.at || inside != c.inside {
			t.Errorf("%v is at %d, %v", c.recovered, at, inside)
		}
	}
	if _, inside := faultIn(start, nil); inside {
		t.Error("inside of nothing")
	}
	var fault *faultError
	if err := guard(page, func() { _ = bytes.IndexByte(page[7:], 1) }); !errors.As(err, &fault) || fault.at < 0 || fault.at >= pageBytes ||
		fault.Error() == "" {
		t.Errorf("reading gave %v", err)
	}
	ours := errors.New("ours")
	defer func() {
		if recovered := recover(); recovered != ours {
			t.Errorf("recovered %v", recovered)
		}
		if err := syscall.Munmap(page); err != nil {
			t.Error(err)
		}
	}()
	_ = guard(page, func() { panic(ours) })
}

// Pins are given back as often as they were taken. Once more is a bug, and so is what is read then.
func TestPinsAreCounted(t *testing.T) {
	f := threeSegments(t, disk.NewMem())
	f.reopen()
	s := f.list()[0]
	for range 2 {
		f.must(s.pin(f.disk))
	}
	if !s.pinned() || !s.pinnedByReaders() || s.data == nil {
		t.Fatal("it is not pinned")
	}
	s.unpin()
	if !s.pinned() || s.pinnedByReaders() || s.data == nil {
		t.Fatal("it is pinned once")
	}
	s.hints(f.disk)
	if s.unpin(); s.pinned() || s.data != nil || s.file != nil || s.index != nil {
		t.Fatal("it is pinned, or what it had is still there")
	}
	defer func() {
		if recover() == nil {
			t.Error("it was unpinned once more")
		}
	}()
	s.unpin()
}

// A file that can't be mapped is closed again.
func TestSegmentThatCantBeMapped(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	f.reopen()
	open := 0
	d.Before = func(call, path string) error {
		switch call {
		case "open read-only":
			open++
		case "close":
			open--
		case "map":
			return errIO
		}
		return nil
	}
	if err := f.list()[0].pin(d); !errors.Is(err, errIO) || open != 0 || f.list()[0].pinned() {
		t.Fatalf("pinning gave %v, %d files are open", err, open)
	}
	d.Before = func(call, path string) error {
		switch call {
		case "create":
			open++
		case "close":
			open--
		case "map":
			return errIO
		}
		return nil
	}
	if err := f.Reserve(100); !errors.Is(err, errIO) || open != 0 {
		t.Fatalf("reserving gave %v, %d files are open", err, open)
	}
}

// The index that is made from a segment's heads is the one that was made while it was written, as far as the heads make sense.
func TestIndexFromHeads(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	var starts []int64
	for n := int64(0); f.pos < 60<<10; n += 4 {
		starts = append(starts, f.pos)
		f.add(n, n+4)
	}
	data, want := f.active.data[:f.pos], f.active.index.all()
	entries, maxTime := walkIndex(data, 0)
	if !slices.Equal(entries, want) || len(want) != 3 || maxTime != f.active.maxTime || maxTime != 10*(f.Log.next-1) {
		t.Fatalf("%d entries, want %d; the greatest time is %d, want %d", len(entries), len(want), maxTime, f.active.maxTime)
	}
	if again, maxTime := walkIndex(f.active.data, 0); !slices.Equal(again, want) || maxTime != f.active.maxTime { // the zeros behind it
		t.Fatalf("with zeros behind, %d entries", len(again))
	}
	if all, maxTime := walkIndex(data[:len(data)-1], 0); !slices.Equal(all, want) || maxTime != 10*(4*int64(len(starts))-5) {
		t.Fatalf("without the last byte, up to time %d", maxTime)
	}
	if none, maxTime := walkIndex(data, 1); len(none) > 0 || maxTime != neverTime {
		t.Fatalf("of another base, %d entries", len(none))
	}
	middle := slices.IndexFunc(starts, func(at int64) bool { return at > want[1].position+2000 })
	for name, at := range map[string]int{"magic": atMagic, "length": atLength, "base offset": 0, "last offset": atLastDelta} {
		spoilt := bytes.Clone(data)
		spoilt[starts[middle]+int64(at)] ^= 0x80
		if some, maxTime := walkIndex(spoilt, 0); !slices.Equal(some, want[:2]) || maxTime != 10*(4*int64(middle)-1) {
			t.Errorf("behind a damaged %s: %d entries up to time %d", name, len(some), maxTime)
		}
	}
}

// Memory that can't be unmapped is nothing to go on with.
func TestUnmappingFails(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	f.reopen()
	s := f.list()[0]
	f.must(s.pin(d))
	d.Before = (&failing{call: "unmap", on: true}).before
	defer func() {
		if recover() == nil {
			t.Error("the process went on")
		}
	}()
	s.unpin()
}

// A batch of one record is a batch: the walk goes on behind it.
func TestWalkOverSingleRecords(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	for n := int64(0); n < 5; n++ {
		f.addSynced(n, n+1)
	}
	s := f.list()[0]
	_, want := walkIndex(s.data[:s.filled.Load()], 0)
	last := int64(0)
	for c := f.Cursor(0); ; {
		b, err := c.Next()
		if err != nil {
			c.Close()
			break
		}
		last = max(last, b.MaxTime())
	}
	if want != last || last == 0 {
		t.Errorf("the greatest time is %d, and the walk finds %d", last, want)
	}
}
