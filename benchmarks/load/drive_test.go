package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penstock/benchmarks/load/report"
	"penstock/benchmarks/load/wires"
)

// driveWith runs load drive, and returns its report.
func driveWith(t *testing.T, args ...string) (*report.Run, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "run.json")
	c := driveCommand()
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetOut(io.Discard)
	c.SetArgs(append(args, "--json", file, "--quiet"))
	failure := c.ExecuteContext(t.Context())
	r, err := report.Read(file)
	if err != nil {
		t.Fatal(errors.Join(failure, err))
	}
	return r, failure
}

// realServer runs the real binary, with the listeners that a flag names in place of those that are off.
func realServer(t *testing.T) *server {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "penstock")
	if out, err := exec.Command("go", "build", "-o", bin, "penstock/appliance/cmd/penstock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	any := "127.0.0.1:0"
	sv, err := newServer(bin, "--telnet", any, "--graphite", any, "--pickle", any, "--kafka", any)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sv.end(false); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(sv.launch(), sv.awaitReady(30*time.Second)); err != nil {
		t.Fatal(err)
	}
	return sv
}

// ledgerStored is what the ledger says is stored, in all, as soon as it is as much as is due; and what it does not account for otherwise.
func ledgerStored(t *testing.T, sv *server, due uint64) uint64 {
	t.Helper()
	var told struct {
		Total struct{ Received, Stored, Rejected uint64 }
	}
	for range 200 { // lines are stored after the connection has ended
		r, err := http.Get(sv.admin + "/v1/ledger")
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(r.Body).Decode(&told)
		r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if told.Total.Rejected > 0 {
			t.Fatalf("the ledger: %+v", told.Total)
		}
		if told.Total.Stored >= due {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return told.Total.Stored
}

// Every wire, against the real binary: what was acknowledged, or read to the end of a stream, is what its ledger says is stored.
func TestDrive_EveryWire(t *testing.T) {
	sv := realServer(t)
	var at struct{ HTTP, Telnet, Graphite, Pickle, Kafka string }
	text, err := os.ReadFile(filepath.Join(sv.dir, "addresses.json"))
	if err == nil {
		err = json.Unmarshal(text, &at)
	}
	if err != nil {
		t.Fatal(err)
	}
	addresses := map[string]string{"8080": at.HTTP, "4242": at.Telnet, "2003": at.Graphite, "2004": at.Pickle, "9092": at.Kafka}
	total := uint64(0)
	for _, w := range wires.All {
		loops := [][]string{{"--rate", "2000"}}
		if w.Transport != wires.Datagrams {
			loops = append(loops, []string{"--pipeline", "3", "--zipf", "1.1"})
		}
		if w.Transport.Answers() {
			loops[0] = append(loops[0], "--gzip", "0.5")
		}
		for _, loop := range loops {
			to := addresses[w.Address[len("127.0.0.1:"):]]
			r, err := driveWith(t, append(loop, "--wire", w.Name, "--to", to, "--requests", "60", "--warmup", "0s", "--connections", "3", "--fail-if", "errors>0", "--pool", "40")...)
			if err != nil {
				t.Fatalf("%s: %v: %v", w.Name, err, r.Errors)
			}
			if r.Total.EverRequests != 60 || r.Total.EverItems < 60 || (r.Latency != nil) != w.Transport.Answers() {
				t.Errorf("%s: %+v", w.Name, r.Total)
			}
			total += uint64(r.Total.EverItems)
			if got := ledgerStored(t, sv, total); got != total {
				t.Fatalf("%s %v: the ledger has %d stored where %d were sent", w.Name, loop, got, total)
			}
		}
	}
}

// A server that stalls holds up all that was due meanwhile, and an open loop's latency says so; that since the sending does not.
func TestDrive_StallIsInTheLatency(t *testing.T) {
	const stall = 400 * time.Millisecond
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if n.Add(1) == 100 {
			time.Sleep(stall)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	r, err := driveWith(t, "--wire", "interana-single", "--to", s.URL, "--rate", "500", "--requests", "400", "--warmup", "0s", "--connections", "1")
	if err != nil {
		t.Fatal(err)
	}
	// One connection: while it stalls, some 200 requests come due. Those due in the first three quarters of the stall waited a quarter
	// of it at least; but each was answered soon after it was sent, except for one.
	late := 0.0
	for _, q := range r.Latency.Points {
		if q.Micros >= float64(stall.Microseconds())/4 {
			late = 100 - q.Percent
			break
		}
	}
	if r.Total.Requests != 400 || late < 25 || r.Latency.Max < float64(stall.Microseconds()) {
		t.Errorf("%.1f %% of %d waited for a quarter of the stall: %s", late, r.Total.Requests, r.Latency)
	}
	if r.FromSend == nil || r.FromSend.P90 > float64(stall.Microseconds())/4 {
		t.Errorf("since the sending: %s", r.FromSend)
	}
}

// "Try again" is not an error, and what is an error is told by its kind; a bound that does not hold is named.
func TestDrive_Verdicts(t *testing.T) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) % 4 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.(http.Flusher).Flush() // chunked
			_, _ = io.WriteString(w, "fine")
		}
	}))
	defer s.Close()
	r, err := driveWith(t, "--wire", "kairosdb", "--to", s.URL, "--requests", "80", "--warmup", "0s", "--connections", "1", "--pause", "0s",
		"--fail-if", "errors>19", "--fail-if", "overload>20", "--fail-if", "requests<0")
	if !errors.As(err, new(failure)) || !strings.Contains(err.Error(), "errors>19: errors is 20") || strings.Contains(err.Error(), "overload") {
		t.Errorf("the bounds say: %v", err)
	}
	if r.Total.Requests != 40 || r.Total.Overload != 20 || r.Total.Errors != 20 || r.Errors["status 500"] != 20 || len(r.Bounds) != 3 {
		t.Errorf("%+v %v %v", r.Total, r.Errors, r.Bounds)
	}
	for _, wrong := range [][]string{{"--fail-if", "p99>1"}, {"--fail-if", "cpu>1us"}, {"--wire", "graphite", "--fail-if", "p99>1ms"}, {"--wire", "none"}, {"--size", "9-1"},
		{"--wire", "graphite-udp"}, {"--connections", "0"}, {"--to", "http://127.0.0.1:1/path"}, {"--wire", "kafka,segment"}} {
		c := driveCommand()
		c.SilenceUsage, c.SilenceErrors = true, true
		c.SetArgs(wrong)
		if err := c.Execute(); err == nil || errors.As(err, new(failure)) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}
