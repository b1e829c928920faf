package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTraced is start under strace, which writes down the calls of a kind.
func startTraced(t *testing.T, trace, calls string, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		lacking(t, "needs strace: %v", err)
	}
	s := &server{t: t, dir: t.TempDir(), log: &syncBuffer{}}
	s.cmd = exec.Command("strace", append([]string{"-D", "-f", "-qq", "-y", "-s", "0", "-o", trace, "-e", "trace=" + calls,
		filepath.Join(built, "penstock"), "serve", "--data-dir", s.dir, "--http", "127.0.0.1:0", "--https", "off", "--admin", "127.0.0.1:0",
		"--telnet", "off", "--graphite", "off", "--pickle", "off"}, args...)...) // with -D the process that we start becomes penstock
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log)
		}
	})
	for range 2000 {
		if s.findAddresses() {
			s.waitReady(10 * time.Second)
			return s
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("penstock did not start under strace:\n%s", s.log)
	return nil
}

// call is a system call that succeeded.
type call struct {
	name, args string
	result     int64
}

var (
	unfinished = regexp.MustCompile(`^(\d+) +(.*) <unfinished \.\.\.>$`)
	resumed    = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)
	completed  = regexp.MustCompile(`^\d+ +(\w+)\((.*)\) += (\d+)`)
)

// callsIn reads what strace wrote. A call during which another thread made one stands on two lines.
func callsIn(t *testing.T, trace string) (calls []call) {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	begun := map[string]string{} // by thread
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := unfinished.FindStringSubmatch(line); m != nil {
			begun[m[1]] = m[1] + " " + m[2]
			continue
		}
		if m := resumed.FindStringSubmatch(line); m != nil {
			line = begun[m[1]] + m[2]
		}
		if m := completed.FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseInt(m[3], 10, 64)
			calls = append(calls, call{m[1], m[2], n})
		}
	}
	return calls
}

// What consumers get goes from a segment's file to the socket by sendfile: no byte of the file is read into the process, and hardly one is
// written by it. An answer that is small is not worth a call of its own.
func TestRecordsGoBySendfile(t *testing.T) {
	const requests, perRequest = 200, 200
	trace := filepath.Join(t.TempDir(), "trace")
	s := startTraced(t, trace, "sendfile,read,pread64,readv,preadv,write,writev,sendto,sendmsg", "--kafka", "127.0.0.1:0", "--shards", "1")
	event := fmt.Sprintf(`{"text":"%s"}`+"\n", strings.Repeat("x", 300))
	newPump(t, s.HTTP, addEvents("large", []byte(strings.Repeat(event, perRequest)), "Penstock-Ack: log"), 1).send(requests, 1)
	if status, body := s.post("small", event); status != http.StatusAccepted {
		t.Fatal(status, body)
	}
	size, answers := dialRaw(t, s.Kafka).readAway("large", 1, usualSizes, func(int32, []byte) {})
	reader := &broker{t: t, Address: s.Kafka}
	if n := len(reader.consume("large", requests*perRequest)); n != requests*perRequest {
		t.Errorf("franz-go reads %d records, of %d", n, requests*perRequest)
	}
	if one := reader.consume("small", 1); string(one[0].Value) != strings.TrimSuffix(event, "\n") {
		t.Errorf("the small answer is %q", one[0].Value)
	}
	s.stop()
	var sent, written int64
	for _, c := range callsIn(t, trace) {
		ofLarge := strings.Contains(c.args, "/topics/large-0/") // -y prints paths behind descriptors
		switch c.name {
		case "sendfile":
			if !ofLarge {
				t.Errorf("a small answer went by sendfile(%s)", c.args)
			}
			sent += c.result
		case "read", "pread64", "readv", "preadv":
			if ofLarge && strings.Contains(c.args, ".log>") {
				t.Errorf("%s(%s) reads %d bytes of a segment", c.name, c.args, c.result)
			}
		default:
			written += c.result
		}
	}
	served := 2 * size // to two readers
	t.Logf("%d bytes of batches, served twice (in %d answers to the first): %d by sendfile, %d written in whatever way, answers to senders included", size, answers, sent, written)
	if sent < served*95/100 {
		t.Errorf("%d bytes of %d went by sendfile", sent, served)
	}
	if written > served/20 {
		t.Errorf("%d bytes were written by the process", written)
	}
}
