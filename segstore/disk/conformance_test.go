package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What every Disk must do. Each line is a call and what comes of it; a name is that of a file below a directory, and of its handle.
var conformance = map[string]string{
	"create": `
		create a 100      = ok
		size a            = 100
		read a 0 5        = "\x00\x00\x00\x00\x00"
		create a 100      = exists
		create b 0        = refused
		create no/a 100   = not there
		create a/b 100    = not a directory
		readdir .         = a`,
	"open": `
		open a            = not there
		openread a        = not there
		mkdir d           = ok
		open d            = is a directory
		create a 10       = ok
		write a 0 hello   = 5
		openread a        = ok
		read a 0 5        = "hello"
		write a 0 x       = refused
		truncate a 5      = refused
		allocate a 50     = refused
		map a 10 rw       = refused
		map a 10 r        = "hello\x00\x00\x00\x00\x00"
		close a           = ok`,
	"read and write": `
		create a 8        = ok
		write a 2 abcd    = 4
		read a 0 8        = "\x00\x00abcd\x00\x00"
		read a 4 8        = "cd\x00\x00" EOF
		read a 8 1        = "" EOF
		read a 100 1      = "" EOF
		read a 3 0        = ""
		write a 12 xy     = 2
		size a            = 14
		read a 6 20       = "\x00\x00\x00\x00\x00\x00xy" EOF
		sync a            = ok
		close a           = ok`,
	"zeroing": `
		create a 8        = ok
		write a 0 01234567 = 8
		zeroing a 1 3 xy  = ok
		read a 0 8        = "0xy\x00\x00\x0067"
		zeroing a 6 0 z   = ok
		zeroing a 7 4 ab  = ok
		size a            = 13
		read a 5 8        = "\x00zab\x00\x00\x00\x00"
		zeroing a 3 200000 c = ok
		zeroing a 100000 700000 d = ok
		size a            = 800001
		read a 3 4        = "c\x00\x00\x00"
		read a 99999 4    = "\x00d\x00\x00"
		openread a        = ok
		zeroing a 0 1 x   = refused`,
	"truncate and allocate": `
		create a 10       = ok
		write a 0 0123456789 = 10
		truncate a 4      = ok
		size a            = 4
		allocate a 8      = ok
		read a 0 9        = "0123\x00\x00\x00\x00" EOF
		allocate a 2      = ok
		size a            = 8
		truncate a 12     = ok
		read a 0 12       = "0123\x00\x00\x00\x00\x00\x00\x00\x00"
		truncate a 0      = ok
		read a 0 1        = "" EOF
		allocate a 0      = refused
		truncate a -1     = refused`,
	"mappings": `
		create a 6        = ok
		map a 6 rw        = "\x00\x00\x00\x00\x00\x00"
		store a 1 xyz     = ok
		read a 0 6        = "\x00xyz\x00\x00"
		write a 5 !       = 1
		map a 6 r         = "\x00xyz\x00!"
		map a 0 r         = refused
		sync a            = ok
		unmap a           = ok
		close a           = ok
		open a            = ok
		read a 0 6        = "\x00xyz\x00!"`,
	"what was stored stays when its pages are taken out of the mapping": `
		create a 20000    = ok
		map a 20000 rw    = "ALL ZEROS"
		store a 5000 xyz  = ok
		store a 19000 end = ok
		unstore a 0 20000 = ok
		load a 4999 5     = "\x00xyz\x00"
		store a 5002 !    = ok
		unstore a 4096 5000 = ok
		unstore a 8000 7000 = ok
		unstore a 0 90000 = ok
		read a 4999 5     = "\x00xy!\x00"
		sync a            = ok
		unmap a           = ok
		close a           = ok
		open a            = ok
		read a 18999 5    = "\x00end\x00"`,
	"rename": `
		create a 3        = ok
		write a 0 aaa     = 3
		create b 3        = ok
		write b 0 bbb     = 3
		rename a b        = ok
		readdir .         = b
		read a 0 3        = "aaa"
		read b 0 3        = "bbb"
		open b            = ok
		read b 0 3        = "aaa"
		rename a c        = not there
		rename b no/b     = not there
		mkdir d           = ok
		rename b d        = is a directory
		rename b b        = ok
		readdir .         = b d`,
	"link": `
		create a 3        = ok
		link a b          = ok
		write a 0 abc     = 3
		open b            = ok
		read b 0 3        = "abc"
		link a b          = exists
		link c d          = not there
		link a no/b       = not there
		rename a b        = ok
		readdir .         = a b
		remove a          = ok
		read b 0 3        = "abc"
		remove b          = ok
		read b 0 3        = "abc"
		readdir .         =`,
	"remove": `
		remove a          = not there
		create a 3        = ok
		remove a          = ok
		read a 0 1        = "\x00"
		remove a          = not there
		mkdir d           = ok
		create d/a 1      = ok
		remove d          = not empty
		remove d/a        = ok
		remove d          = ok
		dirs .            =`,
	"directories": `
		mkdir d           = ok
		mkdir d           = ok
		mkdir d/e         = ok
		mkdir no/e        = not there
		create f 1        = ok
		mkdir f           = ok
		mkdir f/d         = not a directory
		create d/x 1      = ok
		create d/e/y 1    = ok
		dirs .            = d
		readdir .         = d f
		dirs d            = e
		readdir d         = e x
		readdir no        = not there
		dirs no           = not there
		readdir f         = not a directory
		syncdir d         = ok
		syncdir no        = not there
		syncdir f         = not a directory
		open f/x          = not a directory
		remove no/x       = not there`,
	"times": `
		create a 1        = ok
		settime a 1234567890123 = ok
		time a            = 1234567890123
		rename a b        = ok
		time b            = 1234567890123
		time a            = not there
		settime a 5       = not there`,
	"space": `
		create a 100      = ok
		space .           = ok
		space no          = not there`,
}

