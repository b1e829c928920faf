package fuzz

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"penstock/segstore/disk"
)

// heapDisk is a disk.Disk in memory: a fuzzer has no time for a real one's syncs. It fails only as a disk without faults does.
type heapDisk map[string]*heapFile

type heapFile struct{ data []byte }

func (d heapDisk) find(path string) (disk.File, error) {
	if f := d[path]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
}

func (d heapDisk) Create(path string, size int64) (disk.File, error) {
	if d[path] != nil {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	d[path] = &heapFile{data: make([]byte, size)}
	return d[path], nil
}

func (d heapDisk) Open(path string) (disk.File, error)         { return d.find(path) }
func (d heapDisk) OpenReadOnly(path string) (disk.File, error) { return d.find(path) }

func (d heapDisk) Rename(from, to string) error {
	if err := d.Link(from, to); err != nil {
		return err
	}
	return d.Remove(from)
}

func (d heapDisk) Link(from, to string) error {
	if _, err := d.find(from); err != nil {
		return err
	}
	d[to] = d[from]
	return nil
}

func (d heapDisk) Remove(path string) error {
	_, err := d.find(path)
	delete(d, path)
	return err
}

func (d heapDisk) Dirs(string) ([]string, error)               { return nil, nil }
func (d heapDisk) Space(string) (free, total int64, err error) { return 1 << 60, 1 << 60, nil }
func (d heapDisk) MakeDir(string) error                        { return nil }
func (d heapDisk) SyncDir(string) error                        { return nil }

func (d heapDisk) ReadDir(dir string) (names []string, err error) {
	for path := range d {
		if name, ok := strings.CutPrefix(path, dir+"/"); ok && name == filepath.Base(path) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (d heapDisk) SetTime(string, int64) error { return nil }

func (d heapDisk) Time(path string) (int64, error) {
	_, err := d.find(path)
	return 0, err
}

func (f *heapFile) Size() (int64, error)                       { return int64(len(f.data)), nil }
func (f *heapFile) Map(size int64, write bool) ([]byte, error) { return f.data[:size:size], nil }
func (f *heapFile) DataEnd(size int64) int64                   { return size }
func (f *heapFile) Unmap([]byte) error                         { return nil }
func (f *heapFile) Sync() error                                { return nil }
func (f *heapFile) DropCache()                                 {}
func (f *heapFile) Cool([]byte, int64, int64)                  {}
func (f *heapFile) Unstore([]byte, int64, int64)               {}
func (f *heapFile) Close() error                               { return nil }

func (f *heapFile) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, f.data[min(off, int64(len(f.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *heapFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.Allocate(off + int64(len(p))); err != nil {
		return 0, err
	}
	return copy(f.data[off:], p), nil
}

func (f *heapFile) WriteZeroing(p []byte, zeros int, off int64) error {
	_, err := f.WriteAt(append(bytes.Clone(p), make([]byte, zeros)...), off)
	return err
}

func (f *heapFile) Allocate(size int64) error {
	if more := size - int64(len(f.data)); more > 0 {
		f.data = append(f.data, make([]byte, more)...)
	}
	return nil
}

func (f *heapFile) Truncate(size int64) error {
	f.data = f.data[:size:size]
	return nil
}
