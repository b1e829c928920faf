package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// made is a batch as a producer makes it.
type made struct {
	codec    int
	producer int64
	epoch    int16
	sequence int32
	records  [][]byte // laid out
}

// simple are records with these values, and the key k.
func simple(values ...string) (all [][]byte) {
	for i, value := range values {
		all = append(all, recordOf(int64(i), []byte("k"), []byte(value)))
	}
	return all
}

// recordOf lays out a record, headers key and value in turn. nil is null.
func recordOf(place int64, key, value []byte, headers ...[]byte) []byte {
	body := []byte{0}
	body = binary.AppendVarint(body, 5)
	body = binary.AppendVarint(body, place)
	body = nullable(nullable(body, key), value)
	body = binary.AppendVarint(body, int64(len(headers)/2))
	for _, part := range headers {
		body = nullable(body, part)
	}
	return append(binary.AppendVarint(nil, int64(len(body))), body...)
}

func nullable(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

func (m made) bytes(t testing.TB) []byte {
	b := make([]byte, batchHead)
	be := binary.BigEndian
	b[16] = 2
	be.PutUint16(b[21:], uint16(m.codec))
	be.PutUint32(b[23:], uint32(len(m.records)-1))
	be.PutUint64(b[27:], 1_600_000_000_000)
	be.PutUint64(b[35:], 1_600_000_000_005)
	be.PutUint64(b[43:], uint64(m.producer))
	be.PutUint16(b[51:], uint16(m.epoch))
	be.PutUint32(b[53:], uint32(m.sequence))
	be.PutUint32(b[57:], uint32(len(m.records)))
	return sealed(append(b, deflated(t, m.codec, slices.Concat(m.records...))...))
}

// sealed puts a batch's length and CRC right.
func sealed(b []byte) []byte {
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-batchBefore))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func deflated(t testing.TB, codec int, src []byte) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch codec {
	case codecGzip:
		w = gzip.NewWriter(&out)
	case codecSnappy:
		return s2.EncodeSnappy(nil, src)
	case codecLZ4:
		w = lz4.NewWriter(&out)
	case codecZstd:
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		return src
	}
	if _, err := w.Write(src); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// produceOf asks to store batches: one for each partition of a topic, from 0 on.
func produceOf(version int16, acks int16, topic string, batches ...[]byte) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.SetVersion(version)
	r.Acks = acks
	one := kmsg.NewProduceRequestTopic()
	one.Topic = topic
	for i, b := range batches {
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = int32(i), b
		one.Partitions = append(one.Partitions, p)
	}
	r.Topics = append(r.Topics, one)
	return r
}

// told is what the answer says of a request's partitions.
func (w *wired) told(r *kmsg.ProduceRequest) []kmsg.ProduceResponseTopicPartition {
	w.Helper()
	return w.ask(r).(*kmsg.ProduceResponse).Topics[0].Partitions
}

// create makes a topic.
func (d *door) create(topic string) {
	d.Helper()
	if err := d.set.CreateTopic(topic, 0); err != nil {
		d.Fatal(err)
	}
}

// values are all values of a partition, in order, with the headers behind them.
func (d *door) values(topic string, partition int) (all []string) {
	d.Helper()
	of, _ := d.set.Topic(topic)
	cursor := of.Logs()[partition].Cursor(0)
	defer cursor.Close()
	for {
		batch, err := cursor.Next()
		if errors.Is(err, segstore.ErrTail) {
			return all
		}
		if err != nil {
			d.Fatal(err)
		}
		records := batch.Records()
		for r, ok := records.Next(); ok; r, ok = records.Next() {
			text := string(r.Value)
			if r.Value == nil {
				text = "null"
			}
			for key, value := range r.Headers.All() {
				if string(key) != segstore.IDHeader {
					text += fmt.Sprintf(" %s=%s", key, value)
				}
			}
			all = append(all, text)
		}
	}
}

// balanced checks the account's sums.
func (d *door) balanced(stored, duplicate, rejected uint64) {
	d.Helper()
	p := d.server.Stats().Produced
	if p.Stored != stored || p.Duplicate != duplicate || p.Rejected != rejected || p.InFlight != 0 || p.Received != stored+duplicate+rejected {
		d.Errorf("the account is %+v; due are %d stored, %d duplicate, %d rejected", p, stored, duplicate, rejected)
	}
}

