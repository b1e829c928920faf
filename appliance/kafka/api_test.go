package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestApiVersions(t *testing.T) {
	d := open(t, 1, nil)
	w := d.dial()
	for v := int16(0); v <= 4; v++ {
		r := kmsg.NewPtrApiVersionsRequest()
		r.SetVersion(v)
		w.send(frameOf(r, 7))
		asked := int16(0)
		if v == 4 { // newer than ours: what everybody knows, and the error
			r.SetVersion(0)
			asked = kerr.UnsupportedVersion.Code
		}
		got := w.answerTo(r).(*kmsg.ApiVersionsResponse)
		if got.ErrorCode != asked || len(got.ApiKeys) != len(apis) {
			t.Errorf("version %d: %+v", v, got)
		}
		for i, k := range got.ApiKeys {
			if k.ApiKey != apis[i].key.Int16() || k.MinVersion != apis[i].min || k.MaxVersion != apis[i].max {
				t.Errorf("version %d: %+v", v, k)
			}
		}
	}
}

// Every version of Metadata says that this is the one broker, that it leads all partitions, and how it is reached.
func TestMetadata(t *testing.T) {
	d := open(t, 3, nil)
	d.put("b", numbered(0, 1, 10)...)
	d.put("a", numbered(0, 1, 10)...)
	port := int32(d.server.Addr().(*net.TCPAddr).Port)
	w := d.dial()
	for v := int16(0); v <= 9; v++ {
		r := kmsg.NewPtrMetadataRequest()
		r.SetVersion(v)
		got := w.ask(r).(*kmsg.MetadataResponse)
		if len(got.Brokers) != 1 || got.Brokers[0].NodeID != nodeID || got.Brokers[0].Host != "127.0.0.1" || got.Brokers[0].Port != port || v >= 1 && got.ControllerID != nodeID {
			t.Errorf("version %d: %+v", v, got)
		}
		if len(got.Topics) != 2 || *got.Topics[0].Topic != "a" || *got.Topics[1].Topic != "b" || len(got.Topics[1].Partitions) != 3 {
			t.Fatalf("version %d: %+v", v, got.Topics)
		}
		if p := got.Topics[1].Partitions[2]; p.Partition != 2 || p.Leader != nodeID || len(p.Replicas) != 1 || len(p.ISR) != 1 {
			t.Errorf("version %d: %+v", v, p)
		}
		name := "nobody"
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		r.Topics = append(r.Topics, topic)
		got = w.ask(r).(*kmsg.MetadataResponse)
		if len(got.Topics) != 1 || got.Topics[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
			t.Errorf("version %d: %+v", v, got.Topics)
		}
		if _, made := d.set.Topic(name); made {
			t.Fatal("asking for a topic made it")
		}
		if v == 0 {
			continue
		}
		twice := "a"
		topic.Topic = &twice
		r.Topics = []kmsg.MetadataRequestTopic{topic, topic}
		if got := w.ask(r).(*kmsg.MetadataResponse); len(got.Topics) != 1 || len(got.Topics[0].Partitions) != 3 {
			t.Errorf("version %d: a topic that was named twice is told as %+v", v, got.Topics)
		}
		r.Topics = []kmsg.MetadataRequestTopic{}
		if got := w.ask(r).(*kmsg.MetadataResponse); len(got.Topics) != 0 {
			t.Errorf("version %d: no topics were asked for, and told are %+v", v, got.Topics)
		}
	}
}

