package fuzz

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// FuzzKafkaProduce sends batches whose frame and CRC are right, so that what they hold reaches the parser. It is answered for the one
// partition, and what is acknowledged is as many records as the batch said.
func FuzzKafkaProduce(f *testing.F) {
	server := openKafka(f)

	f.Add(int16(9), uint16(0), int32(1), int64(-1), []byte{})
	for version := int16(3); version <= 9; version += 2 {
		for producer := range int64(2) {
			f.Add(version, uint16(0), int32(1), producer-1, []byte{18, 0, 2, 0, 2, 'k', 4, 'v', '1', 0})
			f.Add(version, uint16(0), int32(2), producer-1, []byte{14, 0, 0, 0, 1, 2, 'v', 0, 26, 0, 0, 2, 0, 1, 2, 2, 'h', 6, '1', '2', '3', 0, 0})
			f.Add(version, uint16(0), int32(1), producer-1, []byte{22, 0, 0, 0, 1, 1, 2, 2, 'h', 4, 'v', 'v'})
		}
	}
	for codec := range uint16(8) {
		f.Add(int16(7), codec, int32(1), int64(1), []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x0c\x0a\x24\x12\x00\x02\x00\x02k\x04v1\x00"))
		f.Add(int16(7), codec, int32(1), int64(1), []byte("\x0a\x24\x12\x00\x02\x00\x02k\x04v1\x00"))
		f.Add(int16(7), codec, int32(1), int64(1), []byte("\x28\xb5\x2f\xfd\x00\x58\x51\x00\x00\x12\x00\x02\x00\x02k\x04v1\x00"))
	}
	f.Fuzz(func(t *testing.T, version int16, attributes uint16, count int32, producer int64, records []byte) {
		version = 3 + (version%7+7)%7
		b := make([]byte, 61, 61+len(records))
		be := binary.BigEndian
		be.PutUint32(b[8:], uint32(61+len(records)-12))
		b[16] = 2
		be.PutUint16(b[21:], attributes)
		be.PutUint32(b[23:], uint32(count-1))
		be.PutUint64(b[43:], uint64(producer))
		be.PutUint32(b[57:], uint32(count))
		b = append(b, records...)
		be.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
		r := kmsg.NewPtrProduceRequest()
		r.SetVersion(version)
		r.Acks = 1
		part := kmsg.NewProduceRequestTopicPartition()
		part.Records = b
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic, topic.Partitions = "t", append(topic.Partitions, part)
		r.Topics = append(r.Topics, topic)

		nc, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		before := server.Stats().Produced
		if _, err := nc.Write(kafkaFrame(r)); err != nil {
			t.Fatal(err)
		}
		size := make([]byte, 4)
		if _, err := io.ReadFull(nc, size); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, be.Uint32(size))
		if _, err := io.ReadFull(nc, body); err != nil {
			t.Fatal(err)
		}
		body = body[4:]
		if r.IsFlexible() {
			body = body[1:]
		}
		response := kmsg.NewPtrProduceResponse()
		response.SetVersion(version)
		if err := response.ReadFrom(body); err != nil || len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
			t.Fatalf("the answer is %+v, %v", response, err)
		}
		after := server.Stats().Produced
		kept := after.Stored + after.Duplicate - before.Stored - before.Duplicate
		if code := response.Topics[0].Partitions[0].ErrorCode; code == 0 && kept != uint64(count) || code != 0 && kept != 0 {
			t.Errorf("the answer's code is %d, and %d of %d are kept", code, kept, count)
		}
		if bugs := server.Stats().Bugs; bugs > 0 {
			t.Fatalf("%d bugs", bugs)
		}
	})
}
