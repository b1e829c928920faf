//go:build !race

package wire

import (
	"strings"
	"testing"
)

func TestAllocations(t *testing.T) {
	bad := []byte(strings.Repeat(`{"a":[`, MaxDepth))
	text := "the ring of shard 3 is \"full\": é\n"
	dst := make([]byte, 0, 256)
	fault := &Fault{Code: BadJSON, Offset: 1 << 40}
	var b Batch
	batch := func() {
		b.Reset()
		for range 300 {
			r := b.Add()
			r.Key = b.Scratch(17)
			r.Value = b.Scratch(900)
		}
		b.Fail(BadJSON, 0)
	}
	batch()
	batch() // the scratch finds its size in the first two
	for name, f := range map[string]func(){
		"scan":        func() { ScanValue(event200, 0) },
		"scan bad":    func() { ScanValue(bad, 0) },
		"scan cut":    func() { ScanValue(event200[:150], 0) },
		"member":      func() { NextMember(event200, 0) },
		"number":      func() { ParseScaled([]byte("1474921202.123e0"), 3) },
		"quote":       func() { AppendQuoted(dst, text) },
		"fault":       func() { fault.Append(dst) },
		"valid topic": func() { ValidTopic("cooltopic") },
		"batch":       batch,
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
