// Package disk is what the appliance asks of a file system, and all it asks, with three back ends: OS is the real one, Mem lives in
// memory and crashes as a test wants it to, Trace watches another one.
package disk

import (
	"errors"
	"syscall"
)

// ErrFull is in the error of a call that found no space.
var ErrFull = errors.New("no space is left on the disk")

// Disk is names below one directory tree, and files that can be mapped and synced.
//
// Nothing here is retried: an error is the caller's to judge.
type Disk interface {
	// Create makes a new file of size bytes with its space allocated, so that a store into its mapping can't run out of disk.
	// It fails if the name exists, and with ErrFull (wrapped) when there is no space; of that it takes nothing then, for no moment, unless
	// somebody else takes some at the same time. OS counts as none what would leave nothing; in memory the last byte may be taken.
	Create(path string, size int64) (File, error)
	Open(path string) (File, error) // for reading and writing
	OpenReadOnly(path string) (File, error)
	Rename(from, to string) error // replaces
	Link(from, to string) error   // a second name
	Remove(path string) error
	MakeDir(path string) error             // one level; no error when it is there
	SyncDir(path string) error             // makes names created, renamed and removed durable
	ReadDir(path string) ([]string, error) // the names in it
	Dirs(path string) ([]string, error)    // those of directories
	// SetTime and Time keep a file's retention time, ms since 1970 (a modification time).
	SetTime(path string, ms int64) error
	Time(path string) (ms int64, err error)
	// Space says how many bytes of the file system that dir is on are free for us, and how many there are.
	Space(dir string) (free, total int64, err error)
}

// Sender is a File whose bytes can go to a socket without being copied through our memory.
type Sender interface {
	// SendTo sends n bytes from a position on and says how many were sent; fewer with an error only.
	SendTo(socket syscall.RawConn, position, n int64) (sent int64, err error)
}

// File is an open file of a Disk.
type File interface {
	Size() (int64, error)
	// Map maps the first size bytes, shared. Stores into a writable mapping reach the file in any order, at any time.
	Map(size int64, write bool) ([]byte, error)
	Unmap(mapping []byte) error // a mapping outlives Close
	// DataEnd is where the zeros begin that a file of size bytes ends with, or behind that: space that was allocated and never written
	// need not be read. size where the file system can't tell.
	DataEnd(size int64) int64
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	// WriteZeroing is WriteAt with zeros behind p. After an error some of it may have been written.
	WriteZeroing(p []byte, zeros int, off int64) error
	// Allocate makes sure that the first size bytes have space.
	Allocate(size int64) error
	Truncate(size int64) error
	// Sync is fdatasync: content and size are on disk when it returns nil. After an error nothing may be assumed and it must
	// not be tried again (the kernel may have marked the pages clean).
	Sync() error
	// Unstore takes the pages from one position to another out of a mapping that they were stored through, as advice before a Sync; what was stored stays. They
	// come back when they are looked at, or stored to.
	Unstore(mapping []byte, from, to int64)
	DropCache() // gives clean pages back to the system; advice
	// Cool is DropCache for the bytes from one position to another, which a mapping of the file may show as well: it is as it was, and its
	// pages are read again when they are looked at.
	Cool(mapping []byte, from, to int64)
	Close() error
}
