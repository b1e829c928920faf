package segment

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	return &wire.Request{Method: "POST", Query: value{}, Header: value{}, Body: []byte(body), Decode: plain{}, Tables: tables{},
		Topics: wire.DefaultTopics(), Limit: 1 << 20, Now: 1500000000000}
}

func sign(secret, text string) []byte {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	return []byte(hex.EncodeToString(mac.Sum(nil)))
}

func signed(body string, signature []byte) *wire.Request {
	req := post(body)
	req.Header = value{"X-Signature", signature}
	return req
}

func hook(secrets ...string) *webhook {
	var all [][]byte
	for _, s := range secrets {
		all = append(all, []byte(s))
	}
	return &webhook{signer: newSigner(all)}
}

func codeOf(f *wire.Fault) wire.Code {
	if f == nil {
		return wire.OK
	}
	return f.Code
}

// tell is all that came of a request.
func tell(p wire.Parser, b *wire.Batch, req *wire.Request) string {
	b.Reset()
	var out strings.Builder
	if fault := p.Parse(req, b); fault != nil {
		out.WriteString(fault.Error() + "\n")
	}
	for i := range b.Records {
		r := &b.Records[i]
		fmt.Fprintf(&out, "%s %q %d %s\n", r.Topic, r.Key, r.Time, r.Value)
	}
	rejected, all := b.Rejected()
	for i := range rejected {
		fmt.Fprintf(&out, "%v %s\n", &rejected[i], rejected[i].Raw)
	}
	fmt.Fprintln(&out, all, "rejected")
	return out.String()
}

// A worker's parser and batch carry nothing over from one request to the next, whatever the last one was.
func TestParse_WorkersAreReused(t *testing.T) {
	one := []string{`{"type":"track","k":"a\u0062"}`, `{"k":"v","writeKey":"x"}`, `{`, ``, `[]`, `{"t":7}` + strings.Repeat(" ", 9000)}
	many := []string{`{"batch":[]}`, `[`, `{"batch":7}`, `{}`}
	for _, body := range one {
		many = append(many, `{"batch":[`+body+`,3]}`, `[`+body+`]`)
	}
	for name, fresh := range map[string]func() wire.Parser{
		"batch":   func() wire.Parser { return new(batch) },
		"call":    func() wire.Parser { return &call{kind: "page"} },
		"webhook": func() wire.Parser { return hook() },
		"signed":  func() wire.Parser { return hook("s", "t") },
	} {
		request := func(body string) *wire.Request {
			req := signed(body, sign("t", body))
			req.Tables = tables{&wire.Columns{Time: "t", Key: "k"}}
			return req
		}
		p, b := fresh(), new(wire.Batch)
		for _, before := range append(one, many...) {
			for _, body := range append(one, many...) {
				tell(p, b, request(before))
				if got, want := tell(p, b, request(body)), tell(fresh(), new(wire.Batch), request(body)); got != want {
					t.Fatalf("%s: after %.40q, %.40q gave\n%s\nfresh it gives\n%s", name, before, body, got, want)
				}
			}
		}
	}
}

// A record's ID is the event's first messageId that says something. It is nothing else's, and reading it loses nothing of the event.
func TestParse_MessageIDs(t *testing.T) {
	f := func(event, want string) {
		t.Helper()
		b := new(wire.Batch)
		if fault := hook().Parse(post("["+event+",{}]"), b); fault != nil || len(b.Records) != 2 {
			t.Fatalf("%s: %v, %d records", event, fault, len(b.Records))
		}
		if r := b.Records[0]; string(r.ID) != want || (r.ID == nil) != (want == "") || string(r.Value) != event {
			t.Errorf("%s is kept as %s with ID %q, want %q", event, r.Value, r.ID, want)
		}
		if r := b.Records[1]; r.ID != nil {
			t.Errorf("after %s an event without an ID has %q", event, r.ID)
		}
	}
	f(`{"messageId":"a"}`, "a")
	f(`{"messageId":"a","type":"track","x":[1,{"messageId":"not here"}]}`, "a")
	f(`{"type":"track", "message\u0049d" : "a\u0062" }`, "ab")
	f(`{"messageId":"first","messageId":"second"}`, "first")
	f(`{"messageId":"","messageId":7,"messageId":"a text"}`, "a text")
	f(`{"messageId":""}`, "")
	f(`{"messageId":1234}`, "")
	f(`{"messageId":null}`, "")
	f(`{"messageId":{"a":"b"}}`, "")
	f(`{"messageid":"a"}`, "")
}

// The limit is the last size that passes.
func TestParse_Limits(t *testing.T) {
	f := func(p wire.Parser, body string, want wire.Code) {
		t.Helper()
		b := new(wire.Batch)
		if code := codeOf(p.Parse(post(body), b)); code != want || code != wire.OK && len(b.Records) > 0 {
			t.Errorf("%T of %d bytes: %v with %d records, want %v", p, len(body), code, len(b.Records), want)
		}
	}
	pad := func(body string, size int) string { return body + strings.Repeat(" ", size-len(body)) }
	many := func(n int) string { return "[" + strings.Repeat("{},", n-1) + "{}]" }
	f(new(call), pad(`{"type":"a"}`, EventLimit), wire.OK)
	f(new(call), pad(`{"type":"a"}`, EventLimit+1), wire.TooLarge)
	f(new(batch), pad(`{"batch":[{}]}`, BatchLimit), wire.OK)
	f(new(batch), pad(`{"batch":[{}]}`, BatchLimit+1), wire.TooLarge)
	f(new(batch), `{"batch":`+many(MaxRecords)+`}`, wire.OK)
	f(new(batch), `{"batch":`+many(MaxRecords+1)+`}`, wire.TooMany)
	f(hook(), many(MaxRecords), wire.OK)
	f(hook(), many(MaxRecords+1), wire.TooMany)
	f(hook(), pad(`{}`, 1<<20), wire.OK)
	f(hook(), pad(`{}`, 1<<20+1), wire.TooLarge)

	req := post(pad(`{}`, 100)) // a setting that is lower than the vendor's limit holds
	req.Limit = 99
	for _, p := range []wire.Parser{new(call), new(batch), hook()} {
		if code := codeOf(p.Parse(req, new(wire.Batch))); code != wire.TooLarge {
			t.Errorf("%T above the request's limit: %v", p, code)
		}
	}
}

