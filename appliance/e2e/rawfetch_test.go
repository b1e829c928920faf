package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// rawConn speaks Kafka's protocol on one connection, one request at a time, and does as little as can be done: what it costs is no part of
// what is measured.
type rawConn struct {
	t         testing.TB
	conn      net.Conn
	formatter *kmsg.RequestFormatter
	out, in   []byte // reused
}

func dialRaw(t testing.TB, address string) *rawConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawConn{t: t, conn: conn, formatter: kmsg.NewRequestFormatter(kmsg.FormatterClientID("e2e"))}
}

// ask sends a request and decodes the response, which is valid until the next one.
func (c *rawConn) ask(request kmsg.Request) kmsg.Response {
	c.t.Helper()
	if err := c.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		c.t.Fatal(err)
	}
	c.out = c.formatter.AppendRequest(c.out[:0], request, 0)
	if _, err := c.conn.Write(c.out); err != nil {
		c.t.Fatal(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(c.conn, size[:]); err != nil {
		c.t.Fatal(err)
	}
	n := int(binary.BigEndian.Uint32(size[:]))
	if n > cap(c.in) {
		c.in = make([]byte, n)
	}
	c.in = c.in[:n]
	if _, err := io.ReadFull(c.conn, c.in); err != nil {
		c.t.Fatal(err)
	}
	body := c.in[4:] // behind the correlation
	if request.IsFlexible() {
		body = body[1:] // and no tags
	}
	response := request.ResponseKind()
	if err := response.ReadFrom(body); err != nil {
		c.t.Fatalf("%T: %v", response, err)
	}
	return response
}

// fetchSizes are a consumer's: how much it takes at most in one answer, and of one shard.
type fetchSizes struct{ answer, shard int32 }

// usualSizes are those of Kafka's own consumer, where nothing else is said.
var usualSizes = fetchSizes{50 << 20, 1 << 20}

// readAway reads a topic from its beginning to its end and hands over the whole batches as they come: of each shard in order. It returns how
// many bytes those have, and in how many answers they came.
func (c *rawConn) readAway(topic string, shards int32, sizes fetchSizes, each func(shard int32, batches []byte)) (bytes int64, answers int) {
	c.t.Helper()
	next := make([]int64, shards)
	ended := make([]bool, shards)
	for range 1_000_000 {
		request := kmsg.NewPtrFetchRequest()
		request.Version, request.ReplicaID, request.SessionEpoch = 12, -1, -1 // no session
		request.MaxWaitMillis, request.MinBytes, request.MaxBytes = 500, 1, sizes.answer
		asked := kmsg.NewFetchRequestTopic()
		asked.Topic = topic
		for shard := range shards {
			if ended[shard] {
				continue
			}
			p := kmsg.NewFetchRequestTopicPartition()
			p.Partition, p.FetchOffset, p.PartitionMaxBytes = shard, next[shard], sizes.shard
			asked.Partitions = append(asked.Partitions, p)
		}
		if len(asked.Partitions) == 0 {
			return bytes, answers
		}
		request.Topics = append(request.Topics, asked)
		response := c.ask(request).(*kmsg.FetchResponse)
		if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
			c.t.Fatal(err)
		}
		answers++
		for i := range response.Topics {
			for j := range response.Topics[i].Partitions {
				p := &response.Topics[i].Partitions[j]
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					c.t.Fatal(err)
				}
				whole, behind := wholeBatches(p.RecordBatches)
				if len(whole) > 0 {
					next[p.Partition] = behind
					each(p.Partition, whole)
				}
				bytes += int64(len(whole))
				ended[p.Partition] = next[p.Partition] >= p.HighWatermark
			}
		}
	}
	c.t.Fatalf("no end after %d answers", answers)
	return 0, 0
}

// batchHead is what stands before a batch's records.
const batchHead = 61

// wholeBatches are the batches of an answer but the last where that is cut off, and the offset behind them.
func wholeBatches(batches []byte) (whole []byte, next int64) {
	at := 0
	for at+batchHead <= len(batches) {
		size := batchSize(batches[at:])
		if at+size > len(batches) {
			break
		}
		next = int64(binary.BigEndian.Uint64(batches[at:])) + int64(binary.BigEndian.Uint32(batches[at+23:])) + 1
		at += size
	}
	return batches[:at], next
}

func batchSize(batch []byte) int { return 12 + int(binary.BigEndian.Uint32(batch[8:])) }

// produceBatch has a broker append one batch as it is, but for its offset and its leader's epoch, which the CRC leaves out.
func (c *rawConn) produceBatch(topic string, shard int32, batch []byte) error {
	c.t.Helper()
	binary.BigEndian.PutUint64(batch, 0) // as producers send them
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = shard, batch
	to := kmsg.NewProduceRequestTopic()
	to.Topic, to.Partitions = topic, append(to.Partitions, p)
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TimeoutMillis = 9, 1, 10_000
	request.Topics = append(request.Topics, to)
	var err error
	for range 200 {
		told := c.ask(request).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		if err = kerr.ErrorForCode(told.ErrorCode); !kerr.IsRetriable(err) {
			break
		}
		time.Sleep(50 * time.Millisecond) // a topic that was only just created
	}
	if err != nil {
		return fmt.Errorf("a batch of %d bytes: %w", len(batch), err)
	}
	return nil
}