// Every version stores, in the partition that the producer chose, whatever the compression and the acknowledgement.
func TestProduce(t *testing.T) {
	d := open(t, 2, nil)
	d.create("t")
	w := d.dial()
	var want []string
	for version := int16(3); version <= 9; version++ {
		for codec := codecNone; codec <= codecZstd; codec++ {
			for _, acks := range []int16{acksLeader, acksAll} {
				value := fmt.Sprint(version, "-", codec, "-", acks)
				got := w.told(produceOf(version, acks, "t", made{codec: codec, producer: -1, records: simple(value, value)}.bytes(t)))[0]
				if got.ErrorCode != 0 || got.BaseOffset != int64(len(want)) || got.LogAppendTime != -1 || version >= 5 && got.LogStartOffset != 0 {
					t.Fatalf("version %d, codec %d, acks %d: %+v", version, codec, acks, got)
				}
				want = append(want, value, value)
			}
		}
	}
	// Without an answer: the next request's is the first that comes.
	w.send(frameOf(produceOf(7, acksNone, "t", made{producer: -1, records: simple("unanswered")}.bytes(t)), 6))
	if got := w.told(produceOf(7, acksAll, "t", made{producer: -1, records: simple("last")}.bytes(t)))[0]; got.ErrorCode != 0 || got.BaseOffset != int64(len(want))+1 {
		t.Errorf("behind a request without an answer: %+v", got)
	}
	want = append(want, "unanswered", "last")
	if got := d.values("t", 0); !slices.Equal(got, want) {
		t.Errorf("partition 0 has %q", got)
	}
	if got := d.values("t", 1); len(got) > 0 {
		t.Errorf("partition 1 has %q", got)
	}
	d.balanced(uint64(len(want)), 0, 0)
}

// Null values, null keys and headers are kept as they came; an ID that another appliance gave is not.
func TestProduceKeepsAll(t *testing.T) {
	d := open(t, 1, nil)
	d.create("t")
	foreign := []byte("twelve bytes")
	batch := made{producer: 7, records: [][]byte{
		recordOf(0, nil, nil),
		recordOf(1, []byte{}, []byte{}),
		recordOf(2, nil, []byte("h"), []byte("a"), []byte("1"), []byte("a"), nil, []byte{}, []byte{}),
		recordOf(3, nil, []byte("only"), []byte(segstore.IDHeader), foreign),
		recordOf(4, nil, []byte("among"), []byte("x"), []byte("1"), []byte(segstore.IDHeader), foreign, []byte("y"), []byte("2")),
	}}.bytes(t)
	if got := d.dial().told(produceOf(9, acksAll, "t", batch))[0]; got.ErrorCode != 0 {
		t.Fatalf("%+v", got)
	}
	if got, want := d.values("t", 0), []string{"null", "", "h a=1 a= =", "only", "among x=1 y=2"}; !slices.Equal(got, want) {
		t.Errorf("kept are %q", got)
	}
}

