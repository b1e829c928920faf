package kafka

import (
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strconv"
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

// BenchmarkSend is an answer with one span of batches, sent by sendfile and by writev from the mapping, and how long the sending thread was at
// work for it: sendfileMin stands where the first comes near the second. The reader throws away what comes without a copy.
func BenchmarkSend(b *testing.B) {
	set, err := shard.Open(shard.Options{Dir: b.TempDir(), Shards: 1, SegmentBytes: 16 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close(b.Context())
	batch, ticket := &wire.Batch{}, set.NewTicket()
	for range 3 {
		batch.Records = batch.Records[:0]
		for range 500 {
			*batch.Add() = wire.Record{Topic: []byte("t"), Value: make([]byte, 1000), Time: 1}
		}
		if err := set.Offer(batch, ticket, shard.AckDisk); err != nil {
			b.Fatal(err)
		}
		if err := ticket.Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	topic, _ := set.Topic("t")
	cursor := topic.Logs()[0].Cursor(0)
	defer cursor.Close()
	span, err := cursor.NextSpan(2 << 20)
	if err != nil || len(span.Bytes) < 1<<20 {
		b.Fatal(len(span.Bytes), err)
	}
	for _, size := range []int{4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 256 << 10, 1 << 20} {
		part := span
		part.Bytes = part.Bytes[:size]
		head, tail := make([]byte, 70), make([]byte, 3)
		b.Run("sendfile/"+strconv.Itoa(size>>10)+"KiB", func(b *testing.B) {
			benchmarkSend(b, func(c *client) error {
				if err := c.writeTogether(net.Buffers{head}); err != nil {
					return err
				}
				if sent, err := c.sendFile(&part); err != nil || !sent {
					b.Fatal(sent, err)
				}
				return c.writeTogether(net.Buffers{tail})
			})
		})
		b.Run("writev/"+strconv.Itoa(size>>10)+"KiB", func(b *testing.B) {
			benchmarkSend(b, func(c *client) error { return c.writeTogether(net.Buffers{head, part.Bytes, tail}) })
		})
	}
}

func benchmarkSend(b *testing.B, send func(c *client) error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	reader, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	nc, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	away := make(chan struct{})
	go func() {
		defer close(away)
		throwAway(reader)
	}()
	c := &client{server: &Server{opt: Options{WriteTimeout: time.Minute}}, nc: nc, raw: raw}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := used(syscall.RUSAGE_THREAD)
	for b.Loop() {
		if err := send(c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((used(syscall.RUSAGE_THREAD)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/answer")
	nc.Close()
	<-away
	reader.Close()
}

// throwAway reads to the end of a stream: with MSG_TRUNC, TCP drops what was asked for.
func throwAway(conn net.Conn) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	buffer := make([]byte, 1<<20)
	_ = raw.Read(func(fd uintptr) (done bool) {
		for {
			n, _, err := syscall.Recvfrom(int(fd), buffer, syscall.MSG_TRUNC)
			switch {
			case err == syscall.EINTR:
			case err == syscall.EAGAIN:
				return false
			case err != nil || n == 0:
				return true
			}
		}
	})
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

func processor() time.Duration { return used(syscall.RUSAGE_SELF) }

// used is the time on processors, in user and system mode, of the process or of the thread.
func used(who int) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(who, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
