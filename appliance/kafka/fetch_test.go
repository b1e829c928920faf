package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/wire"
)

// A real consumer reads every record once, of every shard in order, with its key, its time, and what it was.
func TestConsumer(t *testing.T) {
	d := open(t, 3, nil)
	const n = 5000
	for from := 0; from < n; from += 500 {
		d.put("clicks", numbered(from, 500, 100)...)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(d.server.Addr().String()), kgo.ConsumeTopics("clicks"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxPartitionBytes(20_000))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seen := map[string]int{}
	next := map[int32]int64{}
	last := map[string]string{}
	for len(seen) < n {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			seen[string(r.Value)]++
			if r.Offset != next[r.Partition] {
				t.Fatalf("partition %d: offset %d behind %d", r.Partition, r.Offset, next[r.Partition])
			}
			next[r.Partition]++
			if key := string(r.Key); string(r.Value) <= last[key] {
				t.Fatalf("of %s %s comes behind %s", key, r.Value, last[key])
			} else {
				last[key] = string(r.Value)
			}
			if want := fmt.Sprintf("%0100d", r.Timestamp.Unix()); string(r.Value) != want {
				t.Fatalf("%s has the time of %s", r.Value, want)
			}
		})
	}
	if len(next) != 3 {
		t.Errorf("records came from %d partitions", len(next))
	}
}

// What a fetch answers is, byte for byte, what stands in the segment's file.
func TestBytesAreTheFiles(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 10, 100)...)
	d.put("t", numbered(10, 10, 100)...)
	topic, _ := d.set.Topic("t")
	file, err := os.ReadFile(filepath.Join(topic.Logs()[0].Dir(), fmt.Sprintf("%020d.log", 0)))
	if err != nil {
		t.Fatal(err)
	}
	got := onlyPart(d.dial().ask(fetchOf(12, "t", 0))).RecordBatches
	if len(got) < 2000 || !bytes.Equal(got, file[:len(got)]) {
		t.Errorf("%d bytes, not the file's", len(got))
	}
	// From the middle of the second batch that batch is answered, whole.
	behind := onlyPart(d.dial().ask(fetchOf(12, "t", 15))).RecordBatches
	if !bytes.HasSuffix(got, behind) || len(behind) == 0 || len(behind) > len(got)*3/4 {
		t.Errorf("%d of %d bytes", len(behind), len(got))
	}
}

// Many bytes go from the file to the socket without us; they are the same, on a slow reader, too.
func TestManyBytesAreTheFiles(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 100, 4000)...)
	topic, _ := d.set.Topic("t")
	file, err := os.ReadFile(filepath.Join(topic.Logs()[0].Dir(), fmt.Sprintf("%020d.log", 0)))
	if err != nil {
		t.Fatal(err)
	}
	w := d.dial()
	r := fetchOf(12, "t", 0)
	for range 60 { // more than the sockets hold
		w.send(frameOf(r, 7))
	}
	for range 60 {
		if got := onlyPart(w.answerTo(r)).RecordBatches; len(got) < sendfileMin || !bytes.Equal(got, file[:len(got)]) {
			t.Fatalf("%d bytes, not the file's", len(got))
		}
	}
}

// A reader that stands still holds the disk of what retention has removed for a few seconds only.
func TestCursorsAreGivenBack(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 10, 1000)...)
	w := d.dial()
	if p := onlyPart(w.ask(fetchOf(12, "t", 0))); len(p.RecordBatches) == 0 {
		t.Fatal("nothing came")
	}
	for i := range 50 {
		d.put("t", numbered(i*10, 10, 5000)...)
	}
	topic, _ := d.set.Topic("t")
	log := topic.Logs()[0]
	waitFor(t, func() bool { return log.First() > 0 })
	if log.Held() == 0 {
		t.Error("the reader's place was not kept for its next request")
	}
	if p := onlyPart(w.ask(fetchOf(12, "t", 0))); p.ErrorCode != kerr.OffsetOutOfRange.Code || p.LogStartOffset == 0 {
		t.Errorf("it is told %v", kerr.ErrorForCode(p.ErrorCode))
	}
	waitFor(t, func() bool { return log.Held() == 0 })
	d.dial().ask(fetchOf(12, "t", log.First()))
}

// Every version that is offered tells the same.
func TestEveryVersionOfFetch(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 5, 100)...)
	w := d.dial()
	for v := int16(4); v <= 12; v++ {
		r := fetchOf(v, "t", 0)
		r.Topics = append(r.Topics, fetchOf(v, "nobody", 3).Topics...)
		got := w.ask(r).(*kmsg.FetchResponse)
		if len(got.Topics) != 2 || got.Topics[0].Topic != "t" || got.Topics[1].Topic != "nobody" {
			t.Fatalf("version %d: %+v", v, got)
		}
		p, other := got.Topics[0].Partitions[0], got.Topics[1].Partitions[0]
		if p.ErrorCode != 0 || p.HighWatermark != 5 || p.LastStableOffset != 5 || len(p.RecordBatches) < 500 || v >= 5 && p.LogStartOffset != 0 {
			t.Errorf("version %d: %+v", v, p)
		}
		if other.ErrorCode != kerr.UnknownTopicOrPartition.Code || len(other.RecordBatches) > 0 {
			t.Errorf("version %d: %+v", v, other)
		}
	}
}

