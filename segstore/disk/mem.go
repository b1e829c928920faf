package disk

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Mem is a Disk in memory that keeps apart what a program sees and what is on disk. Sync makes a file's content durable and
// SyncDir a directory's names and times; Crash makes a new disk of what is durable and any choice of the rest. A failed Sync behaves
// as Linux does: the pages that were not written count as clean, and the next Sync, which succeeds, does not write them either.
//
// One goroutine uses it.
type Mem struct {
	names   map[string]*MemFile // directory for a directory's
	durable map[string]*MemFile // by name, as of the last SyncDir
	pending []change            // since then, in order
	used    int64               // bytes of space
	kills   int

	Calls int // made so far
	// Before is asked before every call; its error is the call's. nil: every call is carried out.
	Before func(call, path string) error
	// FailedSyncsWrite: a failed Sync has written everything nevertheless, and only not said so.
	FailedSyncsWrite bool
	// Free is how many bytes may still be allocated; negative: no end.
	Free int64
	// Now is the machine's wall clock, ms, for the times of files that are made and written; nil: they have none.
	Now func() int64
}

// change is a change in a directory: names that are set, or (file nil) removed, at once, or a file's new time.
type change struct {
	dir  string
	set  []nameChange
	of   *MemFile
	time int64
}

type nameChange struct {
	name string
	file *MemFile
}

// directory stands in the place of a file under the names that are directories'.
var directory = &MemFile{}

// NewMem makes an empty one, with the directory "/".
func NewMem() *Mem {
	return &Mem{names: map[string]*MemFile{"/": directory}, durable: map[string]*MemFile{"/": directory}, Free: -1}
}

func (d *Mem) call(name, path string) error {
	d.Calls++
	if d.Before != nil {
		if err := d.Before(name, path); err != nil {
			return fmt.Errorf("%s %s: %w", name, path, err)
		}
	}
	return nil
}

func memFault(path string, err error) error { return &fs.PathError{Op: "mem", Path: path, Err: err} }

// find looks a name up: a directory, a file, or any of the two.
func (d *Mem) find(path string) (*MemFile, error) {
	f := d.names[path]
	if f != nil {
		return f, nil
	}
	if d.names[filepath.Dir(path)] != directory && d.names[filepath.Dir(path)] != nil {
		return nil, memFault(path, syscall.ENOTDIR)
	}
	return nil, memFault(path, syscall.ENOENT)
}

func (d *Mem) findDir(path string) error {
	f, err := d.find(path)
	if err == nil && f != directory {
		err = memFault(path, syscall.ENOTDIR)
	}
	return err
}

// change sets and removes names of a directory.
func (d *Mem) change(path string, set ...nameChange) {
	for _, n := range set {
		if n.file != nil && n.file != directory {
			n.file.links++
		}
		if old := d.names[n.name]; old != nil && old != directory {
			old.links--
			d.release(old)
		}
	}
	c := change{dir: filepath.Dir(path), set: set}
	c.apply(d.names)
	d.pending = append(d.pending, c)
}

// apply carries the change out. What was in a directory that is removed is gone with it.
func (c *change) apply(names map[string]*MemFile) {
	for _, n := range c.set {
		if n.file != nil {
			names[n.name] = n.file
			continue
		}
		if names[n.name] == directory {
			maps.DeleteFunc(names, func(path string, _ *MemFile) bool { return filepath.Dir(path) == n.name })
		}
		delete(names, n.name)
	}
}

// release gives back the space of a file that has no name any more and is not open.
func (d *Mem) release(f *MemFile) {
	if f.links == 0 && f.handles == 0 {
		d.take(f, 0)
	}
}

// take makes the space of a file that many bytes, or says that there is not as much.
func (d *Mem) take(f *MemFile, space int64) bool {
	if d.Free >= 0 {
		if space-f.space > d.Free {
			return false
		}
		d.Free -= space - f.space
	}
	d.used += space - f.space
	f.space = space
	return true
}

func (d *Mem) Create(path string, size int64) (File, error) {
	if err := d.call("create", path); err != nil {
		return nil, err
	}
	if d.names[path] != nil {
		return nil, memFault(path, syscall.EEXIST)
	}
	if err := d.findDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, memFault(path, syscall.EINVAL)
	}
	f := &MemFile{}
	if !d.take(f, size) {
		return nil, fmt.Errorf("%w: %w", ErrFull, memFault(path, syscall.ENOSPC))
	}
	f.data = make([]byte, size)
	f.clean.resize(size)
	f.durable.resize(size)
	d.touch(f)
	d.change(path, nameChange{path, f})
	return d.handle(path, f, true), nil
}

func (d *Mem) Open(path string) (File, error)         { return d.open("open", path, true) }
func (d *Mem) OpenReadOnly(path string) (File, error) { return d.open("open read-only", path, false) }

