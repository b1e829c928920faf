package disk

import (
	"bytes"
	"io"
	"io/fs"
	"syscall"
)

// SectorBytes is what Mem writes whole or not at all: a disk's sector.
const SectorBytes = 512

// MemFile is a file of a Mem.
type MemFile struct {
	data    []byte  // what the program sees; mappings alias it. nil until somebody looks: it is what is durable
	clean   content // what the kernel takes for written
	durable content // what is

	time, durableTime int64
	links, handles    int
	space             int64 // that it takes
}

// content is a file's content by sectors. They are never written to again, so contents share them.
type content struct {
	size    int64
	sectors []*sector // nil, or beyond the last one: zeros
}

type sector [SectorBytes]byte

var zeros sector

// at is a sector's bytes.
func (c *content) at(i int) *sector {
	if i >= len(c.sectors) || c.sectors[i] == nil {
		return &zeros
	}
	return c.sectors[i]
}

// resize cuts the content, or adds zeros.
func (c *content) resize(size int64) {
	if n := int((size + SectorBytes - 1) / SectorBytes); n < len(c.sectors) {
		c.sectors = c.sectors[:n:n]
	}
	if last, rest := int(size/SectorBytes), size%SectorBytes; rest != 0 && last < len(c.sectors) && c.sectors[last] != nil {
		cut := *c.sectors[last]
		clear(cut[rest:])
		c.sectors[last] = &cut
	}
	c.size = size
}

// set makes a content's sector what is in data, of which there may be less.
func (c *content) set(i int, data []byte) {
	s := *c.at(i)
	copy(s[:], data)
	c.share(i, &s)
}

// share puts a sector in its place.
func (c *content) share(i int, s *sector) {
	for len(c.sectors) <= i {
		c.sectors = append(c.sectors, nil)
	}
	c.sectors[i] = s
}

func (c *content) clone() content {
	return content{size: c.size, sectors: append(make([]*sector, 0, len(c.sectors)), c.sectors...)}
}

func (c *content) bytes() []byte {
	data := make([]byte, c.size)
	for i, s := range c.sectors {
		if s != nil {
			copy(data[i*SectorBytes:], s[:])
		}
	}
	return data
}

func contentOf(data []byte) (c content) {
	c.size = int64(len(data))
	for i := range (len(data) + SectorBytes - 1) / SectorBytes {
		c.set(i, data[i*SectorBytes:])
	}
	return c
}

// load has data be there.
func (f *MemFile) load() {
	if f.data == nil {
		f.data = f.durable.bytes()
	}
}

// Bytes is what a program sees of the file.
func (f *MemFile) Bytes() []byte {
	f.load()
	return f.data
}

// dirty calls each for the sectors, from the first on, that the program has changed since the kernel last took them for written, with
// what is in them. The size, if it is another, is sector -1.
func (f *MemFile) dirty(each func(i int, now []byte)) {
	if f.data == nil {
		return
	}
	if int64(len(f.data)) != f.clean.size {
		each(-1, nil)
	}
	for at := 0; at < len(f.data); at += SectorBytes {
		i, to := at/SectorBytes, min(at+SectorBytes, len(f.data))
		if now := f.data[at:to]; int64(to) > f.clean.size || string(now) != string(f.clean.at(i)[:to-at]) {
			each(i, now)
		}
	}
}

// Dirty is how many choices a crash leaves to this file.
func (f *MemFile) Dirty() (n int) {
	f.dirty(func(int, []byte) { n++ })
	return n
}

// written is what is on disk when the chosen ones of the dirty sectors are written.
func (f *MemFile) written(chosen func(sector int) bool) content {
	c := f.durable.clone()
	f.dirty(func(i int, now []byte) {
		switch {
		case i < 0:
			if chosen(i) {
				c.resize(int64(len(f.data)))
			}
		case int64(i)*SectorBytes < c.size && chosen(i):
			c.set(i, now[:min(int64(len(now)), c.size-int64(i)*SectorBytes)])
		}
	})
	return c
}

func (f *MemFile) resize(size int64) {
	f.load()
	if size <= int64(len(f.data)) {
		f.data = f.data[:size:size] // a reader's mapping keeps the bytes; a real one would fault, and has tests of its own
		return
	}
	grown := make([]byte, size)
	copy(grown, f.data)
	f.data = grown
}

// memHandle is an open MemFile.
type memHandle struct {
	d      *Mem
	f      *MemFile
	path   string // that it was opened by
	write  bool
	closed bool
	kills  int // there had been when it was opened
}

func (d *Mem) handle(path string, f *MemFile, write bool) File {
	f.handles++
	return &memHandle{d: d, f: f, path: path, write: write, kills: d.kills}
}

// call makes a call on an open file. One on a closed file may go to any other file, on a real disk, so it is a BUG.
func (h *memHandle) call(name string, write bool) error {
	if h.closed {
		panic("BUG: " + name + " of a closed file: " + h.path)
	}
	if h.kills != h.d.kills {
		return memFault(h.path, fs.ErrClosed)
	}
	if err := h.d.call(name, h.path); err != nil {
		return err
	}
	if write && !h.write {
		return memFault(h.path, syscall.EBADF)
	}
	return nil
}

