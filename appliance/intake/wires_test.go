package intake

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"penstock/appliance/shard"
	"penstock/segstore"
	"penstock/wire"
	"penstock/wire/interana"
)

// lines is a format with all that a wire may ask of its server: keys, parts that are refused, braces, a limit of its own, headers,
// compressed replies. A body's lines are records; a line "bad" is refused.
var lines = wire.Format{Name: "lines", Routes: []wire.Route{
	{Methods: []string{"POST"}, Path: "/lines/{key}", New: newLines, Reply: linesReply, Key: func(r *wire.Request) []byte { return r.Params[0] }, Limit: 3 << 20, Gzip: true},
	{Methods: []string{"POST"}, Path: "/lines/{which}/{key}", New: newLines, Reply: linesReply},
	{Methods: []string{"POST", "PUT"}, Path: "/lines/exact/{key}", New: newLines, Reply: linesReply},
	{Methods: []string{"GET"}, Path: "/lines/version", Reply: func(dst []byte, _ *wire.Outcome) wire.Reply {
		return wire.Reply{Body: append(dst, "1"...), Status: 200, Fields: []wire.Field{{Name: "X-Lines", Value: "yes"}}}
	}},
}}

func newLines() wire.Parser {
	return parserFunc(func(req *wire.Request, b *wire.Batch) *wire.Fault {
		body, code := req.Decode.Decode(req.Header.Peek("Content-Encoding"), req.Body, req.Limit)
		if code != wire.OK {
			return b.Fail(code, wire.NoOffset)
		}
		if string(body) == "all bad" {
			return b.Fail(wire.BadLine, 4)
		}
		at := 0
		for line := range bytes.SplitSeq(body, []byte("\n")) {
			if bytes.HasPrefix(line, []byte("bad")) {
				b.Refuse(wire.BadLine, at, line).Because([]byte(`bad, says the "vendor"`))
			} else {
				r := b.Add()
				r.Topic, r.Key, r.Value, r.Time = req.Topics[wire.KindEvent], req.Tenant, line, req.Now
			}
			at += len(line) + 1
		}
		b.Items = len(b.Records)
		return nil
	})
}

func linesReply(dst []byte, o *wire.Outcome) wire.Reply {
	p := o.Request.Params
	dst = fmt.Appendf(dst, "%d items, %d bad, params %s %s, in the format's own words", o.Items, len(o.Rejected), p[0], p[1])
	switch {
	case o.Verdict == wire.Busy:
		return wire.Reply{Body: dst, Status: 503}
	case o.Fault != nil:
		return wire.Reply{Body: append(append(dst, ": "...), o.Fault.Code.String()...), Status: map[wire.Code]int{wire.NoKey: 401, wire.BadKey: 403, wire.TooLarge: 413}[o.Fault.Code]}
	}
	return wire.Reply{Body: dst, Status: 200}
}

func withLines(o *Options) { o.Formats = []wire.Format{interana.Format, lines} }

func say(method, path, body string, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: penstock\r\nContent-Length: %d\r\n", method, path, len(body))
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	return b.String() + "\r\n" + body
}

// records reads a topic's values back.
func (r *rig) records(t testing.TB, topic string) (all []segstore.Record) {
	t.Helper()
	of, ok := r.set.Topic(topic)
	if !ok {
		return nil
	}
	for _, l := range of.Logs() {
		c := l.Cursor(l.First())
		for {
			batch, err := c.Next()
			if errors.Is(err, segstore.ErrTail) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			records := batch.Records()
			for rec, ok := records.Next(); ok; rec, ok = records.Next() {
				rec.Key, rec.Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
				all = append(all, rec)
			}
		}
		c.Close()
	}
	return all
}