// A batch that is not what it should be is refused for its reason, nothing of it is stored, and the other partition's batch is.
func TestProduceRefuses(t *testing.T) {
	d := open(t, 2, nil)
	d.create("t")
	good := made{producer: -1, records: simple("good")}
	bad := func(records ...[]byte) []byte { return made{producer: -1, records: records}.bytes(t) }
	change := func(f func(b []byte) []byte) []byte { return f(good.bytes(t)) }
	fixed := func(at int, value ...byte) []byte {
		return change(func(b []byte) []byte { copy(b[at:], value); return sealed(b) })
	}
	body := func(parts ...[]byte) []byte {
		b := slices.Concat(parts...)
		return append(binary.AppendVarint(nil, int64(len(b))), b...)
	}
	long := []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x00} // a zero in six bytes
	packed := func(codec int, raw []byte) []byte {
		b := good.bytes(t)[:batchHead]
		b[22] = byte(codec)
		return sealed(append(b, raw...))
	}
	bomb := bytes.Repeat([]byte{0}, batchMost+1)
	for _, c := range []struct {
		name  string
		batch []byte
		code  *kerr.Error
	}{
		{"nothing", nil, kerr.InvalidRecord},
		{"a few bytes", make([]byte, 12), kerr.InvalidRecord},
		{"magic 0", change(func(b []byte) []byte { b[16] = 0; return b }), kerr.UnsupportedForMessageFormat},
		{"magic 1", change(func(b []byte) []byte { b[16] = 1; return b }), kerr.UnsupportedForMessageFormat},
		{"magic 3", fixed(16, 3), kerr.CorruptMessage},
		{"half a head", good.bytes(t)[:40], kerr.CorruptMessage},
		{"cut off", change(func(b []byte) []byte { return b[:len(b)-1] }), kerr.CorruptMessage},
		{"a negative length", change(func(b []byte) []byte { b[8] = 0x80; return b }), kerr.CorruptMessage},
		{"a huge length", change(func(b []byte) []byte { b[8] = 0x7f; return b }), kerr.CorruptMessage},
		{"two batches", append(good.bytes(t), good.bytes(t)...), kerr.InvalidRecord},
		{"a flipped bit of a record", change(func(b []byte) []byte { b[len(b)-2] ^= 1; return b }), kerr.CorruptMessage},
		{"a flipped bit of the CRC", change(func(b []byte) []byte { b[17] ^= 1; return b }), kerr.CorruptMessage},
		{"a control batch", fixed(22, controlBit), kerr.InvalidRecord},
		{"a transaction's", fixed(22, transactionalBit), kerr.InvalidTxnState},
		{"the time of appending", fixed(22, appendTimeBit), kerr.InvalidTimestamp},
		{"a codec that is none", fixed(22, 5), kerr.UnsupportedCompressionType},
		{"no records", fixed(57, 0, 0, 0, 0), kerr.InvalidRecord},
		{"a negative count", fixed(57, 0x80, 0, 0, 0), kerr.InvalidRecord},
		{"a count without its records", change(func(b []byte) []byte { b[26], b[60] = 1, 2; return sealed(b) }), kerr.InvalidRecord},
		{"a record more than its count", append([]byte(nil), sealed(append(good.bytes(t), simple("more")[0]...))...), kerr.InvalidRecord},
		{"a count of very many", change(func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[23:], recordsMost)
			binary.BigEndian.PutUint32(b[57:], recordsMost+1)
			return sealed(b)
		}), kerr.MessageTooLarge},
		{"a last delta of another count", fixed(23, 0, 0, 0, 7), kerr.InvalidRecord},
		{"a producer without a sequence", made{producer: 5, sequence: -1, records: simple("x")}.bytes(t), kerr.InvalidRecord},
		{"a producer without an epoch", made{producer: 5, epoch: -1, records: simple("x")}.bytes(t), kerr.InvalidRecord},
		{"a record at another place", bad(recordOf(1, nil, []byte("v"))), kerr.InvalidRecord},
		{"an empty record", bad([]byte{0, 0, 0, 0, 0, 0, 0, 0}), kerr.InvalidRecord},
		{"a negative record", bad([]byte{1, 0, 0, 0, 0, 0, 0, 0}), kerr.InvalidRecord},
		{"a record longer than the batch", bad([]byte{100, 0, 0, 0, 1, 1, 0}), kerr.InvalidRecord},
		{"a key of -2", bad(body([]byte{0, 0, 0, 3, 1, 0}, make([]byte, 4))), kerr.InvalidRecord},
		{"a key longer than the record", bad(body([]byte{0, 0, 0, 100, 1, 0})), kerr.InvalidRecord},
		{"a value longer than the record", bad(body([]byte{0, 0, 0, 1, 100, 0})), kerr.InvalidRecord},
		{"a length in six bytes", bad(body([]byte{0, 0, 0}, long, []byte{1, 0})), kerr.InvalidRecord},
		{"a number that does not end", bad(body([]byte{0, 0, 0}, bytes.Repeat([]byte{0xff}, 11))), kerr.InvalidRecord},
		{"-1 headers", bad(body([]byte{0, 0, 0, 1, 1, 1})), kerr.InvalidRecord},
		{"headers that are not there", bad(body([]byte{0, 0, 0, 1, 1, 100})), kerr.InvalidRecord},
		{"a header without a key", bad(body([]byte{0, 0, 0, 1, 1, 2, 1, 1})), kerr.InvalidRecord},
		{"a header's value of -2", bad(body([]byte{0, 0, 0, 1, 1, 2, 0, 3})), kerr.InvalidRecord},
		{"a number of headers in six bytes", bad(body([]byte{0, 0, 0, 1, 1}, long)), kerr.InvalidRecord},
		{"bytes behind the headers", bad(body([]byte{0, 0, 0, 1, 1, 0, 9})), kerr.InvalidRecord},
		{"gzip that is none", packed(codecGzip, []byte("no gzip")), kerr.CorruptMessage},
		{"gzip cut off", packed(codecGzip, deflated(t, codecGzip, simple("x")[0])[:20]), kerr.CorruptMessage},
		{"snappy that is none", packed(codecSnappy, []byte{0xff, 0xff}), kerr.CorruptMessage},
		{"Java's snappy cut off", packed(codecSnappy, append(slices.Clone(xerial), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 99)), kerr.CorruptMessage},
		{"Java's snappy without its versions", packed(codecSnappy, xerial), kerr.CorruptMessage},
		{"lz4 that is none", packed(codecLZ4, []byte("no lz4 at all")), kerr.CorruptMessage},
		{"zstd that is none", packed(codecZstd, []byte("no zstd at all")), kerr.CorruptMessage},
		{"a gzip bomb", packed(codecGzip, deflated(t, codecGzip, bomb)), kerr.MessageTooLarge},
		{"a snappy bomb", packed(codecSnappy, binary.AppendUvarint(nil, math.MaxUint32)), kerr.MessageTooLarge},
		{"an lz4 bomb", packed(codecLZ4, deflated(t, codecLZ4, bomb)), kerr.MessageTooLarge},
		{"a zstd bomb", packed(codecZstd, deflated(t, codecZstd, bomb)), kerr.MessageTooLarge},
		{"a record larger than a ring's frame", bad(recordOf(0, nil, make([]byte, 5<<20))), kerr.MessageTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := d.server.Stats().Produced
			got := d.dial().told(produceOf(9, acksAll, "t", c.batch, good.bytes(t)))
			if got[0].ErrorCode != c.code.Code || got[0].BaseOffset != -1 || got[0].ErrorMessage == nil {
				t.Errorf("it is told %v, %+v", kerr.TypedErrorForCode(got[0].ErrorCode), got[0])
			}
			if got[1].ErrorCode != 0 {
				t.Errorf("the other partition is told %v", kerr.TypedErrorForCode(got[1].ErrorCode))
			}
			after := d.server.Stats().Produced
			if after.Stored != before.Stored+1 || after.RejectedBy[c.code.Message] <= before.RejectedBy[c.code.Message] {
				t.Errorf("counted were %+v and %+v", before, after)
			}
		})
	}
	if got := d.values("t", 0); len(got) > 0 {
		t.Errorf("%d of what was refused are stored", len(got))
	}
	if bugs := d.server.Stats().Bugs; bugs > 0 {
		t.Errorf("%d bugs", bugs)
	}
}

