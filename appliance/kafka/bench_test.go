package kafka

import (
	"encoding/binary"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"penstock/appliance/shard"
	"penstock/wire"
)

// BenchmarkFetch reads a topic from its beginning to its end, over and over, over a real connection, and throws away what it gets. The
// processor's time is the client's and the server's together.
func BenchmarkFetch(b *testing.B) {
	const bytes = 64 << 20
	set, err := shard.Open(shard.Options{Dir: b.TempDir(), Shards: 1, SegmentBytes: 16 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close(b.Context())
	batch, ticket := &wire.Batch{}, set.NewTicket()
	value := make([]byte, 1000)
	for n := 0; n < bytes; n += 1000 * len(value) {
		batch.Records = batch.Records[:0]
		for range 1000 {
			*batch.Add() = wire.Record{Topic: []byte("t"), Value: value, Time: 1}
		}
		if err := set.Offer(batch, ticket, shard.AckDisk); err != nil {
			b.Fatal(err)
		}
		if err := ticket.Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	server, err := New(Options{Addr: "127.0.0.1:0", Set: set, MaxConnections: 10, ReadTimeout: time.Minute, WriteTimeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	go server.Serve()
	defer server.Close(b.Context())
	conn, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	b.SetBytes(bytes)
	before := processor()
	for b.Loop() {
		for next := int64(0); next < bytes/1000/1000*1000; {
			next = fetchAway(b, conn, next)
		}
	}
	b.ReportMetric(float64(processor()-before)/1e6/float64(b.N)/(bytes/1e9), "cpu-ms/GB")
}

// fetchAway fetches from an offset and returns the one behind what came.
func fetchAway(b *testing.B, conn net.Conn, from int64) (next int64) {
	if _, err := conn.Write(frameOf(fetchOf(4, "t", from), 7)); err != nil {
		b.Fatal(err)
	}
	// Version 4 up to the batches: size, correlation, throttle, topics, "t", partitions, and of the one its number, error, two ends, aborted, bytes.
	var head [4 + 4 + 4 + 4 + 2 + 1 + 4 + 4 + 2 + 8 + 8 + 4 + 4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		b.Fatal(err)
	}
	rest := int64(binary.BigEndian.Uint32(head[:])) - int64(len(head)-4)
	for rest > 0 {
		var batch [61]byte
		if _, err := io.ReadFull(conn, batch[:]); err != nil {
			b.Fatal(err)
		}
		size := int64(binary.BigEndian.Uint32(batch[8:])) + 12
		next = int64(binary.BigEndian.Uint64(batch[:])) + int64(binary.BigEndian.Uint32(batch[23:])) + 1
		if _, err := io.CopyN(io.Discard, conn, size-int64(len(batch))); err != nil {
			b.Fatal(err)
		}
		rest -= size
	}
	if next == 0 {
		b.Fatal("nothing came")
	}
	return next
}

func processor() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
