package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// disk is a disk with a volatile write cache, as disks are sold. What is written stands in the cache, by sector, with all that was written
// to the sector since the last flush; a flush takes the newest of it to the image. A power cut finds the image with some of the cache.
type disk struct {
	mu    sync.Mutex
	image *os.File
	size  int64
	cache map[int64][][]byte // sector → its contents since the last flush, oldest first
	off   bool               // the power is cut

	badWrites, badReads []extent
	delay               time.Duration // of each write and flush
}

// extent is bytes [from, to) of a disk.
type extent struct{ from, to int64 }

func (e extent) meets(o extent) bool { return e.from < o.to && o.from < e.to }

func openDisk(path string) (*disk, error) {
	image, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := image.Stat()
	if err != nil {
		return nil, err
	}
	return &disk{image: image, size: info.Size() / sectorSize * sectorSize, cache: map[int64][][]byte{}}, nil
}

// read fills p from byte at on, and returns how much of it the disk has.
func (d *disk) read(p []byte, at int64) (int, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at < 0 {
		return 0, syscall.EINVAL
	}
	p = p[:max(0, min(int64(len(p)), d.size-at))]
	if d.off || touches(d.badReads, p, at) {
		return 0, syscall.EIO
	}
	if _, err := d.image.ReadAt(p, at); err != nil && !errors.Is(err, io.EOF) {
		return 0, syscall.EIO
	}
	for done := int64(0); done < int64(len(p)); {
		sector, within := (at+done)/sectorSize, (at+done)%sectorSize
		n := min(sectorSize-within, int64(len(p))-done)
		if written := d.cache[sector]; len(written) > 0 {
			copy(p[done:done+n], written[len(written)-1][within:])
		}
		done += n
	}
	return len(p), 0
}

// write takes whole sectors into the cache. A slow disk has them there before it says so.
func (d *disk) write(p []byte, at int64) syscall.Errno {
	defer d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case at < 0 || at%sectorSize != 0 || len(p)%sectorSize != 0:
		return syscall.EINVAL
	case at+int64(len(p)) > d.size:
		return syscall.ENOSPC
	case d.off || touches(d.badWrites, p, at):
		return syscall.EIO
	}
	p = slices.Clone(p)
	for sector := at / sectorSize; len(p) > 0; sector++ {
		d.cache[sector] = append(d.cache[sector], p[:sectorSize:sectorSize])
		p = p[sectorSize:]
	}
	return 0
}

func touches(bad []extent, p []byte, at int64) bool {
	return slices.ContainsFunc(bad, extent{at, at + int64(len(p))}.meets)
}

func (d *disk) wait() {
	d.mu.Lock()
	delay := d.delay
	d.mu.Unlock()
	time.Sleep(delay)
}

// flush takes the cache to the image. A slow disk does so late.
func (d *disk) flush() syscall.Errno {
	d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return syscall.EIO
	}
	for sector, written := range d.cache {
		if _, err := d.image.WriteAt(written[len(written)-1], sector*sectorSize); err != nil {
			return syscall.EIO
		}
	}
	clear(d.cache)
	return 0
}

// cut ends the power. Of the sectors in the cache, a random half has reached the image, each as one of the writes to it left it; none when
// there is no seed. From now on every request fails.
func (d *disk) cut(seed uint64, seeded bool) (kept, of int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return 0, 0, errors.New("the power is cut already")
	}
	d.off, of = true, len(d.cache)
	if !seeded {
		return 0, of, nil
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for _, sector := range slices.Sorted(maps.Keys(d.cache)) {
		written := d.cache[sector]
		which := random.IntN(2 * len(written))
		if which >= len(written) {
			continue
		}
		if _, err := d.image.WriteAt(written[which], sector*sectorSize); err != nil {
			return kept, of, fmt.Errorf("the image: %w", err)
		}
		kept++
	}
	return kept, of, nil
}

// fail has requests to some bytes fail: writes, or else reads.
func (d *disk) fail(writes bool, bytes extent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if writes {
		d.badWrites = append(d.badWrites, bytes)
	} else {
		d.badReads = append(d.badReads, bytes)
	}
}

// clear ends what fail and slow began.
func (d *disk) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.badWrites, d.badReads, d.delay = nil, nil, 0
}

func (d *disk) slow(delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = delay
}