// What a request asks for that is not offered is said so for each partition; a producer that wants no answer is told by the end of the connection.
func TestProduceNotOffered(t *testing.T) {
	d := open(t, 1, nil)
	d.create("t")
	w := d.dial()
	good := made{producer: -1, records: simple("x")}.bytes(t)
	transactional := produceOf(9, acksAll, "t", good)
	id := "payments"
	transactional.TransactionID = &id
	for _, c := range []struct {
		name string
		r    *kmsg.ProduceRequest
		code *kerr.Error
	}{
		{"acks of 2", produceOf(9, 2, "t", good), kerr.InvalidRequiredAcks},
		{"a transaction", transactional, kerr.TransactionalIDAuthorizationFailed},
		{"a topic that is not there", produceOf(9, acksAll, "nobody", good), kerr.UnknownTopicOrPartition},
		{"a partition that is not there", produceOf(9, acksAll, "t", good, good), kerr.UnknownTopicOrPartition},
	} {
		got := w.told(c.r)
		if last := got[len(got)-1]; last.ErrorCode != c.code.Code {
			t.Errorf("%s: %v", c.name, kerr.TypedErrorForCode(last.ErrorCode))
		}
	}
	if _, made := d.set.Topic("nobody"); made {
		t.Error("a topic was made")
	}
	w.send(frameOf(produceOf(9, acksNone, "nobody", good), 7))
	if _, err := w.frame(); !errors.Is(err, io.EOF) {
		t.Errorf("who wants no answer is told %v", err)
	}
	d.balanced(1, 0, 5)
}

// A topic of the appliance's own is nobody's to write to.
func TestProduceInternal(t *testing.T) {
	d := open(t, 1, nil)
	d.create("_rejected")
	got := d.dial().told(produceOf(9, acksAll, "_rejected", made{producer: -1, records: simple("x")}.bytes(t)))[0]
	if got.ErrorCode != kerr.TopicAuthorizationFailed.Code || len(d.values("_rejected", 0)) > 0 {
		t.Errorf("%+v", got)
	}
}

// Snappy comes as one block, or in the frames of Java's library.
func TestInflateSnappyOfJava(t *testing.T) {
	var f inflater
	src := append(slices.Clone(xerial), 0, 0, 0, 1, 0, 0, 0, 1)
	want := ""
	for i := range 3 {
		part := strings.Repeat(fmt.Sprint(i), 1000)
		block := s2.EncodeSnappy(nil, []byte(part))
		src = append(binary.BigEndian.AppendUint32(src, uint32(len(block))), block...)
		want += part
	}
	if got, err := f.inflate(codecSnappy, src, 3000); err != nil || string(got) != want {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := f.inflate(codecSnappy, src, 2999); !errors.Is(err, errBomb) {
		t.Errorf("with a byte too many: %v", err)
	}
}
