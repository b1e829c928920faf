package kairosdb

import (
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
)

// BenchmarkKnown is metrics with one point each, 320 a request, of so many series in turn.
func BenchmarkKnown(b *testing.B) {
	for _, series := range []int{100, 10_000, 40_000} {
		b.Run(fmt.Sprintf("series=%d/v=ours", series), func(b *testing.B) {
			const each, requests = 320, 200
			var all []*wire.Request
			for r := range requests {
				var metrics []string
				for i := range each {
					n := r*each + i
					metrics = append(metrics, fmt.Sprintf(`{"name":"node.cpu.mode%d","timestamp":%d,"value":%d.%02d,"tags":{"host":"host-%d","cpu":"1","dc":"eu1"}}`,
						n%10, 1474921202000+n/series*10_000, n%1000, n%90+10, n%series/10))
				}
				all = append(all, post("["+strings.Join(metrics, ",")+"]"))
			}
			var p parser
			var batch wire.Batch
			b.ReportAllocs()
			at := 0
			for b.Loop() {
				batch.Reset()
				if fault := p.Parse(all[at%requests], &batch); fault != nil {
					b.Fatal(fault)
				}
				at++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/each, "ns/point")
		})
	}
}
