package cloudwisdom

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/wire"
)

// The world of these tests, without allocations of its own: bodies come unencoded.
type (
	plain  struct{}
	header struct{ options []byte }
)

func (plain) Decode(_, src []byte, _ int) ([]byte, wire.Code) { return src, wire.OK }

func (h header) Peek(name string) []byte {
	if name == "X-Netuitive-Api-Options" {
		return h.options
	}
	return nil
}

func request(body string) *wire.Request {
	return &wire.Request{Method: "POST", Header: &header{}, Body: []byte(body), Decode: plain{}, Topics: wire.DefaultTopics(),
		Tenant: []byte("acme"), Limit: 64 << 20, Now: 1500000000000}
}

func withOption(req *wire.Request, options string) *wire.Request {
	req.Header = &header{[]byte(options)}
	return req
}

func checkRequest(name, element, ttl string) *wire.Request {
	req := request("")
	req.Params = [wire.MaxParams][]byte{[]byte("key"), []byte(name), []byte(element), []byte(ttl)}
	return req
}

func codeOf(f *wire.Fault) wire.Code {
	if f == nil {
		return wire.OK
	}
	return f.Code
}

const loadList = `{"values":[0.03,0.05,0.01],"dstypes":["gauge","gauge","gauge"],"dsnames":["shortterm","midterm","longterm"],` +
	`"time":1795324339.957,"interval":1.000,"host":"h.example","plugin":"load","plugin_instance":"","type":"load","type_instance":""}`

// tell is all that came of a request, in one text.
func tell(p wire.Parser, b *wire.Batch, body string) string {
	b.Reset()
	var out strings.Builder
	if fault := p.Parse(request(body), b); fault != nil {
		fmt.Fprintf(&out, "%s %s\n", fault.Error(), fault.Detail)
	}
	for _, r := range b.Records {
		fmt.Fprintf(&out, "%s %q %d %s\n", r.Topic, r.Key, r.Time, r.Value)
	}
	kept, all := b.Rejected()
	fmt.Fprintf(&out, "%d items, %d rejected", b.Items, all)
	for _, f := range kept {
		fmt.Fprintf(&out, " %s %s", f.Error(), f.Raw)
	}
	return out.String()
}

// A worker's parser and batch carry nothing over from one request to the next, whatever the last one was.
func TestParse_WorkersAreReused(t *testing.T) {
	bodies := []string{
		distinct(3, 2), "[" + elementOf(1, 300) + "]", `[{"id":"a\u0062","tags":[{"name":"\u0061","value":"b"}]}]`, `[{"id":"a"},{"id":7}]`,
		`[{"id":"a","samples":[{"metricId":"m","timestamp":1,"val":1},{"metricId":"m","timestamp":2}]}]`, `[{"id":"a","samples":[{"metricId":"m","val":1}]}]`,
		`[{"id":"a","relations":[{"fqn":"x"}]},{"id":"b","attributes":[{"name":"c"}]}]`, `[`, ``, `[]`, `null`,
		`[{"type":"t","tags":[{"name":"x","value":1}],"data":{"elementId":"e"}},{"type":"u","data":{"elementId":"\u0065"}},{"type":"v"}]`,
		"[" + loadList + "," + loadList + "]",
	}
	for door, fresh := range map[string]func() wire.Parser{"elements": newElements, "events": newEvents, "collectd": newCollectd, "webhook": newWebhook} {
		p := fresh()
		var b wire.Batch
		for _, before := range bodies {
			for _, body := range bodies {
				tell(p, &b, before)
				if got, want := tell(p, &b, body), tell(fresh(), new(wire.Batch), body); got != want {
					t.Fatalf("%s: after %.40q, %.40q gave\n%s\nfresh it gives\n%s", door, before, body, got, want)
				}
			}
		}
	}
}

// In whatever order the members of an element, a metric and a sample come, the same records come out.
func TestParse_OrderOfMembers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	object := func(members ...string) string {
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		return "{" + strings.Join(members, ",") + "}"
	}
	build := func() string {
		return "[" + object(`"id":"e"`, `"name":"n"`, `"type":"t"`, `"location":null`, `"x":[{}]`,
			`"tags":[`+object(`"name":"a"`, `"value":"b"`)+`]`, `"attributes":[`+object(`"name":"c"`, `"value":4`)+`]`, `"relations":[{"fqn":"f"}]`,
			`"metrics":[`+object(`"id":"m"`, `"unit":"ms"`, `"type":"GAUGE"`, `"tags":[{"name":"u","value":"v"}]`)+`]`,
			`"samples":[`+object(`"metricId":"m"`, `"timestamp":1`, `"min":1`, `"max":2`, `"val":3`)+`]`) + "]"
	}
	want := tell(newElements(), new(wire.Batch), build())
	for range 200 {
		body := build()
		if got := tell(newElements(), new(wire.Batch), body); got != want {
			t.Fatalf("%s gave\n%s\nand in another order\n%s", body, got, want)
		}
	}
}

