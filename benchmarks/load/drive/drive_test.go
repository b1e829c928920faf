package drive

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"penstock/benchmarks/load/wires"
)

// answering accepts connections and answers every request of so many bytes with 202, without allocating.
func answering(t *testing.T, size int) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				request, reply := make([]byte, size), []byte("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")
				for {
					if _, err := io.ReadFull(c, request); err != nil {
						return
					}
					if _, err := c.Write(reply); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l
}

// Nothing is allocated for a request, in either loop: ten times the requests cost no more than what a run costs by itself.
func TestRun_AllocatesNothing(t *testing.T) {
	body := []byte("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
	l := answering(t, len(body))
	for _, rate := range []float64{0, 50_000} {
		mallocs := func(requests int64) uint64 {
			s := Settings{Address: l.Addr().String(), Transport: wires.HTTP, Pool: []wires.Request{{Bytes: body, Items: 1}}, Connections: 4, Pipeline: 2,
				Rate: rate, Requests: requests, Timeout: 10 * time.Second, Seed: 1}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, err := Run(t.Context(), s)
			runtime.ReadMemStats(&after)
			if err != nil || r.Total.EverRequests != requests || r.Total.Errors != 0 {
				t.Fatalf("%+v %v", r, err)
			}
			return after.Mallocs - before.Mallocs
		}
		mallocs(100) // what is made once
		few, many := mallocs(1000), mallocs(21_000)
		if many > few+1000 { // 0.05 for each request: the runtime's own are in it
			t.Errorf("rate %g: 1,000 requests made %d objects, 21,000 made %d", rate, few, many)
		}
	}
}

func TestSources(t *testing.T) {
	l := answering(t, 1)
	host, _, _ := net.SplitHostPort(l.Addr().String())
	if got := sources(host, perSource); got != nil {
		t.Errorf("few connections leave from %v", got)
	}
	if got := sources("192.0.2.1", 3*perSource); got != nil {
		t.Errorf("connections to another machine leave from %v", got)
	}
	d := dialer{s: &Settings{Address: l.Addr().String(), Timeout: 10 * time.Second}, network: "tcp", sources: sources(host, 2*perSource+1)}
	for number, want := range map[int]string{0: "127.0.0.1", perSource: "127.0.0.2", 2 * perSource: "127.0.0.3"} {
		c, err := d.one(number)
		if err != nil {
			t.Fatal(err)
		}
		if from, _, _ := net.SplitHostPort(c.LocalAddr().String()); from != want {
			t.Errorf("connection %d leaves from %s, not %s", number, from, want)
		}
		c.Close()
	}
}

func TestReadHTTP(t *testing.T) {
	for text, want := range map[string]answer{
		"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok":                                              {},
		"HTTP/1.1 204 No Content\r\n\r\n":                                                                   {},
		"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n": {},
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 A\r\ncontent-length: 0\r\n\r\n":                          {},
		"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n":                               {verdict: overloaded, last: true},
		"HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n":                                                    {verdict: overloaded},
		"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n":                                                     {verdict: refused, kind: kind{"status", 400}},
	} {
		in := bufio.NewReader(strings.NewReader(text + "rest"))
		got, err := readHTTP(in)
		if rest, _ := io.ReadAll(in); err != nil || got != want || string(rest) != "rest" {
			t.Errorf("%q: %+v, %v, and %q is left", text, got, err, rest)
		}
	}
	for _, text := range []string{"", "HTTP/1.1 2", "SMTP/1.1 202 OK\r\n\r\n", "HTTP/1.1 2x2 OK\r\n\r\n", "HTTP/1.1 202 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 202 OK\r\nContent-Length: 5\r\n\r\nab"} {
		if got, err := readHTTP(bufio.NewReader(strings.NewReader(text))); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
