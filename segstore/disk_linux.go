package segstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// OS is the real Disk. Directories are 0700 and files 0600: what is kept is the owner's.
type OS struct{}

type osFile struct{ f *os.File }

// Create is O_EXCL, fallocate, fsync: when it returns, the space is there and the size is durable.
func (OS) Create(path string, size int64) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, noSpace(err)
	}
	file := osFile{f}
	if err = file.Allocate(size); err == nil {
		err = file.Sync()
	}
	if err != nil {
		f.Close()
		os.Remove(path)
		return nil, noSpace(err)
	}
	return file, nil
}

// noSpace wraps the kernel's ways of saying that the disk is full.
func noSpace(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

func (OS) Open(path string) (File, error) { return openFile(path, os.O_RDWR) }

func (OS) OpenReadOnly(path string) (File, error) { return openFile(path, os.O_RDONLY) }

func openFile(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (OS) Rename(from, to string) error { return os.Rename(from, to) }
func (OS) Link(from, to string) error   { return os.Link(from, to) }
func (OS) Remove(path string) error     { return os.Remove(path) }

func (OS) MakeDir(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return noSpace(err)
}

func (OS) SyncDir(path string) error {
	d, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (OS) ReadDir(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (OS) SetTime(path string, ms int64) error {
	t := time.UnixMilli(ms)
	return os.Chtimes(path, t, t)
}

func (OS) Time(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.ModTime().UnixMilli(), nil
}

func (o osFile) Size() (int64, error) {
	info, err := o.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (o osFile) Map(size int64, write bool) ([]byte, error) {
	prot := unix.PROT_READ
	if write {
		prot |= unix.PROT_WRITE
	}
	return unix.Mmap(int(o.f.Fd()), 0, int(size), prot, unix.MAP_SHARED)
}

func (o osFile) Unmap(mapping []byte) error { return unix.Munmap(mapping) }

func (o osFile) ReadAt(p []byte, off int64) (int, error)  { return o.f.ReadAt(p, off) }
func (o osFile) WriteAt(p []byte, off int64) (int, error) { return o.f.WriteAt(p, off) }
func (o osFile) Truncate(size int64) error                { return o.f.Truncate(size) }
func (o osFile) Close() error                             { return o.f.Close() }

func (o osFile) Allocate(size int64) error {
	for {
		err := unix.Fallocate(int(o.f.Fd()), 0, 0, size)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("fallocate", err)
		}
		return nil
	}
}

func (o osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(o.f.Fd()))
		if err == unix.EINTR {
			continue // interrupted before it did anything: not a failed sync
		}
		return os.NewSyscallError("fdatasync", err)
	}
}

func (o osFile) DropCache() {
	_ = unix.Fadvise(int(o.f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
