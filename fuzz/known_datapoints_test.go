package fuzz

import (
	"bytes"
	"fmt"
	"testing"

	"penstock/wire"
	"penstock/wire/kairosdb"
)

// FuzzKnown_Datapoints gives bodies to a parser that remembers series and to one whose memory is full of others, which must make the
// same of them.
func FuzzKnown_Datapoints(f *testing.F) {
	last := []byte(`[]`)
	for _, c := range goldens(f, "kairosdb") {
		if c.Path == kairosDoor && len(c.Body) <= attackLimit && len(c.Header) == 0 {
			f.Add(c.Body, c.Body)
			f.Add(last, c.Body)
			last = c.Body
		}
	}
	for _, body := range usualBodies {
		f.Add([]byte(body), []byte(usualBodies[0]))
		f.Add([]byte(usualBodies[0]), []byte(body))
	}
	var full fullMemory
	f.Fuzz(func(t *testing.T, body, next []byte) {
		if err := checkKnownDatapoints(kairos.Routes[0].New(), full.parser(body, next), body, next); err != nil {
			t.Fatal(err)
		}
	})
}

// usualBodies have metrics whose series a parser remembers, and those that differ from them by little.
var usualBodies = []string{
	`[{"name":"m","timestamp":1,"value":2.5,"tags":{"a":"b"}},{"name":"m","timestamp":2,"value":3.5,"tags":{"a":"b"}}]`,
	`[{"name":"m","tags":{"a":"b"},"datapoints":[[1,2],[2,2.5],[3,4]]},{"name":"m","timestamp":2,"value":3.5,"tags":{"a":"b"}}]`,
	`[{"name":"m","tags":{"a":"b"},"datapoints":[[1,2],[2,"2.5"]]},{"name":"m","timestamp":2,"value":"3.5","tags":{"a":"b"}}]`,
	`[{"name":"m","timestamp":2,"value":3.5,"tags":{"a":"b"},"type":"long"},{"tags":{"a":"b"} , "ttl" : 5,"name":"m","timestamp":2,"value":3}]`,
	`[{"name":"m","timestamp":2,"value":3.5,"tags":{"a":"}","b":"c"}},{"name":"m\"","timestamp":2,"value":3.5,"tags":{"a":"b\\"}}]`,
	`[{"name":"m","datapoints":[[1,2.5]],"tags":{"a":"b"}} {"name":"m","timestamp":1,"value":2.5,"tags":{"a":"b"}}]`,
	`[{"name":"m","datapoints":[[1,2.5],[x]],"tags":{"a":"b"}}]`,
	`[{"name":"m","timestamp":1,"value":2.5,"tags":{"a":"b"}},{"name":"n","timestamp":1,"value":2.5,"tags":{"a":"b"}}]`,
	`[{"name":"m","timestamp":2,"value":1,"tags":{"a":"b"}},{"name":"n","tags":{"a":"b"},"datapoints":[[3,2.5]]},{"name":"n","timestamp":1,"value":2,"tags":{}}]`,
	` [ {"name":"m","timestamp":1,"value":2.5,"tags":{"a":"b","c":"d"}} , {"name":"m","timestamp":1,"value":2.5,"tags":{"c":"d","a":"b"}} ] `,
	`[{"name":"m","timestamp":1,"value":2.5,"tags":{"a":"b"}},{"name":"n","timestamp":1,"value":2.5,"tags":{"a":"b"}}]x`,
}

// fullMemory is a parser that can remember no more.
type fullMemory struct {
	full wire.Parser
	left int // how many strangers it may meet before it forgets
}

// parser is one that will still be full after it was given these bodies a few times.
func (f *fullMemory) parser(bodies ...[]byte) wire.Parser {
	const most, more = 16 << 10, 100 // see wire.Outlines
	cost := 0
	for _, body := range bodies {
		cost += 2 * rounds * bytes.Count(body, []byte(`"name"`)) // of each a double and a long
	}
	if f.left -= cost; f.full != nil && f.left > 0 {
		return f.full
	}
	metrics := []byte("[")
	for i := range most + more {
		metrics = fmt.Appendf(metrics, `{"name":"%d","timestamp":1,"value":1,"tags":{"":"full"}},`, i)
	}
	f.full, f.left = kairosdb.New(kairosdb.Settings{}).Routes[0].New(), most-more-cost
	req, _ := (&attack{method: "POST"}).request()
	req.Body, req.Limit = append(metrics, ']'), len(metrics)+1
	f.full.Parse(req, new(wire.Batch))
	return f.full
}

const rounds = 5

// checkKnownDatapoints gives body and next in turn to a parser that is to remember, and to one that is not; what comes of them must be
// the same.
func checkKnownDatapoints(used, full wire.Parser, body, next []byte) error {
	for round := range rounds {
		sent := body
		if round%2 == 1 {
			sent = next
		}
		var got, want wire.Batch
		wantFault := parseAs(full, "", bytes.Clone(sent), &want)
		again := bytes.Clone(sent)
		gotFault := parseAs(used, "", again, &got)
		if gotFault != wantFault || got.Items != want.Items {
			return fmt.Errorf("round %d: %s and %d items, want %s and %d", round, gotFault, got.Items, wantFault, want.Items)
		}
		if len(got.Records) != len(want.Records) {
			return fmt.Errorf("round %d: %d records, want %d", round, len(got.Records), len(want.Records))
		}
		for i := range got.Records {
			if got, want := tellRecord(&got.Records[i]), tellRecord(&want.Records[i]); got != want {
				return fmt.Errorf("round %d: record %d is\n%s, want\n%s", round, i, got, want)
			}
		}
		for i := range again {
			again[i] = '#' // what is remembered lies elsewhere
		}
	}
	return nil
}

// A parser that is wrong about what it remembers does not pass.
func TestCanary_KnownDatapoints(t *testing.T) {
	body := []byte(usualBodies[0])
	for name, breaks := range map[string]func(b *wire.Batch){
		"nothing":        func(*wire.Batch) {},
		"another value":  func(b *wire.Batch) { b.Records[0].Value = b.Records[0].Value[1:] },
		"another key":    func(b *wire.Batch) { b.Records[0].Key = nil },
		"a lost record":  (*wire.Batch).Clear,
		"another reject": func(b *wire.Batch) { b.Refuse(wire.BadField, 0, nil) },
		"another count":  func(b *wire.Batch) { b.Items++ },
	} {
		parser, parsed := kairos.Routes[0].New(), 0
		used := parse(func(req *wire.Request, b *wire.Batch) *wire.Fault {
			fault := parser.Parse(req, b)
			if parsed++; parsed == 3 {
				breaks(b)
			}
			return fault
		})
		if found := checkKnownDatapoints(used, kairos.Routes[0].New(), body, body) != nil; found == (name == "nothing") {
			t.Errorf("%s is found: %v", name, found)
		}
	}
}
