package cloudwisdom

import (
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
)

func BenchmarkParse(b *testing.B) {
	const event = `{"type":"INFO","title":"deployed","source":"ci","timestamp":1434110794000,"tags":[{"name":"env","value":"prod"}],` +
		`"data":{"elementId":"h.example","level":"WARNING","message":"build 7 is out"}}`
	array := func(one string, n int) string { return "[" + strings.Repeat(one+",", n-1) + one + "]" }
	shapes := []struct {
		name    string
		parser  wire.Parser
		body    string
		records int
	}{
		{"elements", new(elements), distinct(1, 1), 2},
		{"elements", new(elements), distinct(1, 200), 201}, // what an agent sends each minute
		{"elements", new(elements), distinct(50, 10), 550},
		{"events", new(events), array(event, 300), 300},
		{"collectd", new(collectd), array(loadList, 16), 3}, // its buffer of 4 KiB
		{"webhook", webhook{}, "a text", 1},
	}
	for _, s := range shapes {
		b.Run(fmt.Sprintf("shape=%s/records=%d/v=ours", s.name, s.records), func(b *testing.B) {
			req := request(s.body)
			var batch wire.Batch
			b.SetBytes(int64(len(s.body)))
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				if fault := s.parser.Parse(req, &batch); fault != nil || len(batch.Records) != s.records {
					b.Fatal("wrong answer")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.records), "ns/record")
		})
	}
}