func TestWhatAFetchIsTold(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 5, 100)...)
	for _, c := range []struct {
		name   string
		change func(r *kmsg.FetchRequest)
		want   *kerr.Error
		bytes  bool
	}{
		{"the beginning", func(r *kmsg.FetchRequest) {}, nil, true},
		{"the end", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = 5 }, nil, false},
		{"behind the end", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = 6 }, kerr.OffsetOutOfRange, false},
		{"before the beginning", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = -1 }, kerr.OffsetOutOfRange, false},
		{"a partition too many", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].Partition = 1 }, kerr.UnknownTopicOrPartition, false},
		{"a negative partition", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].Partition = -1 }, kerr.UnknownTopicOrPartition, false},
		{"an unknown topic", func(r *kmsg.FetchRequest) { r.Topics[0].Topic = "\x00" }, kerr.UnknownTopicOrPartition, false},
		{"room for nothing", func(r *kmsg.FetchRequest) { r.MaxBytes, r.Topics[0].Partitions[0].PartitionMaxBytes = 0, -5 }, nil, true},
		{"nothing at least", func(r *kmsg.FetchRequest) { r.MinBytes = -1 }, nil, true},
		{"waiting for less than no time", func(r *kmsg.FetchRequest) { r.MaxWaitMillis, r.Topics[0].Partitions[0].FetchOffset = -1, 5 }, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fetchOf(12, "t", 0)
			c.change(r)
			p := onlyPart(d.dial().ask(r))
			if err := kerr.ErrorForCode(p.ErrorCode); c.want != nil && !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("told %v", err)
			}
			if (len(p.RecordBatches) > 0) != c.bytes {
				t.Errorf("%d bytes", len(p.RecordBatches))
			}
		})
	}
}

// A partition that is named twice is answered once, as with Kafka: reading and searching are not to be multiplied by a request.
func TestNamedTwice(t *testing.T) {
	d := open(t, 2, nil)
	d.put("t", numbered(0, 100, 100)...)
	w := d.dial()
	r := fetchOf(12, "t", 0)
	r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0], r.Topics[0].Partitions[0])
	r.Topics[0].Partitions[2].Partition = 1
	r.Topics = append(r.Topics, r.Topics[0])
	for range 2 { // the second one goes on with cursors that were kept
		got := w.ask(r).(*kmsg.FetchResponse)
		for i, want := range []bool{true, false, true, false, false, false} {
			p := &got.Topics[i/3].Partitions[i%3]
			if (len(p.RecordBatches) > 0) != want || (p.ErrorCode == 0) != want || !want && p.ErrorCode != kerr.InvalidRequest.Code {
				t.Errorf("entry %d: %d bytes, %v", i, len(p.RecordBatches), kerr.ErrorForCode(p.ErrorCode))
			}
		}
	}
	list := kmsg.NewPtrListOffsetsRequest()
	list.SetVersion(6)
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic, topic.Partitions = "t", make([]kmsg.ListOffsetsRequestTopicPartition, 2)
	list.Topics = append(list.Topics, topic)
	told := w.ask(list).(*kmsg.ListOffsetsResponse).Topics[0].Partitions
	if told[0].ErrorCode != 0 || told[1].ErrorCode != kerr.InvalidRequest.Code || told[1].Offset != -1 {
		t.Errorf("%+v", told)
	}
}

// A consumer whose bounds are smaller than the next batch gets that batch all the same, but only as the first of an answer.
func TestTooLargeForTheBounds(t *testing.T) {
	d := open(t, 2, nil)
	d.put("t", numbered(0, 100, 1000)...)
	r := fetchOf(12, "t", 0)
	r.MaxBytes = 1
	r.Topics[0].Partitions[0].PartitionMaxBytes = 1
	r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0])
	r.Topics[0].Partitions[1].Partition = 1
	got := d.dial().ask(r).(*kmsg.FetchResponse).Topics[0].Partitions
	if len(got[0].RecordBatches) < 10_000 || len(got[1].RecordBatches) != 0 || got[1].ErrorCode != 0 || got[1].HighWatermark == 0 {
		t.Errorf("%d and %d bytes, %d, the end %d", len(got[0].RecordBatches), len(got[1].RecordBatches), got[1].ErrorCode, got[1].HighWatermark)
	}
}

// Who asks at the end waits for what comes, on whichever partition, and is answered then.
func TestLongPoll(t *testing.T) {
	d := open(t, 1, nil)
	d.put("a", wire.Record{Value: []byte("1")})
	d.put("b", wire.Record{Value: []byte("1")})
	for _, to := range []string{"a", "b"} {
		w := d.dial()
		r := fetchOf(12, "a", 1)
		r.Topics = append(r.Topics, fetchOf(12, "b", 1).Topics...)
		r.MaxWaitMillis = 30_000
		if to == "b" {
			r.Topics[0].Partitions[0].FetchOffset = 2
		}
		w.send(frameOf(r, 7))
		d.put(to, wire.Record{Value: []byte("2")})
		got := w.answerTo(r).(*kmsg.FetchResponse)
		for i, name := range []string{"a", "b"} {
			if has := len(got.Topics[i].Partitions[0].RecordBatches) > 0; has != (name == to) {
				t.Errorf("a record for %s; %s has one: %v", to, name, has)
			}
		}
	}
}

// More bytes than there are: the answer comes when the time is over, with what there is.
func TestLongPollThatIsNotFilled(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 5, 100)...)
	r := fetchOf(12, "t", 0)
	r.MinBytes, r.MaxWaitMillis = 1<<20, 50
	if p := onlyPart(d.dial().ask(r)); len(p.RecordBatches) < 500 {
		t.Errorf("%d bytes", len(p.RecordBatches))
	}
}

// A topic that is deleted under a long poll ends it.
func TestDeletedUnderALongPoll(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 5, 100)...)
	w := d.dial()
	r := fetchOf(12, "t", 5)
	r.MaxWaitMillis = 30_000
	w.send(frameOf(r, 7))
	if err := d.set.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	if p := onlyPart(w.answerTo(r)); p.ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("told %v", kerr.ErrorForCode(p.ErrorCode))
	}
}
