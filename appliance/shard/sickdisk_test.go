package shard

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"penstock/segstore/disk"
)

// illness is what befalls a disk: a call below a directory fails, or all of them from that one on. The kernel unmaps and closes
// whatever the disk does, so those two never fail and are not counted.
type illness struct {
	dir     string // a part of the path
	at      int    // the number of the call; 0: none fails
	err     error
	forGood bool
	denied  bool   // the call is carried out, and said to have failed
	only    string // calls of this name alone count; "": all
}

func (i illness) String() string {
	how := "once"
	if i.forGood {
		how = "for good"
	}
	if i.denied {
		how = "once, though carried out"
	}
	return fmt.Sprintf("call %d %s fails with %v %s", i.at, i.only, i.err, how)
}

// sickDisk is the real disk with an illness, and with a memory of what a power cut would leave: of every file the sectors that were
// there when a sync last said yes. A sync that fails leaves pages that count as clean, as Linux does: the next one does not write them.
//
// Anyone may use it.
type sickDisk struct {
	*disk.Trace
	mu      sync.Mutex
	illness illness
	calls   int      // below the illness's directory
	failed  []string // which of them failed
	onDisk  map[uint64]*twoStates
}

// twoStates is a file's content as it is on disk, and as the kernel takes it to be.
type twoStates struct{ durable, clean []byte }

func newSickDisk(i illness) *sickDisk {
	d := &sickDisk{illness: i, onDisk: map[uint64]*twoStates{}}
	d.Trace = &disk.Trace{Disk: disk.OS{}, Before: func(call, path string) error { return d.judge(call, path, false, nil) },
		After: func(call, path string, err error) error { return d.judge(call, path, true, err) }}
	return d
}

// judge decides what becomes of a call.
func (d *sickDisk) judge(call, path string, made bool, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := &d.illness
	if call == "unmap" || call == "close" || !strings.Contains(path, i.dir) || i.only != "" && i.only != call {
		return err
	}
	if !made {
		d.calls++
	}
	if i.at == 0 || made != i.denied || d.calls != i.at && !(i.forGood && d.calls > i.at) {
		return err
	}
	d.failed = append(d.failed, call+", "+filepath.Base(path))
	if (call == "create" || call == "mkdir") && (i.err == syscall.ENOSPC || i.err == syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", disk.ErrFull, i.err) // as the real one says it
	}
	return i.err
}

// heal ends the illness, unless it has yet to show, and says whether it had.
func (d *sickDisk) heal() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.failed) == 0 {
		return false
	}
	d.illness.forGood = false
	return true
}

// fallIll begins another illness of the same directory, counted from now.
func (d *sickDisk) fallIll(i illness) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i.dir = d.illness.dir
	d.illness, d.calls = i, 0
}

// allFailed are the calls that failed, "call, file".
func (d *sickDisk) allFailed() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.failed)
}

func (d *sickDisk) Create(path string, size int64) (disk.File, error) {
	f, err := d.Trace.Create(path, size)
	return d.watched(f, path, err, make([]byte, size)) // a new file's size is durable, it is all zeros
}

func (d *sickDisk) Open(path string) (disk.File, error) {
	f, err := d.Trace.Open(path)
	return d.watched(f, path, err, nil)
}

// watchedFile is a file that can be synced, with a descriptor of its own for looking at it.
type watchedFile struct {
	disk.File
	d    *sickDisk
	look *os.File
	id   uint64
}

func (d *sickDisk) watched(f disk.File, path string, err error, content []byte) (disk.File, error) {
	if err != nil {
		return nil, err
	}
	look, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	info, err := look.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close(), look.Close())
	}
	w := &watchedFile{f, d, look, info.Sys().(*syscall.Stat_t).Ino}
	d.mu.Lock()
	defer d.mu.Unlock()
	if content != nil || d.onDisk[w.id] == nil {
		if content == nil {
			content = w.content()
		}
		d.onDisk[w.id] = &twoStates{bytes.Clone(content), content}
	}
	return w, nil
}

// content is what the program sees of the file.
func (w *watchedFile) content() []byte {
	info, err := w.look.Stat()
	if err != nil {
		panic(err)
	}
	content := make([]byte, info.Size())
	n, _ := w.look.ReadAt(content, 0)
	return content[:n]
}

func (w *watchedFile) Sync() error {
	now := w.content()
	err := w.File.Sync()
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	f := w.d.onDisk[w.id]
	if err == nil {
		f.durable = append(f.durable, make([]byte, max(0, len(now)-len(f.durable)))...)[:len(now)]
		for at := 0; at < len(now); at += disk.SectorBytes {
			to := min(at+disk.SectorBytes, len(now))
			if to > len(f.clean) || !bytes.Equal(now[at:to], f.clean[at:to]) {
				copy(f.durable[at:to], now[at:to])
			}
		}
	}
	f.clean = now
	return err
}

func (w *watchedFile) Close() error { return errors.Join(w.File.Close(), w.look.Close()) }

// copyTo copies a directory as a kill leaves it, or as a power cut does: segments as they were last synced. All names are there; that
// they are is what segstore's own tests are about.
func (d *sickDisk) copyTo(t *testing.T, from, to string, powerCut bool) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var info syscall.Stat_t
		if err := syscall.Stat(path, &info); err != nil {
			return err
		}
		if f := d.onDisk[info.Ino]; powerCut && f != nil && filepath.Ext(path) == ".log" {
			content = f.durable
		}
		return os.WriteFile(target, content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
