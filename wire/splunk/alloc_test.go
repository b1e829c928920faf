//go:build !race

package splunk

import (
	"strings"
	"testing"

	"penstock/wire"
)

// Accepting allocates nothing, once a worker has seen its usual request. Compressed bodies are the Decoder's affair.
func TestAllocations(t *testing.T) {
	const event = `{"body":"Hello, World!","attributes":{"message":"Something happened"},"host":"h.example.com","source":"app",` +
		`"sourcetype":"txt","timestamp":1533671808138,"nanos":7,"id":"2823738566644596","kind":"event"}`
	const escaped = `{"b\u006fdy":{"a":[1,2,{"b":null}]},"HOST":"h\u0041\n","source_type":"\t","id":"\\","attributes":null}`
	const metric = `{"body":[{"name":"cpu.util","value":45.0,"dimensions":{"Server":"nginx","Region":"us-west-1"},"type":"g","unit":"percent"},` +
		`{"name":"mem","value":1.25e9,"dimensions":{"Server":"n\u0041"}},{"name":"zero"}],"timestamp":1526627123013,"nanos":5,` +
		`"host":"h","source":"s","sourcetype":"t","id":"i","attributes":{"defaultDimensions":{"az":"1","Region":"eu"},"defaultUnit":"MB"}}`
	const boundary = "49d36057da15c4763668c86cf5333acf"
	part := func(headers, content string) string {
		return "--" + boundary + "\r\n" + headers + "\r\n\r\n" + content + "\r\n"
	}
	upload := func(parts ...string) *wire.Request {
		return files("multipart/form-data; boundary="+boundary, strings.Join(parts, "")+"--"+boundary+"--\r\n")
	}
	array := func(element string, n int) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	cases := []struct {
		name    string
		parser  wire.Parser
		req     *wire.Request
		records int
	}{
		{"event", new(eventsParser), post(array(event, 1)), 1},
		{"events", new(eventsParser), post(array(event, 500)), 500},
		{"escaped events", new(eventsParser), post(array(escaped, 500)), 500},
		{"metric", new(metricsParser), post(array(metric, 1)), 3},
		{"metrics", new(metricsParser), post(array(metric, 500)), 3},
		{"many series", new(metricsParser), post(manySeries(2000)), 2000},
		{"file", new(filesParser), upload(part(`Content-Disposition: form-data; name="upfile"; filename="a.log"`, strings.Repeat("line\n", 1000))), 1},
		{"escaped file name", new(filesParser), upload(part(`Content-Disposition: form-data; name="upfile"; filename="\"a\""`, "x")), 1},
		{"extended file name", new(filesParser), upload(part(`Content-Disposition: form-data; name="upfile"; filename*=UTF-8''%20`, "x")), 1},
		{"binary file", new(filesParser), upload(part(`Content-Disposition: form-data; name="upfile"; filename="a"`, strings.Repeat("\x00", 9000))), 1},
		{"files", new(filesParser), upload(strings.Repeat(part(`Content-Disposition: form-data; name="upfile"; filename="a"`, "x"), 100)), 100},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b wire.Batch
			run := func() {
				b.Reset()
				if fault := c.parser.Parse(c.req, &b); fault != nil || len(b.Records) != c.records {
					t.Fatalf("%v (%s) with %d records, want %d", fault, fault.Detail, len(b.Records), c.records)
				}
			}
			for range 5 {
				run() // the scratch finds its size
			}
			if n := testing.AllocsPerRun(20, run); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestAllocations_Reply(t *testing.T) {
	req := post("")
	outcomes := []wire.Outcome{
		{Verdict: wire.Stored, Records: 3, Echo: []byte("a \"name\"\n"), Request: req},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.BadJSON, Offset: 17}, Request: req},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.UnknownField, Detail: []byte(`json: unknown field "é"`)}, Request: req},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.NoKey, Offset: wire.NoOffset}, Request: req},
		{Verdict: wire.Busy, Reason: "the ring is \"full\"\n", Request: req},
		{Verdict: wire.Failed, Reason: "the log could not be written: é", Request: req},
	}
	dst := make([]byte, 0, 512)
	for i := range outcomes {
		o := &outcomes[i]
		if n := testing.AllocsPerRun(20, func() { reply(dst, o); filesReply(dst, o) }); n != 0 {
			t.Errorf("outcome %d: %v allocations", i, n)
		}
	}
}
