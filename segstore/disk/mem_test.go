package disk

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

func must[T any](t testing.TB) func(result T, err error) T {
	return func(result T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func none(int) bool                { return false }
func noSectors(string, int) bool   { return false }
func allSectors(string, int) bool  { return true }
func letters(c byte, n int) []byte { return bytes.Repeat([]byte{c}, n) }

// content is what a disk has under a name, "-" for none.
func contentAt(d *Mem, path string) string {
	f := d.File(path)
	if f == nil {
		return "-"
	}
	return string(f.Bytes())
}

func TestACrashKeepsWhatWasSynced(t *testing.T) {
	d := NewMem()
	f := must[File](t)(d.Create("/a", 2000))
	mapping := must[[]byte](t)(f.Map(2000, true))
	copy(mapping[500:], letters('x', 24)) // sectors 0 and 1
	ok(t, f.Sync())
	ok(t, d.SyncDir("/"))
	copy(mapping[500:], letters('y', 24))
	copy(mapping[1999:], "z") // sector 3, which is not a whole one
	if n := d.File("/a").Dirty(); n != 3 {
		t.Errorf("%d sectors are dirty", n)
	}
	for subset := range 8 {
		i := -1
		after := d.Crash(none, func(path string, sector int) bool {
			i++
			if want := []int{0, 1, 3}[i]; path != "/a" || sector != want {
				t.Fatalf("asked about sector %d of %s, want %d", sector, path, want)
			}
			return subset>>i&1 == 1
		})
		want := make([]byte, 2000)
		copy(want[500:], letters('x', 24))
		for bit, part := range [][2]int{{500, 512}, {512, 524}, {1999, 2000}} {
			if subset>>bit&1 == 1 {
				copy(want[part[0]:part[1]], mapping[part[0]:part[1]])
			}
		}
		if got := contentAt(after, "/a"); got != string(want) {
			t.Errorf("subset %b: %q", subset, strings.Trim(got, "\x00"))
		}
		if n := after.File("/a").Dirty(); n != 0 {
			t.Errorf("subset %b: %d sectors are dirty after the crash", subset, n)
		}
	}
	if got := contentAt(d.Killed(), "/a"); got != string(mapping) {
		t.Error("a kill took something")
	}
}

func TestACrashKeepsNamesThatWereSynced(t *testing.T) {
	d := NewMem()
	ok(t, d.MakeDir("/d"))
	for _, path := range []string{"/d/a", "/d/b"} {
		f := must[File](t)(d.Create(path, 1))
		must[int](t)(f.WriteAt([]byte(path[3:]), 0))
		ok(t, f.Sync())
		ok(t, f.Close())
	}
	if got := d.Crash(none, allSectors).Paths(); len(got) > 0 {
		t.Errorf("the directory was never synced, and has %v", got)
	}
	ok(t, d.SyncDir("/d"))
	if got := d.Crash(none, allSectors).Paths(); len(got) > 0 {
		t.Errorf("the directory's own name was never synced, and it has %v", got)
	}
	ok(t, d.SyncDir("/"))
	ok(t, d.Rename("/d/a", "/d/c"))
	ok(t, d.Remove("/d/b"))
	ok(t, d.Link("/d/c", "/d/e"))
	for kept, want := range []string{"a b", "b c", "c", "c e"} {
		after := d.Crash(func(i int) bool { return i < kept }, allSectors)
		names := must[[]string](t)(after.ReadDir("/d"))
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%d changes kept: %s, want %s", kept, got, want)
		}
		if kept > 0 && contentAt(after, "/d/c") != "a" {
			t.Errorf("%d changes kept: c holds %q", kept, contentAt(after, "/d/c"))
		}
	}
	ok(t, d.SyncDir("/d"))
	if got := fmt.Sprint(d.Crash(none, noSectors).Paths()); got != "[/d/c /d/e]" {
		t.Errorf("after syncing the directory: %s", got)
	}
}

// A directory that was removed, and made again, is empty, whatever was synced of the one before.
func TestADirectoryMadeAgain(t *testing.T) {
	for _, again := range []bool{false, true} {
		d := NewMem()
		ok(t, d.MakeDir("/d"))
		ok(t, must[File](t)(d.Create("/d/a", 1)).Close())
		ok(t, d.SyncDir("/d"))
		ok(t, d.SyncDir("/"))
		ok(t, must[File](t)(d.Create("/d/b", 1)).Close())
		ok(t, d.Remove("/d/a"))
		ok(t, d.Remove("/d/b"))
		ok(t, d.Remove("/d"))
		if got := d.Crash(none, allSectors).Paths(); fmt.Sprint(got) != "[/d/a]" {
			t.Errorf("removed, and not for sure: %v", got)
		}
		if again {
			ok(t, d.MakeDir("/d"))
		}
		ok(t, d.SyncDir("/"))
		for kept := range 5 {
			if got := d.Crash(func(i int) bool { return i < kept }, allSectors).Paths(); len(got) > 0 {
				t.Errorf("removed for sure: %v", got)
			}
		}
	}
}

// A failed sync leaves pages that count as clean: the next sync, which succeeds, does not write them.
func TestAFailedSync(t *testing.T) {
	for _, writes := range []bool{false, true} {
		t.Run(fmt.Sprint("writes=", writes), func(t *testing.T) {
			d := NewMem()
			d.FailedSyncsWrite = writes
			f := must[File](t)(d.Create("/a", 1024))
			ok(t, d.SyncDir("/"))
			must[int](t)(f.WriteAt(letters('x', 1024), 0))
			ok(t, f.Truncate(700))
			d.Before = func(call, path string) error {
				if call == "sync" {
					return syscall.EIO
				}
				return nil
			}
			if err := f.Sync(); !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			d.Before = nil
			must[int](t)(f.WriteAt([]byte("y"), 600))
			ok(t, f.Sync())
			after := contentAt(d.Crash(none, noSectors), "/a")
			want := string(letters(0, 512)) + string(letters('x', 88)) + "y" + string(letters('x', 99)) + string(letters(0, 324))
			if writes {
				want = string(letters('x', 600)) + "y" + string(letters('x', 99))
			}
			if after != want {
				t.Errorf("on disk are %d bytes %q", len(after), after)
			}
			f.DropCache()
			b := make([]byte, 700)
			must[int](t)(f.ReadAt(b, 0))
			if string(b) != want[:700] {
				t.Errorf("read after the cache was dropped: %q", b)
			}
		})
	}
}

func TestSpaceOfAMem(t *testing.T) {
	d := NewMem()
	if free, total, err := d.Space("/"); err != nil || free < 1<<60 || total != free {
		t.Errorf("endless are %d of %d, %v", free, total, err)
	}
	d.Free = 1000
	expect := func(when string, free int64) {
		t.Helper()
		if got, total, err := d.Space("/"); got != free || total != 1000 || err != nil {
			t.Fatalf("%s: %d of %d are free, %v; want %d", when, got, total, err, free)
		}
	}
	f := must[File](t)(d.Create("/a", 400))
	expect("created", 600)
	if _, err := d.Create("/b", 601); !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) || d.File("/b") != nil {
		t.Errorf("creating what does not fit gave %v", err)
	}
	ok(t, f.Truncate(100))
	expect("truncated", 900)
	ok(t, f.Allocate(300))
	expect("allocated", 700)
	must[int](t)(f.WriteAt([]byte("x"), 499))
	expect("written", 500)
	if err := f.Allocate(1001); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("allocating what is not there gave %v", err)
	}
	if _, err := f.WriteAt([]byte("x"), 1000); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing what is not there gave %v", err)
	}
	ok(t, d.Link("/a", "/c"))
	ok(t, d.Remove("/a"))
	expect("one name removed", 500)
	ok(t, d.SyncDir("/"))
	ok(t, d.Remove("/c"))
	expect("both names removed, and still open", 500)
	after := d.Crash(none, noSectors)
	if after.Free != 600 { // the file is back, with the size that was synced
		t.Errorf("after a crash %d are free\n%v", after.Free, after)
	}
	ok(t, f.Close())
	expect("closed", 1000)
	must[File](t)(d.Create("/a", 200))
	must[File](t)(d.Create("/b", 300))
	ok(t, d.Rename("/a", "/b"))
	expect("replaced, and still open", 500)
}

