package splunk

import (
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
)

func BenchmarkParse(b *testing.B) {
	const event = `{"body":"127.0.0.1 - - [26/Nov/2026] \"GET /catalog/item HTTP/1.1\" 200 4200","host":"web-01.example.com",` +
		`"source":"access.log","sourcetype":"access","timestamp":1533671808138}`
	const metrics = `{"body":[{"name":"cpu.util","value":45.0,"dimensions":{"Server":"nginx","Region":"us-west-1"},"type":"g","unit":"percent"},` +
		`{"name":"mem.util","value":20,"dimensions":{"Server":"nginx","Region":"us-west-1"}}],"timestamp":1526627123013,"host":"h"}`
	array := func(element string, n int) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	shapes := []struct {
		name   string
		parser wire.Parser
		req    *wire.Request
		items  int
	}{
		{"events", new(eventsParser), post(array(event, 1)), 1},
		{"events", new(eventsParser), post(array(event, 500)), 500},
		{"metrics", new(metricsParser), post(array(metrics, 500)), 1000},
		{"series", new(metricsParser), post(manySeries(1000)), 1000},
		{"file", new(filesParser), files("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=upfile; filename=a\r\n\r\n"+
			strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000)+"\r\n--b--"), 1},
	}
	for _, s := range shapes {
		b.Run(fmt.Sprintf("shape=%s/items=%d", s.name, s.items), func(b *testing.B) {
			var batch wire.Batch
			b.SetBytes(int64(len(s.req.Body)))
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				if fault := s.parser.Parse(s.req, &batch); fault != nil {
					b.Fatal(fault)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.items), "ns/item")
		})
	}
}
