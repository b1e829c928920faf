package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// account is a wire's line in the ledger.
type account struct {
	Received, Stored, Rejected, Duplicate uint64
	InFlight                              uint64            `json:"in_flight"`
	RejectedBy                            map[string]uint64 `json:"rejected_by"`
}

// ledger reads GET /v1/ledger and holds it against itself: every record received is stored, rejected, a duplicate or in flight, on every
// wire and in all.
func (s *server) ledger() (wires map[string]account, total account) {
	s.t.Helper()
	status, body := s.get("/v1/ledger")
	var l struct {
		Wires map[string]account
		Total account
	}
	if err := json.Unmarshal([]byte(body), &l); status != http.StatusOK || err != nil {
		s.t.Fatalf("/v1/ledger: %d %s, %v", status, body, err)
	}
	var sum account
	for wire, a := range l.Wires {
		s.balanced(wire, a)
		sum.Received, sum.Stored, sum.Rejected = sum.Received+a.Received, sum.Stored+a.Stored, sum.Rejected+a.Rejected
		sum.Duplicate, sum.InFlight = sum.Duplicate+a.Duplicate, sum.InFlight+a.InFlight
	}
	s.balanced("total", l.Total)
	if fmt.Sprint(sum.Received, sum.Stored, sum.Rejected, sum.Duplicate, sum.InFlight) !=
		fmt.Sprint(l.Total.Received, l.Total.Stored, l.Total.Rejected, l.Total.Duplicate, l.Total.InFlight) {
		s.t.Errorf("the wires add up to %+v, the total is %+v", sum, l.Total)
	}
	return l.Wires, l.Total
}

func (s *server) balanced(name string, a account) {
	s.t.Helper()
	reasons := uint64(0)
	for _, n := range a.RejectedBy {
		reasons += n
	}
	if a.Received != a.Stored+a.Rejected+a.Duplicate+a.InFlight || a.InFlight > 1<<40 || reasons != a.Rejected {
		s.t.Errorf("%s does not balance: %+v", name, a)
	}
}

// kept counts the records of all topics but the one of what was refused.
func (s *server) kept() (records uint64) {
	s.t.Helper()
	_, body := s.get("/v1/topics")
	var all struct {
		Topics []struct {
			Topic  string
			Shards []struct{ First, Next uint64 }
		}
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		s.t.Fatal(err)
	}
	for _, t := range all.Topics {
		for _, shard := range t.Shards {
			if t.Topic != "_rejected" {
				records += shard.Next - shard.First
			}
		}
	}
	return records
}

