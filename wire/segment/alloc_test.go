//go:build !race

package segment

import (
	"strings"
	"testing"

	"penstock/wire"
)

const event = `{"type":"track","messageId":"3f0c1f5e-6c1e-4f0f-9a52","userId":"u-17","event":"Order Shipped","properties":{"price":14.99}}`

func batchOf(event string, n int) string {
	return `{"batch":[` + strings.Repeat(event+",", n-1) + event + `],"sentAt":"2026-11-22T10:00:05Z","writeKey":"abc123"}`
}

// Neither accepting nor refusing allocates, once a worker has seen its usual request. Compressed bodies are the Decoder's affair.
func TestAllocations(t *testing.T) {
	const bare = `{"userId":"u \u0031","event":"Order Shipped","writeK\u0065y":"abc123","ts":"1474921202000"}`
	columns := &wire.Columns{Time: "ts", Key: "userId"}
	array := "[" + strings.Repeat(event+",", 199) + event + "]"
	topic := post(batchOf(event, 20))
	topic.Header = value{"topic", []byte("clicks")}
	cases := []struct {
		name    string
		parser  wire.Parser
		req     *wire.Request
		columns *wire.Columns
		records int
		code    wire.Code
	}{
		{"batch", new(batch), post(batchOf(event, 200)), nil, 200, wire.OK},
		{"batch with a topic", new(batch), topic, nil, 20, wire.OK},
		{"batch with columns", new(batch), post(batchOf(event, 200)), columns, 200, wire.OK},
		{"batch rebuilt", new(batch), post(batchOf(bare, 200)), columns, 200, wire.OK},
		{"batch with refused ones", new(batch), post(batchOf("1,"+event, 200)), nil, 200, wire.OK},
		{"call", &call{kind: "track"}, post(event), nil, 1, wire.OK},
		{"call rebuilt", &call{kind: "track"}, post(bare), columns, 1, wire.OK},
		{"webhook", hook(), post(event), nil, 1, wire.OK},
		{"webhook signed", hook("a", "b"), signed(event, sign("b", event)), columns, 1, wire.OK},
		{"webhook batch", hook("a", "b"), signed(array, sign("b", event)), columns, 200, wire.OK},
		{"webhook batch signed whole", hook("a", "b"), signed(array, sign("b", array)), nil, 200, wire.OK},

		{"bad signature", hook("a", "b"), signed(array, sign("c", event)), nil, 0, wire.BadSignature},
		{"bad json at the end", new(batch), post(batchOf(event, 200) + "}"), nil, 0, wire.BadJSON},
		{"no batch", new(batch), post(event), nil, 0, wire.MissingField},
		{"too large", &call{kind: "track"}, post(batchOf(event, 300)), nil, 0, wire.TooLarge},
		{"too large in a batch", new(batch), post(batchOf(event, 20) + strings.Repeat(" ", BatchLimit)), nil, 0, wire.TooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b wire.Batch
			c.req.Tables = tables{c.columns}
			run := func() {
				b.Reset()
				fault := c.parser.Parse(c.req, &b)
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
	outcomes := []wire.Outcome{
		{Verdict: wire.Stored, Records: 3},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.BadJSON, Offset: 17}},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.NoKey, Offset: wire.NoOffset}},
		{Verdict: wire.Busy, Reason: "the ring is \"full\"\n"},
		{Verdict: wire.Failed, Reason: "the log could not be written: é"},
	}
	dst := make([]byte, 0, 512)
	for i := range outcomes {
		o := &outcomes[i]
		if n := testing.AllocsPerRun(20, func() { trackingReply(dst, o); webhookReply(dst, o) }); n != 0 {
			t.Errorf("outcome %d: %v allocations", i, n)
		}
	}
}

// Finding a key may allocate, since it is decoded; this is the bound.
func TestAllocations_Key(t *testing.T) {
	basic := post(event)
	basic.Header = value{"Authorization", []byte("Basic YWJjMTIzOg==")}
	for name, req := range map[string]*wire.Request{"basic": basic, "in the body": post(batchOf(event, 200))} {
		if n := testing.AllocsPerRun(20, func() {
			if string(key(req, BatchLimit)) != "abc123" {
				t.Fatal("wrong key")
			}
		}); n > 2 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
