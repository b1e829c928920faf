package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

// senders send events to one topic over one address, each on a connection of its own, until they are paused. What they are told goes into
// the book. They outlive the server: a connection that broke is opened again.
type senders struct {
	t     *testing.T
	topic string
	at    string // the HTTP listener
	pages []*page
	gap   time.Duration // between two requests of one connection

	stop chan struct{}
	all  sync.WaitGroup

	mu      sync.Mutex
	acks    map[string]int // replies by what they were waited for
	strange map[string]int // replies of another kind
	slowest time.Duration
}

func newSenders(t *testing.T, at, topic string, gap time.Duration, pages ...*page) *senders {
	s := &senders{t: t, at: at, topic: topic, gap: gap, pages: pages, acks: map[string]int{}, strange: map[string]int{}}
	t.Cleanup(s.pause)
	return s
}

func (s *senders) start() {
	stop := make(chan struct{})
	s.stop = stop
	for _, p := range s.pages {
		s.all.Go(func() { s.send(p, stop) })
	}
}

// pause waits until what is under way is answered.
func (s *senders) pause() {
	if s.stop != nil {
		close(s.stop)
		s.stop = nil
	}
	s.all.Wait()
}

func (s *senders) send(p *page, stop <-chan struct{}) {
	var conn net.Conn
	var in *bufio.Reader
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for {
		select {
		case <-stop:
			return
		case <-time.After(s.gap):
		}
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", s.at); err != nil { // it is starting
				conn = nil
				time.Sleep(20 * time.Millisecond)
				continue
			}
			in = bufio.NewReader(conn)
		}
		count := 1 + len(p.fates)%9
		f, err := s.exchange(conn, in, p, count)
		p.note(count, f)
		if err != nil {
			conn.Close()
			conn = nil
		}
	}
}

// exchange sends the next events and returns what became of them. After an error the connection is of no use.
func (s *senders) exchange(conn net.Conn, in *bufio.Reader, p *page, count int) (fate, error) {
	var body []byte
	for i := range count {
		body = append(append(body, p.event(len(p.fates)+i)...), '\n')
	}
	began := time.Now()
	if err := conn.SetDeadline(began.Add(time.Minute)); err != nil {
		return refused, err
	}
	if _, err := conn.Write(addEvents(s.topic, body)); err != nil {
		return unsure, err
	}
	r, err := http.ReadResponse(in, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	took := time.Since(began)
	s.slowest = max(s.slowest, took)
	var timeout net.Error
	switch ack := ""; {
	case errors.As(err, &timeout) && timeout.Timeout():
		s.strange["no answer in a minute"]++
		return unsure, err
	case err != nil:
		return unsure, err
	case r.StatusCode != http.StatusAccepted:
		s.strange[r.Status]++
		if r.StatusCode == http.StatusServiceUnavailable { // asked to come again, with the same or another
			return refused, nil
		}
		return unsure, nil
	default:
		ack = r.Header.Get("Penstock-Ack")
		s.acks[ack]++
		if ack == "kafka" {
			return inCluster, nil
		}
		return inLog, nil
	}
}

// hears waits until a reply names the policy: after a broker's return that takes until all that waits has been brought there.
func (s *senders) hears(ack string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		n := s.acks[ack]
		s.mu.Unlock()
		if n > 0 {
			return
		}
	}
}

func (s *senders) String() string {
	return fmt.Sprintf("replies %v, others %v, the slowest after %v", s.acks, s.strange, s.slowest.Round(time.Millisecond))
}

// ends is where a topic's partitions end.
func ends(ctx context.Context, client *kgo.Client, topic string) (map[int32]int64, error) {
	ask := kmsg.NewPtrMetadataRequest()
	one := kmsg.NewMetadataRequestTopic()
	one.Topic = &topic
	ask.Topics = append(ask.Topics, one)
	told, err := ask.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	if err := kerr.ErrorForCode(told.Topics[0].ErrorCode); err != nil {
		return nil, err
	}
	all := kmsg.NewListOffsetsRequestTopic()
	all.Topic = topic
	for _, p := range told.Topics[0].Partitions {
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.Timestamp = p.Partition, -1 // its end
		all.Partitions = append(all.Partitions, partition)
	}
	list := kmsg.NewPtrListOffsetsRequest()
	list.ReplicaID, list.Topics = -1, append(list.Topics, all)
	offsets, err := list.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	found := map[int32]int64{}
	for _, p := range offsets.Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			return nil, err
		}
		found[p.Partition] = p.Offset
	}
	return found, nil
}

// readTopic reads a topic of a cluster, or of an appliance, from its beginning to where it ends now.
func readTopic(t *testing.T, address, topic string, each func(*kgo.Record)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.FetchMaxWait(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	end, err := ends(ctx, client, topic)
	if err != nil {
		t.Fatalf("where %s ends: %v", topic, err)
	}
	from := map[int32]kgo.Offset{}
	for partition, offset := range end {
		if offset > 0 {
			from[partition] = kgo.NewOffset().At(0)
		}
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: from})
	for len(from) > 0 {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatalf("reading %s: %v", topic, err)
		}
		for _, r := range fetched.Records() {
			if r.Offset < end[r.Partition] {
				each(r)
			}
			if r.Offset+1 >= end[r.Partition] {
				delete(from, r.Partition)
			}
		}
	}
}

// forwardStatus is GET /v1/forward.
type forwardStatus struct {
	Targets []struct {
		Name, To, Error string
		Away            bool
		Shards          []struct {
			Topic         string
			Shard         int
			Next, Shipped int64
		}
	}
}

// drained waits until targets have all there is, and returns how many records they have together.
func (s *server) drained(targets ...string) (records int64) {
	s.t.Helper()
	var body string
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var status int
		var st forwardStatus
		if status, body = s.get("/v1/forward"); status != http.StatusOK || json.Unmarshal([]byte(body), &st) != nil {
			continue
		}
		var shards, behind int
		records = 0
		for _, target := range st.Targets {
			if !slices.Contains(targets, target.Name) {
				continue
			}
			for _, shard := range target.Shards {
				shards++
				records += shard.Shipped
				if shard.Shipped != shard.Next || target.Away {
					behind++
				}
			}
		}
		if shards > 0 && behind == 0 {
			return records
		}
	}
	s.t.Fatalf("five minutes later %v have not all there is: %s", targets, body)
	return 0
}

// attempt is a verb of the binary that is run again and again until it succeeds: it is interrupted the first time, and the server may be
// killed under it.
type attempt struct {
	ended chan struct{}
	err   error // valid after ended
	runs  int
	said  string // on stderr, the last time
}

func (s *server) attempt(args ...string) *attempt {
	a := &attempt{ended: make(chan struct{})}
	args = append(slices.Clone(args), "--admin", "http://"+s.Admin)
	go func() {
		defer close(a.ended)
		atMost := 150 * time.Millisecond
		for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			a.run(atMost, args)
			if a.err == nil {
				return
			}
			atMost = 2 * time.Minute
		}
	}()
	return a
}

func (a *attempt) run(atMost time.Duration, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), atMost)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(built, "penstock"), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var errs syncBuffer
	cmd.Stderr = &errs
	a.err = cmd.Run()
	a.said = errs.String()
	a.runs++
}

// lastLine is the last of what was said.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r", "\n")), "\n")
	return lines[len(lines)-1]
}

// times is how often something is done: a number from the environment, or the usual one.
func times(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}
