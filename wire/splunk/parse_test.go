package splunk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"penstock/wire"
)

// The world of these tests, without allocations of its own: bodies come unencoded.
type (
	plain  struct{}
	header struct {
		name  string
		value []byte
	}
)

func (plain) Decode(_, src []byte, _ int) ([]byte, wire.Code) { return src, wire.OK }

func (h header) Peek(name string) []byte {
	if name == h.name {
		return h.value
	}
	return nil
}

func post(body string) *wire.Request {
	return &wire.Request{Method: "POST", Params: [wire.MaxParams][]byte{[]byte("acme")}, Header: header{}, Body: []byte(body),
		Decode: plain{}, Topics: wire.DefaultTopics(), Limit: 8 << 20, Now: 1500000000000}
}

func files(contentType, body string) *wire.Request {
	req := post(body)
	req.Header = header{"Content-Type", []byte(contentType)}
	return req
}

// manySeries is an event of so many metrics, each a series of its own.
func manySeries(n int) string {
	var out strings.Builder
	out.WriteString(`[{"attributes":{"defaultDimensions":{"host":"a","zone":"b"}},"body":[`)
	for i := range n {
		fmt.Fprintf(&out, `{"name":"metric.%d","value":%d},`, i, i)
	}
	return strings.TrimSuffix(out.String(), ",") + "]}]"
}

func tell(fault *wire.Fault, b *wire.Batch) string {
	var out strings.Builder
	if fault != nil {
		fmt.Fprintf(&out, "%v: %s\n", fault, fault.Detail)
	}
	for _, r := range b.Records {
		fmt.Fprintf(&out, "%s|%q|%d|%s\n", r.Topic, r.Key, r.Time, r.Value)
	}
	fmt.Fprintf(&out, "%d %q", b.Items, b.Echo)
	return out.String()
}

// A worker's parser and batch carry nothing over from one request to the next, whatever the last one was.
func TestParse_WorkersAreReused(t *testing.T) {
	events := []string{`[{"body":1,"host":"h","nanos":1,"timestamp":5,"attributes":{}}]`, `[{"body":2}]`, `[{}]`, `[{"body":1,"x":1}]`, `[]`, `null`, `[`, ``,
		`[{"body":"\u0041","host":"\u0042"},{"body":1}]`, `[{"body":1},{"host":"h"}]`}
	metrics := []string{`[{"body":[{"name":"a","value":1,"dimensions":{"d":"1"},"type":"t","unit":"u"}],"host":"h","attributes":{"defaultDimensions":{"e":"2"},"defaultUnit":"v"}}]`,
		`[{"body":[{"name":"a"}]}]`, `[{"body":[{"name":"a"},{}]}]`, `[{"attributes":{"defaultType":"x"}}]`, `[{"body":[{"name":1}]}]`,
		manySeries(50), `[{"body":[{"name":"a"}` + strings.Repeat(`,{"name":"a","dimensions":{"d":"1"}}`, slicesKept) + `]}]`, `[]`, `null`, `{`}
	for name, c := range map[string]struct {
		make   func() wire.Parser
		bodies []string
	}{
		"events":  {func() wire.Parser { return new(eventsParser) }, events},
		"metrics": {func() wire.Parser { return new(metricsParser) }, metrics},
	} {
		p, b := c.make(), new(wire.Batch)
		for _, before := range c.bodies {
			for _, body := range c.bodies {
				b.Reset()
				p.Parse(post(before), b)
				b.Reset()
				var fresh wire.Batch
				got, want := tell(p.Parse(post(body), b), b), tell(c.make().Parse(post(body), &fresh), &fresh)
				if got != want {
					t.Fatalf("%s: after %.60q, %.60q gave\n%s\nfresh it gives\n%s", name, before, body, got, want)
				}
			}
		}
	}
}

// Whatever is wrong with one event, nothing of the others is stored.
func TestParse_RefusedWhole(t *testing.T) {
	spoiled := []string{`{}`, `null`, `1`, `"x"`, `[]`, `{"body":null}`, `{"body":1,"x":1}`, `{"body":1,"host":1}`, `{"body":1,"timestamp":"1"}`, `{"body":1,"nanos":1.0}`,
		`{"body":1,"attributes":[]}`, `{"body":1,"id":{}}`, `{"body":1,"source":true}`, `{"body":1,"sourcetype":[]}`, `{"body":1,"kind":0}`, `{"body":1}{}`, `{"body":01}`}
	for _, event := range spoiled {
		for _, body := range []string{`[{"body":1},` + event + `]`, `[` + event + `,{"body":1}]`} {
			var b wire.Batch
			if fault := new(eventsParser).Parse(post(body), &b); fault == nil || len(b.Records) > 0 {
				t.Errorf("%s: %v with %d records", body, fault, len(b.Records))
			}
		}
	}
	for _, metric := range []string{`{}`, `null`, `1`, `{"name":null}`, `{"name":""}`, `{"name":"b","x":1}`, `{"name":"b","value":"1"}`, `{"name":"b","dimensions":{"d":1}}`,
		`{"name":"b","dimensions":"d"}`, `{"name":"b","type":1}`, `{"name":"b","unit":[]}`} {
		for _, body := range []string{`[{"body":[{"name":"a"},` + metric + `]}]`, `[{"body":[` + metric + `]},{"body":[{"name":"a"}]}]`, `[{"body":[{"name":"a"}]},{"body":[` + metric + `]}]`} {
			var b wire.Batch
			if fault := new(metricsParser).Parse(post(body), &b); fault == nil || len(b.Records) > 0 {
				t.Errorf("%s: %v with %d records", body, fault, len(b.Records))
			}
		}
	}
}