func (h *memHandle) Size() (int64, error) {
	if err := h.call("size", false); err != nil {
		return 0, err
	}
	if h.f.data == nil {
		return h.f.durable.size, nil
	}
	return int64(len(h.f.data)), nil
}

func (h *memHandle) Map(size int64, write bool) ([]byte, error) {
	if err := h.call("map", write); err != nil {
		return nil, err
	}
	h.f.load()
	if size <= 0 || size > int64(len(h.f.data)) { // a real one may be longer than its file, and faults behind it
		return nil, memFault(h.path, syscall.EINVAL)
	}
	return h.f.data[:size:size], nil
}

// DataEnd is the end of the last sector that is not all zeros.
func (h *memHandle) DataEnd(size int64) int64 {
	data := bytes.TrimRight(h.f.Bytes(), "\x00")
	return min(int64(len(data)+SectorBytes-1)/SectorBytes*SectorBytes, size)
}

// Unmap works on a closed file, too: a mapping outlives it.
func (h *memHandle) Unmap([]byte) error { return h.d.call("unmap", h.path) }

func (h *memHandle) ReadAt(p []byte, off int64) (int, error) {
	if err := h.call("read", false); err != nil || len(p) == 0 {
		return 0, err
	}
	h.f.load()
	n := 0
	if off < int64(len(h.f.data)) {
		n = copy(p, h.f.data[off:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *memHandle) WriteAt(p []byte, off int64) (int, error) {
	if err := h.call("write", true); err != nil || len(p) == 0 {
		return 0, err
	}
	if err := h.grow(off + int64(len(p))); err != nil {
		return 0, err
	}
	h.d.touch(h.f)
	return copy(h.f.data[off:], p), nil
}

func (h *memHandle) WriteZeroing(p []byte, zeros int, off int64) error {
	if err := h.call("write", true); err != nil {
		return err
	}
	end := off + int64(len(p)+zeros)
	if err := h.grow(end); err != nil {
		return err
	}
	h.d.touch(h.f)
	clear(h.f.data[off+int64(copy(h.f.data[off:], p)) : end])
	return nil
}

// grow makes the file as large as that, with the space for it, unless it is larger.
func (h *memHandle) grow(size int64) error {
	h.f.load()
	if size > h.f.space && !h.d.take(h.f, size) {
		return memFault(h.path, syscall.ENOSPC)
	}
	if size > int64(len(h.f.data)) {
		h.f.resize(size)
	}
	return nil
}

func (h *memHandle) Allocate(size int64) error {
	if err := h.call("allocate", true); err != nil {
		return err
	}
	if size <= 0 {
		return memFault(h.path, syscall.EINVAL)
	}
	return h.grow(size)
}

func (h *memHandle) Truncate(size int64) error {
	if err := h.call("truncate", true); err != nil {
		return err
	}
	if size < 0 {
		return memFault(h.path, syscall.EINVAL)
	}
	h.d.take(h.f, min(h.f.space, size))
	h.f.resize(size)
	h.d.touch(h.f)
	return nil
}

func (h *memHandle) Sync() error {
	err := h.call("sync", false)
	f := h.f
	writes := err == nil || h.d.FailedSyncsWrite
	f.dirty(func(i int, now []byte) {
		if i < 0 {
			f.clean.resize(int64(len(f.data)))
			if writes {
				f.durable.resize(int64(len(f.data)))
			}
			return
		}
		f.clean.set(i, now)
		room := f.durable.size - int64(i)*SectorBytes // less than the program sees when a failed sync has kept the size
		switch {
		case !writes || room <= 0:
		case room >= SectorBytes:
			f.durable.share(i, f.clean.sectors[i])
		default:
			f.durable.set(i, now[:min(int64(len(now)), room)])
		}
	})
	return err
}

// DropCache forgets what counts as clean: reading brings back what is on disk.
func (h *memHandle) DropCache() {
	f := h.f
	if f.data == nil {
		return
	}
	for at := 0; at < len(f.data); at += SectorBytes {
		i, to := at/SectorBytes, min(at+SectorBytes, len(f.data))
		now := f.data[at:to]
		if int64(to) <= f.clean.size && int64(to) <= f.durable.size && string(now) == string(f.clean.at(i)[:to-at]) {
			copy(now, f.durable.at(i)[:])
		}
	}
	f.clean = f.durable.clone()
}

// Cool changes nothing: what was synced without an error is on disk as it is read.
func (h *memHandle) Cool([]byte, int64, int64) {}

func (h *memHandle) Unstore([]byte, int64, int64) {}

func (h *memHandle) Close() error {
	if h.closed {
		panic("BUG: closed twice: " + h.path)
	}
	h.closed = true // whatever the error: the descriptor is gone
	if h.kills != h.d.kills {
		return nil
	}
	err := h.d.call("close", h.path)
	h.f.handles--
	h.d.release(h.f)
	return err
}
