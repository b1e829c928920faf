package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// OS is the real Disk. Directories are 0700 and files 0600: what is kept is the owner's.
type OS struct{}

// osFile is a descriptor, without what os.File adds for pipes and sockets.
type osFile struct {
	fd   int
	path string
}

// fault names the call and the file in an error.
func fault(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// uninterrupted repeats a system call that a signal interrupted before it did anything.
func uninterrupted(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// Create is O_EXCL, fallocate, fsync: when it returns, the space is there and the size is durable. What is free is asked first: a
// fallocate that fails has taken all of it until it is given back, as one that just fits has for good, and retention would remove records for want of it.
func (OS) Create(path string, size int64) (File, error) {
	f, err := openFile(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return nil, noSpace(err)
	}
	if err = hasRoom(path, size); err == nil {
		err = f.Allocate(size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return nil, noSpace(errors.Join(err, f.Close(), os.Remove(path)))
	}
	return f, nil
}

// hasRoom returns an error when size bytes are more than what is free, or all of it. A file system that says nothing of itself may have room.
func hasRoom(path string, size int64) error {
	st, err := statfs(path)
	if block := st.Bsize; err == nil && st.Blocks > 0 && block > 0 && (size+block-1)/block >= int64(st.Bavail) {
		return fault("fallocate", path, unix.ENOSPC)
	}
	return nil
}

// noSpace wraps the kernel's ways of saying that the disk is full.
func noSpace(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

func (OS) Open(path string) (File, error) { return openFile(path, unix.O_RDWR) }

func (OS) OpenReadOnly(path string) (File, error) { return openFile(path, unix.O_RDONLY) }

func openFile(path string, flags int) (File, error) {
	fd := -1
	err := uninterrupted(func() (err error) {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
		return err
	})
	if err != nil {
		return nil, fault("open", path, err)
	}
	return &osFile{fd: fd, path: path}, nil
}

func (OS) Rename(from, to string) error {
	return fault("rename", from, uninterrupted(func() error { return unix.Rename(from, to) }))
}

func (OS) Link(from, to string) error { return os.Link(from, to) }
func (OS) Remove(path string) error   { return os.Remove(path) }

func (OS) MakeDir(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return noSpace(err)
}

func (OS) SyncDir(path string) error {
	fd := -1
	err := uninterrupted(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return fault("open", path, err)
	}
	err = uninterrupted(func() error { return unix.Fsync(fd) })
	if err2 := unix.Close(fd); err == nil {
		err = err2
	}
	return fault("fsync", path, err)
}

func (OS) ReadDir(path string) ([]string, error) {
	return list(path, func(fs.DirEntry) bool { return true })
}

func (OS) Dirs(path string) ([]string, error) { return list(path, fs.DirEntry.IsDir) }

func list(path string, wanted func(fs.DirEntry) bool) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if wanted(e) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (OS) SetTime(path string, ms int64) error {
	t := unix.NsecToTimespec(ms * int64(time.Millisecond))
	return fault("utimensat", path, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW))
}

func (OS) Time(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.ModTime().UnixMilli(), nil
}

func (OS) Space(dir string) (free, total int64, err error) {
	st, err := statfs(dir)
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, err
}

func statfs(path string) (st unix.Statfs_t, err error) {
	err = uninterrupted(func() error { return unix.Statfs(path, &st) })
	return st, fault("statfs", path, err)
}

func (o *osFile) Size() (int64, error) {
	var st unix.Stat_t
	err := uninterrupted(func() error { return unix.Fstat(o.fd, &st) })
	return st.Size, fault("fstat", o.path, err)
}

func (o *osFile) Map(size int64, write bool) ([]byte, error) {
	prot := unix.PROT_READ
	if write {
		prot |= unix.PROT_WRITE
	}
	mapping, err := unix.Mmap(o.fd, 0, int(size), prot, unix.MAP_SHARED)
	return mapping, fault("mmap", o.path, err)
}

// dataEndSteps bounds how many pieces a file is looked through in.
const dataEndSteps = 1 << 16

// DataEnd goes from one written extent to the next. What is in memory only counts as written.
func (o *osFile) DataEnd(size int64) int64 {
	end := int64(0)
	for range dataEndSteps {
		data, err := unix.Seek(o.fd, end, unix.SEEK_DATA)
		if err == unix.ENXIO {
			return min(end, size)
		}
		if err != nil {
			return size
		}
		if end, err = unix.Seek(o.fd, data, unix.SEEK_HOLE); err != nil || end <= data || end >= size {
			return size
		}
	}
	return size
}

func (o *osFile) Unmap(mapping []byte) error { return fault("munmap", o.path, unix.Munmap(mapping)) }

func (o *osFile) ReadAt(p []byte, off int64) (read int, err error) {
	for read < len(p) {
		n, err := unix.Pread(o.fd, p[read:], off+int64(read))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return read, fault("pread", o.path, err)
		}
		if n == 0 {
			return read, io.EOF
		}
		read += n
	}
	return read, nil
}

func (o *osFile) WriteAt(p []byte, off int64) (written int, err error) {
	for written < len(p) {
		n, err := unix.Pwrite(o.fd, p[written:], off+int64(written))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return written, fault("pwrite", o.path, err)
		}
		written += n
	}
	return written, nil
}

func (o *osFile) WriteZeroing(p []byte, zeros int, off int64) error {
	for len(p)+zeros > 0 {
		var parts [zeroingParts][]byte
		parts[0] = p
		all, left := parts[:1], zeros
		for left > 0 && len(all) < len(parts) {
			n := min(left, len(zeroes))
			all, left = append(all, zeroes[:n]), left-n
		}
		n, err := unix.Pwritev(o.fd, all, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fault("pwritev", o.path, err)
		}
		off += int64(n)
		zeros -= max(0, n-len(p))
		p = p[min(n, len(p)):]
	}
	return nil
}

// zeroes is never written to, so that it takes no memory: all of it is the kernel's one page of zeros.
var zeroes [64 << 10]byte

// zeroingParts is how many pieces a write is made of at most: unix.Pwritev allocates for more.
const zeroingParts = 8

func (o *osFile) Truncate(size int64) error {
	return fault("ftruncate", o.path, uninterrupted(func() error { return unix.Ftruncate(o.fd, size) }))
}

func (o *osFile) Close() error { return fault("close", o.path, unix.Close(o.fd)) }

func (o *osFile) Allocate(size int64) error {
	return fault("fallocate", o.path, uninterrupted(func() error { return unix.Fallocate(o.fd, 0, 0, size) }))
}

// Sync repeats only a call that a signal interrupted before it did anything: that is not a failed sync.
func (o *osFile) Sync() error {
	for {
		if err := unix.Fdatasync(o.fd); err != unix.EINTR {
			return fault("fdatasync", o.path, err)
		}
	}
}

// Unstore spares the sync from making these pages read-only one by one, each with an interrupt to all processors that run threads of ours.
func (o *osFile) Unstore(mapping []byte, from, to int64) {
	page := int64(unix.Getpagesize())
	if from, to := from&^(page-1), min(to&^(page-1), int64(len(mapping))); from < to {
		_ = unix.Madvise(mapping[from:to], unix.MADV_DONTNEED)
	}
}

// Cool takes the pages out of the mapping first: what is mapped stays in the cache.
func (o *osFile) Cool(mapping []byte, from, to int64) {
	o.Unstore(mapping, from, to)
	_ = unix.Fadvise(o.fd, from, to-from, unix.FADV_DONTNEED)
}

func (o *osFile) DropCache() { _ = unix.Fadvise(o.fd, 0, 0, unix.FADV_DONTNEED) }