// A body that is null is none, whatever else the event says, and what is told first is what counts: a failed event before one that is too much.
func TestParse_RefusedMetrics(t *testing.T) {
	f := func(body string, code wire.Code, detail string) {
		t.Helper()
		var b wire.Batch
		fault := new(metricsParser).Parse(post(body), &b)
		if fault == nil || fault.Code != code || !strings.Contains(string(fault.Detail), detail) || len(b.Records) > 0 {
			t.Errorf("%.60s: %v (%s) with %d records, want %v", body, fault, fault.Detail, len(b.Records), code)
		}
	}
	const a, null = `{"body":[{"name":"a"}]}`, `{"failedEvents":[{"index":1,"message":"` + nullBody + `"}]}`
	f(`[`+a+`,{"body":null}]`, wire.MissingField, null)
	f(`[`+a+`,{"body":null,"host":"h"}]`, wire.MissingField, null)
	f(`[`+a+`,{"body":[{"name":"a"}],"body":null}]`, wire.MissingField, null)
	f(`[`+a+`,{"host":"h"}]`, wire.MissingField, null)
	f(`[`+a+`,{"body":[]}]`, wire.MissingField, "Event body cannot be empty")
	f(`[`+a+`,{"body":[{"name":"a"},{"name":""}]}]`, wire.MissingField, "Metric name cannot be empty")
	tooMany := `{"body":[{"name":"a","dimensions":{` + strings.TrimSuffix(strings.Repeat(`"d":"",`, dimensionsMost+1), ",") + `}}]}`
	f(`[`+tooMany+`]`, wire.TooMany, "")
	heavy := func(weight int) string { // of all that 8192 metrics inherit
		host := strings.Repeat("h", weight-6*len(`"":`))
		return `[{"host":"` + host + `","body":[` + strings.Repeat(`{"name":"a"},`, 8191) + `{"name":"a"}]}]`
	}
	f(heavy(inheritedMost/8192+1), wire.TooLarge, "")
	for _, most := range []string{heavy(inheritedMost / 8192), `[` + strings.Replace(tooMany, `"d":"",`, "", 1) + `]`} {
		if fault := new(metricsParser).Parse(post(most), new(wire.Batch)); fault != nil {
			t.Errorf("%.60s: %v", most, fault)
		}
	}
	f(`[`+a+`,{"body":null},`+tooMany+`]`, wire.MissingField, null)
}

// What an event hands to its metrics is weighed as it is written: as JSON, with a colon or a comma, each escape and each stray byte at its full length.
func TestWeigh(t *testing.T) {
	for _, text := range []string{"", "a", "plain text", " ", "\x00", "\x1f", "\x7f", "a\x7fb\x01", "é", "\xff", "a\xffb"} {
		written := len(wire.AppendQuoted(nil, text)) + len(":")
		switch got := quoted([]byte(text)); {
		case got < written:
			t.Errorf("%q weighs %d and is written in %d bytes", text, got, written)
		case got > written && !strings.Contains(text, "\xff"), got > 3*(len(text)+len(`"":`)):
			t.Errorf("%q weighs %d, and is written in %d bytes", text, got, written)
		}
	}
	text := func(n int) []byte { return []byte(strings.Repeat("x", n)) }
	e, inherit := &envelope{host: text(1), source: text(2), sourcetype: text(4), id: text(8)}, &defaults{kind: text(16), unit: text(32)}
	if got, want := weigh(e, inherit, []wire.Tag{{Name: text(64), Value: text(128)}, {Name: text(256), Value: text(512)}}), 1023+10*len(`"":`); got != want {
		t.Errorf("ten texts of 1023 bytes weigh %d, want %d", got, want)
	}
}