// What is refused of a batch of many is bounded, and counted.
func TestParse_ManyRefused(t *testing.T) {
	const n = 3 * wire.MaxRejects
	b := new(wire.Batch)
	fault := new(batch).Parse(post(`{"batch":[`+strings.Repeat("1,", n)+`{}]}`), b)
	kept, all := b.Rejected()
	if fault != nil || len(b.Records) != 1 || len(kept) != wire.MaxRejects || all != n {
		t.Errorf("%v, %d records, %d kept of %d", fault, len(b.Records), len(kept), all)
	}
}

// Which signature opens which body.
func TestSigner(t *testing.T) {
	const event, other = `{"type":"track"}`, `{"type":"page"}`
	f := func(name string, p *webhook, body string, signature []byte, want bool) {
		t.Helper()
		b := new(wire.Batch)
		code := codeOf(p.Parse(signed(body, signature), b))
		if want != (code == wire.OK) || !want && (code != wire.BadSignature || len(b.Records) > 0) {
			t.Errorf("%s: %v", name, code)
		}
	}
	two := hook("old", "new")
	for range 2 { // and again: the hashes are reused
		f("no secret, no signature", hook(), event, nil, true)
		f("no secret, any signature", hook(), event, []byte("x"), true)
		f("the first secret", two, event, sign("old", event), true)
		f("the second secret", two, event, sign("new", event), true)
		f("another secret", two, event, sign("stranger", event), false)
		f("no signature", two, event, nil, false)
		f("an empty signature", two, event, []byte{}, false)
		f("cut", two, event, sign("new", event)[:39], false)
		f("longer", two, event, append(sign("new", event), 'a'), false)
		f("upper case", two, event, bytes.ToUpper(sign("new", event)), false)
		f("one digit off", two, event, append([]byte("g"), sign("new", event)[1:]...), false)
		f("a space after the event", two, event+" ", sign("new", event), false)
		f("batch, whole", two, "["+event+","+other+"]", sign("new", "["+event+","+other+"]"), true)
		f("batch, first", two, "["+event+","+other+"]", sign("old", event), true)
		f("batch, first, spaced", two, " [ "+event+" , "+other+" ] ", sign("new", event), true)
		f("batch, second", two, "["+event+","+other+"]", sign("new", other), false)
		f("batch in a batch", two, "[["+event+"]]", sign("new", event), false)
		f("an object's first value", two, `{"a":`+event+`}`, sign("new", event), false)
		f("empty batch", two, "[]", sign("new", "[]"), true)
		f("empty batch, first", two, "[]", sign("new", ""), false)
		f("an open bracket", two, "[", sign("new", "nothing"), false)
		f("no body", two, "", sign("new", "nothing"), false)
	}
}

// Unlike an event of the tracking API, a webhook's may be of any size.
func TestWebhook_HasNoEventLimit(t *testing.T) {
	body := `{"p":"` + strings.Repeat("x", 2*EventLimit) + `"}`
	b := new(wire.Batch)
	if fault := hook().Parse(post(body), b); fault != nil || len(b.Records) != 1 {
		t.Errorf("%v", fault)
	}
}

// Every refusal's reply is JSON that says what the fault says, with the door's own status.
func TestReply_IsJSON(t *testing.T) {
	status := func(reply func([]byte, *wire.Outcome) wire.Reply, o *wire.Outcome) int {
		t.Helper()
		r := reply([]byte("kept"), o)
		var got struct {
			Success       *bool
			Code, Message string
		}
		body, ok := bytes.CutPrefix(r.Body, []byte("kept"))
		if err := json.Unmarshal(body, &got); err != nil || !ok {
			t.Fatalf("%s: %v", r.Body, err)
		}
		if *got.Success != (o.Verdict == wire.Stored) || r.Type != "application/json" {
			t.Errorf("%v: %s", o.Verdict, body)
		}
		if o.Fault != nil && (got.Code != o.Fault.Code.String() || got.Message != o.Fault.Error()) {
			t.Errorf("%s does not say %v", body, o.Fault)
		}
		if o.Reason != "" && got.Message != o.Reason {
			t.Errorf("%s does not say %s", body, o.Reason)
		}
		return r.Status
	}
	f := func(o wire.Outcome, tracking, webhook int) {
		t.Helper()
		if a, b := status(trackingReply, &o), status(webhookReply, &o); a != tracking || b != webhook {
			t.Errorf("%v %v: %d and %d", o.Verdict, o.Fault, a, b)
		}
	}
	f(wire.Outcome{Verdict: wire.Stored}, 200, 200)
	f(wire.Outcome{Verdict: wire.Busy, Reason: "full: \"é\"\n"}, 429, 503)
	f(wire.Outcome{Verdict: wire.Failed, Reason: "broken"}, 500, 500)
	for _, code := range wire.Codes() {
		o := wire.Outcome{Verdict: wire.Refused, Fault: &wire.Fault{Code: code, Offset: int(code) - 5}}
		switch code {
		case wire.NoKey, wire.BadKey, wire.BadSignature:
			f(o, 401, 401)
		case wire.TooLarge:
			f(o, 400, 413)
		default:
			f(o, 400, 400)
		}
	}
}