func TestTimesOfAMem(t *testing.T) {
	d := NewMem()
	now := int64(50)
	d.Now = func() int64 { return now }
	f := must[File](t)(d.Create("/a", 1))
	ok(t, d.SyncDir("/"))
	now = 60
	must[int](t)(f.WriteAt([]byte("x"), 0))
	ok(t, d.SetTime("/a", 7))
	if ms := must[int64](t)(d.Killed().Time("/a")); ms != 7 {
		t.Errorf("after a kill the time is %d", ms)
	}
	if ms := must[int64](t)(d.Crash(none, allSectors).Time("/a")); ms != 60 {
		t.Errorf("after a power cut the time is %d", ms)
	}
	ok(t, d.SyncDir("/"))
	if ms := must[int64](t)(d.Crash(none, allSectors).Time("/a")); ms != 7 {
		t.Errorf("after a power cut the synced time is %d", ms)
	}
}

func TestAClosedFileIsNotUsed(t *testing.T) {
	d := NewMem()
	f := must[File](t)(d.Create("/a", 1))
	ok(t, f.Close())
	for name, use := range map[string]func(){"sync": func() { _ = f.Sync() }, "close": func() { _ = f.Close() }} {
		func() {
			defer func() {
				if r := recover(); r == nil {
					t.Errorf("%s of a closed file went unnoticed", name)
				}
			}()
			use()
		}()
	}
}

// After a kill the next process finds everything, and it is no safer than it was.
func TestAKilledProcess(t *testing.T) {
	d := NewMem()
	d.Free = 1000
	f := must[File](t)(d.Create("/a", 100))
	must[int](t)(f.WriteAt([]byte("one"), 0))
	ok(t, f.Sync())
	ok(t, d.SyncDir("/"))
	must[int](t)(f.WriteAt([]byte("two"), 0))
	g := must[File](t)(d.Create("/b", 200))
	ok(t, d.Remove("/b"))
	d.Kill()
	if d.Free != 900 {
		t.Errorf("%d bytes are free", d.Free)
	}
	if err := f.Sync(); err == nil {
		t.Error("a dead process could sync")
	}
	ok(t, f.Close())
	ok(t, g.Close())
	h := must[File](t)(d.Open("/a"))
	b := make([]byte, 3)
	must[int](t)(h.ReadAt(b, 0))
	if after := contentAt(d.Crash(none, noSectors), "/a")[:3]; string(b) != "two" || after != "one" {
		t.Errorf("it reads %s, and %s is on disk", b, after)
	}
	ok(t, h.Close())
}
