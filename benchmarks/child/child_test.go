package child

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/benchmarks/proc"
)

// shell starts one that lives until it is ended.
func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(t.TempDir(), "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	return p
}

const waits = "; read never < never"

func TestLife(t *testing.T) {
	p := shell(t, "mkfifo never; echo listening on 127.0.0.1:7"+waits)
	if at, err := p.Says("listening on "); err != nil || at != "127.0.0.1:7" {
		t.Fatalf("%q, %v", at, err)
	}
	if m := p.Memory(); m.Resident <= 0 {
		t.Errorf("its memory is %+v", m)
	}
	if err := p.Settle(10*time.Millisecond, 50*time.Millisecond); err != nil {
		t.Error(err)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if !proc.Ended(p.PID()) {
		t.Error("it lives")
	}
	if err := p.Kill(); err == nil || !strings.Contains(err.Error(), "had ended by itself") {
		t.Errorf("killed again: %v", err)
	}
	p.End()
}

func TestStop(t *testing.T) {
	polite := shell(t, "trap 'exit 0' TERM; mkfifo never; echo ready; while :; do sleep 0.01; done")
	rude := shell(t, "trap 'echo no; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
	for _, p := range []*Process{polite, rude} {
		if _, err := p.Says("ready"); err != nil {
			t.Fatal(err)
		}
	}
	if err := polite.Stop(); err != nil {
		t.Error(err)
	}
	if err := rude.Stop(); err == nil || !strings.Contains(err.Error(), "status 3") || !strings.Contains(err.Error(), "no") {
		t.Errorf("one that ends with status 3: %v", err)
	}
}

func TestWithin(t *testing.T) {
	asked := 0
	p := shell(t, "mkfifo never; echo words"+waits)
	if err := p.Within(time.Minute, func() error {
		if asked++; asked < 3 {
			return errors.New("not yet")
		}
		return nil
	}); err != nil || asked != 3 {
		t.Errorf("%v after %d", err, asked)
	}
	if _, err := p.Says("words"); err != nil {
		t.Fatal(err)
	}
	err := p.Within(time.Millisecond, func() error { return errors.New("never") })
	if err == nil || !strings.Contains(err.Error(), "never") || !strings.Contains(err.Error(), "words") {
		t.Errorf("what never comes: %v", err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Within(time.Minute, func() error { return errors.New("never") }); err == nil || !strings.Contains(err.Error(), " ended by itself") {
		t.Errorf("one that has ended: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	at, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := shell(t, "mkfifo never"+waits)
	if err := p.Listens(at); err != nil {
		t.Error(err)
	}
	if _, err := Start(t.TempDir(), "./no such program"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: %v", err)
	}
}

func TestGet(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/there" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte("text"))
	}))
	defer s.Close()
	if text, err := Get(s.URL + "/there"); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := Get(s.URL + "/elsewhere"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("what is not there: %v", err)
	}
}

// A child outlives the thread that asked for it.
func TestOutlivesThreads(t *testing.T) {
	all := make(chan *Process)
	for range 8 {
		go func() {
			runtime.LockOSThread() // for good: the thread ends with this goroutine
			p, err := Start(t.TempDir(), "sh", "-c", "mkfifo never"+waits)
			if err != nil {
				t.Error(err)
			}
			all <- p
		}()
	}
	for range 8 {
		p := <-all
		time.Sleep(20 * time.Millisecond)
		if p != nil && proc.Ended(p.PID()) {
			t.Error("it has ended with the thread that asked for it")
		}
		p.End()
	}
}
