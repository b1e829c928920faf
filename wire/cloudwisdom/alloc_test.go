//go:build !race

package cloudwisdom

import (
	"strings"
	"testing"

	"penstock/wire"
)

// An accepted request allocates nothing, once a worker has seen its usual request, and nor do the refusals. Compressed bodies are the
// Decoder's affair.
func TestAllocations(t *testing.T) {
	const escaped = `{"\u0069d":"a\u0062 c","name":"\u00e9","tags":[{"name":"\u0061","value":"\n"}],"metrics":[{"id":"m\u0020n","unit":"\u00b5s"}],` +
		`"samples":[{"metricId":"m n","timestamp":"2015-09-07T14:26:47.457-04:00","val":"1"},{"metricId":"x","timestamp":1,"min":1,"max":2}]}`
	const notUTF8 = "{\"id\":\"a\",\"attributes\":[{\"name\":\"\xff\",\"value\":\"\xff\"}]}"
	const event = `{"type":"INFO","title":"d\u0065","source":"ci","timestamp":1434110794000,"tags":[{"name":"b","value":"c"},{"name":"a","value":3}],` +
		`"data":{"elementId":"h\u002eexample","level":"WARNING","message":"build 7 is out"}}`
	array := func(one string, n int) string { return "[" + strings.Repeat(one+",", n-1) + one + "]" }
	cases := []struct {
		name    string
		parser  wire.Parser
		req     *wire.Request
		records int
		code    wire.Code
	}{
		{"element", new(elements), request(array(elementOf(0, 1), 1)), 2, wire.OK},
		{"element of 300 metrics", new(elements), request(array(elementOf(0, 300), 1)), 301, wire.OK},
		{"100 elements of 10 metrics", new(elements), request(distinct(100, 10)), 1100, wire.OK},
		{"escapes", new(elements), request(array(escaped, 100)), 102, wire.OK},
		{"not UTF-8", new(elements), request(array(notUTF8, 100)), 100, wire.OK},
		{"inject", new(elements), withOption(request(array(escaped, 10)), "inject_timestamp"), 12, wire.OK},
		{"no elements", new(elements), request(`[]`), 0, wire.OK},
		{"samples without value", new(elements), request(array(`{"id":"a","samples":[{"metricId":"m","timestamp":1}]}`, 100)), 100, wire.OK},
		{"event", new(events), request(array(event, 1)), 1, wire.OK},
		{"300 events", new(events), request(array(event, 300)), 300, wire.OK},
		{"events dropped", new(events), request(array(`{"type":"a","data":{}}`, 300)), 0, wire.OK},
		{"webhook", webhook{}, request("a \"text\"\n"), 1, wire.OK},
		{"check", check{}, checkRequest("heart%20beat", "h.example", "90"), 1, wire.OK},
		{"collectd", new(collectd), request(array(loadList, 1)), 3, wire.OK},
		{"collectd, 50 lists", new(collectd), request(array(loadList, 50)), 3, wire.OK},

		{"no timestamp", new(elements), request(`[{"id":"a","samples":[{"metricId":"m","val":1}]}]`), 0, wire.MissingField},
		{"bad date", new(elements), request(`[{"id":"a","samples":[{"metricId":"m","timestamp":"ZZZ","val":1}]}]`), 0, wire.BadTime},
		{"bad json", new(elements), request(`[{"id":"a"}`), 0, wire.BadJSON},
		{"no data", new(events), request(``), 0, wire.NoData},
		{"bad ttl", check{}, checkRequest("a", "b", "soon"), 0, wire.BadField},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b wire.Batch
			run := func() {
				b.Reset()
				fault := c.parser.Parse(c.req, &b)
				if code := codeOf(fault); code != c.code || len(b.Records) != c.records {
					t.Fatalf("%v with %d records, want %v with %d", code, len(b.Records), c.code, c.records)
				}
			}
			for range 4 {
				run() // the scratch finds its size
			}
			if n := testing.AllocsPerRun(20, run); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestAllocations_Reply(t *testing.T) {
	req := withOption(request(""), "SEND_RESPONSE_BODY")
	outcomes := []wire.Outcome{
		{Verdict: wire.Stored, Items: 3, Request: req},
		{Verdict: wire.Stored, Items: 3, Request: request("")},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.BadJSON, Offset: 17}, Request: req},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.BadField, Offset: wire.NoOffset, Detail: badTTL}, Request: req},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.BadKey, Offset: wire.NoOffset}, Request: req},
		{Verdict: wire.Busy, Reason: "the ring is \"full\"\n", Request: req},
		{Verdict: wire.Failed, Reason: "the log could not be written: é", Request: req},
	}
	dst := make([]byte, 0, 1024)
	for i := range outcomes {
		o := &outcomes[i]
		if n := testing.AllocsPerRun(20, func() { replyElements(dst, o) }); n != 0 {
			t.Errorf("outcome %d: %v allocations", i, n)
		}
	}
}