// A number is one that a double can hold.
func TestIsDouble(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "-1.5": true, "1e308": true, "1E308": true, "-1e308": true, "1e-999": true, "1e309": false, "1E309": false, "-1e309": false,
		strings.Repeat("9", numberMost): true, strings.Repeat("9", numberMost+1): false,
	} {
		if isDouble([]byte(text)) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
}

// After the largest request a worker keeps little room, and after a usual one what it has.
func TestParse_RetainsLittle(t *testing.T) {
	var p metricsParser
	var b wire.Batch
	array := func(each string, n int) string { return strings.TrimSuffix(strings.Repeat(each+",", n), ",") }
	large := `[{"body":[{"name":"a","dimensions":{` + array(`"d":""`, 2*slicesKept) + `}},` + array(`{"name":"a"}`, 2*slicesKept) + `]}]`
	usual := `[{"body":[{"name":"a","dimensions":{"d":""}}]}]`
	for _, body := range []string{large, usual, usual} {
		b.Reset()
		had := cap(p.metrics)
		p.Parse(post(body), &b)
		if cap(p.metrics) > slicesKept || cap(p.dimensions) > slicesKept || cap(p.metrics) < had {
			t.Errorf("%.60s leaves room for %d metrics and %d dimensions", body, cap(p.metrics), cap(p.dimensions))
		}
	}
}

// A fault is at the value that it is about.
func TestParse_Places(t *testing.T) {
	for _, body := range []string{`[{"body":1,"timestamp": @1.5}]`, `[{"body":1,"nanos":@2147483648}]`, `[{"body":1,"host":@7}]`, `[{"body":1,@"unknown":7}]`, `[{"body":1},@7]`} {
		fault := new(eventsParser).Parse(post(strings.Replace(body, "@", "", 1)), new(wire.Batch))
		if at := strings.IndexByte(body, '@'); fault == nil || fault.Offset != at {
			t.Errorf("%s: %v, want %d", body, fault, at)
		}
	}
	for _, body := range []string{`[{"body":[{"name":"a","value": @1e309}]}]`, `[{"body":[{"name":"a","dimensions":{"d":@1}}]}]`, `[{"body":[@7]}]`} {
		fault := new(metricsParser).Parse(post(strings.Replace(body, "@", "", 1)), new(wire.Batch))
		if at := strings.IndexByte(body, '@'); fault == nil || fault.Offset != at {
			t.Errorf("%s: %v, want %d", body, fault, at)
		}
	}
}

// The limit is the last size that passes.
func TestParse_Limits(t *testing.T) {
	f := func(size, limit int, want wire.Code) {
		t.Helper()
		body := `[{"body":"` + strings.Repeat("x", size-len(`[{"body":""}]`)) + `"}]`
		req, code := post(body), wire.OK
		req.Limit = limit
		if fault := new(eventsParser).Parse(req, new(wire.Batch)); fault != nil {
			code = fault.Code
		}
		if code != want {
			t.Errorf("%d bytes, limit %d: %v, want %v", size, limit, code, want)
		}
	}
	f(MaxBody, 8<<20, wire.OK)
	f(MaxBody+1, 8<<20, wire.TooLarge)
	f(1000, 1000, wire.OK)
	f(1001, 1000, wire.TooLarge)
}

// What a body of 1 MiB may become is bounded, in bytes and in time.
func TestParse_HostileMetrics(t *testing.T) {
	repeat := func(head, each, tail string) string {
		return head + strings.Repeat(each+",", (MaxBody-len(head)-len(tail))/(len(each)+1)-1) + each + tail
	}
	dimensions := func(n int) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, `"%d":"",`, n-i)
		}
		return strings.TrimSuffix(out.String(), ",")
	}
	halfDel := strings.Repeat("\x7f", MaxBody/2)
	for name, body := range map[string]string{
		"a long host for many":      repeat(`[{"host":"`+strings.Repeat("h", MaxBody/2)+`","body":[`, `{"name":"a"}`, `]}]`),
		"a host of escapes":         repeat(`[{"host":"`+halfDel+`","body":[`, `{"name":"a"}`, `]}]`),
		"a host that just passes":   repeat(`[{"host":"`+strings.Repeat("\x7f", 14)+`","body":[`, `{"name":"a"}`, `]}]`),
		"many dimensions":           `[{"body":[{"name":"a","dimensions":{` + dimensions(90_000) + `}}]}]`,
		"many dimensions inherited": repeat(`[{"attributes":{"defaultDimensions":{`+dimensions(1000)+`}},"body":[`, `{"name":"a"}`, `]}]`),
		"a thousand own dimensions": repeat(`[{"body":[`, `{"name":"a","dimensions":{`+dimensions(1000)+`}}`, `]}]`),
		"names of nothing":          repeat(`[{"body":[`, `{"name":"a","dimensions":{"":""}}`, `]}]`),
		"unknown fields":            repeat(`[{`, `"x":1`, `}]`),
		"no names":                  repeat(`[{"body":[`, `{}`, `]}]`),
		"many bodies":               repeat(`[{`, `"body":[{"name":"a"}]`, `}]`),
		"distinct series":           manySeries(28_000),
	} {
		if len(body) > MaxBody {
			t.Fatalf("%s: %d bytes", name, len(body))
		}
		var b wire.Batch
		start, size := time.Now(), 0
		fault := new(metricsParser).Parse(post(body), &b)
		for i := range b.Records {
			size += len(b.Records[i].Value) + len(b.Records[i].Key)
		}
		if took := time.Since(start); took > 5*time.Second || size > 32<<20 {
			t.Errorf("%s: %v, %d bytes in %d records, %v", name, took, size, len(b.Records), fault)
		} else {
			t.Logf("%s: %v, %d bytes in %d records, %v", name, took, size, len(b.Records), fault)
		}
	}
}

