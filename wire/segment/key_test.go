package segment

import (
	"encoding/base64"
	"testing"

	"penstock/wire"
)

func TestKey(t *testing.T) {
	f := func(authorization, body, want string) {
		t.Helper()
		req := post(body)
		req.Header = value{"Authorization", []byte(authorization)}
		got := key(req, EventLimit)
		if string(got) != want || (got == nil) != (want == "") {
			t.Errorf("%q %s: %q, want %q", authorization, body, got, want)
		}
	}
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	const inBody = `{"writeKey":"in the body"}`
	f(basic("abc123:"), "", "abc123")
	f(basic("abc123"), "", "abc123")
	f(basic("abc123:a password:and more"), "", "abc123")
	f("bAsIc  YWJjMTIzOg== ", "", "abc123")
	f(basic("abc123:"), inBody, "abc123")
	f(basic(":abc123"), inBody, "")
	f("Basic", inBody, "in the body") // no credentials at all
	f("Basic ", inBody, "")
	f("Basic YWJjMTIzOg", inBody, "")
	f("Basic ****", inBody, "")

	f("", inBody, "in the body")
	f("Bearer abc", inBody, "in the body")
	f("", " { \"a\":{\"writeKey\":\"not here\"}, \"write\\u004bey\" : \"k\\u0065y\" , \"writeKey\":\"nor here\"} ", "key")
	f("", `{"batch":[{"writeKey":"nor in an event"}],"writeKey":"k"}`, "k")
	f("", `{"batch":[{"writeKey":"nor in an event"}]}`, "")
	f("", `{"writekey":"k"}`, "")
	f("", `{"writeKey":7}`, "")
	f("", `{"writeKey":null,"writeKey":"the first counts"}`, "")
	f("", `{"writeKey":"k"`, "")
	f("", `[{"writeKey":"k"}]`, "")
	f("", `"writeKey"`, "")
	f("", ``, "")
}

// A body that the parser would refuse as too large is not read for its key either.
func TestKey_KeepsToTheLimit(t *testing.T) {
	req := post(`{"writeKey":"k"}`)
	if got := key(req, len(req.Body)); string(got) != "k" {
		t.Errorf("at the limit: %q", got)
	}
	if got := key(req, len(req.Body)-1); got != nil {
		t.Errorf("above the limit: %q", got)
	}
}

// The key outlives the parse that comes after it: it aliases nothing that a parser reuses.
func TestKey_Stays(t *testing.T) {
	for _, body := range []string{`{"writeKey":"k\u0065y"}`, `{"writeKey":"key"}`} {
		req := post(body)
		got := key(req, EventLimit)
		var b wire.Batch
		for range 3 {
			b.Reset()
			(&call{kind: "track"}).Parse(post(`{"a\u0062c":"d\u0065f"}`), &b)
		}
		if string(got) != "key" {
			t.Errorf("%s: became %q", body, got)
		}
	}
}
