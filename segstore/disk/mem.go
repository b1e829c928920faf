package disk

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// SectorBytes is what Mem writes whole or not at all: a disk's sector.
const SectorBytes = 512

// Mem is a Disk in memory that keeps apart what a program sees and what is on disk. Sync makes a file's content durable and
// SyncDir a directory's names; Crash makes a new disk of what is durable and any choice of the rest. A failed Sync behaves as Linux
// does: the pages that were not written count as clean, and the next Sync, which succeeds, does not write them either.
//
// One goroutine uses it.
type Mem struct {
	names   map[string]*MemFile // directory for a directory's
	durable map[string]*MemFile // by name, as of the last SyncDir
	pending []nameChange        // since then, in order

	Calls int // made so far
	// Before is asked before every call; its error is the call's. nil: every call is carried out.
	Before func(call, path string) error
	// FailedSyncsWrite: a failed Sync has written everything nevertheless, and only not said so.
	FailedSyncsWrite bool
	// Free is how many bytes may still be allocated; negative: no end.
	Free int64
}

// nameChange sets or (file nil) removes some names at once.
type nameChange struct {
	dir string
	set map[string]*MemFile
}

// directory stands in the place of a file under the names that are directories'.
var directory = &MemFile{}

// MemFile is a file of a Mem.
type MemFile struct {
	data    []byte // what the program sees; mappings alias it
	clean   []byte // what the kernel takes for written
	durable []byte // what is
	time    int64
}

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

func notThere(path string) error { return fmt.Errorf("%s: %w", path, fs.ErrNotExist) }

func (d *Mem) change(path string, set map[string]*MemFile) {
	for name, f := range set {
		if f == nil {
			delete(d.names, name)
		} else {
			d.names[name] = f
		}
	}
	d.pending = append(d.pending, nameChange{dir: filepath.Dir(path), set: set})
}

