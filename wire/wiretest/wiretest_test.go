package wiretest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/wire"
)

func TestDecoder(t *testing.T) {
	src := []byte(strings.Repeat("a truly awesome message ", 10))
	encode := func(encoding string) []byte {
		out, ok := Encode(encoding, src)
		if !ok {
			t.Fatal(encoding)
		}
		return out
	}
	gzipped, deflated, raw := encode("gzip"), encode("deflate"), encode("raw-deflate")
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	cases := []struct {
		encoding string
		body     []byte
		limit    int
		want     wire.Code
	}{
		{"", src, 1, wire.OK}, // what needs no decoding is not measured
		{"identity", src, len(src), wire.OK},
		{"None", src, len(src), wire.OK},
		{"gzip", gzipped, len(src), wire.OK},
		{"X-GZIP", gzipped, len(src), wire.OK},
		{"deflate", deflated, len(src), wire.OK},
		{"deflate", raw, len(src), wire.OK},
		{"gzip", gzipped, len(src) - 1, wire.TooLarge},
		{"deflate", deflated, len(src) - 1, wire.TooLarge},
		{"deflate", raw, len(src) - 1, wire.TooLarge},
		{"gzip", cut(gzipped), len(src), wire.BadCompression},
		{"deflate", cut(deflated), len(src), wire.BadCompression},
		{"gzip", src, len(src), wire.BadCompression},
		{"deflate", src, len(src), wire.BadCompression},
		{"gzip", nil, len(src), wire.BadCompression},
		{"br", src, len(src), wire.BadEncoding},
		{"gzip, gzip", gzipped, len(src), wire.BadEncoding},
	}
	for _, c := range cases {
		var d Decoder
		out, code := d.Decode([]byte(c.encoding), c.body, c.limit)
		if code != c.want || code == wire.OK && !bytes.Equal(out, src) || !bytes.Equal(out, d.Payload) {
			t.Errorf("%q of %d bytes, limit %d: %v and %d bytes, want %v", c.encoding, len(c.body), c.limit, code, len(out), c.want)
		}
	}
}

// toy is a format of one line stream and one route: a line or a body is a record; "bad" is refused; a line of more than 8 bytes
// closes the stream.
var toy = wire.Format{
	Name: "toy",
	Routes: []wire.Route{{
		Methods: []string{"POST"}, Path: "/toy/{key}", New: func() wire.Parser { return toyParser{} },
		Reply: func(dst []byte, o *wire.Outcome) wire.Reply {
			if o.Fault != nil {
				return wire.Reply{Body: append(dst, "no"...), Status: 400, Type: "text/plain"}
			}
			return wire.Reply{Body: dst, Status: 204}
		},
	}},
	Streams: []wire.Stream{{
		Name: "lines", New: func() wire.Parser { return toyParser{} },
		Max: 8,
		NewSplit: func() wire.Splitter {
			return func(buf []byte, atEOF bool) (int, []byte, *wire.Fault) {
				if i := bytes.IndexByte(buf, '\n'); i >= 0 {
					return i + 1, buf[:i], nil
				}
				if len(buf) > 8 {
					return 0, nil, &wire.Fault{Code: wire.TooLarge, Offset: wire.NoOffset}
				}
				if atEOF {
					return len(buf), buf, nil
				}
				return 0, nil, nil
			}
		},
	}},
}

type toyParser struct{}

func (toyParser) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	if string(req.Body) == "bad" {
		return b.Fail(wire.NotObject, 0)
	}
	r := b.Add()
	r.Topic, r.Value, r.Time, r.Key = []byte("toy"), req.Body, req.Now, req.Header.Peek("key")
	return nil
}

// write puts goldens into a folder of their own.
func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRun(t *testing.T) {
	f := func(req, want string) {
		t.Helper()
		cases := Cases(t, write(t, map[string]string{"x.req": req}))
		got, err := cases[0].Run(toy)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%q\n got %q\nwant %q", req, got, want)
		}
	}
	f("POST /toy/7\nkey: \"k\"\n\nhello\n", "topic=toy key=\"\\\"k\\\"\" time=1500000000000 value=hello\n\nreply 204\n")
	f("# why\n@repeat 2\nPOST /toy/7\n\nab\n\n", "topic=toy key=null time=1500000000000 value=\"ab\\nab\\n\"\n\nreply 204\n")
	f("POST /toy/7\n\nbad\n", "\nreply 400 text/plain\nno\n")
	f("POST /toy/\n\nx\n", "error: toy has no route for POST /toy/")
	f("GET /toy/7\n\nx\n", "error: toy has no route for GET /toy/7")
	f("STREAM lines\n\na\nbad\n\nend", "topic=toy key=null time=1500000000000 value=a\nfault: a JSON object is due here at byte 0\n"+
		"topic=toy key=null time=1500000000000 value=\"\"\ntopic=toy key=null time=1500000000000 value=end\n")
	f("STREAM other\n\na\n", "error: toy has no stream other")
}

// A splitter that depends on how bytes arrive is found out.
func TestRun_StreamByteByByte(t *testing.T) {
	eager := toy
	eager.Streams = []wire.Stream{toy.Streams[0]}
	eager.Streams[0].NewSplit = func() wire.Splitter {
		return func(buf []byte, _ bool) (int, []byte, *wire.Fault) { return len(buf), buf, nil }
	}
	cases := Cases(t, write(t, map[string]string{"x.req": "STREAM lines\n\nab\n"}))
	if _, err := cases[0].Run(eager); err == nil {
		t.Error("a splitter that takes whatever is there passes")
	}
}

func TestLoad_Failure(t *testing.T) {
	for _, text := range []string{"", "\nPOST /\n", "@nothing\nPOST /\n\n", "@repeat x\nPOST /\n\n", "@limit x\nPOST /\n\n", "@outcome stored\nPOST /\n\n",
		"@columns time\nunit=ms\nPOST /\n\n", "@columns unit=days\nPOST /\n\n", "@columns colour=red\nPOST /\n\n", "@encode br\nPOST /\n\n", "POST /?a=%zz\n\n", "POST /\nno header\n\n"} {
		dir := write(t, map[string]string{"x.req": text})
		if c, err := load(filepath.Join(dir, "x.req")); err == nil {
			t.Errorf("%q is read as %+v", text, c)
		}
	}
}

// A door without goldens is missed, and one with both is not.
func TestMissing(t *testing.T) {
	files := map[string]string{"a.req": "POST /toy/7\n\nx\n", "a.want": "topic=toy …\n\nreply 204\n"}
	f := func(want ...string) {
		t.Helper()
		if got := strings.Join(Missing(t, toy, write(t, files)), "; "); got != strings.Join(want, "; ") {
			t.Errorf("got %s", got)
		}
	}
	f("toy: no golden is refused at POST /toy/{key}", "toy: no golden is accepted at STREAM lines", "toy: no golden is refused at STREAM lines")
	files["b.req"], files["b.want"] = "POST /toy/8\n\nbad\n", "\nreply 400\n"
	f("toy: no golden is accepted at STREAM lines", "toy: no golden is refused at STREAM lines")
	files["c.req"], files["c.want"] = "STREAM lines\n\nx\nbad\n", "topic=toy …\nfault: …\n"
	f()
	files["d.req"], files["d.want"] = "PUT /other\n\n", "\nreply 200\n"
	f("toy: d is for no route of it")
}
