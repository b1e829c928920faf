package segstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// sectorBytes is what memDisk writes whole or not at all: a disk's sector.
const sectorBytes = 512

// memDisk is a Disk in memory that keeps apart what a program sees and what is on disk. Sync makes a file's content durable and
// SyncDir a directory's names; crash makes a new disk of what is durable and any choice of the rest. A failed Sync behaves as Linux
// does: the pages that were not written count as clean, and the next Sync, which succeeds, does not write them either.
//
// One goroutine uses it.
type memDisk struct {
	dirs    map[string]bool
	names   map[string]*memFile
	durable map[string]*memFile // by name, as of the last SyncDir
	pending []nameChange        // since then, in order

	calls int
	// before is asked before every call; its error is the call's. nil: every call is carried out.
	before func(call, path string) error
	// failedSyncsWrite: a failed Sync has written everything nevertheless, and only not said so.
	failedSyncsWrite bool
	// free is how many bytes may still be allocated; negative: no end.
	free int64
}

// nameChange sets or (file nil) removes some names at once.
type nameChange struct {
	dir string
	set map[string]*memFile
}

type memFile struct {
	data    []byte // what the program sees; mappings alias it
	clean   []byte // what the kernel takes for written
	durable []byte // what is
	time    int64
}

func newMemDisk() *memDisk {
	return &memDisk{dirs: map[string]bool{"/": true}, names: map[string]*memFile{}, durable: map[string]*memFile{}, free: -1}
}

func (d *memDisk) call(name, path string) error {
	d.calls++
	if d.before != nil {
		if err := d.before(name, path); err != nil {
			return fmt.Errorf("%s %s: %w", name, path, err)
		}
	}
	return nil
}

func notThere(path string) error { return fmt.Errorf("%s: %w", path, fs.ErrNotExist) }

func (d *memDisk) change(path string, set map[string]*memFile) {
	for name, f := range set {
		if f == nil {
			delete(d.names, name)
		} else {
			d.names[name] = f
		}
	}
	d.pending = append(d.pending, nameChange{dir: filepath.Dir(path), set: set})
}

