package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"penstock/wire"
	"penstock/wire/formats"
	"penstock/wire/wiretest"
)

// Every golden of every wire, the seeds' own examples among them, goes to the real binary over a socket, byte for byte: it is
// answered as the golden says, and its records are found again, with topic, key, time and value.
func TestGoldensOverSockets(t *testing.T) {
	s := start(t, t.TempDir(), "--shards", "1", "--ack", "log", "--dedup-memory", "0", "--telnet", "127.0.0.1:0", "--graphite", "127.0.0.1:0", "--pickle", "127.0.0.1:0")
	g := &goldens{server: s, next: map[string]int64{}}
	for _, f := range formats.All() {
		for _, c := range wiretest.Cases(t, filepath.Join("..", "..", "wire", f.Name, "testdata")) {
			if c.Verdict != wire.Stored || c.KeyFault != wire.OK || c.Columns != nil || c.Tenant != nil || c.Limit != 1<<20 {
				continue // a world that this server is not in
			}
			t.Run(f.Name+"/"+c.Name, func(t *testing.T) {
				g.t = t
				if c.Method == "STREAM" {
					g.stream(f, c)
				} else {
					g.request(f, c)
				}
			})
		}
	}
	if _, total := s.ledger(); total.InFlight != 0 || total.Stored != s.kept() || total.Duplicate != 0 {
		t.Errorf("in the end the ledger has %+v, and the logs %d records", total, s.kept())
	}
	if g.done < 50 {
		t.Errorf("only %d goldens were sent", g.done)
	}
}

type goldens struct {
	*server
	t    testing.TB
	next map[string]int64 // by topic: the first offset not yet read
	done int
}

// request sends an HTTP golden and compares everything.
func (g *goldens) request(f wire.Format, c *wiretest.Case) {
	g.done++
	route := wiretest.Route(f, c.Method, c.Path)
	var b wire.Batch
	o := c.Outcome(route, &b)
	want := route.Reply(nil, o)

	status, header, body := g.exchange(c)
	if status != want.Status || !timeless(string(want.Body)).MatchString(body) {
		g.t.Errorf("answered %d %q\nwant     %d %q", status, body, want.Status, want.Body)
	}
	if got := header.Get("Content-Type"); got != want.Type {
		g.t.Errorf("content type %q, want %q", got, want.Type)
	}
	for _, field := range want.Fields {
		if got := header.Get(field.Name); got != field.Value {
			g.t.Errorf("%s: %q, want %q", field.Name, got, field.Value)
		}
	}
	_, refused := b.Rejected()
	if o.Fault != nil {
		refused++
		b.Clear()
	}
	g.compare(b.Records, refused)
}

// exchange sends the request as it stands in the golden.
func (g *goldens) exchange(c *wiretest.Case) (status int, header http.Header, body string) {
	g.t.Helper()
	var out bytes.Buffer
	target := c.Path
	for i, pair := range c.Query {
		target += "?&"[min(i, 1):][:1] + pair[0] + "=" + url.QueryEscape(pair[1])
	}
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: e2e\r\nConnection: close\r\n", c.Method, target)
	for _, pair := range c.Header {
		if strings.EqualFold(pair[0], "Content-Length") || strings.EqualFold(pair[0], "Host") {
			continue // the document's example has another's
		}
		fmt.Fprintf(&out, "%s: %s\r\n", pair[0], pair[1])
	}
	if len(c.Body) > 0 || c.Method != "GET" && c.Method != "HEAD" {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(c.Body))
	}
	out.WriteString("\r\n")
	out.Write(c.Body)
	conn := g.dial(g.HTTP)
	defer conn.Close()
	go conn.Write(out.Bytes())
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: c.Method})
	if err != nil {
		g.t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

func (g *goldens) dial(at string) net.Conn {
	g.t.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		g.t.Fatal(err)
	}
	return conn
}

