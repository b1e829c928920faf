package fuzz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"

	"penstock/segstore"
)

// logDir is where the targets' logs are, segmentPath the file that they put their bytes in.
const (
	logDir      = "/clicks-0"
	segmentPath = logDir + "/00000000000000000000.log"
)

// FuzzSegment opens a log whose only segment is the fuzzer's. With a later segment behind it what is wrong is a hole in the log,
// without one it is a torn tail.
func FuzzSegment(f *testing.F) {
	for _, seed := range segmentSeeds(f) {
		f.Add(seed, uint16(0))
		f.Add(seed, uint16(12))
	}
	f.Fuzz(func(t *testing.T, content []byte, later uint16) {
		if len(content) > 1<<20 {
			t.Skip()
		}
		if err := checkSegment(content, int64(later)); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRecords makes a sound batch, with a right CRC, of the fuzzer's bytes: behind the CRC stands whatever a writer with a bug, or
// somebody else's, has put there.
func FuzzRecords(f *testing.F) {
	for _, seed := range segmentSeeds(f) {
		if len(seed) > 200 {
			f.Add(seed[61:200], int32(3), int64(5))
		}
	}
	f.Add([]byte{0x10, 0, 0, 0, 1, 2, 'x', 0, 0}, int32(1), int64(-1))
	f.Fuzz(func(t *testing.T, records []byte, count int32, baseTime int64) {
		if len(records) > 1<<16 {
			t.Skip()
		}
		if err := checkSegment(batchOf(records, count, baseTime), 0); err != nil {
			t.Fatal(err)
		}
	})
}

// batchOf lays a Kafka batch around bytes that are its records, or claim to be.
func batchOf(records []byte, count int32, baseTime int64) []byte {
	be := binary.BigEndian
	b := make([]byte, segstore.BatchOverhead, segstore.BatchOverhead+len(records))
	b = append(b, records...)
	be.PutUint32(b[8:], uint32(len(b)-12))
	b[16] = 2
	be.PutUint32(b[23:], uint32(count-1))
	be.PutUint64(b[27:], uint64(baseTime))
	be.PutUint64(b[35:], uint64(baseTime))
	be.PutUint32(b[57:], uint32(count))
	be.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// segmentSeeds are whole segments, and the usual ways to spoil one.
func segmentSeeds(t testing.TB) [][]byte {
	d := heapDisk{}
	l, err := segstore.Open(logDir, segstore.Options{SegmentBytes: segstore.SegmentBytesMin, Disk: d})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if err := l.Reserve(3 * (100 + segstore.RecordOverhead)); err != nil {
			t.Fatal(err)
		}
		for j := range 3 {
			l.Append([]byte("key"), bytes.Repeat([]byte{byte(i)}, 30*j), int64(i*j))
		}
		l.Commit()
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	whole := d[segmentPath].data
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 4
	return [][]byte{nil, whole, whole[:len(whole)-7], flipped, append(bytes.Clone(whole), make([]byte, 5000)...),
		append(bytes.Clone(whole), whole...), whole[61:], bytes.Repeat(whole, 3)}
}

// checkSegment holds recovery to what it owes any bytes at all: the log opens, what can be read is in order, it takes records and
// gives them back, and the next start finds nothing new. With later > 0 an empty segment of that base stands behind.
func checkSegment(content []byte, later int64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	d := heapDisk{segmentPath: {data: bytes.Clone(content)}}
	if later > 0 {
		d[fmt.Sprintf("%s/%020d.log", logDir, later)] = &heapFile{data: make([]byte, 8192)}
	}
	first, err := openAndRead(d, nil)
	if err != nil {
		return fmt.Errorf("at first: %w", err)
	}
	second, err := openAndRead(d, func(f segstore.Finding) error {
		if f.Kind != segstore.KnownGap {
			return fmt.Errorf("found %v", f)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("at the second start: %w", err)
	}
	if second != first+1 {
		return fmt.Errorf("the first start read %d records and added one, the second read %d", first, second)
	}
	return nil
}

// openAndRead opens the log, reads all of it and appends a record. It returns how many records it read.
func openAndRead(d heapDisk, judge func(segstore.Finding) error) (read int, err error) {
	var found error
	l, err := segstore.Open(logDir, segstore.Options{SegmentBytes: segstore.SegmentBytesMin, Disk: d, Report: func(f segstore.Finding) {
		if judge != nil {
			found = errors.Join(found, judge(f))
		}
	}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if found != nil {
		return 0, found
	}
	if read, err = readAll(l); err != nil {
		return read, err
	}
	if err := l.Reserve(100); err != nil {
		return read, err
	}
	offset := l.Append(nil, []byte("new"), 1)
	l.Commit()
	if offset+1 != l.Next() {
		return read, fmt.Errorf("offset %d, and the log ends at %d", offset, l.Next())
	}
	return read, l.Sync()
}

// readAll reads the log's batches, which must rise.
func readAll(l *segstore.Log) (records int, err error) {
	c := l.Cursor(l.First())
	defer c.Close()
	next := l.First()
	for {
		b, err := c.Next()
		var corrupt *segstore.CorruptError
		switch {
		case errors.Is(err, segstore.ErrTail):
			return records, nil
		case errors.As(err, &corrupt) && corrupt.Next > next && corrupt.Next <= l.Next():
			next = corrupt.Next
			continue
		case err != nil:
			return records, err
		}
		if b.Base() < next || b.Last() < b.Base() || b.Last() >= l.Next() {
			return records, fmt.Errorf("the batch %d to %d where %d is due, the log ends at %d", b.Base(), b.Last(), next, l.Next())
		}
		next = b.Last() + 1
		for all := b.Records(); ; records++ {
			if _, ok := all.Next(); !ok {
				break
			}
		}
	}
}

// A finding that is news at the second start must be told from one that is not, or the check above proves nothing.
func TestSegmentCanary(t *testing.T) {
	seeds := segmentSeeds(t)
	if err := checkSegment(seeds[1], 0); err != nil {
		t.Fatal(err)
	}
	news := func(f segstore.Finding) error { return errors.New(f.String()) }
	if _, err := openAndRead(heapDisk{segmentPath: {data: seeds[3]}}, news); err == nil {
		t.Fatal("a flipped bit in a segment was no finding")
	}
}