func TestDisksDoTheSame(t *testing.T) {
	memory := func() (Disk, string) {
		d := NewMem()
		if err := d.MakeDir("/dir"); err != nil {
			t.Fatal(err)
		}
		return d, "/dir"
	}
	disks := map[string]func(t *testing.T) (Disk, string){
		"OS":  func(t *testing.T) (Disk, string) { return OS{}, t.TempDir() },
		"Mem": func(t *testing.T) (Disk, string) { return memory() },
		"Trace, Mem": func(t *testing.T) (Disk, string) {
			d, dir := memory()
			return &Trace{Disk: d, History: NewHistory(10)}, dir
		},
		"after a kill": func(t *testing.T) (Disk, string) {
			d, dir := memory()
			return d.(*Mem).Killed(), dir
		},
	}
	for kind, open := range disks {
		for name, script := range conformance {
			t.Run(kind+"/"+name, func(t *testing.T) {
				d, dir := open(t)
				p := player{disk: d, dir: dir, files: map[string]File{}, mappings: map[string][]byte{}}
				for line := range strings.Lines(strings.TrimSpace(script)) {
					call, want, _ := strings.Cut(strings.TrimSpace(line), "=")
					if got := p.play(strings.Fields(call)); got != strings.TrimSpace(want) {
						t.Fatalf("%s: %s, want %s", call, got, want)
					}
				}
				for name, f := range p.files {
					if err := f.Close(); err != nil {
						t.Errorf("closing %s: %v", name, err)
					}
				}
			})
		}
	}
}

// player makes the calls that a script names.
type player struct {
	disk     Disk
	dir      string
	files    map[string]File
	mappings map[string][]byte
}

