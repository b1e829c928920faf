package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// disk is what a server's data lies on when its power is to be cut: a file system in an image, made once, and the same through all lives.
type disk interface {
	// cut ends the power while the server is frozen: nothing reaches the disk any more. What was not synced may be gone.
	cut() error
	// restore mounts what is left, when the server is dead.
	restore() error
	// close takes everything down. The image stays where it is.
	close() error
}

// volume is a file system in an image, and where it is mounted.
type volume struct {
	fs     string // ext4 or xfs
	image  string
	root   string // the mount point
	device *os.File
	seed   uint64
	lives  uint64
	rng    *rand.Rand // begins anew with each life, so that one's chances do not follow from how much the last one wrote
}

// imageBytes is the size of an image, which is sparse. xfs makes none below 300 MB.
var imageBytes = map[string]int64{"ext4": 256 << 20, "xfs": 512 << 20}

var mkfs = map[string][]string{
	"ext4": {"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"}, // nothing else shall write while we measure
	"xfs":  {"mkfs.xfs", "-q", "-f"},
}

// newVolume makes an image with an empty file system, in a directory of which it uses disk.img and disk.
func newVolume(fs, home string, seed uint64) (*volume, error) {
	v := &volume{fs: fs, image: filepath.Join(home, "disk.img"), root: filepath.Join(home, "disk"), seed: seed}
	if err := os.Mkdir(v.root, 0o700); err != nil {
		return nil, err
	}
	image, err := os.OpenFile(v.image, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = image.Truncate(imageBytes[fs])
	if err = errors.Join(err, image.Close()); err != nil {
		return nil, err
	}
	words := mkfs[fs]
	if out, err := exec.Command(words[0], append(words[1:], v.image)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w %s", words[0], err, out)
	}
	return v, nil
}

// mount mounts a device that holds the file system, for a life.
func (v *volume) mount(path string, direct bool) error {
	v.lives++
	v.rng = rand.New(rand.NewPCG(v.seed, v.lives))
	device, err := attach(path, direct)
	if err != nil {
		return err
	}
	if err := syscall.Mount(device.Name(), v.root, v.fs, 0, ""); err != nil {
		device.Close()
		return fmt.Errorf("mounting %s as %s: %w", device.Name(), v.fs, err)
	}
	v.device = device
	return nil
}

// unmount also gives the device back. It does nothing when nothing is mounted.
func (v *volume) unmount() error {
	if v.device == nil {
		return nil
	}
	err := unmount(v.root)
	v.device.Close()
	v.device = nil
	return err
}

// unmount unmounts what nobody uses any more. It waits for what the kernel still has to put away behind a process that was killed.
func unmount(dir string) error {
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err = syscall.Unmount(dir, 0); !errors.Is(err, syscall.EBUSY) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("unmounting %s: %w", dir, err)
	}
	return nil
}

// writeBack has the kernel write some of what was not synced, as it may at any time and in any order: in every other life, of every other
// file that is appended to, a random half.
func (v *volume) writeBack() error {
	if v.rng.IntN(2) == 0 {
		return nil
	}
	logs, err := filepath.Glob(filepath.Join(v.root, "data", "topics", "*", "*.log"))
	if err != nil {
		panic("BUG: the pattern of the logs is bad: " + err.Error())
	}
	for _, path := range logs {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		for at := int64(0); err == nil && at < info.Size(); at += pieceBytes {
			if v.rng.IntN(2) == 0 {
				err = syscall.SyncFileRange(int(f.Fd()), at, pieceBytes, writeAndWait)
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("writing back %s: %w", path, err)
		}
	}
	return nil
}

const (
	pieceBytes   = 8 << 10
	writeAndWait = 2 | 4 // SYNC_FILE_RANGE_WRITE, SYNC_FILE_RANGE_WAIT_AFTER: no promise, and no flush
)

// shutdownDisk loses what the file system has not put on its device: the page cache, and what of its log was not written.
type shutdownDisk struct{ *volume }

func newShutdownDisk(fs, home string, seed uint64) (*shutdownDisk, error) {
	v, err := newVolume(fs, home, seed)
	if err != nil {
		return nil, err
	}
	d := &shutdownDisk{v}
	if err := d.mount(v.image, false); err != nil {
		return nil, err
	}
	if err := errors.Join(d.cut(), d.restore()); err != nil { // better now than in the midst of it
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *shutdownDisk) cut() error {
	if err := d.writeBack(); err != nil {
		return err
	}
	return shutDown(d.root)
}

func (d *shutdownDisk) restore() error {
	if err := d.unmount(); err != nil {
		return err
	}
	return d.mount(d.image, false)
}

func (d *shutdownDisk) close() error { return d.unmount() }
