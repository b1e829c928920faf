package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// built is a directory with the binaries under test, made once for all tests.
var built string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "penstock-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for name, pkg := range map[string]string{"penstock": "penstock/appliance/cmd/penstock", "load": "penstock/benchmarks/load"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building %s: %v\n%s", pkg, err, out)
			return 1
		}
	}
	built = dir
	return m.Run()
}

// server is a running penstock.
type server struct {
	t    testing.TB
	dir  string
	args []string
	cmd  *exec.Cmd
	log  *syncBuffer

	HTTP, HTTPS, Telnet, Graphite, Pickle, Kafka, Admin string

	scrapes int // how often metrics were asked for
}

// start runs `penstock serve` on a data directory with free ports, and waits until it is ready. It is stopped when the test ends.
func start(t testing.TB, dir string, args ...string) *server {
	t.Helper()
	s := &server{t: t, dir: dir, args: args}
	s.start()
	t.Cleanup(func() {
		if s.cmd != nil {
			s.stop()
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log)
		}
	})
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.launch()
	s.waitReady(10 * time.Second)
}

// launch starts the process and waits until it says where it listens.
func (s *server) launch() {
	s.t.Helper()
	args := append([]string{
		"serve", "--data-dir", s.dir, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--telnet", "off", "--graphite", "off", "--pickle", "off", "--kafka", "off",
	}, s.args...)
	s.cmd = exec.Command(filepath.Join(built, "penstock"), args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.log = &syncBuffer{}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for range 1000 {
		if s.findAddresses() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("penstock did not start:\n%s", s.log)
}

// waitReady waits until /readyz says 200.
func (s *server) waitReady(atMost time.Duration) {
	s.t.Helper()
	var body string
	for end := time.Now().Add(atMost); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var status int
		if status, body = s.get("/readyz"); status == http.StatusOK {
			return
		}
	}
	s.t.Fatalf("penstock did not get ready within %v: %s\n%s", atMost, body, s.log)
}

func (s *server) findAddresses() bool {
	var all struct {
		PID                                                 int
		HTTP, HTTPS, Telnet, Graphite, Pickle, Kafka, Admin string
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "addresses.json"))
	if err != nil || json.Unmarshal(text, &all) != nil || all.PID != s.cmd.Process.Pid {
		return false
	}
	s.HTTP, s.HTTPS, s.Kafka, s.Admin = all.HTTP, all.HTTPS, all.Kafka, all.Admin
	s.Telnet, s.Graphite, s.Pickle = all.Telnet, all.Graphite, all.Pickle
	return true
}

// stop ends the server with TERM and wants exit status 0.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Error(err)
	}
	killer := time.AfterFunc(40*time.Second, func() { s.cmd.Process.Kill() })
	defer killer.Stop()
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("penstock did not stop with status 0: %v\n%s", err, s.log)
	}
	s.cmd = nil
}

// kill ends it without a word.
func (s *server) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Error(err)
	}
	_ = s.cmd.Wait() // "signal: killed"
	s.cmd = nil
}

// get asks the admin listener.
func (s *server) get(path string) (status int, body string) {
	client := http.Client{Timeout: 30 * time.Second}
	r, err := client.Get("http://" + s.Admin + path)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err.Error()
	}
	return r.StatusCode, string(text)
}

// metric is the value of one line of /metrics, named with its labels; 0 when it is not there.
func (s *server) metric(name string) (value float64) {
	s.t.Helper()
	s.scrapes++
	status, body := s.get("/metrics")
	if status != http.StatusOK {
		s.t.Fatalf("/metrics: %d %s", status, body)
	}
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(rest, &value); err != nil {
				s.t.Fatalf("%s: %v", line, err)
			}
			return value
		}
	}
	return 0
}

// post sends one add_events request and returns the status and body.
func (s *server) post(topic, body string, headers ...string) (status int, answer string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+s.HTTP+"/add_events", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("topic", topic)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Timeout: 40 * time.Second}
	r, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err.Error()
	}
	return r.StatusCode, string(text)
}

// tail runs `penstock tail` and returns its lines.
func (s *server) tail(args ...string) []string {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(built, "penstock"), append([]string{"tail", "--admin", "http://" + s.Admin}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("penstock tail %v: %v\n%s", args, err, &errs)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// pump sends one and the same request over and over, on connections that stay open, and wants success for each. Where the request has
// pumpNumber, each has a number of its own there.
type pump struct {
	t       testing.TB
	request []byte
	conns   []net.Conn
	number  atomic.Uint64
}

const pumpNumber = "############"

func newPump(t testing.TB, addr string, request []byte, connections int) *pump {
	t.Helper()
	p := &pump{t: t, request: request}
	for range connections {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		p.conns = append(p.conns, c)
	}
	return p
}

// send sends n requests on each connection, depth of them under way at a time.
func (p *pump) send(n, depth int) {
	p.t.Helper()
	var all sync.WaitGroup
	for _, c := range p.conns {
		all.Go(func() {
			if err := p.sendOne(c, n, depth); err != nil {
				p.t.Error(err)
			}
		})
	}
	all.Wait()
}

func (p *pump) sendOne(c net.Conn, n, depth int) error {
	if err := c.SetDeadline(time.Now().Add(20 * time.Minute)); err != nil {
		return err
	}
	in := bufio.NewReaderSize(c, 64<<10)
	round := bytes.Repeat(p.request, depth)
	at := bytes.Index(p.request, []byte(pumpNumber))
	for sent := 0; sent < n; sent += depth {
		depth := min(depth, n-sent)
		for i := range depth {
			if at >= 0 {
				copy(round[i*len(p.request)+at:], fmt.Sprintf("%0*d", len(pumpNumber), p.number.Add(1)))
			}
		}
		if _, err := c.Write(round[:depth*len(p.request)]); err != nil {
			return err
		}
		for range depth {
			if err := readSuccess(in); err != nil {
				return err
			}
		}
	}
	return nil
}

// addEvents is a raw add_events request.
func addEvents(topic string, body []byte, headers ...string) []byte {
	head := fmt.Sprintf("POST /add_events HTTP/1.1\r\nHost: e2e\r\ntopic: %s\r\nContent-Length: %d\r\n%s\r\n", topic, len(body),
		strings.Join(append(headers, ""), "\r\n"))
	return append([]byte(head), body...)
}

// syncBuffer is a buffer that a process writes to while a test reads it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
