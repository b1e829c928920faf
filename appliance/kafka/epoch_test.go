package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// Each start of a log's writer is an epoch; where the records of each end is found by a search.
func TestEndOfEpochs(t *testing.T) {
	dir := t.TempDir()
	var log *segstore.Log
	next := []int64{0}
	for epoch := range 6 { // the one before the last, the fifth, writes nothing
		var err error
		if log, err = segstore.Open(dir, segstore.Options{SegmentBytes: 64 << 10}); err != nil {
			t.Fatal(err)
		}
		for range 100 * epoch % 500 {
			if err := log.Reserve(500); err != nil {
				t.Fatal(err)
			}
			log.Append(nil, make([]byte, 400), 1)
			log.Commit()
		}
		next = append(next, log.Next())
		if epoch < 5 {
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	if next[6] != 1000 || log.Segments() < 3 {
		t.Fatalf("%v, %d segments", next, log.Segments())
	}
	for _, c := range []struct {
		epoch, at int32
		end       int64
	}{
		{-1, -1, -1}, {0, 0, 0}, {1, 1, 0}, // the first epoch wrote nothing, too
		{2, 2, next[2]}, {3, 3, next[3]}, {4, 4, next[4]}, {5, 5, 1000}, {6, -1, -1}, {100, -1, -1},
	} {
		at, end, code := endOf(log, c.epoch)
		if at != c.at || end != c.end || code != 0 {
			t.Errorf("epoch %d: it is told that %d ends at %d, code %d; want %d at %d", c.epoch, at, end, code, c.at, c.end)
		}
	}
	for removed := 1; removed > 0; { // all that can go: what is left begins in a later epoch
		var err error
		if removed, err = log.Retire(1 << 60); err != nil {
			t.Fatal(err)
		}
	}
	if first := log.First(); first == 0 {
		t.Fatal("nothing was retired")
	} else if at, end, code := endOf(log, 1); at != 1 || end != first || code != 0 {
		t.Errorf("an epoch that is gone: %d ends at %d, code %d; want %d", at, end, code, first)
	}
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 10, 100)...)
	for v := int16(0); v <= 4; v++ {
		r := kmsg.NewPtrOffsetForLeaderEpochRequest()
		r.SetVersion(v)
		for _, asked := range []struct {
			topic string
			part  int32
		}{{"t", 0}, {"t", 0}, {"t", 1}, {"u", 0}} {
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.Partition, p.LeaderEpoch = asked.part, 1
			topic := kmsg.NewOffsetForLeaderEpochRequestTopic()
			topic.Topic, topic.Partitions = asked.topic, append(topic.Partitions, p)
			r.Topics = append(r.Topics, topic)
		}
		got := d.dial().ask(r).(*kmsg.OffsetForLeaderEpochResponse)
		first := got.Topics[0].Partitions[0]
		if first.ErrorCode != 0 || first.EndOffset != 10 || v > 0 && first.LeaderEpoch != 1 {
			t.Errorf("version %d: %+v", v, first)
		}
		for i, want := range []*kerr.Error{kerr.InvalidRequest, kerr.UnknownTopicOrPartition, kerr.UnknownTopicOrPartition} {
			if p := got.Topics[i+1].Partitions[0]; p.ErrorCode != want.Code || p.EndOffset != -1 {
				t.Errorf("version %d: %+v, want %v", v, p, want)
			}
		}
	}
}
