package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// heard is a request that a test server was sent.
type heard struct {
	target, body string
	header       http.Header
}

// listenTo runs a server that answers with status and notes what it hears.
func listenTo(t *testing.T, answer func(n int, w http.ResponseWriter)) (base string, all *[]heard) {
	t.Helper()
	all = new([]heard)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*all = append(*all, heard{r.Method + " " + r.RequestURI, string(body), r.Header})
		answer(len(*all), w)
	}))
	t.Cleanup(server.Close)
	return server.URL, all
}

func accepted(_ int, w http.ResponseWriter) { w.WriteHeader(200) }

// send runs `penstock send …` with an input.
func send(t *testing.T, stdin string, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	root := newRootCommand(&out, &err)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(append([]string{"send"}, args...))
	if e := root.Execute(); e != nil {
		return exitFailed, out.String(), err.String() + e.Error()
	}
	return exitOK, out.String(), err.String()
}

func TestSend_Requests(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "data.csv")
	if err := os.WriteFile(file, []byte("a,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		stdin, args  string
		target, body string // body: what it is, or with a leading … what is in it
		header       string // name: value
	}{
		{"{\"a\":1}\n\n{\"b\":2}\n", "interana --topic t", "POST /add_events", "{\"a\":1}\n{\"b\":2}", "Topic: t"},
		{"[]", "cloudwisdom elements --api-key a/b", "POST /ingest/a%2Fb", "[]", "X-Netuitive-Api-Options: SEND_RESPONSE_BODY"},
		{"[]", "cloudwisdom elements --inject-timestamp", "POST /ingest/none", "[]", "X-Netuitive-Api-Options: SEND_RESPONSE_BODY,INJECT_TIMESTAMP"},
		{"[]", "cloudwisdom events --api-key k", "POST /ingest/events/k", "[]", ""},
		{"", "cloudwisdom check --api-key k heart%20beat web/01 60", "POST /check/k/heart%2520beat/web%2F01/60", "", ""},
		{"[]", "kairosdb", "POST /api/v1/datapoints", "[]", "Content-Type: application/json"},
		{"", "stackstate metric m 12.50 --host h --tag a:b --api-key k&", "POST /stsAgent/intake?api_key=k%26", `…,12.50,{"hostname":"h","tags":["a:b"],"type":"gauge"}]]`, ""},
		{"1,2.0\n3,-4e5\n", "stackstate metric m --csv --host h --type raw", "POST /stsAgent/intake",
			`…"metrics":[["m",1,2.0,{"hostname":"h","type":"raw"}],["m",3,-4e5,{"hostname":"h","type":"raw"}]]`, ""},
		{"", "stackstate event deploy --title T --host h --tag a:b", "POST /stsAgent/intake", `…"events":{"deploy":[{"msg_text":"","msg_title":"T"`, ""},
		{"{}", "stackstate intake", "POST /stsAgent/intake", "{}", ""},
		{"hello\nwor\"ld\n", "splunk post-events --tenant T --host h --source s --format raw", "POST /T/ingest/v1beta2/events",
			`[{"body":"hello","host":"h","source":"s"},{"body":"wor\"ld","host":"h","source":"s"}]`, ""},
		{"{\"a\":1}\n", "splunk post-events --format json --sourcetype st --timestamp 5 --nanos 6 --id i --attributes {\"x\":1} --token tok", "POST /system/ingest/v1beta2/events",
			`[{"body":{"a":1},"attributes":{"x":1},"sourcetype":"st","timestamp":5,"nanos":6,"id":"i"}]`, "Authorization: Bearer tok"},
		{"{\"body\":1}\n", "splunk post-events --format event", "POST /system/ingest/v1beta2/events", `[{"body":1}]`, ""},
		{"[{\"name\":\"n\",\"value\":1}]\n", "splunk post-metrics --default-type g --default-dimensions {\"d\":\"e\"}", "POST /system/ingest/v1beta2/metrics",
			`[{"body":[{"name":"n","value":1}],"attributes":{"defaultDimensions":{"d":"e"},"defaultType":"g"}}]`, ""},
		{"", "splunk upload-files --file-name " + file, "POST /system/ingest/v1beta2/files", "…name=\"upfile\"; filename=\"data.csv\"", ""},
		{"{\"a\":1}\n{\"b\":2}\n", "segment --write-key K --topic t", "POST /v1/batch", `{"batch":[{"a":1},{"b":2}]}`, "Authorization: Basic Szo="},
	} {
		base, all := listenTo(t, accepted)
		exit, stdout, stderr := send(t, c.stdin, append(strings.Fields(c.args), "--url", base)...)
		if exit != exitOK || len(*all) != 1 {
			t.Errorf("%s: exit %d, %d requests, %s %s", c.args, exit, len(*all), stdout, stderr)
			continue
		}
		got := (*all)[0]
		part, in := strings.CutPrefix(c.body, "…")
		name, value, _ := strings.Cut(c.header, ": ")
		if got.target != c.target || in && !strings.Contains(got.body, part) || !in && got.body != c.body || got.header.Get(name) != value {
			t.Errorf("%s\nsent %s\n%s\n%v\nwant %s\n%s", c.args, got.target, got.body, got.header, c.target, c.body)
		}
	}
}

