package intake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/appliance/shard"
	"penstock/wire"
	"penstock/wire/interana"
)

// patience is how long a test waits for what must come. It is never asserted on.
const patience = 20 * time.Second

// rig is a running front door with a real set of shards behind it.
type rig struct {
	*Server
	set  *shard.Set
	logs *safeBuffer
	addr string
}

// start runs a front door on a free port. change may alter the options.
func start(t testing.TB, change func(*Options)) *rig {
	t.Helper()
	r := open(t, change)
	r.run(t)
	return r
}

func (r *rig) run(t testing.TB) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- r.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("closing: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("serving ended: %v", err)
		}
	})
}

func open(t testing.TB, change func(*Options)) *rig {
	t.Helper()
	logs := new(safeBuffer)
	logger := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	set, err := shard.Open(shard.Options{Dir: t.TempDir(), Shards: 2, SegmentBytes: 4 << 20, Ack: shard.AckLog, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := set.Close(ctx); err != nil {
			t.Errorf("closing the shards: %v", err)
		}
	})
	o := Options{HTTP: "127.0.0.1:0", Listeners: 1, Set: set, Formats: []wire.Format{interana.Format}, Ack: shard.AckLog, Logger: logger}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Server: s, set: set, logs: logs}
	if a := s.Addrs()["http"]; a != nil {
		r.addr = a.String()
	}
	return r
}

// stored counts the records of a topic, over its shards.
func (r *rig) stored(topic string) int64 {
	t, ok := r.set.Topic(topic)
	if !ok {
		return 0
	}
	n := int64(0)
	for _, l := range t.Logs() {
		n += l.Next() - l.First()
	}
	return n
}

func (r *rig) dial(t testing.TB) net.Conn { return dial(t, r.addr) }

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the test may have closed it
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
	close  bool
}

func readReply(b *bufio.Reader) (reply, error) { return readReplyTo(b, "GET") }

// readReplyTo reads the answer to a method: one to HEAD has no body, whatever its length says.
func readReplyTo(b *bufio.Reader, method string) (reply, error) {
	for {
		resp, err := http.ReadResponse(b, &http.Request{Method: method})
		if err != nil {
			return reply{}, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return reply{}, err
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		return reply{resp.StatusCode, resp.Header, string(body), resp.Close}, nil
	}
}

// talk sends bytes on a new connection and reads answers until the server closes it, or n answers came.
func (r *rig) talk(t testing.TB, request string, n int) (answers []reply, closed bool) {
	t.Helper()
	return converse(t, r.dial(t), request, n)
}

func converse(t testing.TB, c net.Conn, request string, n int) (answers []reply, closed bool) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, request)
		sent <- err
	}()
	b := bufio.NewReader(c)
	for len(answers) < n {
		method := "GET"
		if len(answers) == 0 && strings.HasPrefix(request, "HEAD") {
			method = "HEAD"
		}
		a, err := readReplyTo(b, method)
		if err != nil {
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Fatalf("neither an answer nor a close came, after %d answers", len(answers))
			}
			<-sent
			return answers, true
		}
		answers = append(answers, a)
	}
	if err := <-sent; err != nil {
		t.Fatalf("sending: %v", err)
	}
	return answers, false
}

// one sends one request and returns its one answer.
func (r *rig) one(t testing.TB, request string) reply {
	t.Helper()
	a, _ := r.talk(t, request, 1)
	if len(a) == 0 {
		t.Fatalf("no answer to %.100q", request)
	}
	return a[0]
}

// post writes a request as a client would. fields are whole lines without their ends.
func post(topic, body string, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST /add_events HTTP/1.1\r\nHost: penstock\r\ntopic: %s\r\nContent-Length: %d\r\n", topic, len(body))
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	return b.String() + "\r\n" + body
}

// safeBuffer is a log that may be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// eventually waits until ok, which must come.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("it never came that %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestMain(m *testing.M) {
	if run := children[os.Getenv(childVariable)]; run != nil {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// childVariable names the part a child process plays: the test binary runs itself where a test needs a process of its own.
const childVariable = "PENSTOCK_INTAKE_CHILD"
