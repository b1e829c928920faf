package intake

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// The guard's promise, held against another reader of HTTP: a request that is let through is read by net/http as the same
// method, target, topic and body, and ends at the same byte. Whoever stands in front of us cannot be made to see another one.
func sameReading(t *testing.T, wire []byte) {
	source := bytes.NewReader(wire)
	in := bufio.NewReaderSize(source, 16<<10)
	var ours fasthttp.Request
	if ours.ReadLimitBody(in, 1<<20) != nil {
		return // refused, and nothing behind it is read
	}
	flaw, chunked := judge(&ours.Header, &headers{})
	if flaw != "" {
		return
	}
	if ours.MayContinue() && ours.ContinueReadBody(in, 1<<20) != nil { // the engine asks for the body now
		return
	}
	var end tail
	left := in.Buffered() + source.Len()
	if end.note(wire); chunked && !end.isLastChunk() {
		return // answered, and nothing behind it is read
	}
	reference := bufio.NewReader(bytes.NewReader(bytes.TrimLeft(wire, "\r\n")))
	theirs, err := http.ReadRequest(reference)
	if err != nil {
		// net/http is stricter here and there (hosts, versions of 1.0 requests, cookies); a refusal cannot be a second reading.
		return
	}
	body, err := io.ReadAll(theirs.Body)
	if err != nil {
		t.Fatalf("we read a whole request where net/http has %v: %q", err, wire)
	}
	rest, err := io.ReadAll(reference)
	if err != nil {
		t.Fatal(err)
	}
	h := headers{raw: ours.Header.RawHeaders()}
	switch {
	case string(ours.Header.Method()) != theirs.Method:
		t.Fatalf("method %q, net/http has %q: %q", ours.Header.Method(), theirs.Method, wire)
	case string(ours.Header.RequestURI()) != theirs.RequestURI:
		t.Fatalf("target %q, net/http has %q: %q", ours.Header.RequestURI(), theirs.RequestURI, wire)
	case !bytes.Equal(ours.Body(), body):
		t.Fatalf("body %q, net/http has %q: %q", ours.Body(), body, wire)
	case string(h.Peek("topic")) != theirs.Header.Get("topic"):
		t.Fatalf("topic %q, net/http has %q: %q", h.Peek("topic"), theirs.Header.Get("topic"), wire)
	case left != len(rest):
		t.Fatalf("%d bytes are left, net/http leaves %d: %q", left, len(rest), wire)
	}
}

func TestSameReading(t *testing.T) {
	for _, c := range rawCases {
		t.Run(c.name, func(t *testing.T) {
			sameReading(t, []byte(c.request))
			sameReading(t, []byte(c.request+marker))
		})
	}
}

func FuzzSameReading(f *testing.F) {
	for _, c := range rawCases {
		if len(c.request) < 1000 {
			f.Add([]byte(c.request + marker))
			f.Add([]byte(c.request))
		}
	}
	f.Fuzz(sameReading)
}

func TestPeek(t *testing.T) {
	h := headers{raw: []byte("Host: penstock\r\nTopic:\t a b \r\nX-Topic: no\r\nempty:\r\ntopic: second\r\nContent-Encoding:gzip\r\n\r\n")}
	for name, want := range map[string]string{"topic": "a b", "TOPIC": "a b", "host": "penstock", "content-encoding": "gzip", "empty": "", "x-topic": "no"} {
		if got := h.Peek(name); got == nil || string(got) != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"opic", "topi", "", "absent", "topic:", "no"} {
		if got := h.Peek(name); got != nil {
			t.Errorf("%q is there: %q", name, got)
		}
	}
}

func TestBareLF(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"", false},
		{"GET / HTTP/1.1", false},
		{"GET / HTTP/1.1\r", false},
		{"GET / HTTP/1.1\r\n", false},
		{"GET / HTTP/1.1\n", true},
		{"\n", true},
		{"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nHost: a\r\n\n", true},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n\n\n\n", false},
	} {
		if got := bareLF([]byte(c.text)); got != c.want {
			t.Errorf("%q: %v", c.text, got)
		}
	}
}

func TestTail(t *testing.T) {
	text := "abcdefghij" + lastChunk
	for size := 1; size <= len(text); size++ {
		var e tail
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			e.note([]byte(rest[:n]))
			rest = rest[n:]
			if want := strings.HasSuffix(text[:len(text)-len(rest)], lastChunk); e.isLastChunk() != want {
				t.Fatalf("in pieces of %d, after %q: %v", size, text[:len(text)-len(rest)], e.isLastChunk())
			}
		}
	}
}

// A field is found whether its line is among those that were noted or behind them, and with the lines noted or not; the first of a name counts.
func TestFieldsAmongManyLines(t *testing.T) {
	for _, before := range []int{0, 1, headersKnown - 1, headersKnown, headersKnown + 1, 3 * headersKnown} {
		raw := "Host: x\r\n"
		for i := range before {
			raw += fmt.Sprintf("X-Line-%d: %d\r\n", i, i)
		}
		raw += "Topic:  clicks \r\ntopic: second\r\nEmpty:\r\n\r\n"
		judged := headers{raw: []byte(raw)}
		if _, flaw := judgeLines(&judged); flaw != "" {
			t.Fatal(flaw)
		}
		for name, h := range map[string]*headers{"judged": &judged, "not judged": {raw: []byte(raw)}} {
			for field, want := range map[string]string{"topic": "clicks", "TOPIC": "clicks", "host": "x", "empty": "", fmt.Sprintf("x-line-%d", before-1): fmt.Sprint(before - 1)} {
				got := h.Peek(field)
				if there := !strings.HasSuffix(field, "--1"); string(got) != want && there || (got != nil) != there {
					t.Errorf("%s, %d lines before: %s is %q, want %q", name, before, field, got, want)
				}
			}
			if h.Peek("opic") != nil || h.Peek("X-Line") != nil {
				t.Errorf("%s: a part of a name was found", name)
			}
		}
	}
}