func TestSend_Failures(t *testing.T) {
	const secret = "very-secret-key"
	for _, c := range []struct {
		stdin, args, want string
		status            int
	}{
		{"[]", "cloudwisdom elements --api-key " + secret, "answered 400 to messages 1 to 1: no, and why", 400},
		{"a\nb\n", "interana --topic t", "answered 400 to events 1 to 2: no, and why", 400},
		{"", "cloudwisdom check n e soon", "TTL is a number of seconds", 202},
		{"x", "splunk post-events --format json", "line 1 is no JSON", 200},
		{"x", "splunk post-events --format xml", "--format xml is none of", 200},
		{"{}", "splunk post-metrics", "line 1 is no JSON array", 200},
		{"{}\n7", "segment", "line 2 is no JSON object", 200},
		{"", "stackstate metric m", "give a VALUE, a band (-b) or --csv", 200},
		{"", "stackstate metric m x1", `"x1" is no number`, 200},
		{"", "stackstate metric m -b wide", "is no band", 200},
		{"", "stackstate metric m -b 1-2 -p soon", "is no period", 200},
		{"1;2", "stackstate metric m --csv", "line 1 is not timestamp,value", 200},
		{"", "interana", `required flag(s) "topic" not set`, 200},
		{"", "interana --topic t no-such-file", "no such file", 200},
	} {
		base, _ := listenTo(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(c.status); fmt.Fprint(w, "no, and why") })
		exit, _, stderr := send(t, c.stdin, append(strings.Fields(c.args), "--url", base)...)
		if exit == exitOK || !strings.Contains(stderr, c.want) || strings.Contains(stderr, secret) {
			t.Errorf("%s: exit %d: %s", c.args, exit, stderr)
		}
	}
	exit, _, stderr := send(t, "[]", "cloudwisdom", "elements", "--api-key", secret, "--url", "127.0.0.1:1")
	if exit == exitOK || strings.Contains(stderr, secret) || !strings.Contains(stderr, "cannot reach http://127.0.0.1:1") {
		t.Errorf("nobody there: %s", stderr)
	}
}

// "Try again" is obeyed, and not for ever.
func TestSend_TriesAgain(t *testing.T) {
	busy := func(until int) func(n int, w http.ResponseWriter) {
		return func(n int, w http.ResponseWriter) {
			if n <= until {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(503)
			}
		}
	}
	base, all := listenTo(t, busy(3))
	if exit, _, stderr := send(t, "a\n", "interana", "--topic", "t", "--url", base); exit != exitOK || len(*all) != 4 {
		t.Errorf("exit %d after %d requests: %s", exit, len(*all), stderr)
	}
	base, all = listenTo(t, busy(100))
	if exit, _, _ := send(t, "a\n", "interana", "--topic", "t", "--url", base, "--retries", "2"); exit == exitOK || len(*all) != 3 {
		t.Errorf("exit %d after %d requests", exit, len(*all))
	}
}

func TestSend_DryRun(t *testing.T) {
	base, all := listenTo(t, func(_ int, w http.ResponseWriter) { fmt.Fprint(w, `{"dry_run":true}`) })
	exit, stdout, _ := send(t, "{}", "stackstate", "intake", "--api-key", "k", "--dry-run", "--url", base)
	if exit != exitOK || stdout != `{"dry_run":true}` || (*all)[0].target != "POST /stsAgent/intake?api_key=k&dry_run=1" {
		t.Errorf("exit %d, %s, %s", exit, stdout, (*all)[0].target)
	}
}