func TestAdvertised(t *testing.T) {
	d := open(t, 1, func(o *Options) { o.Advertised = "edge1.example:19092" })
	got := d.dial().ask(kmsg.NewPtrMetadataRequest()).(*kmsg.MetadataResponse)
	if got.Brokers[0].Host != "edge1.example" || got.Brokers[0].Port != 19092 {
		t.Errorf("%+v", got.Brokers)
	}
	for _, bad := range []string{"edge1", ":9092", "edge1:0", "edge1:70000", "edge1:x"} {
		if _, err := New(Options{Addr: "127.0.0.1:0", Advertised: bad}); err == nil || !strings.HasPrefix(err.Error(), "kafka-advertised: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestListOffsets(t *testing.T) {
	d := open(t, 1, nil)
	for i := range 20 { // several segments
		d.put("t", numbered(i*10, 10, 1000)...)
	}
	for _, c := range []struct {
		name         string
		topic        string
		partition    int32
		time         int64
		offset, told int64
		err          *kerr.Error
	}{
		{"the end", "t", 0, -1, 200, -1, nil},
		{"the beginning", "t", 0, -2, 0, -1, nil},
		{"the first record's time", "t", 0, 0, 0, 0, nil},
		{"a record's time", "t", 0, 150_000, 150, 150_000, nil},
		{"just behind it", "t", 0, 150_001, 151, 151_000, nil},
		{"the last record's time", "t", 0, 199_000, 199, 199_000, nil},
		{"behind all", "t", 0, 199_001, -1, -1, nil},
		{"a time that is none", "t", 0, -3, -1, -1, kerr.InvalidRequest},
		{"another partition", "t", 1, -1, -1, -1, kerr.UnknownTopicOrPartition},
		{"another topic", "u", 0, -1, -1, -1, kerr.UnknownTopicOrPartition},
	} {
		for v := int16(1); v <= 6; v++ {
			r := kmsg.NewPtrListOffsetsRequest()
			r.SetVersion(v)
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = c.partition, c.time
			topic := kmsg.NewListOffsetsRequestTopic()
			topic.Topic, topic.Partitions = c.topic, append(topic.Partitions, p)
			r.Topics = append(r.Topics, topic)
			got := d.dial().ask(r).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
			if err := kerr.ErrorForCode(got.ErrorCode); c.err != nil && !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Errorf("%s, version %d: told %v", c.name, v, err)
			}
			if got.Offset != c.offset || got.Timestamp != c.told {
				t.Errorf("%s, version %d: %+v", c.name, v, got)
			}
		}
	}
}

// What is no request that we understand closes its connection, is counted, and costs nobody else anything.
func TestHostile(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 5, 100)...)
	sized := func(size uint32, rest ...byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, size), rest...)
	}
	fetch := frameOf(fetchOf(12, "t", 0), 1)
	for i, c := range []struct {
		name string
		sent []byte
	}{
		{"a browser", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")},
		{"a negative size", sized(0x80000000, 0, 0)},
		{"a huge size", sized(0x7fffffff, 0, 0)},
		{"larger than a frame may be", sized(frameMax+1, 0)},
		{"less than a header", sized(headerMin-1, make([]byte, headerMin-1)...)},
		{"nothing", sized(0)},
		{"an unknown request", sized(10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff)},
		{"a negative request", sized(10, 0xff, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff)},
		{"a version too new", sized(10, 0, 1, 0x7f, 0xff, 0, 0, 0, 1, 0xff, 0xff)},
		{"a version too old", sized(10, 0, 1, 0, 3, 0, 0, 0, 1, 0xff, 0xff)},
		{"a negative version", sized(10, 0, 1, 0x80, 0, 0, 0, 0, 1, 0xff, 0xff)},
		{"a client's name longer than the frame", sized(10, 0, 18, 0, 0, 0, 0, 0, 1, 0, 1)},
		{"a client's name shorter than nothing", sized(10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xfe)},
		{"no tags where tags belong", sized(10, 0, 1, 0, 12, 0, 0, 0, 1, 0xff, 0xff)},
		{"tags without end", sized(13, 0, 1, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff)},
		{"a tag longer than the frame", sized(13, 0, 1, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 1, 0, 9)},
		{"more tags than bytes", sized(13, 0, 1, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 200, 1, 0)},
		{"a request cut short", sized(uint32(len(fetch)-4-10), fetch[4:len(fetch)-10]...)},
		{"more topics than bytes", sized(18, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0)},
	} {
		w := d.dial()
		w.send(c.sent)
		if body, err := w.frame(); err == nil {
			t.Errorf("%s: answered with %x", c.name, body)
		}
		if got := d.server.Stats().Malformed; got != uint64(i+1) {
			t.Errorf("%s: %d malformed requests", c.name, got)
		}
	}
	if stats := d.server.Stats(); stats.Bugs != 0 {
		t.Errorf("%+v", stats)
	}
	if p := onlyPart(d.dial().ask(fetchOf(12, "t", 0))); len(p.RecordBatches) == 0 {
		t.Error("nobody is served any more")
	}
}

// Who takes nothing of a long answer for the write timeout is cut off, and lets go of the segments.
func TestWhoTakesNothing(t *testing.T) {
	d := open(t, 1, func(o *Options) { o.WriteTimeout = 100 * time.Millisecond })
	d.put("t", numbered(0, 50, 1000)...)
	w := d.dial()
	for range 1000 { // 50 MB, which nobody takes
		w.send(frameOf(fetchOf(12, "t", 0), 7))
	}
	waitFor(t, func() bool { return d.server.Stats().Open == 0 })
}

// Half a frame, and silence: the connection is closed when the time for the rest is over.
func TestHalfAFrame(t *testing.T) {
	d := open(t, 1, func(o *Options) { o.ReadTimeout = 50 * time.Millisecond })
	w := d.dial()
	w.send([]byte{0, 0, 1, 0, 0, 1})
	if _, err := w.frame(); !errors.Is(err, io.EOF) {
		t.Errorf("it ended in %v", err)
	}
}

