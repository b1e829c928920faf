package segstore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"path/filepath"

	"penstock/segstore/disk"
)

// checkpoint is a small file beside the segments that says how far the log was synced and in which epoch it was last opened.
//
// It is a lower bound and never more than a hint: it is written after each sync but not synced itself. Recovery uses it for two
// things only: it need not read segments below it, and damage below it is rot in records once reported safe, not a torn tail.
// Without it all segments are read and every byte that is no batch is judged by what stands behind it.
//
//	 0  magic    "PNSC"
//	 4  version  uint32  1
//	 8  synced   int64   everything below this offset is on disk
//	16  epoch    int64   the writer's start, counted from 1
//	24  crc      uint32  CRC-32C of the 24 bytes before; magic, version and crc stand there in every version
//	28  begun    int64   retention time, ms, when the last segment was begun, or one before it; 0 unknown
//	36  newest   int64   retention time, ms, that no record below synced came after
//	44  crc      uint32  CRC-32C of the 44 bytes before
//
// The last three are for the ages of segments that were not finished when a run ended. A file that ends before them is as good.
type checkpoint struct {
	file disk.File
	buf  [checkpointSize]byte
}

const (
	checkpointName    = "checkpoint"
	checkpointLeast   = 28 // bytes without ages
	checkpointSize    = 48
	checkpointVersion = 1
)

// mark is what a checkpoint says of a log.
type mark struct {
	synced, epoch int64
	begun, newest int64 // 0: unknown
}

var checkpointMagic = [4]byte{'P', 'N', 'S', 'C'}

// readCheckpoint reads a shard's checkpoint; ok false when there is none that can be believed.
func readCheckpoint(d disk.Disk, dir string) (m mark, ok bool, err error) {
	path := filepath.Join(dir, checkpointName)
	content, err := readFile(d, path)
	if err != nil || len(content) < checkpointLeast || [4]byte(content) != checkpointMagic {
		return mark{}, false, nil
	}
	be := binary.BigEndian
	if be.Uint32(content[24:]) != crc32.Checksum(content[:24], castagnoli) {
		return mark{}, false, nil // before the version: a bit flipped in that must not keep a log from opening
	}
	if v := be.Uint32(content[4:]); v > checkpointVersion {
		return mark{}, false, &NewerError{Path: path, Version: int(v)}
	}
	m.synced, m.epoch = int64(be.Uint64(content[8:])), int64(be.Uint64(content[16:]))
	if m.synced < 0 || m.synced > offsetMax || m.epoch < 0 || m.epoch > math.MaxInt32-1 {
		return mark{}, false, nil
	}
	if len(content) >= checkpointSize && be.Uint32(content[44:]) == crc32.Checksum(content[:44], castagnoli) {
		m.begun, m.newest = int64(be.Uint64(content[28:])), int64(be.Uint64(content[36:]))
	}
	return m, true, nil
}

// mark is what there is to note when everything below synced is on disk. The time is asked after that is known, so none of it came later.
func (l *Log) mark(synced int64) mark {
	m := mark{synced: synced, epoch: int64(l.epoch), newest: l.o.Now()}
	if list := l.list(); len(list) > 0 {
		m.begun = list[len(list)-1].created
	}
	return m
}

// offsetMax is above every offset there will ever be, and leaves room to count on.
const offsetMax = 1 << 62

// open makes the file if need be and puts the epoch on disk.
func (c *checkpoint) open(d disk.Disk, dir string, m mark) error {
	path := filepath.Join(dir, checkpointName)
	f, err := d.Open(path)
	if err != nil {
		if f, err = d.Create(path, checkpointSize); err != nil {
			return err
		}
	}
	c.encode(m)
	_, err = f.WriteAt(c.buf[:], 0)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	c.file = f
	return nil
}

// retry opens the file if that failed before, for want of space as a rule: the log does without it meanwhile.
func (c *checkpoint) retry(d disk.Disk, dir string, m mark) {
	if c.file == nil {
		_ = c.open(d, dir, m)
	}
}

func (c *checkpoint) encode(m mark) {
	be := binary.BigEndian
	copy(c.buf[:], checkpointMagic[:])
	be.PutUint32(c.buf[4:], checkpointVersion)
	be.PutUint64(c.buf[8:], uint64(m.synced))
	be.PutUint64(c.buf[16:], uint64(m.epoch))
	be.PutUint32(c.buf[24:], crc32.Checksum(c.buf[:24], castagnoli))
	be.PutUint64(c.buf[28:], uint64(m.begun))
	be.PutUint64(c.buf[36:], uint64(m.newest))
	be.PutUint32(c.buf[44:], crc32.Checksum(c.buf[:44], castagnoli))
}

// note writes how far the log is synced. A write that fails leaves an older bound, which is as true.
func (c *checkpoint) note(m mark) {
	if c.file == nil {
		return
	}
	c.encode(m)
	_, _ = c.file.WriteAt(c.buf[:], 0)
}

func (c *checkpoint) close() error {
	if c.file == nil {
		return nil
	}
	return errors.Join(c.file.Sync(), c.file.Close())
}
