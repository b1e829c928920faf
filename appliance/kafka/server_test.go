package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"penstock/appliance/kafka/group"
	"penstock/appliance/shard"
	"penstock/wire"
)

// door is a real server on real logs.
type door struct {
	*testing.T
	set    *shard.Set
	server *Server
	log    *bytes.Buffer
}

// open opens a door whose new topics have so many shards.
func open(t *testing.T, shards int, change func(*Options)) *door {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	dir := t.TempDir()
	set, err := shard.Open(shard.Options{Dir: dir, Shards: shards, SegmentBytes: 64 << 10, MaxTopics: 100, RetentionBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := group.Open(group.Options{Dir: dir, InitialDelay: -1})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{T: t, set: set, log: &bytes.Buffer{}}
	o := Options{Addr: "127.0.0.1:0", Set: set, Groups: groups, MaxConnections: 100, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		Logger: slog.New(slog.NewTextHandler(d.log, nil))}
	if change != nil {
		change(&o)
	}
	if d.server, err = New(o); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- d.server.Serve() }()
	t.Cleanup(func() {
		d.close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := errors.Join(groups.Close(context.Background()), set.Close(context.Background())); err != nil {
			t.Error(err)
		}
		if d.log.Len() > 0 {
			t.Errorf("the log says\n%s", d.log)
		}
	})
	return d
}

func (d *door) close() {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := d.server.Close(ctx); err != nil {
		d.Error(err)
	}
}

// put stores records and waits until they are on disk.
func (d *door) put(topic string, records ...wire.Record) {
	d.Helper()
	batch := &wire.Batch{}
	for _, r := range records {
		r.Topic = []byte(topic)
		*batch.Add() = r
	}
	ticket := d.set.NewTicket()
	if err := d.set.Offer(batch, ticket, shard.AckDisk); err != nil {
		d.Fatal(err)
	}
	if err := ticket.Wait(shard.AckTimeout); err != nil {
		d.Fatal(err)
	}
}

// numbered are n records of as many bytes, with the keys k0 to k99 and 1000 ms apart, from a number on.
func numbered(from, n, size int) []wire.Record {
	var all []wire.Record
	for i := from; i < from+n; i++ {
		value := fmt.Appendf(nil, "%0*d", size, i)
		all = append(all, wire.Record{Key: fmt.Appendf(nil, "k%d", i%100), Value: value, Time: int64(i) * 1000})
	}
	return all
}

// wired is a connection that frames by hand.
type wired struct {
	*testing.T
	net.Conn
}

func (d *door) dial() *wired { return d.dialFrom("") }

// dialFrom dials from an address of this machine; "" leaves that to the kernel.
func (d *door) dialFrom(host string) *wired {
	d.Helper()
	dialer := net.Dialer{}
	if host != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(host)}
	}
	c, err := dialer.Dial("tcp", d.server.Addr().String())
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		d.Fatal(err)
	}
	return &wired{d.T, c}
}

// frameOf is a request as it goes over the wire.
func frameOf(r kmsg.Request, correlation int32) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("tester")).AppendRequest(nil, r, correlation)
}

// ask sends a request and reads its answer.
func (w *wired) ask(r kmsg.Request) kmsg.Response {
	w.Helper()
	w.send(frameOf(r, 7))
	return w.answerTo(r)
}

func (w *wired) send(bytes []byte) {
	w.Helper()
	if _, err := w.Write(bytes); err != nil {
		w.Fatal(err)
	}
}

func (w *wired) answerTo(r kmsg.Request) kmsg.Response {
	w.Helper()
	body, err := w.frame()
	if err != nil {
		w.Fatal(err)
	}
	if got := binary.BigEndian.Uint32(body); got != 7 {
		w.Fatalf("the correlation is %d", got)
	}
	body = body[4:]
	if r.IsFlexible() && r.Key() != kmsg.ApiVersions.Int16() {
		if body[0] != 0 {
			w.Fatal("the header has tags")
		}
		body = body[1:]
	}
	response := r.ResponseKind()
	response.SetVersion(r.GetVersion())
	if err := response.ReadFrom(body); err != nil {
		w.Fatalf("%T: %v", response, err)
	}
	if again := response.AppendTo(nil); !bytes.Equal(again, body) {
		w.Fatalf("%T, version %d: written again it is\n%x\nand came as\n%x", response, r.GetVersion(), again, body)
	}
	return response
}

func (w *wired) frame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(w, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(w, body)
	return body, err
}

// fetchOf asks for partition 0 of a topic.
func fetchOf(version int16, topic string, offset int64) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.SetVersion(version)
	r.MaxBytes, r.MinBytes, r.SessionEpoch = 10<<20, 1, -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes = offset, 1<<20
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.FetchRequestTopicPartition{p}
	r.Topics = []kmsg.FetchRequestTopic{t}
	return r
}

func onlyPart(r kmsg.Response) *kmsg.FetchResponseTopicPartition {
	return &r.(*kmsg.FetchResponse).Topics[0].Partitions[0]
}
