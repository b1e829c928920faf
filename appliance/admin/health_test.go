package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"penstock/appliance/shard"
)

func contextWithLocal(ip string) context.Context {
	return context.WithValue(context.Background(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(ip), Port: 9600})
}

func TestHealth(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	a.close()
	var set *shard.Set
	var trouble error
	a.serve(Options{
		Set:     func() *shard.Set { return set },
		Ready:   func() error { return trouble },
		Metrics: func(w io.Writer) { io.WriteString(w, "penstock_up 1\n") },
	})
	check := func(path string, status int, part string) {
		t.Helper()
		if got := a.get(path); got.StatusCode != status || !strings.Contains(got.body, part) {
			t.Errorf("%s: got %d %q, want %d %q", path, got.StatusCode, got.body, status, part)
		}
	}
	check("/healthz", 200, "ok") // alive while it recovers
	check("/livez", 200, "ok")
	check("/readyz", 503, "not ready: recovering")
	check("/v1/topics", 503, "recovering")
	check("/v1/topics/x", 503, "recovering")
	check("/v1/topics/x/records", 503, "recovering")
	if got := a.do("POST", "/v1/topics", `{"name":"x"}`); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("create while recovering: %d %v", got.StatusCode, got.Header)
	}
	set = a.set
	check("/readyz", 200, "ok")
	trouble = errors.New("the disk is full")
	check("/readyz", 503, "not ready: the disk is full")
	check("/healthz", 200, "ok")
	check("/v1/topics", 200, `{"topics":[]}`) // reading goes on
	check("/metrics", 200, "penstock_up 1\n")
	check("/version", 200, `"version":"1.2.3"`)
	check("/debug/pprof/", 200, "goroutine")
	check("/debug/pprof/goroutine?debug=1", 200, "TestHealth")
	check("/debug/pprof/symbol", 200, "num_symbols")
	check("/nothing", 404, "")
}

func TestCloseIsIdempotent(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	a.close()
	a.close()
	if _, err := http.Get(a.url + "/healthz"); err == nil {
		t.Error("it still answers")
	}
}