func (d *memDisk) Create(path string, size int64) (File, error) {
	if err := d.call("create", path); err != nil {
		return nil, err
	}
	if d.names[path] != nil {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	if !d.dirs[filepath.Dir(path)] {
		return nil, notThere(path)
	}
	if d.free >= 0 && size > d.free {
		return nil, fmt.Errorf("%w: no space left", ErrFull)
	}
	if d.free >= 0 {
		d.free -= size
	}
	f := &memFile{data: make([]byte, size), clean: make([]byte, size), durable: make([]byte, size)}
	d.change(path, map[string]*memFile{path: f})
	return &memHandle{d: d, f: f, path: path}, nil
}

func (d *memDisk) open(call, path string) (File, error) {
	if err := d.call(call, path); err != nil {
		return nil, err
	}
	f := d.names[path]
	if f == nil {
		return nil, notThere(path)
	}
	return &memHandle{d: d, f: f, path: path}, nil
}

func (d *memDisk) Open(path string) (File, error)         { return d.open("open", path) }
func (d *memDisk) OpenReadOnly(path string) (File, error) { return d.open("open read-only", path) }

func (d *memDisk) Rename(from, to string) error {
	if err := d.call("rename", from); err != nil {
		return err
	}
	f := d.names[from]
	if f == nil {
		return notThere(from)
	}
	d.change(from, map[string]*memFile{from: nil, to: f})
	return nil
}

func (d *memDisk) Link(from, to string) error {
	if err := d.call("link", from); err != nil {
		return err
	}
	f := d.names[from]
	if f == nil {
		return notThere(from)
	}
	d.change(to, map[string]*memFile{to: f})
	return nil
}

func (d *memDisk) Remove(path string) error {
	if err := d.call("remove", path); err != nil {
		return err
	}
	if d.dirs[path] {
		delete(d.dirs, path)
		return nil
	}
	f := d.names[path]
	if f == nil {
		return notThere(path)
	}
	if d.free >= 0 {
		d.free += int64(len(f.data))
	}
	d.change(path, map[string]*memFile{path: nil})
	return nil
}

func (d *memDisk) MakeDir(path string) error {
	if err := d.call("mkdir", path); err != nil {
		return err
	}
	d.dirs[path] = true
	return nil
}

func (d *memDisk) SyncDir(path string) error {
	if err := d.call("sync dir", path); err != nil {
		return err
	}
	if !d.dirs[path] {
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

func apply(names map[string]*memFile, c nameChange) {
	for name, f := range c.set {
		if f == nil {
			delete(names, name)
		} else {
			names[name] = f
		}
	}
}

func (d *memDisk) ReadDir(path string) ([]string, error) {
	if err := d.call("read dir", path); err != nil {
		return nil, err
	}
	if !d.dirs[path] {
		return nil, notThere(path)
	}
	return d.list(path), nil
}

func (d *memDisk) list(dir string) []string {
	var names []string
	for name := range d.names {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	sort.Strings(names)
	return names
}

func (d *memDisk) SetTime(path string, ms int64) error {
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

func (d *memDisk) Time(path string) (int64, error) {
	if err := d.call("time", path); err != nil {
		return 0, err
	}
	f := d.names[path]
	if f == nil {
		return 0, notThere(path)
	}
	return f.time, nil
}

// memHandle is an open memFile.
type memHandle struct {
	d    *memDisk
	f    *memFile
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

func (f *memFile) resize(size int64) {
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
	if h.d.free >= 0 {
		h.d.free += int64(len(h.f.data)) - size
	}
	h.f.data = h.f.data[:size:size] // a reader's mapping keeps the bytes; a real one would fault, and has tests of its own
	return nil
}

func (h *memHandle) Sync() error {
	err := h.d.call("sync", h.path)
	f := h.f
	if err == nil || h.d.failedSyncsWrite {
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
	for at := 0; at < len(now) && at < size; at += sectorBytes {
		to := min(at+sectorBytes, len(now), size)
		if (to > len(clean) || !bytes.Equal(now[at:to], clean[at:to])) && chosen(at/sectorBytes) {
			copy(out[at:to], now[at:to])
		}
	}
	return out
}

// dirty is how many choices a crash leaves to this file.
func (f *memFile) dirty() (n int) {
	merge(f.durable, f.clean, f.data, func(int) bool { n++; return false })
	return n
}

// DropCache forgets what counts as clean: reading brings back what is on disk.
func (h *memHandle) DropCache() {
	f := h.f
	for at := 0; at < len(f.data); at += sectorBytes {
		to := min(at+sectorBytes, len(f.data))
		if to <= len(f.clean) && to <= len(f.durable) && bytes.Equal(f.data[at:to], f.clean[at:to]) {
			copy(f.data[at:to], f.durable[at:to])
		}
	}
	f.clean = bytes.Clone(f.durable)
}

func (h *memHandle) Close() error { return h.d.call("close", h.path) }

// crash is the disk after the power failed: what was durable, and of the rest what is chosen. What a kill leaves is everything.
func (d *memDisk) crash(chooseName func(i int) bool, chooseSector func(path string, sector int) bool) *memDisk {
	after := newMemDisk()
	after.free = d.free
	for dir := range d.dirs {
		after.dirs[dir] = true
	}
	names := map[string]*memFile{}
	for name, f := range d.durable {
		names[name] = f
	}
	for i, c := range d.pending {
		if chooseName(i) {
			apply(names, c)
		}
	}
	survivors := map[*memFile]*memFile{}
	paths := make([]string, 0, len(names))
	for name := range names {
		paths = append(paths, name)
	}
	sort.Strings(paths) // so that a seed always says the same
	for _, name := range paths {
		f := names[name]
		if survivors[f] == nil {
			content := merge(f.durable, f.clean, f.data, func(sector int) bool { return chooseSector(name, sector) })
			survivors[f] = &memFile{data: content, clean: bytes.Clone(content), durable: bytes.Clone(content), time: f.time}
		}
		after.names[name], after.durable[name] = survivors[f], survivors[f]
	}
	return after
}

// killed is the disk after the process died and the kernel did not.
func (d *memDisk) killed() *memDisk {
	return d.crash(func(int) bool { return true }, func(string, int) bool { return true })
}

// String pictures the disk for a failed test.
func (d *memDisk) String() string {
	var b strings.Builder
	var names []string
	for name := range d.names {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s %d bytes\n", name, len(d.names[name].data))
	}
	return b.String()
}

var errIO = errors.New("input/output error")
