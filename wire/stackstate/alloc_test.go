//go:build !race

package stackstate

import (
	"strings"
	"testing"

	"penstock/wire"
)

// An accepted request allocates nothing, once a worker has seen its usual request, and nor do the refusals. Compressed bodies are the
// Decoder's affair.
func TestAllocations(t *testing.T) {
	escaped := common("metrics", list(100, same(`["\u006d",1,1,{"\u0074ags":["\u0061:b","a:\u0063","\n"],"type":"\u0067"}]`)))
	notUTF8 := "{\"internalHostname\":\"\xff\",\"topologies\":" + list(100, same("{\"\xff\":\"\xff\"}")) + ",\"events\":{\"\xff\":" + list(100, same("{\"timestamp\":1,\"context\":\"\xff\"}")) + "}}"
	cases := []struct {
		name, door, body string
		records, refused int
		code             wire.Code
	}{
		{"everything", "intake", everything(), 9, 0, wire.OK},
		{"nothing", "intake", `{"internalHostname":"h","metrics":[],"events":{}}`, 0, 0, wire.OK},
		{"one metric", "intake", common("metrics", list(1, metricOf)), 1, 0, wire.OK},
		{"300 series", "intake", common("metrics", list(300, metricOf)), 300, 0, wire.OK},
		{"300 points", "intake", common("metrics", list(300, same(metricOf(1)))), 1, 0, wire.OK},
		{"escapes", "intake", escaped, 1, 0, wire.OK},
		{"not UTF-8", "intake", notUTF8, 200, 0, wire.OK},
		{"events", "intake", common("events", `{"a":`+list(300, same(oneEvent))+`}`), 300, 0, wire.OK},
		{"topologies", "intake", common("topologies", list(300, same(oneTopology))), 300, 0, wire.OK},
		{"health", "intake", common("health", list(300, same(oneHealth))), 300, 0, wire.OK},
		{"checks", "check_run", list(300, same(oneCheck)), 300, 0, wire.OK},
		{"series", "series", `{"series":` + list(300, same(oneSeries)) + `}`, 1, 0, wire.OK},
		{"long numbers", "series", `{"series":[{"metric":"m","points":[[1548857152.123456789012345678901234567890,-1.2345678901234567890123456789012345678901234567890e+307]]}]}`, 1, 0, wire.OK},
		{"bad metrics", "intake", common("metrics", list(300, same(`["host",1e40,1,{"tags":[""]}]`))), 0, 600, wire.OK},
		{"bad health", "intake", common("health", list(300, same(`{}`))), 0, 300, wire.OK},

		{"no hostname", "intake", `{"metrics":[]}`, 0, 0, wire.MissingField},
		{"no hostname, but a key", "intake", `{"apiKey":"x","metrics":[]}`, 0, 0, wire.MissingField},
		{"a wrong value", "intake", common("metrics", `[["m",1,"`+strings.Repeat("é", 100)+`",{}]]`), 0, 0, wire.BadField},
		{"malformed", "series", `{"series":[`, 0, 0, wire.BadJSON},
		{"no data", "check_run", ``, 0, 0, wire.NoData},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b wire.Batch
			p, req := parsers[c.door](), request(c.body)
			run := func() {
				b.Reset()
				fault := p.Parse(req, &b)
				_, refused := b.Rejected()
				if code := codeOf(fault); code != c.code || len(b.Records) != c.records || refused != c.refused {
					t.Fatalf("%v with %d records and %d refused, want %v with %d and %d", code, len(b.Records), refused, c.code, c.records, c.refused)
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

// peeked answers one name without allocating.
type peeked struct {
	name  string
	value []byte
}

func (p *peeked) Peek(name string) []byte {
	if name == p.name {
		return p.value
	}
	return nil
}

func TestAllocations_Key(t *testing.T) {
	req := request("")
	req.Query = &peeked{}
	for _, header := range []*peeked{{}, {"sts-api-key", []byte("K")}, {"Authorization", []byte("ApiKey K")}, {"Authorization", []byte("Basic K")}} {
		req.Header = header
		if n := testing.AllocsPerRun(20, func() { key(req) }); n != 0 {
			t.Errorf("%s: %v allocations", header.name, n)
		}
	}
}

func TestAllocations_Reply(t *testing.T) {
	outcomes := []wire.Outcome{
		{Verdict: wire.Stored, Records: 3},
		{Verdict: wire.Stored, Rejected: []wire.Fault{{Code: wire.BadName, Offset: 7}, {Code: wire.BadField, Offset: 9, Detail: []byte(healthState)}}},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.BadJSON, Offset: 17}},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.BadField, Offset: 17, Detail: []byte("words")}},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.BadKey, Offset: wire.NoOffset}},
		{Verdict: wire.Busy, Reason: "the ring is full"},
		{Verdict: wire.Failed, Reason: "the log could not be written: é"},
	}
	dst := make([]byte, 0, 1024)
	for i := range outcomes {
		o := &outcomes[i]
		run := func() { reply(dst, o); replyValidate(dst, o); replyFeatures(dst, o) }
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("outcome %d: %v allocations", i, n)
		}
	}
}