func TestPathsWithBraces(t *testing.T) {
	r := start(t, withLines)
	f := func(method, path string, status int, want string) {
		t.Helper()
		if a := r.one(t, say(method, path, "x")); a.status != status || !strings.Contains(a.body, want) {
			t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
		}
	}
	f("POST", "/lines/k", 200, "params k ")
	f("POST", "/lines/any/k", 200, "params any k")
	f("POST", "/lines/exact/k", 200, "params k ")
	f("PUT", "/lines/exact/k", 200, "params k ")
	f("PUT", "/lines/other/k", 405, "")
	f("POST", "/lines/a%2Fb/%6B", 200, "params a%2Fb %6B") // as sent
	f("POST", "/lines/", 404, "")
	f("POST", "/lines//k", 404, "")
	f("POST", "/lines/a/b/c", 404, "")
	f("POST", "/line/k", 404, "")
	f("POST", "/lines/version", 200, "params version") // a POST is a key's; the page is for GET
	a := r.one(t, "GET /lines/version HTTP/1.1\r\nHost: penstock\r\n\r\n")
	if a.status != 200 || a.body != "1" || a.header.Get("X-Lines") != "yes" || a.header.Get("Date") == "" {
		t.Errorf("a page: %+v", a)
	}
}

func TestKeys(t *testing.T) {
	const good, other, secret = "key-of-acme-000", "key-of-other-000", "guess-that-is-secret"
	r := start(t, func(o *Options) {
		withLines(o)
		o.Keys = []Key{{Tenant: "acme", Sum: sha256.Sum256([]byte(good)), Wires: []string{"lines"}}, {Tenant: "other", Sum: sha256.Sum256([]byte(other))}}
		o.Topics = map[string]map[wire.Kind]string{"lines": {wire.KindEvent: "lines-events"}}
	})
	for _, c := range []struct {
		path, want string
		status     int
	}{
		{"/lines/" + good, "1 items", 200},
		{"/lines/" + other, "1 items", 200},
		{"/lines/" + secret, "bad_key", 403},
		{"/lines/" + good[:10], "bad_key", 403},
		{"/lines/any/" + secret, "1 items", 200}, // this route asks for none
	} {
		if a := r.one(t, say("POST", c.path, "the body "+secret)); a.status != c.status || !strings.Contains(a.body, c.want) {
			t.Errorf("%s: %d %s", c.path, a.status, a.body)
		}
	}
	tenants := map[string]int{}
	for _, rec := range r.records(t, "lines-events") {
		tenants[string(rec.Key)]++
	}
	if len(tenants) != 3 || tenants["acme"] != 1 || tenants["other"] != 1 || tenants[""] != 1 {
		t.Errorf("records by tenant: %v", tenants)
	}
	// What a stranger sent is not kept, and no key is anywhere.
	kept := r.records(t, wire.RejectedTopic)
	if len(kept) != 2 {
		t.Errorf("%d refusals were kept", len(kept))
	}
	for _, rec := range kept {
		if text := string(rec.Value); !strings.Contains(text, wire.BadKey.Text()) || !strings.HasSuffix(text, `"raw":""}`) || strings.Contains(text, secret) {
			t.Errorf("kept %s", text)
		}
	}
	if logged := r.logs.String(); strings.Contains(logged, secret) || strings.Contains(logged, good) {
		t.Errorf("a key was logged: %s", logged)
	}
}

func TestKeys_BadOptions(t *testing.T) {
	set := open(t, nil).set
	for _, o := range []Options{
		{Keys: []Key{{Tenant: "a", Wires: []string{"nothing"}}}},
		{Keys: []Key{{Tenant: "a", Wires: []string{"interana"}}}}, // it asks for no keys
		{Topics: map[string]map[wire.Kind]string{"nothing": {}}},
		{Topics: map[string]map[wire.Kind]string{"lines": {wire.KindEvent: "a b"}}},
	} {
		o.HTTP, o.Set = "127.0.0.1:0", set
		withLines(&o)
		if s, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
			_ = s
		}
	}
}