func (d *Mem) open(call, path string, write bool) (File, error) {
	if err := d.call(call, path); err != nil {
		return nil, err
	}
	f, err := d.find(path)
	if err == nil && f == directory {
		err = memFault(path, syscall.EISDIR)
	}
	if err != nil {
		return nil, err
	}
	return d.handle(path, f, write), nil
}

func (d *Mem) Rename(from, to string) error {
	if err := d.call("rename", from); err != nil {
		return err
	}
	f, err := d.find(from)
	switch {
	case err != nil:
		return err
	case f == directory:
		panic("BUG: this disk does not rename directories")
	case d.names[to] == directory:
		return memFault(to, syscall.EISDIR)
	case d.names[to] == f:
		return nil // two names of one file: both stay
	}
	if err := d.findDir(filepath.Dir(to)); err != nil {
		return err
	}
	d.change(from, nameChange{to, f}, nameChange{from, nil})
	return nil
}

func (d *Mem) Link(from, to string) error {
	if err := d.call("link", from); err != nil {
		return err
	}
	f, err := d.find(from)
	switch {
	case err != nil:
		return err
	case f == directory:
		return memFault(from, syscall.EPERM)
	case d.names[to] != nil:
		return memFault(to, syscall.EEXIST)
	}
	if err := d.findDir(filepath.Dir(to)); err != nil {
		return err
	}
	d.change(to, nameChange{to, f})
	return nil
}

func (d *Mem) Remove(path string) error {
	if err := d.call("remove", path); err != nil {
		return err
	}
	f, err := d.find(path)
	if err != nil {
		return err
	}
	if f == directory && len(d.list(path, true))+len(d.list(path, false)) > 0 {
		return memFault(path, syscall.ENOTEMPTY)
	}
	d.change(path, nameChange{path, nil})
	return nil
}

func (d *Mem) MakeDir(path string) error {
	if err := d.call("mkdir", path); err != nil {
		return err
	}
	if d.names[path] != nil {
		return nil
	}
	if err := d.findDir(filepath.Dir(path)); err != nil {
		return err
	}
	d.change(path, nameChange{path, directory})
	return nil
}

func (d *Mem) SyncDir(path string) error {
	if err := d.call("sync dir", path); err != nil {
		return err
	}
	if err := d.findDir(path); err != nil {
		return err
	}
	var left []change
	for _, c := range d.pending {
		if c.dir != path {
			left = append(left, c)
			continue
		}
		c.apply(d.durable)
		if c.of != nil {
			c.of.durableTime = c.time
		}
		for _, n := range c.set {
			if n.file == nil { // what happened in a directory that is removed has happened to nobody
				left = slices.DeleteFunc(left, func(c change) bool { return c.dir == n.name })
			}
		}
	}
	d.pending = left
	return nil
}

func (d *Mem) ReadDir(path string) ([]string, error) {
	names, err := d.Dirs(path)
	if err != nil {
		return nil, err
	}
	names = append(names, d.list(path, false)...)
	slices.Sort(names)
	return names, nil
}

func (d *Mem) Dirs(path string) ([]string, error) {
	if err := d.call("read dir", path); err != nil {
		return nil, err
	}
	if err := d.findDir(path); err != nil {
		return nil, err
	}
	return d.list(path, true), nil
}

// list is what is in a directory, sorted: directories or files.
func (d *Mem) list(dir string, directories bool) []string {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	var names []string
	for path, f := range d.names {
		name, in := strings.CutPrefix(path, prefix)
		if in && name != "" && (f == directory) == directories && strings.IndexByte(name, '/') < 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (d *Mem) SetTime(path string, ms int64) error {
	if err := d.call("set time", path); err != nil {
		return err
	}
	f, err := d.find(path)
	if err != nil {
		return err
	}
	f.time = ms
	d.pending = append(d.pending, change{dir: filepath.Dir(path), of: f, time: ms})
	return nil
}

func (d *Mem) Time(path string) (int64, error) {
	if err := d.call("time", path); err != nil {
		return 0, err
	}
	f, err := d.find(path)
	if err != nil {
		return 0, err
	}
	return f.time, nil
}

// touch gives a file that is changed the time of now.
func (d *Mem) touch(f *MemFile) {
	if d.Now != nil {
		f.time = d.Now()
		f.durableTime = f.time
	}
}

// Space is endless unless Free says otherwise.
func (d *Mem) Space(dir string) (free, total int64, err error) {
	if err := d.call("space", dir); err != nil {
		return 0, 0, err
	}
	if _, err := d.find(dir); err != nil {
		return 0, 0, err
	}
	if d.Free < 0 {
		return math.MaxInt64, math.MaxInt64, nil
	}
	return d.Free, d.Free + d.used, nil
}