// stream sends a stream's golden and compares what is stored, refused and said back.
func (g *goldens) stream(f wire.Format, c *wiretest.Case) {
	g.done++
	at := map[string]string{"telnet": g.Telnet, "graphite": g.Graphite, "pickle": g.Pickle}[c.Path]
	var said []byte
	var records []wire.Record
	refused := 0
	for i := range f.Streams {
		if f.Streams[i].Name == c.Path {
			records, refused, said = expect(&f.Streams[i], c)
		}
	}
	conn := g.dial(at)
	defer conn.Close()
	go func() {
		if _, err := conn.Write(c.Body); err == nil {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	answer, err := io.ReadAll(conn) // until the server has taken everything and hangs up
	if err != nil && !strings.Contains(err.Error(), "reset") {
		g.t.Fatal(err)
	}
	if !bytes.Equal(answer, said) {
		g.t.Errorf("said %q, want %q", answer, said)
	}
	g.compare(records, refused)
}

// expect runs a stream's golden through its format.
func expect(s *wire.Stream, c *wiretest.Case) (records []wire.Record, refused int, said []byte) {
	split, parser, buf := s.NewSplit(), s.New(), c.Body
	var b wire.Batch
	for {
		advance, frame, fault := split(buf, true)
		if fault != nil {
			refused++
		}
		if advance == 0 {
			_, parts := b.Rejected()
			return b.Records, refused + parts, b.Echo
		}
		buf = buf[advance:]
		if frame == nil {
			continue
		}
		req := c.Request()
		req.Body = frame
		if parser.Parse(req, &b) != nil {
			refused++
		}
	}
}

// compare reads what is new in every topic.
func (g *goldens) compare(want []wire.Record, refused int) {
	g.t.Helper()
	byTopic := map[string][]string{}
	for i := range want {
		topic := string(want[i].Topic)
		byTopic[topic] = append(byTopic[topic], wiretest.Tell(&want[i]))
	}
	for topic := range g.next {
		byTopic[topic] = append([]string(nil), byTopic[topic]...) // topics of earlier cases: nothing new may be in them
	}
	delete(byTopic, wire.RejectedTopic)
	for topic, lines := range byTopic {
		got := g.fresh(topic, len(lines))
		if len(got) != len(lines) {
			g.t.Errorf("%d new records in %s, want %d: %.2000q", len(got), topic, len(lines), got)
			continue
		}
		for i, line := range lines {
			if !timeless(line).MatchString(got[i]) {
				g.t.Errorf("stored %s\nwant   %s", got[i], line)
			}
		}
	}
	if kept := g.fresh(wire.RejectedTopic, min(refused, 1)); (len(kept) == 0) != (refused == 0) {
		g.t.Errorf("%d refusals were kept of %d", len(kept), refused)
	}
}

// fresh reads the records of a topic that were not yet read, waiting for at least so many.
func (g *goldens) fresh(topic string, atLeast int) (all []string) {
	g.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		path := "/v1/topics/" + topic + "/records?shard=0&encoding=base64&limit=10000&from=" + strconv.FormatInt(g.next[topic], 10)
		status, text := g.get(path)
		if status == http.StatusOK {
			for line := range strings.Lines(text) {
				all = append(all, g.tell(line))
				g.next[topic]++
			}
		}
		if len(all) >= atLeast || time.Now().After(end) {
			return all
		}
	}
}

// tell is wiretest.Tell of a line of the records endpoint.
func (g *goldens) tell(line string) string {
	g.t.Helper()
	var r struct {
		Topic, Value string
		Key          *string
		Time         int64
		KeyEncoding  string `json:"key_encoding"`
	}
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		g.t.Fatalf("%s: %v", line, err)
	}
	value, err := base64.StdEncoding.DecodeString(r.Value)
	if err != nil {
		g.t.Fatal(err)
	}
	record := wire.Record{Topic: []byte(r.Topic), Value: value, Time: r.Time}
	if r.Key != nil {
		record.Key = []byte(*r.Key)
		if r.KeyEncoding == "base64" {
			if record.Key, err = base64.StdEncoding.DecodeString(*r.Key); err != nil {
				g.t.Fatal(err)
			}
		}
	}
	return wiretest.Tell(&record)
}

// timeless is text with any time where the goldens' own time of arrival stands.
func timeless(text string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(text)
	pattern = strings.ReplaceAll(pattern, strconv.Itoa(wiretest.Now), `\d{13}`)
	pattern = strings.ReplaceAll(pattern, strconv.Itoa(wiretest.Now/1000), `\d{10}`)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("2017-07-14T02:40:00.000Z"), `[0-9T:.-]+Z`)
	return regexp.MustCompile(`(?s)^` + pattern + `$`)
}
