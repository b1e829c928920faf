package interana

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"penstock/wire"
)

// The world of these tests, without allocations of its own: bodies come unencoded.
type (
	plain  struct{}
	tables struct{ behind *wire.Columns }
	value  struct {
		name  string
		bytes []byte
	}
)

func (plain) Decode(_, src []byte, _ int) ([]byte, wire.Code) { return src, wire.OK }

func (t tables) Columns([]byte) *wire.Columns { return t.behind }

func (v value) Peek(name string) []byte {
	if name == v.name {
		return v.bytes
	}
	return nil
}

func post(body string) *wire.Request {
	return &wire.Request{Method: "POST", Query: value{}, Header: value{"topic", []byte("t")}, Body: []byte(body),
		Decode: plain{}, Tables: tables{}, Limit: 1 << 20, Now: 1500000000000}
}

func get(iaData string) *wire.Request {
	req := post("")
	req.Method, req.Query = "GET", value{"ia_data", []byte(iaData)}
	return req
}

func codeOf(f *wire.Fault) wire.Code {
	if f == nil {
		return wire.OK
	}
	return f.Code
}

// A worker's parser and batch carry nothing over from one request to the next, whatever the last one was.
func TestParse_WorkersAreReused(t *testing.T) {
	columns := tables{&wire.Columns{Time: "ts", Key: "sk"}}
	bodies := []string{
		`{"ts":1,"sk":"a\u0062c"}{"ts":2,"sk":"\u0064"}`, `[1,2,3]`, `{"ts":`, `text`, ``, `{"sk":7}` + "\n" + `{}`, `{"sk":""}`,
		strings.Repeat(`{"ts":3,"sk":"long \n key"}`, 500), "[",
	}
	parse := func(p *parser, b *wire.Batch, body string) string {
		req := post(body)
		req.Tables = columns
		b.Reset()
		var out strings.Builder
		if fault := p.Parse(req, b); fault != nil {
			out.Write(fault.Append(nil))
		}
		for _, r := range b.Records {
			out.WriteString(string(r.Topic) + "|" + string(r.Key) + "|" + string(r.Value) + "\n")
			if (r.Key == nil) != (string(r.Key) == "" && !bytes.Contains(r.Value, []byte(`"sk":""`))) {
				t.Errorf("%s: null key and empty key are mixed up", r.Value)
			}
		}
		return out.String()
	}
	var p parser
	var b wire.Batch
	for _, before := range bodies {
		for _, body := range bodies {
			parse(&p, &b, before)
			if got, want := parse(&p, &b, body), parse(new(parser), new(wire.Batch), body); got != want {
				t.Fatalf("after %.40q, %.40q gave\n%s\nfresh it gives\n%s", before, body, got, want)
			}
		}
	}
}

