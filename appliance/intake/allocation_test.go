//go:build !race

package intake

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"penstock/wire"
)

// The race detector allocates on its own account; these tests count allocations.

const allocRuns = 500

func TestDecodeAllocations(t *testing.T) {
	plain := strings.Repeat(event, 300)
	for _, c := range []struct {
		name, encoding string
		src            []byte
	}{
		{"none", "", []byte(plain)},
		{"gzip", "gzip", gzipped(t, plain)},
		{"gzip with a name", "gzip", gzippedNamed(t, plain, gzip.Header{Name: "events.json", Comment: "c", Extra: []byte("x")})},
		{"gzip of two members", "x-gzip", append(gzipped(t, plain), gzipped(t, plain)...)},
		{"zlib", "deflate", zlibbed(t, plain)},
		{"bare deflate", "deflate", deflated(t, plain)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var z inflater
			encoding := []byte(c.encoding)
			decode := func() {
				if _, code := z.Decode(encoding, c.src, 1<<20); code != wire.OK {
					t.Fatal(code)
				}
			}
			decode()
			if n := testing.AllocsPerRun(allocRuns, decode); n != 0 {
				t.Errorf("%v allocations a body", n)
			}
		})
	}
}

// drive calls the handler as fasthttp does, without sockets: read the request, handle it, write the reply.
type drive struct {
	server  *Server
	ctx     fasthttp.RequestCtx
	request []byte
	source  bytes.Reader
	in      *bufio.Reader
	out     *bufio.Writer
}

func newDrive(s *Server, request string) *drive {
	b := &drive{server: s, request: []byte(request), out: bufio.NewWriter(io.Discard)}
	b.in = bufio.NewReaderSize(&b.source, 16<<10)
	here := &net.TCPConn{}
	b.ctx.Init2(here, &s.quiet, false)
	return b
}

func (b *drive) run(t testing.TB, status int) {
	b.ctx.Request.Reset()
	b.ctx.Response.Reset()
	b.source.Reset(b.request)
	b.in.Reset(&b.source)
	if err := b.ctx.Request.Header.Read(b.in); err != nil {
		t.Fatal(err)
	}
	b.server.headerReceived(&b.ctx.Request.Header)
	if err := b.ctx.Request.ContinueReadBody(b.in, b.server.opt.MaxBody, false); err != nil {
		t.Fatal(err)
	}
	b.server.serve(&b.ctx)
	if got := b.ctx.Response.StatusCode(); got != status {
		t.Fatalf("%d %s", got, b.ctx.Response.Body())
	}
	if err := b.ctx.Response.Write(b.out); err != nil {
		t.Fatal(err)
	}
	if err := b.out.Flush(); err != nil {
		t.Fatal(err)
	}
}

// Accepting allocates nothing: every encoding, every policy, single events and batches, GET and POST.
func TestAcceptAllocations(t *testing.T) {
	batch := strings.Repeat(event, 300)
	for _, c := range []struct{ name, request string }{
		{"one event", post("allocations", event)},
		{"a batch", post("allocations", batch)},
		{"gzip", post("allocations", string(gzipped(t, batch)), "Content-Encoding: gzip")},
		{"zlib", post("allocations", string(zlibbed(t, batch)), "Content-Encoding: deflate")},
		{"bare deflate", post("allocations", string(deflated(t, batch)), "Content-Encoding: deflate")},
		{"chunked", head + "Transfer-Encoding: chunked\r\n\r\n" + chunk},
		{"get", "GET /add_events?ia_data=eyJhIjoxfQ%3D%3D HTTP/1.1\r\nHost: penstock\r\ntopic: allocations\r\n\r\n"},
		{"log asked", post("allocations", event, "Penstock-Ack: log")},
		{"ring asked", post("allocations", event, "Penstock-Ack: ring")},
		{"disk asked", post("allocations", event, "Penstock-Ack: disk")},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t, nil)
			b := newDrive(r.Server, c.request)
			for range 20 {
				b.run(t, 202)
			}
			if n := testing.AllocsPerRun(allocRuns, func() { b.run(t, 202) }); n != 0 {
				t.Errorf("%v allocations a request", n)
			}
		})
	}
}

// The reject path has a bound: a refusal allocates at most this often, whatever is wrong.
const rejectBound = 2

