package segstore

import (
	"errors"
	"fmt"

	"penstock/segstore/disk"
)

var (
	// ErrTail says that a cursor has read all there is to read. Log.Wait tells when there is more.
	ErrTail = errors.New("segstore: at the end of the log")
	// ErrClosed says that the log was closed or deleted.
	ErrClosed = errors.New("segstore: the log is closed")
	// ErrFull says that no space could be had for the next segment. The log accepts again by itself when Background has found some.
	ErrFull = disk.ErrFull
	// ErrLost says that records written before were given up because syncing their segment failed.
	ErrLost = errors.New("segstore: syncing the segment failed, what was not yet synced is given up")
)

// ExpiredError says that retention has passed the wanted offset.
type ExpiredError struct {
	Wanted int64
	First  int64 // the oldest offset still kept
}

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("segstore: offset %d is no longer kept, the oldest is %d", e.Wanted, e.First)
}

// CorruptError says which bytes of which file are not what was written, and which records are lost by it.
type CorruptError struct {
	Path        string
	Position    int64 // byte where the damage begins
	First, Next int64 // offsets [First, Next) can't be read
	Reason      string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("segstore: %s is damaged at byte %d (%s): offsets %d to %d can't be read", e.Path, e.Position, e.Reason, e.First, e.Next-1)
}

// NewerError says that a file was written by a later version.
type NewerError struct {
	Path    string
	Version int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("segstore: %s has format version %d, newer than this program knows: use a newer penstock", e.Path, e.Version)
}
