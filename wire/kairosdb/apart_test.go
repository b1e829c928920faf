package kairosdb

import (
	"testing"

	"penstock/wire"
)

// The metrics of an array are laid as they come where each has one point of another series that is known; else nothing is.
func TestLayApart(t *testing.T) {
	a, b := metricWith("a", `"timestamp":1,"value":2`), metricWith("b", `"datapoints":[[1,2]]`)
	for body, want := range map[string]int{
		"[" + a + "]":               1,
		"[" + a + "," + b + "]":     2,
		" [ " + a + "," + b + " ] ": 2,
		"[" + a + "," + metricWith("a", `"timestamp":1,"value":2.5`) + "]": 2, // a double is another series

		a:                        0,
		"[]":                     0,
		"]":                      0,
		"[" + a + "," + b:        0,
		"[" + a + "," + b + ",]": 0,
		"[" + a + b + "]":        0,
		"[" + a + "," + b + "]x": 0,
		"[" + a + "," + a + "]":  0,
		"[" + a + "," + metricWith("a", `"timestamp":1, "value":2`) + "]":   0,
		"[" + a + "," + metricWith("b", `"datapoints":[[1,2],[2,3]]`) + "]": 0,
		"[" + a + "," + metricWith("c", `"timestamp":1,"value":"2"`) + "]":  0,
	} {
		var p parser
		p.Parse(post(body), new(wire.Batch))
		p.Batch, p.gather = new(wire.Batch), 0
		if laid := p.layApart(nil); laid != (want > 0) || len(p.Records) != want {
			t.Errorf("%s is laid as it comes: %v, %d records", body, laid, len(p.Records))
		}
	}
}

// After a body that was laid in vain, some are gathered without a try. All records are there each time.
func TestLayApart_Patience(t *testing.T) {
	var p parser
	a, b := metricWith("a", `"timestamp":1,"value":2`), metricWith("b", `"timestamp":1,"value":2`)
	apart, twice := "["+a+","+b+"]", "["+a+","+a+"]"
	parse := func(body string, records int) {
		t.Helper()
		var b wire.Batch
		if p.Parse(post(body), &b); len(b.Records) != records {
			t.Errorf("%s: %d records", body, len(b.Records))
		}
	}
	parse(apart, 2)
	parse(apart, 2)
	if p.gather != 0 {
		t.Errorf("what can be laid apart is gathered %d times", p.gather)
	}
	parse(twice, 1)
	for left := patience; left > 0; left-- {
		if p.gather != left {
			t.Errorf("%d bodies are gathered, want %d", p.gather, left)
		}
		parse(apart, 2)
	}
	if parse(apart, 2); p.gather != 0 {
		t.Error("patience has no end")
	}
}
