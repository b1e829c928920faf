package wires

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ProduceVersion is the version of Produce requests: the last whose answer has its error at a place that is easily found, and known to
// every broker from 2.1 to the latest.
const ProduceVersion = 7

// produce is a Produce request as it goes onto a connection.
func produce(topic string, partition int32, acks int16, batch []byte) []byte {
	r := kmsg.NewPtrProduceRequest()
	r.SetVersion(ProduceVersion)
	r.Acks, r.TimeoutMillis = acks, 30_000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, batch
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("load")).AppendRequest(nil, r, 1)
}

// recordBatch is a batch of format 2, of a producer without a sequence: it may be sent again and again.
func recordBatch(records []byte, n int, codec int16, now int64) []byte {
	const head, behindCRC = 61, 21
	b := make([]byte, behindCRC, head+len(records))
	binary.BigEndian.PutUint32(b[8:], uint32(head-12+len(records)))
	binary.BigEndian.PutUint32(b[12:], ^uint32(0)) // leader epoch -1
	b[16] = 2                                      // magic
	b = binary.BigEndian.AppendUint16(b, uint16(codec))
	b = binary.BigEndian.AppendUint32(b, uint32(n-1)) // the last offset's delta
	b = binary.BigEndian.AppendUint64(b, uint64(now))
	b = binary.BigEndian.AppendUint64(b, uint64(now))
	b = binary.BigEndian.AppendUint64(b, ^uint64(0)) // producer -1
	b = binary.BigEndian.AppendUint16(b, ^uint16(0)) // its epoch
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // its sequence
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = append(b, records...)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[behindCRC:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}
