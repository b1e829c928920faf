package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"penstock/appliance"
)

// program builds the real binary, once for all tests.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "penstock")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %v\n%s", err, out)
	}
	return path, nil
})

var programDir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		for _, variable := range os.Environ() { // the tests say what the settings are
			if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PENSTOCK_") || name == "JOURNAL_STREAM" {
				os.Unsetenv(name)
			}
		}
		var err error
		if programDir, err = os.MkdirTemp("", "penstock"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(programDir)
		return m.Run()
	}())
}

// patience is how long a test waits for what must come; only a hang takes so long.
const patience = time.Minute

// eventually waits until what it waits for has happened.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

// process is a running `penstock serve`.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	ended  chan struct{}
	stdout bytes.Buffer // to be read when ended
	stderr bytes.Buffer
	at     appliance.Addresses
}

// penstock runs the program to its end.
func penstock(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// serveAt starts the appliance on free ports of the loopback and waits until it is ready.
func serveAt(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"serve", "--data-dir", dir, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--telnet", "127.0.0.1:0", "--graphite", "127.0.0.1:0", "--pickle", "127.0.0.1:0", "--kafka", "127.0.0.1:0", "--shards", "2", "--segment-bytes", "4MiB"}, args...)
	p := &process{t: t, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", p.stdout.String(), p.stderr.String())
		}
	})
	eventually(t, "the appliance to be ready", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("it ended: %v\n%s", p.cmd.ProcessState, p.stderr.String())
		default:
		}
		text, err := os.ReadFile(filepath.Join(dir, appliance.AddressesName))
		if err != nil || json.Unmarshal(text, &p.at) != nil || p.at.PID != p.cmd.Process.Pid {
			return false
		}
		r, err := client.Get("http://" + p.at.Admin + "/readyz")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return p
}

// signal sends a signal and waits for the end.
func (p *process) signal(s os.Signal) (exit int) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("still there %s after %v", patience, s)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop stops it as an operator would, and holds it to its word.
func (p *process) stop() {
	p.t.Helper()
	if exit := p.signal(syscall.SIGTERM); exit != exitOK {
		p.t.Errorf("exit %d after TERM\n%s", exit, p.stderr.String())
	}
}

func (p *process) admin() string { return "http://" + p.at.Admin }

// client trusts every certificate: the appliance's is self-signed.
var client = &http.Client{
	Timeout:   patience,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
}

// post sends a body to add_events and wants it acknowledged.
func (p *process) post(url, topic, body string) {
	p.t.Helper()
	request, err := http.NewRequest(http.MethodPost, url+"/add_events", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("topic", topic)
	r, err := client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	if text, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusAccepted {
		p.t.Fatalf("%s: %d %s", url, r.StatusCode, text)
	}
}

func (p *process) get(path string) string {
	p.t.Helper()
	r, err := client.Get(p.admin() + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %s %v", path, r.StatusCode, text, err)
	}
	return string(text)
}
