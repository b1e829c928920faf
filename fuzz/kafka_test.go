package fuzz

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/kafka"
	"penstock/appliance/kafka/group"
	"penstock/appliance/shard"
	"penstock/wire"
)

// FuzzKafka sends bytes to the Kafka listener. Whatever they are, it answers or closes the connection, in time, and meets no bug.
func FuzzKafka(f *testing.F) {
	server := openKafka(f)
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.ListOffsets, kmsg.Metadata, kmsg.ApiVersions, kmsg.FindCoordinator, kmsg.JoinGroup,
		kmsg.SyncGroup, kmsg.Heartbeat, kmsg.LeaveGroup, kmsg.OffsetCommit, kmsg.OffsetFetch, kmsg.DescribeGroups, kmsg.ListGroups, kmsg.DeleteGroups, kmsg.OffsetDelete} {
		r := key.Request()
		for v := int16(0); v <= r.MaxVersion(); v++ {
			r.SetVersion(v)
			f.Add(kafkaFrame(r))
			f.Add(kafkaFrame(asking(r)))
		}
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		nc, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = nc.Write(sent) // it may be closed before it has read all
			_ = nc.(*net.TCPConn).CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("neither an answer nor an end")
		}
		if bugs := server.Stats().Bugs; bugs > 0 {
			t.Fatalf("%d bugs", bugs)
		}
	})
}

// openKafka serves one topic of two shards with some records.
func openKafka(f *testing.F) *kafka.Server {
	dir := f.TempDir()
	set, err := shard.Open(shard.Options{Dir: dir, Shards: 2, SegmentBytes: 64 << 10, RetentionBytes: 4 << 20, RepeatBytes: 1 << 20})
	if err != nil {
		f.Fatal(err)
	}
	groups, err := group.Open(group.Options{Dir: dir, InitialDelay: -1})
	if err != nil {
		f.Fatal(err)
	}
	batch, ticket := &wire.Batch{}, set.NewTicket()
	for _, value := range []string{"one", "two", "three"} {
		*batch.Add() = wire.Record{Topic: []byte("t"), Key: []byte(value), Value: []byte(value), Time: 1}
	}
	if err := errors.Join(set.Offer(batch, ticket, shard.AckDisk), ticket.Wait(shard.AckTimeout)); err != nil {
		f.Fatal(err)
	}
	server, err := kafka.New(kafka.Options{Addr: "127.0.0.1:0", Set: set, Groups: groups, MaxConnections: 1000, ReadTimeout: time.Second, WriteTimeout: time.Second,
		WaitMax: time.Millisecond, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		f.Fatal(err)
	}
	go func() { _ = server.Serve() }() // nil, when it is closed
	f.Cleanup(func() {
		if err := errors.Join(server.Close(context.Background()), groups.Close(context.Background()), set.Close(context.Background())); err != nil {
			f.Error(err)
		}
	})
	return server
}

func kafkaFrame(r kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("fuzz")).AppendRequest(nil, r, 1)
}

// asking asks for what is there.
func asking(r kmsg.Request) kmsg.Request {
	name := "t"
	switch r := r.(type) {
	case *kmsg.FetchRequest:
		part := kmsg.NewFetchRequestTopicPartition()
		part.PartitionMaxBytes = 1 << 20
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic, topic.Partitions = name, append(topic.Partitions, part)
		r.MaxBytes, r.MinBytes, r.Topics = 1<<20, 1, []kmsg.FetchRequestTopic{topic}
	case *kmsg.ListOffsetsRequest:
		part := kmsg.NewListOffsetsRequestTopicPartition()
		part.Timestamp = 1
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic, topic.Partitions = name, append(topic.Partitions, part)
		r.Topics = []kmsg.ListOffsetsRequestTopic{topic}
	case *kmsg.MetadataRequest:
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		r.Topics = []kmsg.MetadataRequestTopic{topic}
	}
	return r
}
