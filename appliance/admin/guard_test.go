package admin

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"penstock/appliance/catalog"
	"penstock/appliance/shard"
)

// raw sends a request as it stands (\n becomes CRLF) and returns the answer's status.
func (a *appliance) raw(request string) int {
	a.Helper()
	conn, err := net.Dial("tcp", a.server.Addr().String())
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n"))
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		a.Fatal(err)
	}
	defer response.Body.Close()
	for name := range response.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			a.Errorf("a CORS header: %s", name)
		}
	}
	if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" && response.StatusCode != 400 && response.StatusCode != 431 {
		a.Errorf("X-Content-Type-Options: %q", got)
	}
	return response.StatusCode
}

func TestGuard(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	a.close()
	a.serve(Options{Set: func() *shard.Set { return a.set }, Hosts: []string{"Ops.Example", "10.1.2.3"}})
	port := a.server.Addr().(*net.TCPAddr).Port
	const get = "GET /v1/topics HTTP/1.1\n"
	for _, c := range []struct {
		name, request string
		want          int
	}{
		{"loopback's address", get + "Host: 127.0.0.1\n\n", 200},
		{"with the port", fmt.Sprintf(get+"Host: 127.0.0.1:%d\n\n", port), 200},
		{"another loopback address", get + "Host: 127.8.9.1:9600\n\n", 200},
		{"IPv6 loopback", get + "Host: [::1]:9600\n\n", 200},
		{"IPv6 loopback without a port", get + "Host: [::1]\n\n", 200},
		{"mapped loopback", get + "Host: [::ffff:127.0.0.1]\n\n", 200},
		{"localhost", get + "Host: localhost:9600\n\n", 200},
		{"localhost, written otherwise", get + "Host: LocalHost.\n\n", 200},
		{"a name that was given", get + "Host: ops.example:9600\n\n", 200},
		{"an address that was given", get + "Host: 10.1.2.3\n\n", 200},
		{"a rebound name", get + "Host: evil.example\n\n", 403},
		{"a rebound name that looks like ours", get + "Host: localhost.evil.example\n\n", 403},
		{"a name below a given one", get + "Host: x.ops.example\n\n", 403},
		{"loopback's address in a name", get + "Host: 127.0.0.1.evil.example\n\n", 403},
		{"another address", get + "Host: 10.1.2.4\n\n", 403},
		{"the wildcard", get + "Host: 0.0.0.0\n\n", 403},
		{"no host", "GET /v1/topics HTTP/1.0\n\n", 403},
		{"an empty host", get + "Host:\n\n", 403},
		{"two hosts", get + "Host: localhost\nHost: evil.example\n\n", 400},
		{"no host in HTTP/1.1", get + "\n", 400},
		{"a host in the request line counts, not the header", "GET http://evil.example/v1/topics HTTP/1.1\nHost: localhost\n\n", 403},
		{"health is guarded too", "GET /healthz HTTP/1.1\nHost: evil.example\n\n", 403},
		{"metrics are guarded too", "GET /metrics HTTP/1.1\nHost: evil.example\n\n", 403},
		{"profiles are guarded too", "GET /debug/pprof/ HTTP/1.1\nHost: evil.example\n\n", 403},

		{"our own page", get + "Host: localhost:9600\nOrigin: http://localhost:9600\nSec-Fetch-Site: same-origin\n\n", 200},
		{"typed into the address bar", get + "Host: localhost:9600\nSec-Fetch-Site: none\n\n", 200},
		{"behind a proxy that ends TLS", get + "Host: ops.example\nOrigin: https://ops.example\n\n", 200},
		{"another site's page reads", get + "Host: localhost\nSec-Fetch-Site: cross-site\n\n", 403},
		{"a neighbour's page reads", get + "Host: localhost\nSec-Fetch-Site: same-site\n\n", 403},
		{"another origin reads, old browser", get + "Host: localhost\nOrigin: http://evil.example\n\n", 403},
		{"another port is another origin", get + "Host: localhost:9600\nOrigin: http://localhost:3000\n\n", 403},
		{"a sandboxed page", get + "Host: localhost\nOrigin: null\n\n", 403},
		{"an empty origin", get + "Host: localhost\nOrigin:\n\n", 403},
		{"an origin that contradicts", get + "Host: localhost\nSec-Fetch-Site: same-origin\nOrigin: http://evil.example\n\n", 403},
		{"a second value", get + "Host: localhost\nSec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site\n\n", 403},
		{"another site's page changes", "POST /v1/topics HTTP/1.1\nHost: localhost\nOrigin: http://evil.example\nContent-Length: 12\n\n{\"name\":\"x\"}", 403},
		{"another site's page deletes", "DELETE /v1/topics/x HTTP/1.1\nHost: localhost\nSec-Fetch-Site: cross-site\n\n", 403},

		{"a preflight", "OPTIONS /v1/topics HTTP/1.1\nHost: localhost\n\n", 405},
		{"TRACE", "TRACE /v1/topics HTTP/1.1\nHost: localhost\n\n", 405},
		{"PUT", "PUT /v1/topics HTTP/1.1\nHost: localhost\n\n", 405},
		{"a method no path knows", "DELETE /v1/topics HTTP/1.1\nHost: localhost\n\n", 405},
		{"HEAD", "HEAD /v1/topics HTTP/1.1\nHost: localhost\n\n", 200},
		{"no such path", "GET /v1/nothing HTTP/1.1\nHost: localhost\n\n", 404},
		{"a topic that is a path", "GET /v1/topics/..%2f..%2fetc HTTP/1.1\nHost: localhost\n\n", 404},
		{"a header too large", get + "Host: localhost\nX: " + strings.Repeat("x", 2*headerMax) + "\n\n", 431},
		{"a body too large", "POST /v1/topics HTTP/1.1\nHost: localhost\nContent-Length: 70000\n\n{\"name\":\"" + strings.Repeat("x", 70000-9), 400},
		{"two lengths", "POST /v1/topics HTTP/1.1\nHost: localhost\nContent-Length: 12\nContent-Length: 13\n\n{\"name\":\"x\"}", 400},
		{"a good change, for comparison", "POST /v1/topics HTTP/1.1\nHost: localhost\nContent-Length: 12\n\n{\"name\":\"x\"}", 201},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := *a
			b.T = t
			if got := b.raw(c.request); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// On a wildcard address the one the connection came to is ours, and a name must be given.
func TestWildcard(t *testing.T) {
	kept, err := catalog.Open(t.TempDir() + "/catalog")
	if err != nil {
		t.Fatal(err)
	}
	options := Options{Addr: "0.0.0.0:0", Catalog: kept, Set: func() *shard.Set { return nil }}
	if server, err := New(options); err == nil || !strings.Contains(err.Error(), "--admin-hosts") {
		t.Fatalf("reachable from everywhere, by any name: %v, %v", server, err)
	}
	g := newGuard(net.IPv4zero, []string{"ops.example"})
	for host, want := range map[string]bool{"10.0.0.7:9600": true, "10.0.0.8:9600": false, "0.0.0.0": false, "ops.example": true, "evil.example": false} {
		r := &http.Request{Host: host}
		r = r.WithContext(contextWithLocal("10.0.0.7"))
		if got := g.ourHost(r); got != want {
			t.Errorf("%s: got %v", host, got)
		}
	}
}