// refusedRecord is a record of the topic of what was refused.
type refusedRecord struct {
	Wire, Reason, Peer, Raw, Encoding string
	Position                          *int
	Time                              int64
	Truncated                         bool
}

func (r *rig) refused(t testing.TB) (all []refusedRecord) {
	t.Helper()
	for _, rec := range r.records(t, wire.RejectedTopic) {
		var one refusedRecord
		if err := json.Unmarshal(rec.Value, &one); err != nil {
			t.Fatalf("%s: %v", rec.Value, err)
		}
		all = append(all, one)
	}
	return all
}

// A bad part costs itself; it is kept with reason, position and peer, and everything is counted.
func TestPartsAreRefused(t *testing.T) {
	r := start(t, withLines)
	a := r.one(t, say("POST", "/lines/mykey", "good\nbad \xff\ngood too\nbad, and here is mykey"))
	if a.status != 200 || !strings.HasPrefix(a.body, "2 items, 2 bad") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if n := r.stored("events"); n != 2 {
		t.Errorf("%d records are stored", n)
	}
	got := r.refused(t)
	if len(got) != 2 {
		t.Fatalf("kept %+v", got)
	}
	first, second := got[0], got[1]
	if first.Wire != "lines" || first.Reason != `bad, says the "vendor"` || first.Position == nil || *first.Position != 5 || first.Peer != "127.0.0.1" ||
		first.Time == 0 || first.Encoding != "base64" || first.Raw != "YmFkIP8=" {
		t.Errorf("kept %+v", first)
	}
	if second.Raw != "bad, and here is ***" || second.Encoding != "" {
		t.Errorf("kept %+v", second)
	}
	for _, w := range r.Stats().Wires {
		if w.Name == "lines" && (w.Received != 4 || w.Stored != 2 || w.Refused != 2 || w.InFlight != 0 || w.RefusedBy[wire.BadLine] != 2) {
			t.Errorf("counted %+v", w)
		}
	}
}

func TestWholeRefusalsAreKept(t *testing.T) {
	r := start(t, withLines)
	long := strings.Repeat("é", rawMost)
	for _, request := range []string{
		post("t", `{"a":1]`),
		post("t", string(gzipped(t, `{"b":1]`)), "Content-Encoding: gzip"),
		say("POST", "/lines/k", "all bad"),
		post("t", `{"`+long+`":1]`),
		post("", `{}`),
		"GET /add_events?ia_data=%21 HTTP/1.1\r\nHost: penstock\r\ntopic: t\r\n\r\n",
	} {
		if a := r.one(t, request); a.status == 202 {
			t.Errorf("%.60s: %d", request, a.status)
		}
	}
	got := r.refused(t)
	if len(got) != 6 {
		t.Fatalf("kept %+v", got)
	}
	for i, want := range []string{`{"a":1]`, `{"b":1]`, "all bad", `{"` + long[:rawMost-2], `{}`, "ia_data=%21"} {
		if got[i].Raw != want || got[i].Reason == "" || got[i].Truncated != (i == 3) {
			t.Errorf("kept %.100q of %.100q, reason %q, truncated %v", got[i].Raw, want, got[i].Reason, got[i].Truncated)
		}
	}
	if got[0].Position == nil || *got[0].Position != 6 || got[4].Position != nil {
		t.Errorf("positions %v and %v", got[0].Position, got[4].Position)
	}
}

