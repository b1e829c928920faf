package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests of this file's kind run a wire's real clients against the real binary, and read back all that these sent. A client that is not
// installed skips its test; with PENSTOCK_CLIENTS=all, which .ci/run sets, it fails it. `make clients` installs them all.

// clientTime is the longest that a client may run: all of them are done within a second or two.
const clientTime = time.Minute

func missing(t *testing.T, what, install string) {
	t.Helper()
	const format = "%s is not here: %s, or all clients with: make clients"
	if os.Getenv("PENSTOCK_CLIENTS") == "all" {
		t.Fatalf(format, what, install)
	}
	t.Skipf(format, what, install)
}

// installed finds a program of a Debian package.
func installed(t *testing.T, program, pkg string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, program, "apt-get install "+pkg)
	return ""
}

// npmPackage finds an installed package of clients/package.json.
func npmPackage(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("clients", "node_modules", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		missing(t, "the npm package "+name, "npm --prefix appliance/e2e/clients ci --omit=optional")
	}
	return path
}

// buildClients builds the programs in clients once, without the network: their modules are there or they are not.
var buildClients = sync.OnceValues(func() (dir, trouble string) {
	dir = filepath.Join(built, "clients") + string(filepath.Separator)
	build := exec.Command("go", "build", "-C", "clients", "-o", dir, "./...")
	build.Env = append(build.Environ(), "GOPROXY=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", string(out)
	}
	return dir, ""
})

// goClient is the path of a program in clients.
func goClient(t *testing.T, name string) string {
	t.Helper()
	dir, trouble := buildClients()
	if trouble != "" {
		if !strings.Contains(trouble, "GOPROXY=off") {
			t.Fatalf("building the clients: %s", trouble)
		}
		missing(t, "what the Go clients are built from", "(cd appliance/e2e/clients && go build -o /dev/null ./...)")
	}
	return filepath.Join(dir, name)
}

// client is a running client, and all that it starts.
type client struct {
	t       *testing.T
	cmd     *exec.Cmd
	out     syncBuffer // what it prints for its caller, alone where it has an errs
	errs    syncBuffer
	ended   chan struct{}
	failure error
}

// startClient starts a client in a process group of its own, which does not outlive the test.
func startClient(t *testing.T, stdin string, name string, args ...string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	c := &client{t: t, cmd: exec.CommandContext(ctx, name, args...), ended: make(chan struct{})}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.cmd.Cancel = func() error { return syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) }
	c.cmd.WaitDelay = 5 * time.Second
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = strings.NewReader(stdin), &c.out, &c.errs
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.failure = c.cmd.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-c.ended
		if t.Failed() {
			t.Logf("%s printed:\n%s%s", filepath.Base(name), &c.out, &c.errs)
		}
	})
	return c
}

// trouble is what no client prints when all is well.
var trouble = regexp.MustCompile(`(?i)error|fail|refus|denied|reset by|exception|panic|drop|discard|bad line|not connected`)

// wait wants the client to end with status 0 and without a word of trouble. It returns what it printed.
func (c *client) wait() string {
	c.t.Helper()
	<-c.ended // within clientTime
	if c.failure != nil {
		c.t.Fatalf("the client ended with %v", c.failure)
	}
	if word := trouble.FindString(c.errs.String()); word != "" {
		c.t.Fatalf("the client tells of trouble: %q", word)
	}
	return c.out.String()
}

// stop asks a client that runs until it is told to for its end.
func (c *client) stop() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Fatal(err)
	}
	if word := trouble.FindString(c.wait()); word != "" {
		c.t.Fatalf("the client tells of trouble: %q", word)
	}
}

// ready waits until the client does what it must before it can be used.
func (c *client) ready(is func() bool) {
	c.t.Helper()
	for end := time.Now().Add(clientTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
		select {
		case <-c.ended:
			c.t.Fatalf("the client ended before it could be used: %v", c.failure)
		default:
		}
	}
	c.t.Fatal("the client did not get ready")
}

// runClient runs a client to its end.
func runClient(t *testing.T, name string, args ...string) string {
	t.Helper()
	return startClient(t, "", name, args...).wait()
}

// freePort is a port that nobody listened on a moment ago, for clients that cannot choose one themselves.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return port(t, l.Addr().String())
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// dial connects to a client that listens on the loopback address.
func dial(t *testing.T, network, port string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(clientTime)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// send sends a text on a connection of its own.
func send(t *testing.T, network, port, text string) {
	t.Helper()
	conn := dial(t, network, port)
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

// writeFile makes a file for a client in a directory of the test's, and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// door is where the server listens for a wire that is not HTTP.
func (s *server) door(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "addresses.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var all map[string]any
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&all); err != nil {
		s.t.Fatal(err)
	}
	address, _ := all[name].(string)
	if address == "" {
		s.t.Fatalf("the server does not say where %s listens: %s", name, text)
	}
	return address
}
