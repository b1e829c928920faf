package segstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// written is a record as it was appended.
type written struct {
	key, value []byte
	ms         int64
}

// manyKinds writes records of many shapes to several segments and returns them in order of offset, and the segments' files.
func manyKinds(t *testing.T) (records []written, files []string) {
	dir := filepath.Join(t.TempDir(), "clicks-0")
	l, err := Open(dir, Options{SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	shapes := []written{
		{nil, []byte("a null key"), 1700000000000},
		{[]byte{}, []byte("an empty key"), 1700000000001},
		{[]byte("an empty value"), []byte{}, 1700000000002},
		{[]byte("a null value"), nil, 1700000000002},
		{nil, nil, 1700000000002},
		{[]byte("before 1970"), []byte("old"), -86400000},
		{[]byte("far apart"), []byte("new"), 253402300799999},
		{[]byte("earliest"), []byte("x"), math.MinInt64 / 2},
		{[]byte("latest"), []byte("x"), math.MaxInt64 / 2},
		{[]byte("schlüssel 鍵 🔑"), []byte("wert 値 💾 \x00\xff"), 1700000000003},
		{bytes.Repeat([]byte("k"), 3000), bytes.Repeat([]byte("v"), 70000), 1700000000004},
		{[]byte("a MiB"), bytes.Repeat([]byte{0xa5}, 1<<20), 1700000000005},
	}
	add := func(batch []written) {
		var size int64
		for _, r := range batch {
			size += int64(len(r.key)+len(r.value)) + RecordOverhead
		}
		if err := l.Reserve(size); err != nil {
			t.Fatal(err)
		}
		for _, r := range batch {
			if offset := l.Append(r.key, r.value, r.ms); offset != int64(len(records)) {
				t.Fatalf("offset %d, want %d", offset, len(records))
			}
			records = append(records, r)
		}
		l.Commit()
	}
	for _, r := range shapes {
		add([]written{r})
	}
	add(shapes[:10])
	for i := range 300 {
		var batch []written
		for j := range 1 + i%70 {
			batch = append(batch, written{fmt.Appendf(nil, "key %d", j), value(int64(i * j)), int64(i) * 977 * int64(1-j%3)})
		}
		add(batch)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err = filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d segments, %v", len(files), err)
	}
	sort.Strings(files)
	return records, files
}

// Every field of every batch, as franz-go's own description of Kafka's format reads it.
func TestSegmentsAreKafkas(t *testing.T) {
	records, files := manyKinds(t)
	offset := int64(0)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%020d.log", offset); filepath.Base(file) != want {
			t.Fatalf("the file is %s, its first offset %s", file, want)
		}
		for len(content) > 0 {
			size := 12 + int(binary.BigEndian.Uint32(content[8:]))
			var batch kmsg.RecordBatch
			if err := batch.ReadFrom(content[:size]); err != nil {
				t.Fatalf("offset %d: %v", offset, err)
			}
			if got := crc32.Checksum(content[21:size], crc32.MakeTable(crc32.Castagnoli)); got != uint32(batch.CRC) {
				t.Fatalf("offset %d: CRC %x, want %x", offset, uint32(batch.CRC), got)
			}
			if batch.FirstOffset != offset || batch.Magic != 2 || batch.Attributes != 0 || batch.ProducerID != -1 ||
				batch.ProducerEpoch != -1 || batch.FirstSequence != bind(content) || batch.LastOffsetDelta != batch.NumRecords-1 ||
				batch.PartitionLeaderEpoch != 1 {
				t.Fatalf("offset %d: %+v", offset, batch)
			}
			content = content[size:]
			latest := int64(math.MinInt64)
			raw := batch.Records
			for range batch.NumRecords {
				var r kmsg.Record
				length, n := kbin.Varint(raw)
				if err := r.ReadFrom(raw[:n+int(length)]); err != nil {
					t.Fatalf("offset %d: %v", offset, err)
				}
				raw = raw[n+int(length):]
				want := records[offset]
				ms := batch.FirstTimestamp + r.TimestampDelta64
				if int64(r.OffsetDelta) != offset-batch.FirstOffset || ms != want.ms || !bytes.Equal(r.Key, want.key) ||
					(r.Key == nil) != (want.key == nil) || !bytes.Equal(r.Value, want.value) || (r.Value == nil) != (want.value == nil) || len(r.Headers) != 0 || r.Attributes != 0 {
					t.Fatalf("offset %d: %d %q %.50q, want %d %q %.50q", offset, ms, r.Key, r.Value, want.ms, want.key, want.value)
				}
				latest = max(latest, ms)
				offset++
			}
			if len(raw) != 0 || batch.MaxTimestamp != latest {
				t.Fatalf("offset %d: %d bytes behind the records, greatest time %d, want %d", offset, len(raw), batch.MaxTimestamp, latest)
			}
		}
	}
	if offset != int64(len(records)) {
		t.Fatalf("%d records of %d", offset, len(records))
	}
}

// And our own reader agrees with it, on the real disk, with an index looked up by time and by offset.
func TestReaderAgrees(t *testing.T) {
	records, files := manyKinds(t)
	l, err := Open(filepath.Dir(files[0]), Options{SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for offset := int64(0); offset < l.Next(); offset += 97 {
		c := l.Cursor(offset)
		b, err := c.Next()
		if err != nil || b.Base() > offset || b.Last() < offset {
			t.Fatalf("offset %d: %d to %d, %v", offset, b.Base(), b.Last(), err)
		}
		for all := b.Records(); ; {
			r, ok := all.Next()
			if !ok {
				break
			}
			want := records[r.Offset]
			if r.Time != want.ms || !bytes.Equal(r.Value, want.value) || !bytes.Equal(r.Key, want.key) || (r.Key == nil) != (want.key == nil) {
				t.Fatalf("offset %d: %d %q %.50q", r.Offset, r.Time, r.Key, r.Value)
			}
		}
		c.Close()
	}
	for _, ms := range []int64{math.MinInt64, -1e15, -5, 0, 5, 977 * 100, 1700000000000, 1700000000005, 1e15, math.MaxInt64} {
		want := l.Next()
		for i, r := range records {
			if r.ms >= ms {
				want = int64(i)
				break
			}
		}
		if got, err := l.OffsetAt(ms); err != nil || got != want {
			t.Errorf("time %d is at %d, %v, want %d", ms, got, err, want)
		}
	}
}
