package intake

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/appliance/shard"
	"penstock/wire"
	"penstock/wire/interana"
)

// children are the parts a child process of this test binary can play; see TestMain.
var children = map[string]func() int{"few-descriptors": fewDescriptors}

// Running out of descriptors does not end the front door: fasthttp alone would stop serving for good. The door runs in a child
// process, whose limit is its own.
func TestSurvivesRunningOutOfDescriptors(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=few-descriptors", "PENSTOCK_INTAKE_DIR="+dir)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill() }) // it has long ended unless the test failed
	said := bufio.NewReader(out)
	addr, err := said.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr = strings.TrimSpace(addr)

	for round := range 3 {
		var crowd []net.Conn
		for range 64 { // far more than the child has descriptors for; the rest wait in the kernel's queue
			crowd = append(crowd, dial(t, addr))
		}
		for line := ""; !strings.HasPrefix(line, "starved"); {
			if line, err = said.ReadString('\n'); err != nil {
				t.Fatalf("round %d: the child ended: %v", round, err)
			}
		}
		for _, c := range crowd {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		a, _ := converse(t, dial(t, addr), "GET /nothing HTTP/1.1\r\nHost: penstock\r\n\r\n", 1)
		if len(a) != 1 || a[0].status != 404 {
			t.Fatalf("round %d: not served again after the storm: %+v", round, a)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, said); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatalf("the child: %v", err)
	}
}

// fewDescriptors serves with next to no descriptors left, says "starved" whenever accepts have failed again, and ends well when
// its standard input does.
func fewDescriptors() int {
	if err := serveStarving(); err != nil {
		fmt.Fprintln(os.Stderr, "the child:", err)
		return 1
	}
	return 0
}

func serveStarving() error {
	set, err := shard.Open(shard.Options{Dir: os.Getenv("PENSTOCK_INTAKE_DIR"), Shards: 1, Ack: shard.AckLog})
	if err != nil {
		return err
	}
	s, err := New(Options{HTTP: "127.0.0.1:0", Listeners: 1, Set: set, Formats: []wire.Format{interana.Format}})
	if err != nil {
		return err
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	few := uint64(len(open) + 8)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: few, Max: few}); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	fmt.Println(s.Addrs()["http"])

	told := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // only its end matters
		close(told)
	}()
	failures := uint64(0)
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("Serve returned by itself: %w", errors.Join(err, io.ErrUnexpectedEOF))
		case <-told:
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			return errors.Join(s.Close(ctx), <-ended, set.Close(ctx))
		case <-time.After(5 * time.Millisecond):
		}
		if n := s.Stats().Listeners[0].AcceptErrors; n > failures {
			failures = n
			fmt.Println("starved", n)
		}
	}
}