// send sends one request to any wire.
func (s *server) send(method, path, body string, headers ...string) (status int, header http.Header) {
	s.t.Helper()
	req, err := http.NewRequest(method, "http://"+s.HTTP+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	r, err := (&http.Client{Timeout: 40 * time.Second}).Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, r.Header
}

// Every wire is sent good records, bad ones and repeats, by several senders at once, while the ledger is read all the time: it balances
// whenever it is looked at, and in the end to the record with what is in the logs.
func TestLedgerBalances(t *testing.T) {
	s := start(t, t.TempDir(), "--telnet", "127.0.0.1:0", "--graphite", "127.0.0.1:0", "--shards", "2")
	const senders, rounds = 4, 60
	requests := []struct {
		path, body string // with SENDER and ROUND
		headers    []string
	}{
		{"/add_events", `[{"n":1SENDERROUND},{"n":2}]`, []string{"topic", "t"}},
		{"/add_events", `[{"n":1SENDERROUND},{"n":3},{]`, []string{"topic", "t"}},
		{"/add_events", `{"n":"no topic"}`, nil},
		{"/add_events", `[{"n":4},{"n":5}]`, []string{"topic", "t", "Idempotency-Key", "always the same"}},
		{"/ingest/key", `[{"name":"m","value":ROUND}]`, nil},
		{"/stsAgent/api/v1/series", `{"series":[{"metric":"m","points":[[1500000000,ROUND]]}]}`, nil},
		{"/api/v1/datapoints", `[{"name":"m","timestamp":1500000000000,"value":ROUND,"tags":{"h":"SENDER"}},{"name":""}]`, nil},
		{"/acme/ingest/v1beta2/events", `[{"body":1,"id":"SENDER-ROUND"},{"body":1,"id":"half-ROUND"}]`, nil},
		{"/acme/ingest/v1beta2/metrics", `[{"body":[{"name":"a","value":1},{"name":"b","value":2}],"id":"mROUND"}]`, nil},
		{"/v1/batch", `{"batch":[{"type":"track","messageId":"sROUND"},{"type":"track"},7]}`, nil},
	}
	stop := make(chan struct{})
	var watch, all sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.ledger()
			}
		}
	})
	for sender := range senders {
		all.Go(func() {
			for round := range rounds {
				for _, r := range requests {
					body := strings.NewReplacer("SENDER", fmt.Sprint(sender), "ROUND", fmt.Sprint(round)).Replace(r.body)
					_, header := s.send("POST", r.path, body, r.headers...)
					for header.Get("Retry-After") != "" { // it repeats what is being stored just then
						_, header = s.send("POST", r.path, body, r.headers...)
					}
				}
			}
		})
		all.Go(func() {
			c, err := net.Dial("tcp", s.Telnet)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for round := range rounds {
				fmt.Fprintf(c, "put lines %d 1 host=%d\nput nonsense\n", 1_600_000_000+round, sender)
			}
			fmt.Fprintf(c, "version\n")
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(stop)
	watch.Wait()
	wires, total := s.ledger()
	if total.InFlight != 0 || total.Stored != s.kept() {
		t.Errorf("all is answered: %+v, and the logs have %d records", total, s.kept())
	}
	want := map[string]string{
		"interana": fmt.Sprint(2*senders*rounds+2, 2*senders*rounds, 2*(senders*rounds-1)),
		"kairosdb": fmt.Sprint(2*senders*rounds, 2*senders*rounds, 0),
		"splunk":   fmt.Sprint(senders*rounds+3*rounds, 0, 3*(senders-1)*rounds),
		"segment":  fmt.Sprint(senders*rounds+rounds, senders*rounds, (senders-1)*rounds),
	}
	for wire, w := range want {
		a := wires[wire]
		if got := fmt.Sprint(a.Stored, a.Rejected-a.RejectedBy["busy"], a.Duplicate); got != w {
			t.Errorf("%s: stored, rejected and duplicate are %s, want %s: %+v", wire, got, w, a)
		}
	}
}

// A repeat is acknowledged again and stored once, whatever happened in between: nothing, a stop, a kill.
func TestRepeatsOverRestarts(t *testing.T) {
	s := start(t, t.TempDir(), "--shards", "2", "--telnet", "off")
	requests := []struct {
		path, body string
		records    int
		headers    []string
	}{
		{"/acme/ingest/v1beta2/events", `[{"body":"x","id":"one"},{"body":"y","id":"two"}]`, 2, nil},
		{"/acme/ingest/v1beta2/metrics", `[{"body":[{"name":"a","value":1},{"name":"a","value":1,"unit":"s"}],"id":"three"}]`, 2, nil},
		{"/v1/batch", `{"batch":[{"type":"track","messageId":"four"},{"type":"page","messageId":"five","a":1}]}`, 2, nil},
		{"/segment/webhook", `{"type":"track","messageId":"si\u0078"}`, 1, nil},
		{"/add_events", `{"n":1} {"n":1} {"n":1}`, 3, []string{"topic", "t", "Idempotency-Key", "k1"}},
		{"/api/v1/datapoints", `[{"name":"m","timestamp":1500000000000,"value":1,"tags":{"h":"a"}}]`, 1, []string{"Idempotency-Key", "k1"}},
	}
	for _, between := range []struct {
		name string
		do   func()
	}{
		{"at first", func() {}},
		{"right after", func() {}},
		{"after a kill", func() { s.kill(); s.start() }},
		{"after a stop", func() { s.stop(); s.start() }},
		{"after another kill", func() { s.kill(); s.start() }},
	} {
		between.do()
		for _, r := range requests {
			duplicates := fmt.Sprint(r.records)
			if between.name == "at first" {
				duplicates = ""
			}
			status, header := s.send("POST", r.path, r.body, append([]string{"Penstock-Ack", "disk"}, r.headers...)...)
			if status/100 != 2 || header.Get("Penstock-Duplicates") != duplicates {
				t.Errorf("%s, %s: status %d, duplicates %q, want %q", between.name, r.path, status, header.Get("Penstock-Duplicates"), duplicates)
			}
		}
		if kept := s.kept(); kept != 11 {
			t.Errorf("%s: the logs have %d records, want 11", between.name, kept)
		}
	}
	s.send("POST", "/add_events", `{"n":2}`, "topic", "t", "Idempotency-Key", "k1")     // other bytes under a name that was used
	s.send("POST", "/add_events", `{"n":2}`, "topic", "other", "Idempotency-Key", "k1") // and for another topic
	if kept := s.kept(); kept != 13 {
		t.Errorf("the logs have %d records, want 13", kept)
	}
}