func TestRejectAllocations(t *testing.T) {
	zip := gzipped(t, event)
	zip[len(zip)-5] ^= 1
	// Stored blocks, then a block type that does not exist: the library's error holds a position too large to be free.
	late := append(bytes.Repeat(append([]byte("\x00\x64\x00\x9b\xff"), make([]byte, 100)...), 10), 0x07)
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"bad JSON", post("allocations", `{"a":1]`), 400},
		{"nested too deep", post("allocations", strings.Repeat("[", 10_000)), 400},
		{"no topic", post("", event), 400},
		{"bad topic", post("../x", event), 400},
		{"no data", post("allocations", ""), 400},
		{"bad gzip checksum", post("allocations", string(zip), "Content-Encoding: gzip"), 400},
		{"not gzip", post("allocations", event, "Content-Encoding: gzip"), 400},
		{"a broken stream", post("allocations", "\x78\x9c\xff\xff\xff\xff", "Content-Encoding: deflate"), 400},
		{"a stream broken late", post("allocations", string(late), "Content-Encoding: deflate"), 400},
		{"an unknown encoding", post("allocations", event, "Content-Encoding: br"), 400},
		{"a bomb", post("allocations", string(gzipped(t, strings.Repeat("0", 8<<20))), "Content-Encoding: gzip"), 413},
		{"an unknown policy", post("allocations", event, "Penstock-Ack: tape"), 400},
		{"unknown path", "GET /nothing HTTP/1.1\r\nHost: penstock\r\n\r\n", 404},
		{"wrong method", "PUT /add_events HTTP/1.1\r\nHost: penstock\r\nContent-Length: 0\r\n\r\n", 405},
		{"two readings", head + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t, nil)
			b := newDrive(r.Server, c.request)
			for range 20 {
				b.run(t, c.status)
			}
			n := testing.AllocsPerRun(allocRuns, func() { b.run(t, c.status) })
			if n > rejectBound {
				t.Errorf("%v allocations a request; the bound is %d", n, rejectBound)
			}
			t.Logf("%v allocations", n)
		})
	}
}

// The whole way, sockets and all: a client that sends and reads in place sees a server that allocates nothing for a request.
func TestServedAllocations(t *testing.T) {
	for _, c := range []struct{ name, request string }{
		{"one event", post("allocations", event)},
		{"a batch, gzip", post("allocations", string(gzipped(t, strings.Repeat(event, 300))), "Content-Encoding: gzip")},
		{"sixteen in a row", strings.Repeat(post("allocations", event), 16)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, func(o *Options) { o.Logger = slog.New(slog.DiscardHandler) })
			conn := r.dial(t)
			request := []byte(c.request)
			in := make([]byte, 64<<10)
			want := strings.Count(c.request, "POST ")
			exchange := func() {
				if _, err := conn.Write(request); err != nil {
					t.Fatal(err)
				}
				for got := 0; got < want; {
					n, err := conn.Read(in)
					if err != nil {
						t.Fatal(err)
					}
					got += bytes.Count(in[:n], []byte("HTTP/1.1 202"))
				}
			}
			for range 50 {
				exchange()
			}
			if n := testing.AllocsPerRun(allocRuns, exchange); n != 0 {
				t.Errorf("%v allocations an exchange", n)
			}
		})
	}
}

func BenchmarkHandler(b *testing.B) {
	for _, c := range []struct{ name, request string }{
		{"one event", post("bench", event)},
		{"a batch of 300", post("bench", strings.Repeat(event, 300))},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := open(b, nil)
			h := newDrive(r.Server, c.request)
			b.SetBytes(int64(len(c.request)))
			b.ReportAllocs()
			for b.Loop() {
				h.run(b, 202)
			}
		})
	}
}

func BenchmarkGuard(b *testing.B) {
	h := newDrive(&Server{opt: Options{MaxBody: 1 << 20}}, post("bench", event, "User-Agent: curl/8.5.0", "Accept: */*", "Content-Type: application/json"))
	h.source.Reset(h.request)
	if err := h.ctx.Request.Header.Read(h.in); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if flaw, _ := judge(&h.ctx.Request.Header, &headers{}); flaw != "" {
			b.Fatal("a good request was refused")
		}
	}
}
