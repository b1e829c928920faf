package tuning

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Probe asks the kernel and tries the disk that dir is on: it sets space aside in a file without a name, writes into it and syncs
// it, for three seconds at most. Where dir is not there yet, the nearest directory above it is tried.
func Probe(ctx context.Context, dir string) *Probes {
	p := &Probes{Dir: existing(dir), Clock: clockState()}
	var st unix.Statfs_t
	if err := unix.Statfs(p.Dir, &st); err == nil {
		p.Free, p.Total = int64(st.Bavail)*st.Bsize, int64(st.Blocks)*st.Bsize
	}
	f, err := nameless(p.Dir)
	if err != nil {
		p.Tried = err
		return p
	}
	defer f.Close()
	if p.Preallocate = unix.Fallocate(int(f.Fd()), 0, 0, syncsMost*syncedBytes); p.Preallocate == nil {
		p.Syncs, p.Tried = timeSyncs(ctx, f)
	}
	return p
}

// existing is dir, or the nearest above it that is there.
func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			return dir
		}
		dir = above
	}
}

// nameless makes a file and takes its name away at once, so that it is gone when it is closed or the process ends.
func nameless(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".penstock-doctor-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// timeSyncs writes and syncs page after page, as a log that acknowledges one record at a time would.
func timeSyncs(ctx context.Context, f *os.File) (took []time.Duration, err error) {
	page := make([]byte, syncedBytes)
	end := time.Now().Add(syncsTime)
	for i := range syncsMost {
		if ctx.Err() != nil || time.Now().After(end) {
			break
		}
		if _, err := f.WriteAt(page, int64(i)*syncedBytes); err != nil {
			return took, err
		}
		began := time.Now()
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return took, fmt.Errorf("fdatasync: %w", err)
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// clockState asks the kernel whether anybody disciplines its clock.
func clockState() ClockState {
	var tx unix.Timex
	switch state, err := unix.Adjtimex(&tx); {
	case err != nil:
		return ClockUnknown
	case state == unix.TIME_ERROR || tx.Status&unix.STA_UNSYNC != 0:
		return ClockAdrift
	}
	return ClockKept
}