// A value is a number, or a text that is one and nothing else; a time is one of the two, or a date. Where there is none, none is kept.
func TestInput_NumbersAndTimes(t *testing.T) {
	var b wire.Batch
	in := input{Batch: &b}
	for text, want := range map[string]string{
		"0": "0", "-1.5e3": "-1.5e3", `"0"`: "0", `"9"`: "9", `"-1"`: "-1", `" 1.5\n"`: "1.5", "null": "none", `""`: "none", `" "`: "none",
		"true": "bad", "{}": "bad", "[1]": "bad", `"true"`: "bad", `"null"`: "bad", `"[1]"`: "bad", `"\"1\""`: "bad", `"1 2"`: "bad", `"1x"`: "bad", `"01"`: "bad", `"-"`: "bad",
		`"/"`: "bad", `":"`: "bad", `"+1"`: "bad",
	} {
		r := wire.Reader{Src: []byte(text)}
		number, fault := in.number(&r)
		got := string(number)
		switch {
		case fault != nil:
			got = "bad"
		case number == nil:
			got = "none"
		}
		if got != want {
			t.Errorf("the number %s is %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"0": "0", "1.9": "1", "-1": "-1", `"1970-01-01T00:00:01Z"`: "1000", `" 1970-01-01T00:00:01Z "`: "1000", "null": "none", `""`: "none", `" "`: "none",
		"true": "bad", "[]": "bad", "{}": "bad", "1e30": "bad", `"1"`: "bad", `"soon"`: "bad",
	} {
		r := wire.Reader{Src: []byte(text)}
		ms, has, fault := in.time(&r)
		got := fmt.Sprint(ms)
		switch {
		case fault != nil:
			got = "bad"
		case !has:
			got = "none"
		}
		if got != want {
			t.Errorf("the time %s is %s, want %s", text, got, want)
		}
	}
}

// Of an event's data the last counts, whole: nothing of one before it stays.
func TestEvents_LastDataCounts(t *testing.T) {
	const first, last = `"data":{"elementId":"a","message":"m","x":1}`, `"data":{"elementId":"b"}`
	want := tell(newEvents(), new(wire.Batch), `[{`+last+`}]`)
	if got := tell(newEvents(), new(wire.Batch), `[{`+first+`,`+last+`}]`); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for _, none := range []string{`"data":{}`, `"data":null`} {
		var b wire.Batch
		fault := newEvents().Parse(request(`[{`+first+`,`+none+`}]`), &b)
		if _, refused := b.Rejected(); fault != nil || refused != 1 || len(b.Records) > 0 {
			t.Errorf("behind other data, %s: %v, %d refused, %d records", none, fault, refused, len(b.Records))
		}
	}
}

// The bounds are a request's own: what a worker has seen before does not count.
func TestParse_BoundsAreOfARequest(t *testing.T) {
	e, c := new(elements), new(collectd)
	e.laid, e.named, c.laid, c.named = MaxRecords+1, MaxNames+1, MaxRecords+1, MaxNames+1
	for body, p := range map[string]wire.Parser{distinct(1, 1): e, "[" + loadList + "]": c} {
		if fault := p.Parse(request(body), new(wire.Batch)); fault != nil {
			t.Errorf("%.60s: %v", body, fault)
		}
	}
}

// Options are told by their letters in any case, and by all of them.
func TestHasOption(t *testing.T) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	for list, want := range map[string]bool{
		letters: true, strings.ToLower(letters): true, "a, " + letters + " ,b": true, "a,b": false, "": false, ",": false,
		letters[1:]: false, letters + "_": false, strings.Replace(letters, "_", "\x7f", 1): false, strings.Replace(letters, "A", "!", 1): false,
	} {
		if hasOption(withOption(request(""), list), letters) != want {
			t.Errorf("%q: want %v", list, want)
		}
	}
}

// A body that was cut off anywhere is refused, and nothing of it is stored.
func TestParse_CutOff(t *testing.T) {
	bodies := map[string]func() wire.Parser{
		distinct(2, 2): newElements, "[" + loadList + "]": newCollectd,
		`[{"type":"t","timestamp":1,"tags":[{"name":"x","value":1}],"data":{"elementId":"e"}}]`: newEvents,
	}
	for body, fresh := range bodies {
		p := fresh()
		var b wire.Batch
		for n := range len(body) {
			b.Reset()
			if fault := p.Parse(request(body[:n]), &b); fault == nil || len(b.Records) > 0 {
				t.Fatalf("%q: %v and %d records", body[:n], fault, len(b.Records))
			}
		}
	}
}

// What a client can make grow has a bound, and the last that passes is the bound.
func TestParse_Bounds(t *testing.T) {
	if testing.Short() {
		t.Skip("bodies of many MiB")
	}
	f := func(door wire.Parser, body string, want wire.Code) {
		t.Helper()
		b := new(wire.Batch)
		if code := codeOf(door.Parse(request(body), b)); code != want || code != wire.OK && len(b.Records) > 0 || len(b.Records) > MaxRecords {
			t.Errorf("%.60s: %v with %d records, want %v", body, code, len(b.Records), want)
		}
	}
	repeat := func(one string, n int) string { return "[" + strings.Repeat(one+",", n-1) + one + "]" }
	series := func(element string, n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, `,{"metricId":"m%d","timestamp":1,"val":1}`, i)
		}
		return `[{"id":"` + element + `","samples":[` + s.String()[1:] + `]}]`
	}
	f(newElements(), repeat(`{"id":"a"}`, MaxRecords), wire.OK)
	f(newElements(), repeat(`{"id":"a"}`, MaxRecords+1), wire.TooMany)
	f(newElements(), series("e", MaxRecords-1), wire.OK)
	f(newElements(), series("e", MaxRecords), wire.TooMany)
	f(newElements(), series(strings.Repeat("e", MaxNames/1000-10), 1000), wire.OK)
	f(newElements(), series(strings.Repeat("e", MaxNames/1000), 1000), wire.TooMany)
	f(newElements(), series(strings.Repeat("e", MaxNames-len("m0")), 1), wire.OK)
	f(newElements(), series(strings.Repeat("e", MaxNames-len("m0")+1), 1), wire.TooMany)
	tenSeries := strings.TrimSuffix(series("e", 10), "]") + ","
	f(newElements(), tenSeries+repeat(`{"id":"a"}`, MaxRecords-11)[1:], wire.OK)
	f(newElements(), tenSeries+repeat(`{"id":"a"}`, MaxRecords-10)[1:], wire.TooMany)
	f(newEvents(), repeat(`{"data":{"elementId":"a"}}`, MaxRecords), wire.OK)
	f(newEvents(), repeat(`{"data":{"elementId":"a"}}`, MaxRecords+1), wire.TooMany)

	values := func(host string, n int) string {
		var names strings.Builder
		for i := range n {
			fmt.Fprintf(&names, `,"s%d"`, i)
		}
		return `[{"values":` + repeat("1", n) + `,"dstypes":` + repeat(`"gauge"`, n) + `,"dsnames":[` + names.String()[1:] + `],"time":1,"host":"` + host +
			`","plugin":"p","type":"t"}]`
	}
	f(newCollectd(), values("h", MaxRecords), wire.OK)
	f(newCollectd(), values("h", MaxRecords+1), wire.TooMany)
	f(newCollectd(), values(strings.Repeat("h", MaxNames/1000), 1000), wire.TooMany)
	f(newCollectd(), values(strings.Repeat("h", MaxNames-len("p.t")-len("s0")), 1), wire.OK)
	f(newCollectd(), values(strings.Repeat("h", MaxNames-len("p.t")-len("s0")+1), 1), wire.TooMany)

	req := request(`[{"id":"a"}]`)
	req.Limit = len(req.Body) - 1
	if code := codeOf(newElements().Parse(req, new(wire.Batch))); code != wire.TooLarge {
		t.Errorf("a byte above the limit: %v", code)
	}
}

