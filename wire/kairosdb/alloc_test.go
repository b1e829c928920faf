//go:build !race

package kairosdb

import (
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
)

// Accepting allocates nothing, once a worker has seen its usual request. Compressed bodies are the Decoder's affair. Nor does
// refusing: senders that do not know better send the same again and again.
func TestAllocations(t *testing.T) {
	many := func(n int, of func(i int) string) string {
		var all []string
		for i := range n {
			all = append(all, of(i))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	good := `"tags":{"host":"web1","dc":"eu"},"datapoints":[[1474921202000,12],[1474921203000,13.5],[1474921204000,"14"],[1474921205000,"up"]]`
	cases := []struct {
		name    string
		body    string
		records int
		refused int
	}{
		{"one object", `{"name":"m","tags":{"a":"b"},"timestamp":1,"value":2}`, 1, 0},
		{"one series", many(300, func(int) string { return `{"name":"m",` + good + `}` }), 3, 0},
		{"many series", many(300, func(i int) string { return fmt.Sprintf(`{"name":"m.%d",%s}`, i, good) }), 900, 0},
		{"escapes", many(300, func(i int) string {
			return fmt.Sprintf(`{"n\u0061me":"m\u002e%d","tags":{"\u0061":"\n","b":1},"datapoints":[[1,"\u0031"],[1,"+.5"],["5",1e3],[1,1e-400]]}`, i)
		}), 600, 0},
		{"types", many(300, func(i int) string {
			return fmt.Sprintf(`{"name":"m%d","tags":{"a":"b"},"ttl":"60","type":"double","time":1.5e3,"value":"1.5f","datapoints":[[1,1.50,"string"],[1,true,"string"],[1,-1.5,"long"],[1,1.7e308]]}`, i)
		}), 900, 0},
		{"not utf-8", many(300, func(int) string {
			return "{\"name\":\"\xff\",\"tags\":{\"a\":\"\xff\"},\"timestamp\":1,\"value\":\"\xff\"}"
		}), 1, 0},

		{"malformed", many(300, func(i int) string { return fmt.Sprintf(`{"name":"m.%d",%s}`, i, good) }) + "x", 900, 1},
		{"bad metrics", many(300, func(int) string { return `{"name":"","tags":{"":"","a":null},"value":1}` }), 0, 300},
		{"bad points", many(300, func(int) string {
			return `{"name":"m","tags":{"a":"b"},"datapoints":[[],[1],[null,1],[1,1,"x"],["x",1],[1,{}]]}`
		}), 0, 1800},
		{"bad kinds", many(300, func(int) string { return `{"name":{}},{"ttl":1.5},{"time":"x"},7,null` }), 0, 1500},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var p parser
			var b wire.Batch
			req := post(c.body)
			run := func() {
				b.Reset()
				fault := p.Parse(req, &b)
				if _, refused := b.Rejected(); fault != nil || len(b.Records) != c.records || refused != c.refused {
					t.Fatalf("%v with %d records and %d refused, want %d and %d", fault, len(b.Records), refused, c.records, c.refused)
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

func TestAllocations_Telnet(t *testing.T) {
	var p lines
	var b wire.Batch
	for _, line := range []string{
		"put load_value_test 1349109376000 12.5 host=A dc=east", "put m 1349109376 42", "putm m 1 -9223372036854775808 b=2 a=1 kairos_opt.ttl=60",
		`puts "a name" 1 "a text" a=b`, "put m 1 1.5f a=b", "put caf\xe9 1 2 \xe9=\xff", "version", "",
		"put m x 1", "put m 1 1e5", "put m 1 1 a=", "get", "put",
	} {
		req := post(line)
		run := func() {
			b.Reset()
			p.Parse(req, &b)
		}
		run()
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%q: %v allocations", line, n)
		}
	}
}

func TestAllocations_Reply(t *testing.T) {
	req := post("")
	detail := []byte("metric[0](name=m).value may not be null.\nmetric[0](name=m).tags count must be greater than or equal to 1.")
	parts := []wire.Fault{{Code: wire.BadField, Detail: detail}, {Code: wire.BadTime, Detail: detail}}
	outcomes := []wire.Outcome{
		{Verdict: wire.Stored, Records: 3, Request: req},
		{Verdict: wire.Stored, Rejected: parts, Items: 7, Request: req},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.NoData, Offset: wire.NoOffset, Detail: endOfInput}, Request: req},
		{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.TooLarge, Offset: wire.NoOffset}, Request: req},
		{Verdict: wire.Busy, Reason: "the ring is \"full\"\n", Request: req},
		{Verdict: wire.Failed, Reason: "the log could not be written: é", Request: req},
	}
	dst := make([]byte, 0, 1024)
	for i := range outcomes {
		o := &outcomes[i]
		for _, route := range New(Settings{}).Routes[:4] {
			if n := testing.AllocsPerRun(20, func() { route.Reply(dst, o) }); n != 0 {
				t.Errorf("outcome %d at %s: %v allocations", i, route.Path, n)
			}
		}
	}
}
