package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// httpRequest is a raw request.
func httpRequest(target, body string, headers ...string) []byte {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: e2e\r\nContent-Length: %d\r\n%s\r\n", target, len(body), strings.Join(append(headers, ""), "\r\n"))
	return []byte(head + body)
}

// wireRequests is one usual request of each HTTP wire.
var wireRequests = []struct {
	name    string
	request []byte
}{
	{"cloudwisdom elements", httpRequest("/ingest/infrastructure/k", `[{"id":"webhost01","name":"Web Host 01","type":"server","metrics":[{"id":"cpu","unit":"percent"},{"id":"mem"}],`+
		`"samples":[{"metricId":"cpu","timestamp":1441465330000,"val":14.0},{"metricId":"mem","timestamp":1441465330000,"min":1,"max":2,"avg":1.5,"sum":3,"cnt":2}],`+
		`"attributes":[{"name":"datacenter","value":"aws-east-1a"}],"tags":[{"name":"a","value":"b"}]}]`, "Content-Type: application/json")},
	{"cloudwisdom check", httpRequest("/check/k/heart%20beat/web01/60", "")},
	{"stackstate intake", httpRequest("/stsAgent/intake?api_key=k", `{"collection_timestamp":1548857167,"events":{"event.test":[{"msg_text":"t","msg_title":"T","timestamp":1548857342,"tags":["a:b"]}]},`+
		`"internalHostname":"localdocker.test","metrics":[["test.metric",1548857152,10.0,{"hostname":"localdocker.test","tags":["k:v"],"type":"gauge"}]],"service_checks":[],"topologies":[]}`,
		"Content-Type: application/json")},
	{"kairosdb", httpRequest("/api/v1/datapoints", `[{"name":"archive.file.tracked","datapoints":[[1359788400000,123],[1359788300000,13.2]],"tags":{"host":"server1","data_center":"DC1"}},`+
		`{"name":"archive.file.search","timestamp":999,"type":"double","value":32.1,"tags":{"host":"server2"}}]`, "Content-Type: application/json")},
	{"splunk events", httpRequest("/T/ingest/v1beta2/events", `[{"body":"Hello, World!","attributes":{"message":"Something happened"},"host":"h","source":"s","sourcetype":"txt","timestamp":1533671808138,"id":"`+pumpNumber+`"}]`,
		"Content-Type: application/json", "Authorization: Bearer t")},
	{"splunk metrics", httpRequest("/metrics", `[{"body":[{"name":"cpu.util","value":45.0,"unit":"percent","dimensions":{"Region":"us-west-1"}}],"timestamp":1526627123013,"attributes":{"defaultType":"g"}}]`,
		"Content-Type: application/json")},
	{"an Idempotency-Key", httpRequest("/add_events", `{"user":"u42","event":"click"}`, "topic: named", "Idempotency-Key: "+pumpNumber)},
	{"segment batch", httpRequest("/v1/batch", `{"batch":[{"type":"track","messageId":"`+pumpNumber+`","userId":"u42","event":"Signed Up","timestamp":"2026-01-01T00:00:00Z"},{"type":"page","anonymousId":"a"}],"sentAt":"2026-01-01T00:00:01Z"}`,
		"Content-Type: application/json", "Authorization: Basic Szo=")},
}

// The process's own malloc counter, for every HTTP wire.
func TestMallocsPerWire(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	s := start(t, t.TempDir(), "--ack", "log", "--retention-bytes", "1GiB")
	for _, c := range wireRequests {
		t.Run(c.name, func(t *testing.T) {
			const connections = 16
			p := newPump(t, s.HTTP, c.request, connections)
			p.send(200, 8)
			scrape := -s.mallocs() + s.mallocs()
			before := s.mallocs()
			p.send(n/connections, 8)
			grown := s.mallocs() - before - scrape
			per := grown / float64(n)
			t.Logf("%d requests, %.0f mallocs, %.5f a request", n, grown, per)
			if per >= mallocsMax && !testing.Short() {
				t.Errorf("%.5f mallocs a request, the promise is less than %v", per, mallocsMax)
			}
		})
	}
}

// The same for the streams: mallocs per line, and per frame of a pickle.
func TestMallocsPerLine(t *testing.T) {
	for _, compression := range []string{"none", "lz4"} {
		t.Run(compression, func(t *testing.T) { mallocsPerLine(t, compression) })
	}
}

func mallocsPerLine(t *testing.T, compression string) {
	n := 300_000
	if testing.Short() {
		n = 20_000
	}
	s := start(t, t.TempDir(), "--ack", "log", "--compression", compression, "--retention-bytes", "1GiB", "--telnet", "127.0.0.1:0", "--graphite", "127.0.0.1:0", "--pickle", "127.0.0.1:0")
	pickle := []byte("\x80\x02](X\x05\x00\x00\x00a.b.cJ\xb5\x79\x02\x6bG\x3f\xf8\x00\x00\x00\x00\x00\x00\x86\x86e.")
	for _, c := range []struct{ name, wire, at, frame string }{
		{"telnet", "kairosdb", s.Telnet, "put load_value_test 1349109376000 12.5 host=A dc=east\n"},
		{"graphite", "graphite", s.Graphite, "servers.web01.load.shortterm 1.5 1795324341\n"},
		{"pickle", "graphite", s.Pickle, string(binary.BigEndian.AppendUint32(nil, uint32(len(pickle)))) + string(pickle)},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", c.at)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			stored := `penstock_records_stored_total{wire="` + c.wire + `"}`
			feed := func(frames int) {
				t.Helper()
				want := s.metric(stored) + float64(frames)
				if err := conn.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
					t.Fatal(err)
				}
				chunk := bytes.Repeat([]byte(c.frame), 100)
				for range frames / 100 {
					if _, err := conn.Write(chunk); err != nil {
						t.Fatal(err)
					}
				}
				for end := time.Now().Add(time.Minute); s.metric(stored) < want; time.Sleep(50 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("%v frames of %v are stored", s.metric(stored), want)
					}
				}
			}
			feed(20_000)
			scrape := -s.mallocs() + s.mallocs()
			asked := s.scrapes
			before := s.mallocs()
			feed(n)
			grown := s.mallocs() - before - scrape*float64(s.scrapes-asked)
			per := max(0, grown) / float64(n)
			t.Logf("%d frames, %.0f mallocs, %.5f a frame", n, grown, per)
			if per >= mallocsMax && !testing.Short() {
				t.Errorf("%.5f mallocs a frame, the promise is less than %v", per, mallocsMax)
			}
		})
	}
}

// readSuccess reads one answer, which must be a 2xx, and its body.
func readSuccess(in *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 2")) {
			rest := make([]byte, in.Buffered())
			_, _ = in.Read(rest)
			return fmt.Errorf("the answer was %q\n%s", line, rest)
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
		if len(line) <= 2 {
			_, err := in.Discard(length)
			return err
		}
	}
}