// The costs of a body are those of its length: many metrics in one element, many elements after it, many tags.
func TestParse_NothingIsQuadratic(t *testing.T) {
	if testing.Short() {
		t.Skip("bodies of many MiB")
	}
	many := func(n int, one func(i int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = one(i)
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	tag := func(i int) string { return fmt.Sprintf(`{"name":"t%d","value":"v"}`, i*7919%60000) }
	declared := many(60000, func(i int) string { return fmt.Sprintf(`{"id":"m%d"}`, i) })
	undeclared := many(30000, func(i int) string { return fmt.Sprintf(`{"metricId":"n%d","timestamp":1,"val":1}`, i) })
	small := many(30000, func(i int) string { return fmt.Sprintf(`{"id":"e%d","metrics":[{"id":"m"}]}`, i) })
	bodies := []string{
		`[{"id":"a","metrics":` + declared + `,"samples":` + undeclared + `},` + small[1:],
		`[{"id":"a","tags":` + many(60000, tag) + `,"attributes":` + many(60000, tag) + `}]`,
		`[{"id":"a","metrics":[{"id":"m","tags":` + many(60000, tag) + `},{"id":"m","tags":` + many(60000, tag) + `}]}]`,
	}
	p := new(elements)
	for _, body := range bodies {
		start := time.Now()
		if fault := p.Parse(request(body), new(wire.Batch)); fault != nil {
			t.Errorf("%.60s: %v", body, fault)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%.60s: %d bytes took %v", body, len(body), took)
		}
	}
	if n := max(cap(p.metrics.all), cap(p.tags), cap(p.attributes), cap(p.relations)); n > keepRoom {
		t.Errorf("room for %d entries survives a rare giant", n)
	}
}

// The documents' own responses, to the byte.
func TestReply_Documents(t *testing.T) {
	req := withOption(request(""), "SEND_RESPONSE_BODY,INJECT_TIMESTAMP")
	req.Now = 1442604173135
	got := string(replyElements(nil, &wire.Outcome{Items: 2, Request: req}).Body)
	const want = `{"status":202,"message":"ACCEPTED","detail":"2 elements received","serverTimestamp":1442604173135,"iso8601DateTime":"2015-09-18T19:22:40.153Z"}`
	// The documents' date is not that of their serverTimestamp, which is 19:22:53.135.
	if got != strings.Replace(want, "19:22:40.153Z", "19:22:53.135Z", 1) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	req = request(`[{"id":"a","samples":[{"metricId":"m","timestamp":"ZZZZZZZZZZZZZZZZZ"}]}]`)
	fault := newElements().Parse(req, new(wire.Batch))
	const prefix = "Could not read JSON: Can not construct instance of java.util.Date from String value 'ZZZZZZZZZZZZZZZZZ': not a valid representation " +
		`(error: Failed to parse Date value 'ZZZZZZZZZZZZZZZZZ': Failed to parse date ["ZZZZZZZZZZZZZZZZZ']: `
	if fault == nil || !strings.HasPrefix(string(fault.Detail), prefix) {
		t.Errorf("got %s", fault.Detail)
	}
}

// Every response that is not a success is JSON of the documents' form, and none is one that switches a client off.
func TestReply_Form(t *testing.T) {
	req := request("")
	var outcomes []wire.Outcome
	for _, code := range wire.Codes() {
		for _, offset := range []int{wire.NoOffset, 0, 17} {
			for _, detail := range []string{"", "Missing required field on Sample, 'timestamp'.", couldNotRead + "\"x\"\n\xff\x00"} {
				f := &wire.Fault{Code: code, Offset: offset}
				if detail != "" {
					f.Detail = []byte(detail)
				}
				outcomes = append(outcomes, wire.Outcome{Verdict: wire.Refused, Fault: f, Request: req}, wire.Outcome{Verdict: wire.Refused, Fault: f})
			}
		}
	}
	outcomes = append(outcomes, wire.Outcome{Verdict: wire.Busy, Reason: "a \"b\"\n", Request: req}, wire.Outcome{Verdict: wire.Failed, Reason: "c", Request: req})
	statuses := map[string]int{"BAD_REQUEST": 400, "FORBIDDEN": 403, "PAYLOAD_TOO_LARGE": 413, "INTERNAL_SERVER_ERROR": 500, "SERVICE_UNAVAILABLE": 503}
	for i := range outcomes {
		r := replyEvents([]byte("kept"), &outcomes[i])
		body, _ := strings.CutPrefix(string(r.Body), "kept")
		var got struct {
			Status          int
			Message, Detail string
			Errors          []string
			ServerTimestamp int64
			ISO8601DateTime string `json:"iso8601DateTime"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got.Status != r.Status || statuses[got.Message] != r.Status || got.Detail == "" || len(got.Errors) != 1 || got.Errors[0] == "" ||
			len(got.ISO8601DateTime) != 24 || r.Type != "application/json" {
			t.Errorf("%d %s: %s", r.Status, r.Type, body)
		}
		if slices.Contains([]int{410, 418}, r.Status) {
			t.Errorf("%d switches the Python client off for good", r.Status)
		}
	}
}

// elementOf is an element of many metrics with a sample each.
func elementOf(number, metrics int) string {
	var declared, samples []string
	for i := range metrics {
		declared = append(declared, fmt.Sprintf(`{"id":"cpu.cpu%d.guest_nice","unit":"percent","type":"GAUGE","sparseDataStrategy":"None"}`, i))
		samples = append(samples, fmt.Sprintf(`{"metricId":"cpu.cpu%d.guest_nice","timestamp":1441465330000,"val":%d.5}`, i, i))
	}
	return fmt.Sprintf(`{"id":"webhost%02d","name":"Web Host","type":"server","tags":[{"name":"env","value":"prod"},{"name":"az","value":"a"}],`+
		`"attributes":[{"name":"cpus","value":4}],"metrics":[%s],"samples":[%s]}`, number, strings.Join(declared, ","), strings.Join(samples, ","))
}

func distinct(n, metrics int) string {
	var all []string
	for i := range n {
		all = append(all, elementOf(i, metrics))
	}
	return "[" + strings.Join(all, ",") + "]"
}
