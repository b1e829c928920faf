//go:build !race

package interana

import (
	"strings"
	"testing"

	"penstock/wire"
)

// Neither accepting nor refusing allocates, once a worker has seen its usual request. Compressed bodies are the Decoder's affair.
func TestAllocations(t *testing.T) {
	const event = `{"ts":1474921202000,"sk":"user-0012345","event":"page_view","ms":12.75,"ok":true,"tags":["web","eu"]}`
	const escaped = `{"\u0074s":"1474921202000","sk":"user \"\u0034\"","text":"a\tb"}`
	columns := &wire.Columns{Time: "ts", Key: "sk"}
	large := `{"pad":"` + strings.Repeat("x", 200_000) + `","n":[` + strings.Repeat("1,", 100_000) + `1],"sk":"k\n","ts":1}`
	cases := []struct {
		name    string
		req     *wire.Request
		columns *wire.Columns
		records int
		code    wire.Code
	}{
		{"one object", post(event), nil, 1, wire.OK},
		{"ndjson", post(strings.Repeat(event+"\n", 320)), nil, 320, wire.OK},
		{"array", post("[" + strings.Repeat(event+",", 319) + event + "]"), nil, 320, wire.OK},
		{"text", post("ts,sk\n1,me\n"), nil, 1, wire.OK},
		{"get", get("eyJ0cyI6MTQ3NDkyMTIwMjAwMCwgInNrIiA6ICJhIHRydWx5IGF3ZXNvbWUgbWVzc2FnZSIgLCAi\nd293IjogMX0K"), nil, 1, wire.OK},
		{"ndjson with columns", post(strings.Repeat(event+"\n", 320)), columns, 320, wire.OK},
		{"escaped columns", post(strings.Repeat(escaped+"\n", 320)), columns, 320, wire.OK},
		{"large with columns", post(large), columns, 1, wire.OK},

		{"no data", post(""), nil, 0, wire.NoData},
		{"bad json at the end", post(strings.Repeat(event+"\n", 320) + "{"), columns, 0, wire.BadJSON},
		{"not an object", post(event + "1"), nil, 0, wire.NotObject},
		{"too deep", post(strings.Repeat("[", 100_000)), nil, 0, wire.TooDeep},
		{"too large", post(strings.Repeat(" ", 1<<20+1)), nil, 0, wire.TooLarge},
		{"too many", post("[" + strings.Repeat("1,", MaxRecords) + "1]"), nil, 0, wire.TooMany},
		{"bad base64", get("eyJ0c*"), nil, 0, wire.BadBase64},
		{"get too large", get(strings.Repeat("AAAA", 400)), nil, 0, wire.TooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var p parser
			var b wire.Batch
			c.req.Tables = tables{c.columns}
			run := func() {
				b.Reset()
				fault := p.Parse(c.req, &b)
				if code := codeOf(fault); code != c.code || len(b.Records) != c.records {
					t.Fatalf("%v with %d records, want %v with %d", code, len(b.Records), c.code, c.records)
				}
			}
			run()
			run() // the scratch finds its size in the first two
			if n := testing.AllocsPerRun(20, run); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestAllocations_Reply(t *testing.T) {
	req := post("")
	outcomes := []wire.Outcome{
		{Verdict: wire.Stored, Records: 3, Request: req},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.BadJSON, Offset: 17}, Request: req},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.NoTopic, Offset: wire.NoOffset}, Request: req},
		{Verdict: wire.Busy, Reason: "the ring is \"full\"\n", Request: req},
		{Verdict: wire.Failed, Reason: "the log could not be written: é", Request: req},
	}
	dst := make([]byte, 0, 512)
	for i := range outcomes {
		o := &outcomes[i]
		if n := testing.AllocsPerRun(20, func() { reply(dst, o) }); n != 0 {
			t.Errorf("outcome %d: %v allocations", i, n)
		}
	}
}