func (p *player) play(call []string) string {
	path := filepath.Join(p.dir, call[1])
	other := ""
	if len(call) > 2 {
		other = filepath.Join(p.dir, call[2])
	}
	switch call[0] {
	case "create":
		return p.keep(call[1], func() (File, error) { return p.disk.Create(path, number(call[2])) })
	case "open":
		return p.keep(call[1], func() (File, error) { return p.disk.Open(path) })
	case "openread":
		return p.keep(call[1], func() (File, error) { return p.disk.OpenReadOnly(path) })
	case "rename":
		return class(p.disk.Rename(path, other))
	case "link":
		return class(p.disk.Link(path, other))
	case "remove":
		return class(p.disk.Remove(path))
	case "mkdir":
		return class(p.disk.MakeDir(path))
	case "syncdir":
		return class(p.disk.SyncDir(path))
	case "readdir", "dirs":
		list := map[string]func(string) ([]string, error){"readdir": p.disk.ReadDir, "dirs": p.disk.Dirs}[call[0]]
		names, err := list(path)
		return result(strings.Join(names, " "), err)
	case "settime":
		return class(p.disk.SetTime(path, number(call[2])))
	case "time":
		ms, err := p.disk.Time(path)
		return result(ms, err)
	case "space":
		free, total, err := p.disk.Space(path)
		if err == nil && (free <= 0 || free > total) {
			return fmt.Sprint(free, " of ", total)
		}
		return class(err)
	}
	return p.playFile(p.files[call[1]], call)
}

func (p *player) playFile(f File, call []string) string {
	name := call[1]
	switch call[0] {
	case "size":
		size, err := f.Size()
		return result(size, err)
	case "read":
		b := make([]byte, number(call[3]))
		n, err := f.ReadAt(b, number(call[2]))
		if errors.Is(err, io.EOF) {
			return fmt.Sprintf("%q EOF", b[:n])
		}
		return result(strconv.Quote(string(b[:n])), err)
	case "write":
		n, err := f.WriteAt([]byte(call[3]), number(call[2]))
		return result(n, err)
	case "zeroing":
		return class(f.WriteZeroing([]byte(call[4]), int(number(call[3])), number(call[2])))
	case "map":
		size := number(call[2])
		m, err := f.Map(size, call[3] == "rw")
		if err == nil {
			p.mappings[name] = m
		}
		if len(m) > 1000 && len(bytes.Trim(m, "\x00")) == 0 {
			return `"ALL ZEROS"`
		}
		return result(strconv.Quote(string(m)), err)
	case "store":
		copy(p.mappings[name][number(call[2]):], call[3])
		return "ok"
	case "unstore":
		f.Unstore(p.mappings[name], number(call[2]), number(call[3]))
		return "ok"
	case "load":
		at := number(call[2])
		return strconv.Quote(string(p.mappings[name][at:][:number(call[3])]))
	case "unmap":
		return class(f.Unmap(p.mappings[name]))
	case "truncate":
		return class(f.Truncate(number(call[2])))
	case "allocate":
		return class(f.Allocate(number(call[2])))
	case "sync":
		return class(f.Sync())
	case "close":
		delete(p.files, name)
		return class(f.Close())
	}
	panic("no such call: " + call[0])
}

// keep opens a file; one of the same name that was open before is closed.
func (p *player) keep(name string, open func() (File, error)) string {
	f, err := open()
	if err != nil {
		return class(err)
	}
	if old := p.files[name]; old != nil {
		if err := old.Close(); err != nil {
			return "closing: " + err.Error()
		}
	}
	p.files[name] = f
	return "ok"
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func result(value any, err error) string {
	if err != nil {
		return class(err)
	}
	return fmt.Sprint(value)
}

// class is what a caller can tell of an error.
func class(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, fs.ErrNotExist):
		return "not there"
	case errors.Is(err, syscall.ENOTEMPTY):
		return "not empty"
	case errors.Is(err, fs.ErrExist):
		return "exists"
	case errors.Is(err, syscall.ENOTDIR):
		return "not a directory"
	case errors.Is(err, syscall.EISDIR):
		return "is a directory"
	case errors.Is(err, syscall.EBADF), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EACCES):
		return "refused"
	}
	return err.Error()
}