func TestKey(t *testing.T) {
	for field, want := range map[string]string{
		"": "", "Bearer": "", "Bearer ": "", "Bearer   ": "", "Bearer x": "x", "bearer x": "x", "Bearer  a b ": "a b", "Basic eDp5": "", "Splunk x": "", "Bearerx y": "",
	} {
		req := post("")
		req.Header = header{"Authorization", []byte(field)}
		got := key(req)
		if string(got) != want || (got == nil) != (want == "") {
			t.Errorf("%q: %q, want %q", field, got, want)
		}
	}
}

func TestSource(t *testing.T) {
	f := func(tenant, path, want string) {
		t.Helper()
		req := post("")
		req.Params[0], req.Tenant = []byte(path), nil
		if tenant != "" {
			req.Tenant = []byte(tenant)
		}
		got := source(req)
		if string(got.Tenant) != want || (got.Tenant == nil) != (want == "") {
			t.Errorf("tenant %q, path %q: %q, want %q", tenant, path, got.Tenant, want)
		}
	}
	f("", "acme", "acme")
	f("example", "acme", "example")
	f("", "", "")
	f("", "a%20b", "")
	f("", "..", "")
	f("", "é", "")
	f("", strings.Repeat("a", tenantMost), strings.Repeat("a", tenantMost))
	f("", strings.Repeat("a", tenantMost+1), "")
}

// Every reply is JSON with a code and a message, and a refusal says why.
func TestReply_IsJSON(t *testing.T) {
	type reading struct {
		Code, Message string
		Details       any
	}
	read := func(r wire.Reply) (got reading) {
		t.Helper()
		body, ok := strings.CutPrefix(string(r.Body), "kept")
		if err := json.Unmarshal([]byte(body), &got); err != nil || !ok || r.Type != typeJSON || got.Code == "" || got.Message == "" {
			t.Fatalf("%s: %v", r.Body, err)
		}
		return got
	}
	for _, code := range wire.Codes() {
		for _, detail := range []string{"", "json: \"\\\xff\n", `{"failedEvents":[]}`} {
			fault := &wire.Fault{Code: code, Offset: 17}
			want := any(fault.Error())
			switch {
			case detail != "":
				fault.Detail = []byte(detail)
				want = strings.ToValidUTF8(detail, "\ufffd")
				if detail[0] == '{' {
					want = map[string]any{"failedEvents": []any{}}
				}
			}
			r := reply([]byte("kept"), &wire.Outcome{Verdict: wire.Refused, Fault: fault})
			got, status := read(r), 400
			switch code {
			case wire.NoKey, wire.BadKey:
				status, want = 401, code.Text()
				if len(r.Fields) != 1 || r.Fields[0].Name != "WWW-Authenticate" {
					t.Errorf("%v: %v", code, r.Fields)
				}
			case wire.TooLarge, wire.TooMany:
				status = 413
			}
			if r.Status != status || fmt.Sprint(got.Details) != fmt.Sprint(want) {
				t.Errorf("%v: %d %s, want details %v", code, r.Status, r.Body, want)
			}
		}
	}
	for verdict, status := range map[wire.Verdict]int{wire.Stored: 200, wire.Busy: 429, wire.Failed: 500} {
		o := &wire.Outcome{Verdict: verdict, Reason: "because \"\n", Echo: []byte("a\"\xff")}
		if r := reply([]byte("kept"), o); r.Status != status || (read(r).Code == "SUCCESS") != (verdict == wire.Stored) {
			t.Errorf("%d: %s", r.Status, r.Body)
		}
		r := filesReply([]byte("kept"), o)
		if read(r); verdict == wire.Stored && (r.Status != 201 || !strings.HasSuffix(string(r.Body), `"details":{"filename":"a\"`+"\ufffd"+`"}}`)) {
			t.Errorf("%d: %s", r.Status, r.Body)
		}
	}
}
