package appliance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// LockName is the file in the data directory that the appliance running on it holds a lock on. Its content is only for people:
// the lock is the kernel's, so it is gone when the process is, however that ended.
const LockName = "lock"

// Lock is held on a data directory by the one process that may change it.
type Lock struct{ file *os.File }

// LockedError says that another process works on a data directory.
type LockedError struct {
	Dir string
	PID int // 0: it did not say
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("%s already works on the data directory %s: stop it, or name another directory with --data-dir", who, e.Dir)
}

// LockDir takes the lock of a data directory and writes this process's id into it. It does not wait: when another process holds
// the lock the error is a *LockedError.
func LockDir(dir string) (*Lock, error) {
	path := filepath.Join(dir, LockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the data directory's lock: %w", err)
	}
	switch err := flock(f, syscall.LOCK_EX); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		held := &LockedError{Dir: dir, PID: readPID(path)}
		f.Close()
		return nil, held
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("cannot lock the data directory %s: %w", dir, err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot write the data directory's lock: %w", err)
	}
	return &Lock{file: f}, nil
}

// Release gives the lock back. The file stays: removing it would let two processes lock two files of one name.
func (l *Lock) Release() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}

// Owner says whether a process holds the lock of a data directory, and which. It changes nothing, and a directory that no
// appliance has ever used is simply not locked.
func Owner(dir string) (pid int, running bool, err error) {
	path := filepath.Join(dir, LockName)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer f.Close() // and with it the shared lock
	if err := flock(f, syscall.LOCK_SH); errors.Is(err, syscall.EWOULDBLOCK) {
		return readPID(path), true, nil
	} else if err != nil {
		return 0, false, err
	}
	return 0, false, nil
}

// flock locks without waiting, and again when a signal came in between.
func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func readPID(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}
