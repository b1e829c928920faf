package segstore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"penstock/segstore/pack"
)

// packSample is a sample, and the record that it is.
type packSample struct {
	pack.Sample
	value []byte
}

func newSample(random *rand.Rand) *packSample {
	host, filler := random.IntN(300), ""
	if random.IntN(4) == 0 {
		filler = strings.Repeat("abcdefg", random.IntN(60))
	}
	head := fmt.Sprintf(`{"kind":"metric","metric":"cpu.%d%s","tags":{"host":"web-%d"},"points":[[`, host%7, filler, host)
	tail, key := `]],"wire":"graphite"}`, fmt.Sprintf("cpu.%d%s;host=web-%d", host%7, filler, host)
	return &packSample{Sample: pack.Sample{
		Series: new(pack.Series), Text: []byte(head + tail + key), Head: len(head), Tail: len(tail), Point: new(pack.Point),
	}}
}

func (s *packSample) at(ms int64, value string) {
	s.Time, s.Stamp, s.Value = ms, strconv.AppendInt(nil, ms, 10), []byte(value)
	s.value = fmt.Appendf(nil, "%s%d,%s%s", s.Text[:s.Head], ms, value, s.Text[s.Head:][:s.Tail])
}

// What is packed reads as if it had been appended: in a draft, taken back in part now and then, and in a batch.
func TestDraftPack(t *testing.T) {
	const seed = 20261128
	random := rand.New(rand.NewPCG(seed, 0))
	var drafts Drafts
	var all []*packSample
	for range 300 {
		all = append(all, newSample(random))
	}
	packed := 0
	for round := range 300 {
		want, _ := drafts.Begin(1 << 20)
		got, _ := drafts.Begin(1 + random.IntN(4<<10))
		ms, from := 1_700_000_000_000+random.Int64N(1e9), random.IntN(len(all))
		pack1 := func(i int) *packSample {
			x := all[i%len(all)]
			x.at(ms, strconv.Itoa(random.IntN(1<<random.IntN(20))))
			if !got.Pack(&x.Sample) && (!drafts.Grow(&got, PackRoom(&x.Sample)) || !got.Pack(&x.Sample)) {
				t.Fatalf("seed %d, round %d: a sample is not packed", seed, round)
			}
			return x
		}
		for i := range 1 + random.IntN(200) {
			if ms += random.Int64N(2) * random.Int64N(20_000); random.IntN(9) == 0 {
				from = random.IntN(len(all))
			}
			x := pack1(from + i)
			want.Append(nil, x.Key(), x.value, nil, ms)
			if random.IntN(9) == 0 {
				mark := got.Mark()
				for range random.IntN(4) {
					pack1(random.IntN(len(all)))
				}
				got.Back(&mark)
			}
		}
		if random.IntN(2) == 0 {
			got.Sum()
		}
		packed += len(got.bytes)
		sameRecords(t, got.Records(), want.Records(), want.Count())
		h := header{base: 7, epoch: 1, baseTime: got.baseTime, maxTime: got.maxTime, count: got.count}
		got.seal(&h)
		want.seal(&h)
		read, wrong := checkBatch(got.bytes)
		batch, plain := Batch{h: read, bytes: got.bytes}, Batch{h: h, bytes: want.bytes}
		if wrong != "" || !batch.Packed() || plain.Packed() || got.maxTime != want.maxTime {
			t.Fatalf("seed %d, round %d: %s; packed: %t", seed, round, wrong, batch.Packed())
		}
		sameRecords(t, batch.Records(), plain.Records(), want.Count())
		if whole := batch.Plain(); !bytes.Equal(whole[atCRC+4:], want.bytes[atCRC+4:]) || !bytes.Equal(whole[:atCRC], want.bytes[:atCRC]) || &plain.Plain()[0] != &want.bytes[0] {
			t.Fatalf("seed %d, round %d: without its frame a batch is %q, want %q", seed, round, whole, want.bytes)
		}
		drafts.End(&got)
		drafts.End(&want)
	}
}

func sameRecords(t *testing.T, got, want Records, count int) {
	t.Helper()
	for range count {
		a, _ := got.Next()
		if b, more := want.Next(); !more || a.Offset != b.Offset || a.Time != b.Time || !bytes.Equal(a.Key, b.Key) || !bytes.Equal(a.Value, b.Value) {
			t.Fatalf("record %d reads as %+v, want %+v", b.Offset, a, b)
		}
	}
	if _, more := got.Next(); more {
		t.Fatalf("there are more than %d", count)
	}
}

// What does not go into a frame is refused, and leaves the draft as it was.
func TestDraftPack_Refuses(t *testing.T) {
	var drafts Drafts
	d, _ := drafts.Begin(8 << 10)
	random := rand.New(rand.NewPCG(1, 1))
	x := newSample(random)
	d.Append(nil, []byte("k"), []byte("v"), nil, 1)
	if x.at(1, "1"); d.Pack(&x.Sample) {
		t.Error("a sample is packed behind a record that is not")
	}
	drafts.End(&d)

	d, _ = drafts.Begin(3 << 20)
	for _, value := range []string{"", strings.Repeat("9", 8<<10)} {
		if x.at(1, value); value == "" {
			x.Text, x.Head, x.Tail = []byte("[[]]key"), 2, 2
		}
		if d.Pack(&x.Sample) || d.Count() > 0 || d.packed || d.Size() != BatchOverhead {
			t.Errorf("a value of %d bytes is packed", len(value))
		}
		x = newSample(random)
	}
	for x.at(1, "1"); d.Pack(&x.Sample); {
	}
	n := 0
	for records := d.Records(); ; n++ {
		if r, more := records.Next(); !more {
			break
		} else if !bytes.Equal(r.Value, x.value) {
			t.Fatalf("record %d is %q", n, r.Value)
		}
	}
	if size := len(x.Key()) + len(x.value); n != d.Count() || n*size > pack.Most || (n+1)*(size+RecordOverhead) < pack.Most {
		t.Errorf("%d records are read of %d that were packed", n, d.Count())
	}
	if d.Lay([]byte("k"), 1, 1) != nil {
		t.Error("a record is laid behind a frame")
	}
}

// A frame that is none is a batch without records, as any batch is whose records are none.
func TestBatch_DamagedFrame(t *testing.T) {
	var drafts Drafts
	d, _ := drafts.Begin(8 << 10)
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		x := newSample(random)
		x.at(1, "1")
		d.Pack(&x.Sample)
	}
	d.finish()
	d.seal(&header{count: d.count})
	for at := BatchOverhead; at < len(d.bytes); at++ {
		bytes := bytes.Clone(d.bytes)
		bytes[at] ^= 0xff
		batch := Batch{h: readHeader(bytes), bytes: bytes}
		n := 0
		for records := batch.Records(); ; n++ {
			if _, more := records.Next(); !more {
				break
			}
		}
		if n > d.Count() || at < BatchOverhead+11 && n > 0 {
			t.Errorf("with byte %d other than it was, %d records are read", at, n)
		}
		batch.Plain()
	}
}
