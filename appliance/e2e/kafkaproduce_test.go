package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// kcat stores records in the partition that it was told, with every compression, keys, headers and null values, and reads them back as they were.
func TestClientKcatProduces(t *testing.T) {
	program := installed(t, "kcat", "kcat")
	s := start(t, t.TempDir(), "--kafka", "127.0.0.1:0", "--shards", "3")
	run := func(input string, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), clientTime)
		defer cancel()
		kcat := exec.CommandContext(ctx, program, append([]string{"-b", s.Kafka, "-q"}, args...)...)
		var errs bytes.Buffer
		kcat.Stderr, kcat.Stdin = &errs, strings.NewReader(input)
		out, err := kcat.Output()
		if err != nil || errs.Len() > 0 {
			t.Fatalf("kcat %v: %v\n%s", args, err, &errs)
		}
		return string(out)
	}
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		for _, acks := range []string{"0", "1", "all"} {
			t.Run(codec+", acks "+acks, func(t *testing.T) {
				topic := codec + acks // made by asking for it
				var sent, want strings.Builder
				for i := range 500 {
					fmt.Fprintf(&sent, "k%d:value %d %s\n", i, i, strings.Repeat("x", i%50))
					fmt.Fprintf(&want, "1 %d k%d:value %d %s color=red,trace=42\n", i, i, i, strings.Repeat("x", i%50))
				}
				run(sent.String(), "-P", "-t", topic, "-p", "1", "-z", codec, "-K", ":", "-H", "color=red", "-H", "trace=42", "-X", "acks="+acks)
				read := []string{"-C", "-t", topic, "-o", "beginning", "-e", "-f", "%p %o %k:%s %h\n"}
				got := run("", read...)
				for deadline := time.Now().Add(clientTime); acks == "0" && got != want.String() && time.Now().Before(deadline); got = run("", read...) {
					time.Sleep(50 * time.Millisecond) // nobody was told that they are stored
				}
				if got != want.String() {
					t.Errorf("kcat reads\n%.500s\nand not\n%.500s", got, want.String())
				}
			})
		}
	}
	run("gone:\n", "-P", "-t", "tombs", "-K", ":", "-Z", "-p", "0", "-X", "enable.idempotence=true")
	if got := run("", "-C", "-t", "tombs", "-o", "beginning", "-e", "-f", "%k %S\n"); got != "gone -1\n" {
		t.Errorf("a null value is read as %q", got)
	}
}

// Producers that are idempotent, as franz-go's are, send while the appliance is killed again and again: every record is there once, in the order
// in which its producer sent it, with its key, its headers, and in the partition that was chosen.
func TestProducersOverKills(t *testing.T) {
	const producers, perProducer, kills = 3, 4000, 5
	dir := t.TempDir()
	s := start(t, dir, "--kafka", "127.0.0.1:"+freePort(t), "--shards", "2")
	if status, body := s.createTopic(`{"name":"t","shards":3}`); status != http.StatusCreated {
		t.Fatal(status, body)
	}
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.ZstdCompression()}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var acknowledged atomic.Int64
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			if err := produceAll(ctx, s.Kafka, p, perProducer, codecs[p], &acknowledged); err != nil {
				t.Errorf("producer %d: %v", p, err)
			}
		})
	}
	for i := range kills {
		for acknowledged.Load() < int64(producers*perProducer*(i+1)/(kills+2)) && ctx.Err() == nil && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		s.kill()
		s.start()
	}
	all.Wait()
	if t.Failed() {
		return
	}
	next := [producers]int{}
	for _, r := range s.readTopic(ctx, "t", producers*perProducer) {
		var p, n int
		if _, err := fmt.Sscanf(string(r.Value), "%d/%d", &p, &n); err != nil {
			t.Fatalf("%q: %v", r.Value, err)
		}
		hasHeader := slices.ContainsFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == "from" && string(h.Value) == fmt.Sprint(p) })
		if n != next[p] || int(r.Partition) != p || !hasHeader || (r.Key == nil) != (n%2 == 0) {
			t.Fatalf("producer %d: record %d came as %+v, and %d was due", p, n, r, next[p])
		}
		next[p]++
	}
	t.Logf("%d records of %d producers over %d kills", producers*perProducer, producers, kills)
}

// produceAll sends numbered records into the producer's own partition, and returns when all are acknowledged.
func produceAll(ctx context.Context, broker string, p, n int, codec kgo.CompressionCodec, acknowledged *atomic.Int64) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(50), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))
	if err != nil {
		return err
	}
	defer client.Close()
	var failed atomic.Pointer[error]
	for i := range n {
		r := &kgo.Record{Topic: "t", Partition: int32(p), Value: fmt.Appendf(nil, "%d/%d", p, i), Headers: []kgo.RecordHeader{{Key: "from", Value: fmt.Append(nil, p)}}}
		if i%2 == 1 {
			r.Key = []byte("odd")
		}
		client.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if acknowledged.Add(1); err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// readTopic reads a topic from its beginning until there is no more, and n records have come.
func (s *server) readTopic(ctx context.Context, topic string, n int) (all []*kgo.Record) {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Kafka), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	for quiet := false; !quiet || len(all) < n; {
		wait, cancel := context.WithTimeout(ctx, time.Second)
		fetches := client.PollFetches(wait)
		cancel()
		if ctx.Err() != nil {
			s.t.Fatalf("%d of %d records were read", len(all), n)
		}
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.DeadlineExceeded) {
				s.t.Fatal(e.Err)
			}
		}
		quiet = fetches.NumRecords() == 0
		all = append(all, fetches.Records()...)
	}
	return all
}
