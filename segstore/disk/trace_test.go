package disk

import (
	"errors"
	"io"
	"syscall"
	"testing"
)

// use makes some calls, of which the last but one fails.
func use(d Disk) error {
	f, err := d.Create("/a.tmp", 100)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("hello"), 7)
	m, err2 := f.Map(100, true)
	_, err3 := f.ReadAt(make([]byte, 10), 95)
	err = errors.Join(err, err2, f.Sync(), f.Unmap(m), f.Truncate(50), d.Rename("/a.tmp", "/a"), d.SyncDir("/"), d.SetTime("/a", 12))
	if err == nil && err3 == io.EOF {
		_, err = d.Open("/b")
	}
	return errors.Join(err, f.Close())
}

func TestHistory(t *testing.T) {
	h := NewHistory(100)
	d := &Trace{Disk: NewMem(), History: h}
	h.Note("life %d", 3)
	if err := use(d); !errors.Is(err, syscall.ENOENT) {
		t.Fatal(err)
	}
	d.After = func(call, path string, err error) error {
		h.Note("meanwhile")
		return syscall.EIO
	}
	_, _ = d.ReadDir("/")
	d.Before = func(call, path string) error { panic("power") }
	func() {
		defer func() { _ = recover() }()
		_ = d.SyncDir("/")
	}()
	const want = `     0 life 3
     1     create /a.tmp 100
     2     write /a.tmp 7+5
     3     map /a.tmp 100
     4     read /a.tmp 95+10: EOF
     5     sync /a.tmp
     6     unmap /a.tmp 100
     7     truncate /a.tmp 50
     8     rename /a.tmp to /a
     9     sync dir /
    10     set time /a 12
    11     open /b: mem /b: no such file or directory
    12     close /a.tmp
    13     read dir /: input/output error
    14 meanwhile
    15     sync dir / …
`
	if got := h.String(); got != want {
		t.Errorf("the history is\n%swant\n%s", got, want)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	h := NewHistory(3)
	d := &Trace{Disk: NewMem(), History: h}
	first := true
	d.After = func(call, path string, err error) error {
		if first {
			first = false
			for range 5 {
				h.Note("n")
			}
		}
		return err
	}
	_ = d.SyncDir("/") // returns after it was forgotten
	_ = d.MakeDir("/d")
	const want = "(4 before)\n     4 n\n     5 n\n     6     mkdir /d\n"
	if got := h.String(); got != want {
		t.Errorf("the history is\n%swant\n%s", got, want)
	}
	h = nil
	h.Note("nobody listens")
}

// A call that Before denies is not made; one that After denies is, and a file that it opened is closed.
func TestTraceDenies(t *testing.T) {
	mem := NewMem()
	calls := 0
	d := &Trace{Disk: mem}
	d.Before = func(call, path string) error {
		calls++
		if call == "mkdir" {
			return syscall.EIO
		}
		return nil
	}
	d.After = func(call, path string, err error) error {
		if call == "create" && err == nil {
			return syscall.EINTR
		}
		return err
	}
	if err := d.MakeDir("/d"); !errors.Is(err, syscall.EIO) || mem.Calls != 0 {
		t.Errorf("%v after %d calls", err, mem.Calls)
	}
	if f, err := d.Create("/a", 1); !errors.Is(err, syscall.EINTR) || f != nil || mem.File("/a") == nil || mem.File("/a").handles != 0 {
		t.Errorf("%v, %v", f, err)
	}
	d.After = nil
	calls, mem.Calls = 0, 0
	if err := use(d); err == nil || calls != mem.Calls {
		t.Errorf("%v; %d calls were traced, %d made", err, calls, mem.Calls)
	}
}