func (d *Mem) Create(path string, size int64) (File, error) {
	if err := d.call("create", path); err != nil {
		return nil, err
	}
	if d.names[path] != nil {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	if d.names[filepath.Dir(path)] != directory {
		return nil, notThere(path)
	}
	if d.Free >= 0 && size > d.Free {
		return nil, fmt.Errorf("%w: no space left", ErrFull)
	}
	if d.Free >= 0 {
		d.Free -= size
	}
	f := &MemFile{data: make([]byte, size), clean: make([]byte, size), durable: make([]byte, size)}
	d.change(path, map[string]*MemFile{path: f})
	return &memHandle{d: d, f: f, path: path}, nil
}

func (d *Mem) open(call, path string) (File, error) {
	if err := d.call(call, path); err != nil {
		return nil, err
	}
	f := d.names[path]
	if f == nil || f == directory {
		return nil, notThere(path)
	}
	return &memHandle{d: d, f: f, path: path}, nil
}

func (d *Mem) Open(path string) (File, error)         { return d.open("open", path) }
func (d *Mem) OpenReadOnly(path string) (File, error) { return d.open("open read-only", path) }

func (d *Mem) Rename(from, to string) error {
	if err := d.call("rename", from); err != nil {
		return err
	}
	f := d.names[from]
	if f == nil {
		return notThere(from)
	}
	d.change(from, map[string]*MemFile{from: nil, to: f})
	return nil
}

func (d *Mem) Link(from, to string) error {
	if err := d.call("link", from); err != nil {
		return err
	}
	f := d.names[from]
	if f == nil {
		return notThere(from)
	}
	d.change(to, map[string]*MemFile{to: f})
	return nil
}

func (d *Mem) Remove(path string) error {
	if err := d.call("remove", path); err != nil {
		return err
	}
	f := d.names[path]
	if f == nil {
		return notThere(path)
	}
	if f == directory && len(d.list(path, false))+len(d.list(path, true)) > 0 {
		return fmt.Errorf("%s: directory not empty", path)
	}
	if d.Free >= 0 {
		d.Free += int64(len(f.data))
	}
	d.change(path, map[string]*MemFile{path: nil})
	return nil
}

func (d *Mem) MakeDir(path string) error {
	if err := d.call("mkdir", path); err != nil {
		return err
	}
	switch {
	case d.names[path] != nil:
		return nil
	case d.names[filepath.Dir(path)] != directory:
		return notThere(path)
	}
	d.change(path, map[string]*MemFile{path: directory})
	return nil
}

func (d *Mem) SyncDir(path string) error {
	if err := d.call("sync dir", path); err != nil {
		return err
	}
	if d.names[path] != directory {
		return notThere(path)
	}
	d.pending = slices.DeleteFunc(d.pending, func(c nameChange) bool {
		if c.dir == path {
			apply(d.durable, c)
		}
		return c.dir == path
	})
	return nil
}

func apply(names map[string]*MemFile, c nameChange) {
	for name, f := range c.set {
		if f == nil {
			delete(names, name)
		} else {
			names[name] = f
		}
	}
}

func (d *Mem) ReadDir(path string) ([]string, error) {
	names, err := d.Dirs(path)
	if err != nil {
		return nil, err
	}
	names = append(names, d.list(path, false)...)
	sort.Strings(names)
	return names, nil
}

func (d *Mem) Dirs(path string) ([]string, error) {
	if err := d.call("read dir", path); err != nil {
		return nil, err
	}
	if d.names[path] != directory {
		return nil, notThere(path)
	}
	return d.list(path, true), nil
}

// list is what is in a directory, sorted: directories or files.
func (d *Mem) list(dir string, directories bool) []string {
	var names []string
	for name, f := range d.names {
		if name != dir && filepath.Dir(name) == dir && (f == directory) == directories {
			names = append(names, filepath.Base(name))
		}
	}
	sort.Strings(names)
	return names
}

func (d *Mem) SetTime(path string, ms int64) error {
	if err := d.call("set time", path); err != nil {
		return err
	}
	f := d.names[path]
	if f == nil {
		return notThere(path)
	}
	f.time = ms
	return nil
}

func (d *Mem) Time(path string) (int64, error) {
	if err := d.call("time", path); err != nil {
		return 0, err
	}
	f := d.names[path]
	if f == nil {
		return 0, notThere(path)
	}
	return f.time, nil
}

// Space is endless unless Free says otherwise.
func (d *Mem) Space(dir string) (free, total int64, err error) {
	if err := d.call("space", dir); err != nil {
		return 0, 0, err
	}
	if d.Free < 0 {
		return math.MaxInt64, math.MaxInt64, nil
	}
	total = d.Free
	for _, f := range d.names {
		total += int64(len(f.data))
	}
	return d.Free, total, nil
}

// File is the file of a name, nil when there is none.
func (d *Mem) File(path string) *MemFile { return d.names[path] }

// Paths lists all files, sorted.
func (d *Mem) Paths() []string {
	paths := make([]string, 0, len(d.names))
	for path, f := range d.names {
		if f != directory {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	return paths
}

// Put makes a file of a content, which is the disk's from then on, and durable; nil removes it.
func (d *Mem) Put(path string, content []byte) {
	if content == nil {
		delete(d.names, path)
		delete(d.durable, path)
		return
	}
	f := &MemFile{data: content, clean: bytes.Clone(content), durable: bytes.Clone(content)}
	if old := d.names[path]; old != nil {
		f.time = old.time
	}
	d.names[path], d.durable[path] = f, f
}

// Bytes is what a program sees of the file.
func (f *MemFile) Bytes() []byte { return f.data }

// memHandle is an open MemFile.
type memHandle struct {
	d    *Mem
	f    *MemFile
	path string
}

func (h *memHandle) Size() (int64, error) {
	if err := h.d.call("size", h.path); err != nil {
		return 0, err
	}
	return int64(len(h.f.data)), nil
}

func (h *memHandle) Map(size int64, _ bool) ([]byte, error) {
	if err := h.d.call("map", h.path); err != nil {
		return nil, err
	}
	return h.f.data[:size:size], nil
}

func (h *memHandle) Unmap([]byte) error { return h.d.call("unmap", h.path) }

func (h *memHandle) ReadAt(p []byte, off int64) (int, error) {
	if err := h.d.call("read", h.path); err != nil {
		return 0, err
	}
	if off >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *memHandle) WriteAt(p []byte, off int64) (int, error) {
	if err := h.d.call("write", h.path); err != nil {
		return 0, err
	}
	if need := off + int64(len(p)); need > int64(len(h.f.data)) {
		h.f.resize(need)
	}
	return copy(h.f.data[off:], p), nil
}

func (f *MemFile) resize(size int64) {
	if size <= int64(len(f.data)) {
		clear(f.data[size:])
		f.data = f.data[:size]
		return
	}
	grown := make([]byte, size)
	copy(grown, f.data)
	f.data = grown
}

func (h *memHandle) Allocate(size int64) error {
	if err := h.d.call("allocate", h.path); err != nil {
		return err
	}
	if size > int64(len(h.f.data)) {
		h.f.resize(size)
	}
	return nil
}

func (h *memHandle) Truncate(size int64) error {
	if err := h.d.call("truncate", h.path); err != nil {
		return err
	}
	if h.d.Free >= 0 {
		h.d.Free += int64(len(h.f.data)) - size
	}
	h.f.data = h.f.data[:size:size] // a reader's mapping keeps the bytes; a real one would fault, and has tests of its own
	return nil
}

func (h *memHandle) Sync() error {
	err := h.d.call("sync", h.path)
	f := h.f
	if err == nil || h.d.FailedSyncsWrite {
		f.durable = merge(f.durable, f.clean, f.data, func(int) bool { return true })
	}
	f.clean = bytes.Clone(f.data)
	return err
}

// merge is old with those sectors of now that differ from clean and are chosen. The size is sector -1.
func merge(old, clean, now []byte, chosen func(sector int) bool) []byte {
	size := len(old)
	if len(now) != len(clean) && chosen(-1) {
		size = len(now)
	}
	out := make([]byte, size)
	copy(out, old)
	for at := 0; at < len(now) && at < size; at += SectorBytes {
		to := min(at+SectorBytes, len(now), size)
		if (to > len(clean) || !bytes.Equal(now[at:to], clean[at:to])) && chosen(at/SectorBytes) {
			copy(out[at:to], now[at:to])
		}
	}
	return out
}

// Dirty is how many choices a crash leaves to this file.
func (f *MemFile) Dirty() (n int) {
	merge(f.durable, f.clean, f.data, func(int) bool { n++; return false })
	return n
}

// DropCache forgets what counts as clean: reading brings back what is on disk.
func (h *memHandle) DropCache() {
	f := h.f
	for at := 0; at < len(f.data); at += SectorBytes {
		to := min(at+SectorBytes, len(f.data))
		if to <= len(f.clean) && to <= len(f.durable) && bytes.Equal(f.data[at:to], f.clean[at:to]) {
			copy(f.data[at:to], f.durable[at:to])
		}
	}
	f.clean = bytes.Clone(f.durable)
}

func (h *memHandle) Close() error { return h.d.call("close", h.path) }

// Crash is the disk after the power failed: what was durable, and of the rest what is chosen. What a kill leaves is everything.
func (d *Mem) Crash(chooseName func(i int) bool, chooseSector func(path string, sector int) bool) *Mem {
	after := NewMem()
	after.Free = d.Free
	names := map[string]*MemFile{}
	for name, f := range d.durable {
		names[name] = f
	}
	for i, c := range d.pending {
		if chooseName(i) {
			apply(names, c)
		}
	}
	survivors := map[*MemFile]*MemFile{directory: directory}
	paths := make([]string, 0, len(names))
	for name := range names {
		paths = append(paths, name)
	}
	sort.Strings(paths) // so that a seed always says the same
	for _, name := range paths {
		if after.names[filepath.Dir(name)] != directory {
			continue // its directory is gone
		}
		f := names[name]
		if survivors[f] == nil {
			content := merge(f.durable, f.clean, f.data, func(sector int) bool { return chooseSector(name, sector) })
			survivors[f] = &MemFile{data: content, clean: bytes.Clone(content), durable: bytes.Clone(content), time: f.time}
		}
		after.names[name], after.durable[name] = survivors[f], survivors[f]
	}
	return after
}

// Killed is the disk after the process died and the kernel did not.
func (d *Mem) Killed() *Mem {
	return d.Crash(func(int) bool { return true }, func(string, int) bool { return true })
}

// String pictures the disk for a failed test.
func (d *Mem) String() string {
	var b strings.Builder
	for _, name := range d.Paths() {
		fmt.Fprintf(&b, "%s %d bytes\n", name, len(d.names[name].data))
	}
	return b.String()
}
