package intake

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The marker is a request of its own. Behind a request that is refused for its framing it must never be run: that would be
// request smuggling. Behind a good one it must be: that is pipelining.
const markerTopic = "marker"

var marker = post(markerTopic, `{"marker":1}`)

// rawCase is one request as bytes on a socket.
type rawCase struct {
	name    string
	request string
	status  int  // of the answer; 0 = closed without one
	closes  bool // and nothing behind it is run
}

const (
	head  = "POST /add_events HTTP/1.1\r\nHost: penstock\r\ntopic: raw\r\n"
	get   = "GET /add_events?ia_data=e30%3D HTTP/1.1\r\nHost: penstock\r\ntopic: raw\r\n"
	one   = `{"a":1}` // seven bytes
	chunk = "7\r\n" + one + "\r\n0\r\n\r\n"
)

var rawCases = []rawCase{
	// Good ones: the connection lives and the marker behind them is run.
	{"post", head + "Content-Length: 7\r\n\r\n" + one, 202, false},
	{"post, header names in any case", "POST /add_events HTTP/1.1\r\nhOST: penstock\r\nTOPIC: raw\r\ncontent-LENGTH: 7\r\n\r\n" + one, 202, false},
	{"post, no spaces behind colons", "POST /add_events HTTP/1.1\r\nHost:penstock\r\ntopic:raw\r\nContent-Length:7\r\n\r\n" + one, 202, false},
	{"post, spaces around values", "POST /add_events HTTP/1.1\r\nHost: penstock \r\ntopic: \t raw \t\r\nContent-Length:  7 \r\n\r\n" + one, 202, false},
	{"post, a length with leading zeros", head + "Content-Length: 0007\r\n\r\n" + one, 202, false},
	{"post, an empty line before it", "\r\n" + head + "Content-Length: 7\r\n\r\n" + one, 202, false},
	{"post, a body of line feeds", head + "Content-Length: 9\r\n\r\n{\"a\":1}\n\n", 202, false},
	{"post, nothing", head + "Content-Length: 0\r\n\r\n", 400, false},
	{"post, no length at all", head + "\r\n", 400, false},
	{"post, bad JSON", head + "Content-Length: 7\r\n\r\n{\"a\":1]", 400, false},
	{"post, no topic", "POST /add_events HTTP/1.1\r\nHost: penstock\r\nContent-Length: 7\r\n\r\n" + one, 400, false},
	{"post, a topic that leaves the directory", "POST /add_events HTTP/1.1\r\nHost: penstock\r\ntopic: ../raw\r\nContent-Length: 7\r\n\r\n" + one, 400, false},
	{"post, an unknown policy", head + "Penstock-Ack: tape\r\nContent-Length: 7\r\n\r\n" + one, 400, false},
	{"post, an unknown encoding", head + "Content-Encoding: br\r\nContent-Length: 7\r\n\r\n" + one, 400, false},
	{"post, not what its encoding says", head + "Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\n" + one, 400, false},
	{"get", get + "\r\n", 202, false},
	{"get, length zero", get + "Content-Length: 0\r\n\r\n", 202, false},
	{"put", "PUT /add_events HTTP/1.1\r\nHost: penstock\r\nContent-Length: 7\r\n\r\n" + one, 405, false},
	{"delete", "DELETE /add_events HTTP/1.1\r\nHost: penstock\r\n\r\n", 405, false},
	{"options", "OPTIONS /add_events HTTP/1.1\r\nHost: penstock\r\n\r\n", 405, false},
	{"trace", "TRACE /add_events HTTP/1.1\r\nHost: penstock\r\n\r\n", 405, false},
	{"a method in lower case", "post /add_events HTTP/1.1\r\nHost: penstock\r\nContent-Length: 7\r\n\r\n" + one, 405, false},
	{"unknown path", "GET /nothing HTTP/1.1\r\nHost: penstock\r\n\r\n", 404, false},
	{"a double slash is another path", "GET //add_events HTTP/1.1\r\nHost: penstock\r\n\r\n", 404, false},
	{"a way through another directory is another path", "GET /x/../add_events HTTP/1.1\r\nHost: penstock\r\n\r\n", 404, false},
	{"an escaped letter is another path", "GET /%61dd_events HTTP/1.1\r\nHost: penstock\r\n\r\n", 404, false},
	{"an escaped slash is another path", "GET /add_events%2f HTTP/1.1\r\nHost: penstock\r\n\r\n", 404, false},
	{"a slash at the end is another path", "GET /add_events/ HTTP/1.1\r\nHost: penstock\r\n\r\n", 404, false},
	{"a URL in the query is just a query", "GET /nothing?u=http://x/add_events HTTP/1.1\r\nHost: penstock\r\n\r\n", 404, false},
	{"1.0 that keeps alive", "POST /add_events HTTP/1.0\r\nConnection: keep-alive\r\ntopic: raw\r\nContent-Length: 7\r\n\r\n" + one, 202, false},

	// Good ones that end the connection.
	{"1.0", "POST /add_events HTTP/1.0\r\ntopic: raw\r\nContent-Length: 7\r\n\r\n" + one, 202, true},
	{"connection: close", head + "Connection: close\r\nContent-Length: 7\r\n\r\n" + one, 202, true},
	{"chunked, and something behind it", head + "Transfer-Encoding: chunked\r\n\r\n" + chunk, 202, true},
	{"chunked, capitals", head + "Transfer-Encoding: Chunked\r\n\r\n" + chunk, 202, true},
	{"chunked, an extension", head + "Transfer-Encoding: chunked\r\n\r\n7;x=y\r\n" + one + "\r\n0\r\n\r\n", 202, true},
	{"chunked, a trailer", head + "Transfer-Encoding: chunked\r\n\r\n7\r\n" + one + "\r\n0\r\nX-Sum: 1\r\n\r\n", 202, true},
	{"chunked, a topic in the trailer is none", "POST /add_events HTTP/1.1\r\nHost: penstock\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n" + one + "\r\n0\r\ntopic: raw\r\n\r\n", 400, true},
	{"chunked, the end without carriage return", head + "Transfer-Encoding: chunked\r\n\r\n7\r\n" + one + "\r\n0\r\n\n", 202, true},
	{"chunked, nothing, the end without carriage return", head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\n", 400, true},
	{"chunked, nothing, and something behind it", head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true},

	// Two readings of one request.
	{"length and chunked", head + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, 400, true},
	{"chunked and length", head + "Transfer-Encoding: chunked\r\nContent-Length: 22\r\n\r\n" + chunk, 400, true},
	{"length zero and chunked", head + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, 400, true},
	{"two lengths", head + "Content-Length: 7\r\nContent-Length: 0\r\n\r\n" + one, 400, true},
	{"two equal lengths", head + "Content-Length: 7\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"two lengths in one line", head + "Content-Length: 7, 7\r\n\r\n" + one, 400, true},
	{"a length with a sign", head + "Content-Length: +7\r\n\r\n" + one, 400, true},
	{"a negative length", head + "Content-Length: -7\r\n\r\n" + one, 400, true},
	{"a hexadecimal length", head + "Content-Length: 0x7\r\n\r\n" + one, 400, true},
	{"a length past 64 bits", head + "Content-Length: 18446744073709551623\r\n\r\n" + one, 400, true},
	{"an empty length", head + "Content-Length:\r\n\r\n" + one, 400, true},
	{"a length with a space in it", head + "Content-Length: 7 0\r\n\r\n" + one, 400, true},
	{"two transfer encodings", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, 400, true},
	{"two transfer encodings in one line", head + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk, 400, true},
	{"transfer encoding identity", head + "Transfer-Encoding: identity\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"transfer encoding with a tail", head + "Transfer-Encoding: chunkedx\r\n\r\n" + chunk, 400, true},
	{"transfer encoding in quotes", head + "Transfer-Encoding: \"chunked\"\r\n\r\n" + chunk, 400, true},
	{"transfer encoding with a vertical tab", head + "Transfer-Encoding: \x0bchunked\r\n\r\n" + chunk, 400, true},
	{"transfer encoding and a space before its colon", head + "Transfer-Encoding : chunked\r\n\r\n" + chunk, 400, true},
	{"chunked on 1.0", "POST /add_events HTTP/1.0\r\nConnection: keep-alive\r\ntopic: raw\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, 400, true},
	{"two content encodings", head + "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\n" + one, 400, true},

	// Chunks.
	{"a chunk size with a sign", head + "Transfer-Encoding: chunked\r\n\r\n+7\r\n" + one + "\r\n0\r\n\r\n", 400, true},
	{"a chunk size with a prefix", head + "Transfer-Encoding: chunked\r\n\r\n0x7\r\n" + one + "\r\n0\r\n\r\n", 400, true},
	{"a chunk size past 64 bits", head + "Transfer-Encoding: chunked\r\n\r\n10000000000000007\r\n" + one + "\r\n0\r\n\r\n", 400, true},
	{"an empty chunk size", head + "Transfer-Encoding: chunked\r\n\r\n\r\n" + one + "\r\n0\r\n\r\n", 400, true},
	{"a chunk longer than its size", head + "Transfer-Encoding: chunked\r\n\r\n6\r\n" + one + "\r\n0\r\n\r\n", 400, true},
	{"a chunk size that ends without carriage return", head + "Transfer-Encoding: chunked\r\n\r\n7\n" + one + "\r\n0\r\n\r\n", 400, true},
	{"a line feed in a chunk extension", head + "Transfer-Encoding: chunked\r\n\r\n7;a\nb\r\n" + one + "\r\n0\r\n\r\n", 400, true},
	{"a chunk that ends without carriage return", head + "Transfer-Encoding: chunked\r\n\r\n7\r\n" + one + "\n0\r\n\r\n", 400, true},
	{"a length in the trailer", head + "Transfer-Encoding: chunked\r\n\r\n7\r\n" + one + "\r\n0\r\nContent-Length: 5\r\n\r\n", 400, true},

	// Lines.
	{"a folded line", head + "X-A: b\r\n c\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a line folded with a tab", head + "X-A: b\r\n\tc\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a length on a folded line", head + "Content-Length:\r\n 7\r\n\r\n" + one, 400, true},
	{"a first line folded", "POST /add_events HTTP/1.1\r\n Host: penstock\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"line feeds alone", strings.ReplaceAll(head+"Content-Length: 7\r\n\r\n", "\r\n", "\n") + one, 400, true},
	{"a line feed alone in the request line", "POST /add_events HTTP/1.1\nHost: penstock\r\ntopic: raw\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a line feed alone in one header line", head + "X-A: b\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a line feed alone before the empty line", head + "Content-Length: 0\n\r\n", 400, true},
	{"an empty line ended by a line feed alone", head + "Content-Length: 0\r\n\n", 400, true},
	{"a carriage return in a value", head + "X-A: b\rc\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a carriage return in a name", head + "X\r-A: b\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a NUL in a value", head + "X-A: b\x00c\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a NUL in a name", head + "X\x00A: b\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a space in a name", head + "X A: b\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a space before the colon", head + "Content-Length : 7\r\n\r\n" + one, 400, true},
	{"no colon", head + "Nothing\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"no name", head + ": b\r\nContent-Length: 7\r\n\r\n" + one, 400, true},

	// Host.
	{"no host", "POST /add_events HTTP/1.1\r\ntopic: raw\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"two hosts", head + "Host: other\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a host with a space", "POST /add_events HTTP/1.1\r\nHost: a b\r\nContent-Length: 7\r\n\r\n" + one, 400, true},

	// Request lines.
	{"connect", "CONNECT penstock:443 HTTP/1.1\r\nHost: penstock\r\n\r\n", 400, true},
	{"a whole URL", "POST http://penstock/add_events HTTP/1.1\r\nHost: penstock\r\ntopic: raw\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a star", "OPTIONS * HTTP/1.1\r\nHost: penstock\r\n\r\n", 400, true},
	{"a fragment", "GET /add_events#x HTTP/1.1\r\nHost: penstock\r\n\r\n", 400, true},
	{"a path without slash", "GET add_events HTTP/1.1\r\nHost: penstock\r\n\r\n", 400, true},
	{"a control byte in the path", "GET /add\x01events HTTP/1.1\r\nHost: penstock\r\n\r\n", 400, true},
	{"a byte beyond ASCII in the path", "GET /add\xffevents HTTP/1.1\r\nHost: penstock\r\n\r\n", 400, true},
	{"two spaces in the request line", "GET  /add_events HTTP/1.1\r\nHost: penstock\r\n\r\n", 400, true},
	{"no version", "GET /add_events\r\nHost: penstock\r\n\r\n", 400, true},
	{"version 0.9", "GET /add_events HTTP/0.9\r\nHost: penstock\r\n\r\n", 400, true},
	{"version 1.2", "GET /add_events HTTP/1.2\r\nHost: penstock\r\n\r\n", 400, true},
	{"version 9.9", "GET /add_events HTTP/9.9\r\nHost: penstock\r\n\r\n", 400, true},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, true},
	{"a version in lower case", "GET /add_events http/1.1\r\nHost: penstock\r\n\r\n", 400, true},
	{"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, true},

	// Bodies where none belong, and too much.
	{"get with a body", get + "Content-Length: 7\r\n\r\n" + one, 400, true},
	{"get, chunked", get + "Transfer-Encoding: chunked\r\n\r\n" + chunk, 400, true},
	{"head with a body", "HEAD /add_events HTTP/1.1\r\nHost: penstock\r\nContent-Length: 7\r\n\r\n" + one, 400, true},
	{"a body over the limit", head + fmt.Sprintf("Content-Length: %d\r\n\r\n", rawBody+1) + strings.Repeat(" ", rawBody+1), 413, true},
	{"a body far over the limit", head + "Content-Length: 9000000000\r\n\r\n" + strings.Repeat(" ", 1<<20), 413, true},
	{"chunks over the limit", head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat(" ", 0x1000)+"\r\n", rawBody/0x1000+1) + "0\r\n\r\n", 413, true},
	{"a header over the limit", head + "X-A: " + strings.Repeat("b", 17<<10) + "\r\nContent-Length: 7\r\n\r\n" + one, 431, true},
	{"a path over the limit", "GET /" + strings.Repeat("b", 17<<10) + " HTTP/1.1\r\nHost: penstock\r\n\r\n", 431, true},

	// Expect.
	{"expect, unknown path", "POST /nothing HTTP/1.1\r\nHost: penstock\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n" + one, 404, true},
	{"expect, wrong method", "PUT /add_events HTTP/1.1\r\nHost: penstock\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n" + one, 405, true},
	{"expect, too large", head + fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", rawBody+1), 413, true},
	{"expect, two readings", head + "Expect: 100-continue\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, 400, true},
	{"expect", head + "Expect: 100-continue\r\nContent-Length: 7\r\n\r\n" + one, 202, false},
	{"expect something else", head + "Expect: miracles\r\nContent-Length: 7\r\n\r\n" + one, 202, false},
}

// rawBody is the limit of a body in these tests.
const rawBody = 64 << 10

// Each case is sent with the marker behind it in the same bytes. The answer, whether the connection closes, and whether the
// marker was run must be as the table says.
func TestRawRequests(t *testing.T) {
	r := start(t, func(o *Options) {
		o.MaxBody = rawBody
		o.HeaderTimeout, o.ReadTimeout = 2*time.Second, 4*time.Second
	})
	names := make(map[string]bool)
	for _, c := range rawCases {
		if names[c.name] {
			t.Fatalf("two cases are named %q", c.name)
		}
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			before := r.stored(markerTopic)
			answers, _ := r.talk(t, c.request+marker, 2)
			switch {
			case c.status == 0 && len(answers) != 0:
				t.Fatalf("answered %d; want it closed without an answer", answers[0].status)
			case c.status != 0 && len(answers) == 0:
				t.Fatalf("closed without an answer; want %d", c.status)
			case c.status != 0 && answers[0].status != c.status:
				t.Fatalf("answered %d %q; want %d", answers[0].status, answers[0].body, c.status)
			}
			if ran := r.stored(markerTopic) - before; c.closes && (ran != 0 || len(answers) > 1) {
				t.Fatalf("what was behind the request was run: %d records, %d answers", ran, len(answers))
			} else if !c.closes && (ran != 1 || len(answers) != 2 || answers[1].status != http.StatusAccepted) {
				t.Fatalf("the request behind a good one was not run: %d records, answers %+v", ran, answers)
			}
			if c.closes && c.status != 0 && !answers[0].close {
				t.Error("the connection was closed and the answer did not say so")
			}
		})
	}
	t.Logf("%d cases", len(rawCases))
}

// A path that is known answers a method it does not have with those it has.
func TestAllow(t *testing.T) {
	r := start(t, nil)
	a := r.one(t, "PATCH /add_events HTTP/1.1\r\nHost: penstock\r\n\r\n")
	if got := a.header.Get("Allow"); a.status != 405 || got != "GET, POST" {
		t.Fatalf("%d, Allow: %q", a.status, got)
	}
}