func TestDryRun(t *testing.T) {
	r := start(t, withLines)
	type answer struct {
		DryRun          bool `json:"dry_run"`
		Wire            string
		Status          int
		Stored, Refused int
		Records         []struct {
			Topic string
			Key   *string
			Time  int64
			Value any
		}
		Rejected []struct {
			Code, Reason, Raw string
			Position          *int
		}
		Reply string
	}
	ask := func(request string) (got answer) {
		t.Helper()
		a := r.one(t, request)
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || !got.DryRun {
			t.Fatalf("%d %s: %v", a.status, a.body, err)
		}
		return got
	}
	got := ask(say("POST", "/lines/k?dry_run=1", "good\nbad\n{\"a\":1}"))
	if got.Wire != "lines" || got.Status != 200 || got.Stored != 2 || got.Refused != 1 || len(got.Records) != 2 || got.Records[0].Value != "good" ||
		got.Records[0].Topic != "events" || len(got.Rejected) != 1 || got.Rejected[0].Raw != "bad" || *got.Rejected[0].Position != 5 ||
		!strings.Contains(got.Reply, "2 items, 1 bad") {
		t.Errorf("%+v", got)
	}
	got = ask(strings.Replace(post("t", `{"a":1]`), "/add_events", "/add_events?dry_run=1", 1))
	if got.Status != 400 || got.Stored != 0 || got.Refused != 1 || got.Rejected[0].Code != "bad_json" || *got.Rejected[0].Position != 6 {
		t.Errorf("%+v", got)
	}
	if r.stored("events") != 0 || r.stored("t") != 0 || r.stored(wire.RejectedTopic) != 0 {
		t.Error("a dry run stored something")
	}
	for _, w := range r.Stats().Wires {
		if w.Received != 0 {
			t.Errorf("a dry run was counted: %+v", w)
		}
	}
}

// A wire may take larger bodies than the setting, up to its own limit, and refuses in its own words.
func TestLimitOfAWire(t *testing.T) {
	r := start(t, withLines)
	big := strings.Repeat("x", 2<<20)
	if a := r.one(t, say("POST", "/lines/k", big)); a.status != 200 {
		t.Errorf("2 MiB where 3 are allowed: %d %.200s", a.status, a.body)
	}
	for _, request := range []string{say("POST", "/lines/k", big+big), say("POST", "/lines/any/k", big)} {
		if a, _ := r.talk(t, request, 1); len(a) != 1 || a[0].status != 413 || !strings.Contains(a[0].body, "format's own words: too_large") {
			t.Errorf("too large: %+v", a)
		}
	}
}

// A batch too large for a ring goes in pieces, and all of it arrives.
func TestLargeBatchInPieces(t *testing.T) {
	set, err := shard.Open(shard.Options{Dir: t.TempDir(), Shards: 1, SegmentBytes: 4 << 20, RingBytes: 1 << 20, Ack: shard.AckLog})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close(t.Context()) })
	r := start(t, func(o *Options) { withLines(o); o.Set = set })
	r.set = set
	body := strings.Repeat(strings.Repeat("y", 999)+"\n", 2000)
	if a := r.one(t, say("POST", "/lines/k", body[:len(body)-1])); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if n := r.stored("events"); n != 2000 {
		t.Errorf("%d of 2000 records are there", n)
	}
}

func TestRepliesAreCompressed(t *testing.T) {
	r := start(t, withLines)
	for accept, want := range map[string]bool{
		"gzip": true, "deflate, gzip;q=0.5": true, "GZIP": true, "x-gzip": true, "": false, "identity": false, "gzip;q=0": false, "gzip;q=0.0, *": false, "br": false,
	} {
		a := r.one(t, say("POST", "/lines/k", "x", "Accept-Encoding: "+accept))
		body := a.body
		if zipped := a.header.Get("Content-Encoding") == "gzip"; zipped != want {
			t.Errorf("%q: compressed %v", accept, zipped)
		} else if zipped {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			body = string(text)
		}
		if !strings.HasPrefix(body, "1 items") {
			t.Errorf("%q: %q", accept, body)
		}
	}
}

// peerOfRequest is nobody's without a connection of ours.
func TestPeerOfRequest(t *testing.T) {
	if peerOfRequest(nil).IsValid() {
		t.Error("nobody has an address")
	}
	var c client = &conn{peer: peerOf(&net.TCPConn{})}
	_ = peerOfRequest(c)
}