// However a list of events is put into a body, the same events come out.
func TestParse_ShapesAgree(t *testing.T) {
	events := []string{`{"a":1}`, `{"b":"\"}{"}`, `{}`, `{"c":[{"d":[]}], "e":null}`}
	shapes := map[string]string{
		"lines":        strings.Join(events, "\n") + "\n",
		"crlf":         strings.Join(events, "\r\n"),
		"concatenated": strings.Join(events, ""),
		"array":        "[" + strings.Join(events, ",") + "]",
		"spaced array": " [ " + strings.Join(events, " ,\n ") + " ] ",
		"arrays":       "[" + events[0] + "][" + strings.Join(events[1:], ",") + "][]",
		"mixed":        events[0] + "[" + events[1] + "]" + events[2] + "\n" + events[3],
	}
	for name, body := range shapes {
		var b wire.Batch
		if fault := new(parser).Parse(post(body), &b); fault != nil {
			t.Errorf("%s: %v", name, fault)
			continue
		}
		var got []string
		for _, r := range b.Records {
			got = append(got, string(r.Value))
		}
		if strings.Join(got, "\x00") != strings.Join(events, "\x00") {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// An array may be empty but not unfinished, and a byte order mark alone is no data.
func TestParse_ArraysAndMarks(t *testing.T) {
	f := func(body string, records int, code wire.Code, at int) {
		t.Helper()
		var b wire.Batch
		fault := new(parser).Parse(post(body), &b)
		if codeOf(fault) != code || fault != nil && fault.Offset != at || len(b.Records) != records {
			t.Errorf("%q: %d records, %v", body, len(b.Records), fault)
		}
	}
	f("[ ]", 0, wire.OK, 0)
	f("[\n]{}[]", 1, wire.OK, 0)
	f("[", 0, wire.BadJSON, 1)
	f("[ 1", 0, wire.BadJSON, 3)
	f("[1 ", 0, wire.BadJSON, 3)
	f("[1 2]", 0, wire.BadJSON, 3)
	f("[1}", 0, wire.BadJSON, 2)
	f("[1,]", 0, wire.BadJSON, 3)
	f("\ufeff", 0, wire.NoData, wire.NoOffset)
	f("\ufeff \n", 0, wire.NoData, wire.NoOffset)
	f("\ufeff[1,2]", 2, wire.OK, 0)
	f("\ufefftext", 1, wire.OK, 0)
}

// The limit is the last size that passes, by either method.
func TestParse_Limits(t *testing.T) {
	f := func(req *wire.Request, want wire.Code) {
		t.Helper()
		if code := codeOf(new(parser).Parse(req, new(wire.Batch))); code != want {
			t.Errorf("%s of %d bytes, limit %d: %v, want %v", req.Method, len(req.Body), req.Limit, code, want)
		}
	}
	limited := func(req *wire.Request, limit int) *wire.Request {
		req.Limit = limit
		return req
	}
	f(limited(post(strings.Repeat("x", 100)), 100), wire.OK)
	f(limited(post(strings.Repeat("x", 101)), 100), wire.TooLarge)
	for size, want := range map[int]wire.Code{1: wire.OK, GetLimit: wire.OK, GetLimit + 1: wire.TooLarge, 3 * GetLimit: wire.TooLarge} {
		f(get(encodeBase64(strings.Repeat("x", size))), want)
	}
	f(limited(get(encodeBase64(strings.Repeat("x", 10))), 10), wire.OK)
	f(limited(get(encodeBase64(strings.Repeat("x", 11))), 10), wire.TooLarge)
	f(post(strings.Repeat("{}", MaxRecords)), wire.OK)
	f(post(strings.Repeat("{}", MaxRecords+1)), wire.TooMany)
	f(post("["+strings.Repeat("[],", MaxRecords)+"0]"), wire.TooMany)
}

// Every refusal's reply is JSON that says what the fault says.
func TestReply_IsJSON(t *testing.T) {
	for _, code := range wire.Codes() {
		for _, offset := range []int{wire.NoOffset, 0, 17} {
			for _, method := range []string{"GET", "POST"} {
				fault := &wire.Fault{Code: code, Offset: offset}
				o := &wire.Outcome{Verdict: wire.Refused, Fault: fault, Request: &wire.Request{Method: method}}
				reply := reply([]byte("kept"), o)
				body, status, contentType := reply.Body, reply.Status, reply.Type
				var got struct {
					Error struct {
						Code, Message string
						Position      *int
					}
				}
				if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("kept")), &got); err != nil {
					t.Fatalf("%s: %v", body, err)
				}
				e := got.Error
				if e.Code != code.String() || e.Message != fault.Error() || (e.Position != nil) != (offset >= 0) {
					t.Errorf("%s does not say %v", body, fault)
				}
				if e.Position != nil && *e.Position != offset {
					t.Errorf("%s: position is not %d", body, offset)
				}
				want := 400
				if code == wire.TooLarge && method == "POST" {
					want = 413
				}
				if status != want || contentType != "application/json" {
					t.Errorf("%s %v: %d %s", method, code, status, contentType)
				}
			}
		}
	}
}