// Many lines go in requests that no server refuses for their size, and all of them go.
func TestSend_Batches(t *testing.T) {
	base, all := listenTo(t, accepted)
	var in strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&in, `{"n":%d,"pad":"%s"}`+"\n", i, strings.Repeat("x", i))
	}
	exit, _, stderr := send(t, in.String(), "segment", "--url", base)
	if exit != exitOK || !strings.Contains(stderr, "sent 3000 events") {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	n := 0
	for _, r := range *all {
		var batch struct{ Batch []struct{ N int } }
		if err := json.Unmarshal([]byte(r.body), &batch); err != nil {
			t.Fatal(err)
		}
		if len(batch.Batch) > batchLines || len(r.body) > batchBytes+1000 {
			t.Errorf("a request of %d events and %d bytes", len(batch.Batch), len(r.body))
		}
		for _, e := range batch.Batch {
			if e.N != n {
				t.Fatalf("event %d where %d is due", e.N, n)
			}
			n++
		}
	}
	if n != 3000 {
		t.Errorf("%d events arrived", n)
	}
}

// hearBytes accepts one connection and returns what it said until it hung up.
func hearBytes(t *testing.T) (at string, said func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- ""
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		text, _ := io.ReadAll(c)
		got <- string(text)
	}()
	return l.Addr().String(), func() string { return <-got }
}

func TestSend_Lines(t *testing.T) {
	at, said := hearBytes(t)
	exit, _, stderr := send(t, "put a 1 2 h=A\r\n\nput b 1 2 h=A", "kairosdb", "--telnet", at)
	if got := said(); exit != exitOK || got != "put a 1 2 h=A\nput b 1 2 h=A\n" {
		t.Errorf("exit %d, said %q: %s", exit, got, stderr)
	}
	at, said = hearBytes(t)
	exit, _, stderr = send(t, "a.b.c 1.5 1795324341\n", "graphite", "--pickle", "--to", at)
	want := "\x00\x00\x00\x20\x80\x02](X\x05\x00\x00\x00a.b.cJ\xb5\x79\x02\x6bG\x3f\xf8\x00\x00\x00\x00\x00\x00\x86\x86e."
	if got := said(); exit != exitOK || got != want {
		t.Errorf("exit %d, said %q: %s", exit, got, stderr)
	}
	if exit, _, stderr := send(t, "a.b.c 1.5\n", "graphite", "--pickle", "--to", at); exit == exitOK {
		t.Errorf("a short line was sent: %s", stderr)
	}
}

func TestSend_Datagrams(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	var in strings.Builder
	for i := range 200 {
		fmt.Fprintf(&in, "some.metric.name%d 1.5 1795324341\n", i)
	}
	if exit, _, stderr := send(t, in.String(), "graphite", "--udp", "--to", pc.LocalAddr().String()); exit != exitOK {
		t.Fatal(stderr)
	}
	var got strings.Builder
	buf := make([]byte, 64<<10)
	_ = pc.SetDeadline(time.Now().Add(20 * time.Second))
	for got.Len() < in.Len() {
		n, _, err := pc.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		if n > datagramMost || buf[n-1] != '\n' {
			t.Errorf("a datagram of %d bytes, ending in %q", n, buf[n-1])
		}
		got.Write(buf[:n])
	}
	if got.String() != in.String() {
		t.Error("the datagrams are not the lines")
	}
}

func TestParsePeriodAndBand(t *testing.T) {
	for text, want := range map[string]int64{"4w2d6h30m15s": 4*604800 + 2*86400 + 6*3600 + 30*60 + 15, "90s": 90, "1h": 3600, "": -1, "1h1w": -1, "x": -1, "-1h": -1} {
		if got, err := parsePeriod(text); (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string][2]float64{"100-250": {100, 250}, "7": {7, 7}, "-5--1.5": {-5, -1.5}} {
		if low, high, err := parseBand(text); err != nil || low != want[0] || high != want[1] {
			t.Errorf("%q is %v to %v, %v", text, low, high, err)
		}
	}
	for _, text := range []string{"", "a-b", "1-", "1..2-3"} {
		if _, _, err := parseBand(text); err == nil {
			t.Errorf("%q is a band", text)
		}
	}
}

// Made values lie within their band and period.
func TestMadePoints(t *testing.T) {
	for _, shape := range []struct{ baseline, linear bool }{{}, {baseline: true}, {linear: true}} {
		n, last := 0, int64(0)
		err := madePoints("100-250", "4w", shape.baseline, shape.linear, func(at int64, value json.Number) error {
			v, err := value.Float64()
			if err != nil || v < 100 || v > 250 || at <= last {
				return fmt.Errorf("%s at %d: %v", value, at, err)
			}
			n, last = n+1, at
			return nil
		})
		if err != nil || n < 1000 || n > madeMost+1 || time.Now().Unix()-last > 600 {
			t.Errorf("%+v: %d values up to %d: %v", shape, n, last, err)
		}
	}
}