// All large frames at work share one bound, of which an address has half: who finds no room waits, and others are served all the same.
func TestLargeFramesShareABound(t *testing.T) {
	d := open(t, 1, func(o *Options) { o.ReadTimeout = time.Minute })
	begun := append(binary.BigEndian.AppendUint32(nil, frameMax), make([]byte, ownFrame)...)
	var half []*wired
	for range framesMax / frameMax / 2 {
		w := d.dial()
		w.send(begun) // and nothing more
		half = append(half, w)
	}
	held := func() int64 {
		d.server.room.mu.Lock()
		defer d.server.room.mu.Unlock()
		return d.server.room.held
	}
	waitFor(t, func() bool { return held() == framesMax/2 })
	large := kmsg.NewPtrMetadataRequest()
	for range ownFrame {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr("t")
		large.Topics = append(large.Topics, topic)
	}
	waiting := d.dial()
	waiting.send(frameOf(large, 7))
	d.dialFrom("127.0.0.2").ask(large)
	d.dial().ask(kmsg.NewPtrMetadataRequest())               // small ones have room of their own
	waitFor(t, func() bool { return held() == framesMax/2 }) // what was answered has given its room back
	half[0].Close()
	waiting.answerTo(large)
	for _, w := range half {
		w.Close()
	}
	waitFor(t, func() bool { return held() == 0 })
}

// A large frame has less time than a small one may take: it must come fast enough for its size.
func TestFrameTime(t *testing.T) {
	c := &client{server: &Server{opt: Options{ReadTimeout: 30 * time.Second}}}
	for size, want := range map[int]time.Duration{ownFrame: frameStart + time.Second/32, 1 << 20: frameStart + 8*time.Second, 1 << 30: 30 * time.Second} {
		if got := c.frameTime(size); got != want {
			t.Errorf("%d bytes: %v, want %v", size, got, want)
		}
	}
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !what(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come about")
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	d := open(t, 1, func(o *Options) { o.MaxConnections = 2 })
	first, second := d.dial(), d.dial()
	first.ask(kmsg.NewPtrMetadataRequest())
	second.ask(kmsg.NewPtrMetadataRequest())
	if _, err := d.dial().frame(); err == nil {
		t.Error("a third one is served")
	}
	first.Close()
	waitFor(t, func() bool { return d.server.Stats().Open == 1 })
	d.dial().ask(kmsg.NewPtrMetadataRequest())
	if stats := d.server.Stats(); stats.TurnedAway != 1 || stats.Accepted != 3 || stats.Open != 2 {
		t.Errorf("%+v", stats)
	}
}

func TestConnectionsOfAnAddressAreBounded(t *testing.T) {
	d := open(t, 1, func(o *Options) { o.MaxConnsPerIP = 1 })
	first := d.dial()
	first.ask(kmsg.NewPtrMetadataRequest())
	if _, err := d.dial().frame(); err == nil {
		t.Error("a second one from there is served")
	}
	d.dialFrom("127.0.0.2").ask(kmsg.NewPtrMetadataRequest())
	first.Close()
	waitFor(t, func() bool { return d.server.Stats().Open == 1 })
	d.dial().ask(kmsg.NewPtrMetadataRequest())
	if stats := d.server.Stats(); stats.TurnedAway != 1 || stats.Accepted != 3 {
		t.Errorf("%+v", stats)
	}
}

// A stop answers a long poll with what there is, and lets go of everybody else at once.
func TestCloseEndsTheLongPolls(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 5, 100)...)
	idle, half, polling := d.dial(), d.dial(), d.dial()
	half.send([]byte{0, 0, 1, 0, 0, 1})
	r := fetchOf(12, "t", 5)
	r.MaxWaitMillis = 60_000
	polling.send(frameOf(r, 7))
	waitFor(t, func() bool { return d.server.Stats().Requests[find(kmsg.Fetch.Int16())].Count == 1 })
	d.close()
	if p := onlyPart(polling.answerTo(r)); p.ErrorCode != 0 || p.HighWatermark != 5 {
		t.Errorf("%+v", p)
	}
	for _, w := range []*wired{idle, half, polling} {
		if _, err := w.frame(); err == nil {
			t.Error("somebody is served after the stop")
		}
	}
	if _, err := net.Dial("tcp", d.server.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

// A stop does not wait for a request that a disk which does not answer holds: the rest of the appliance has its end to come to.
func TestCloseWaitsForNoDisk(t *testing.T) {
	d := open(t, 1, nil)
	answered := make(chan struct{})
	d.server.done.Go(func() { <-answered }) // as a commit that waits for its sync
	defer close(answered)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- d.server.Close(ctx) }()
	select {
	case err := <-closed:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended in %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits")
	}
}

// Who does not take the answer is cut off when the stop's time is over.
func TestCloseCutsOffTheSlow(t *testing.T) {
	d := open(t, 1, nil)
	d.put("t", numbered(0, 50, 1000)...)
	w := d.dial()
	for range 1000 { // 50 MB and more, in pieces of a segment, which nobody takes
		w.send(frameOf(fetchOf(12, "t", 0), 7))
	}
	before := uint64(0)
	waitFor(t, func() bool { // until an answer is stuck
		now := d.server.fetchedBytes.Load()
		stuck := now == before && now > 0
		before = now
		time.Sleep(100 * time.Millisecond)
		return stuck
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := d.server.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended in %v", err)
	}
}
