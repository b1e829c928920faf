package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kcat prints what tail prints, of every shard in order, and finds offsets by time.
func TestClientKcat(t *testing.T) {
	program := installed(t, "kcat", "kcat")
	s := start(t, t.TempDir(), "--kafka", "127.0.0.1:0", "--shards", "3", "--segment-bytes", "64KiB", "--max-body-bytes", "32KiB")
	if status, body := s.createTopic(`{"name":"clicks","shards":3,"time_column":"ts","time_format":"milliseconds","shard_key":"user"}`); status != http.StatusCreated {
		t.Fatal(status, body)
	}
	const n, seed = 2000, 20261126
	r := rand.New(rand.NewPCG(seed, 0))
	var events strings.Builder
	for i := range n {
		fmt.Fprintf(&events, `{"ts":%d,"user":"u%d","text":"%s"}`+"\n", 1_600_000_000_000+i*1000, r.IntN(50), strings.Repeat("x", r.IntN(200)))
		if i%50 == 49 {
			if status, body := s.post("clicks", events.String()); status != http.StatusAccepted {
				t.Fatal(status, body)
			}
			events.Reset()
		}
	}
	var want []string
	for _, line := range s.tail("clicks", "--limit", strconv.Itoa(n)) {
		var record struct {
			Shard  int
			Offset int64
			Time   int64
			Key    string
			Value  json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%d %06d %d %s %s", record.Shard, record.Offset, record.Time, record.Key, record.Value))
	}
	run := func(args ...string) []string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), clientTime)
		defer cancel()
		kcat := exec.CommandContext(ctx, program, append([]string{"-b", s.Kafka, "-t", "clicks", "-q"}, args...)...)
		var errs bytes.Buffer
		kcat.Stderr = &errs
		out, err := kcat.Output()
		if err != nil || errs.Len() > 0 {
			t.Fatalf("kcat %v: %v\n%s", args, err, &errs)
		}
		return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	}
	var got []string
	for _, line := range run("-C", "-o", "beginning", "-e", "-f", "%p %o %T %k %s\n") {
		shard, rest, _ := strings.Cut(line, " ")
		offset, rest, _ := strings.Cut(rest, " ")
		got = append(got, fmt.Sprintf("%s %06s %s", shard, offset, rest))
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) != n || !slices.Equal(got, want) {
		t.Errorf("kcat reads %d records, tail %d of %d, and they are not the same", len(got), len(want), n)
	}
	at := 1_600_000_000_000 + 1500*1000
	if late := run("-C", "-o", "s@"+strconv.Itoa(at), "-e", "-f", "%T\n"); len(late) != n-1500 || slices.ContainsFunc(late, func(ms string) bool { return ms < strconv.Itoa(at) }) {
		t.Errorf("from the time of record 1500 on there are %d records", len(late))
	}
	if told := strings.Join(run("-L"), "\n"); !strings.Contains(told, `topic "clicks" with 3 partitions`) {
		t.Errorf("kcat -L prints\n%s", told)
	}
}

func (s *server) createTopic(body string) (status int, answer string) {
	s.t.Helper()
	response, err := http.Post("http://"+s.Admin+"/v1/topics", "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text := new(bytes.Buffer)
	if _, err := text.ReadFrom(response.Body); err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, text.String()
}

// A fetch that begins after an acknowledgement has the record in it. PENSTOCK_READS is how many are tried.
func TestReadAfterAck(t *testing.T) {
	n, workers := 20_000, 32
	if testing.Short() {
		n = 1000
	}
	if asked, err := strconv.Atoi(os.Getenv("PENSTOCK_READS")); err == nil {
		n = asked
	}
	s := start(t, t.TempDir(), "--kafka", "127.0.0.1:0", "--shards", "2")
	began := time.Now()
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			if err := s.readBack(fmt.Sprint("w", i), n/workers); err != nil {
				t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	all.Wait()
	t.Logf("%d acknowledged with disk and read right after, in %v", n/workers*workers, time.Since(began).Round(time.Millisecond))
}

// readBack sends events one by one, and after each answer fetches the record at the place it names.
func (s *server) readBack(name string, n int) error {
	reader, err := kgo.NewClient(kgo.SeedBrokers(s.Kafka))
	if err != nil {
		return err
	}
	defer reader.Close()
	sender := http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{}}
	defer sender.CloseIdleConnections()
	for i := range n {
		value := fmt.Sprintf(`{"worker":"%s","n":%d}`, name, i)
		request, err := http.NewRequest(http.MethodPost, "http://"+s.HTTP+"/add_events", strings.NewReader(value))
		if err != nil {
			return err
		}
		request.Header.Set("topic", "t")
		request.Header.Set("Penstock-Ack", "disk") // to be told where it is
		response, err := sender.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		var shard int32
		var first, last int64
		place := response.Header.Get("Penstock-Position")
		if _, err := fmt.Sscanf(place, "t/%d@%d-%d", &shard, &first, &last); response.StatusCode != http.StatusAccepted || err != nil {
			return fmt.Errorf("%s, stored at %q: %w", response.Status, place, err)
		}
		if err := fetched(reader, shard, first, value); err != nil {
			return fmt.Errorf("record %d at %s: %w", i, place, err)
		}
	}
	return nil
}

// fetched asks once for what is at an offset of topic t, without waiting for it.
func fetched(reader *kgo.Client, shard int32, offset int64, value string) error {
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.FetchOffset, partition.PartitionMaxBytes = shard, offset, 1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.Partitions = "t", append(topic.Partitions, partition)
	request := kmsg.NewPtrFetchRequest()
	request.MaxBytes, request.SessionEpoch, request.Topics = 1, -1, append(request.Topics, topic)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	response, err := reader.Broker(1).RetriableRequest(ctx, request)
	if err != nil {
		return err
	}
	got := response.(*kmsg.FetchResponse).Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return err
	}
	if !bytes.Contains(got.RecordBatches, []byte(value)) {
		return errors.Join(errors.New("the record is not there"), fmt.Errorf("%d bytes, the log ends at %d", len(got.RecordBatches), got.HighWatermark))
	}
	return nil
}

// The console consumer of Apache Kafka reads a topic, as a member of a group, and one shard by itself.
func TestClientKafkaConsole(t *testing.T) {
	s := start(t, t.TempDir(), "--kafka", "127.0.0.1:0", "--shards", "3")
	const n, idle = 600, 20 * time.Second
	var sent []string
	for i := range n {
		sent = append(sent, fmt.Sprintf(`{"n":%d,"text":"%s"}`, 1000+i, strings.Repeat("ö", i%100)))
	}
	for from := 0; from < n; from += 100 {
		if status, body := s.post("clicks", strings.Join(sent[from:from+100], "\n")); status != http.StatusAccepted {
			t.Fatal(status, body)
		}
	}
	got := consoleConsumer(t, s.Kafka, "clicks", n, idle)
	slices.Sort(got)
	if !slices.Equal(got, sent) {
		t.Errorf("as a member it prints %d lines, not the %d events that were sent", len(got), n)
	}
	there := 0
	for shard := range 3 {
		end := int(s.metric(fmt.Sprintf(`penstock_log_readable_offset{topic="clicks",shard="%d"}`, shard)))
		if end > 0 && there == 0 { // one is enough: each start of Java costs seconds
			there = len(consoleConsumer(t, s.Kafka, "clicks", end, idle, "--partition", strconv.Itoa(shard)))
			if there != end {
				t.Errorf("of shard %d it prints %d lines of %d", shard, there, end)
			}
		}
	}
}
