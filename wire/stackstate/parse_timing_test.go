package stackstate

import (
	"fmt"
	"testing"

	"penstock/wire"
)

func BenchmarkParse(b *testing.B) {
	shapes := []struct {
		name, door, body string
		records          int
	}{
		{"metrics", "intake", common("metrics", list(1, metricOf)), 1},
		{"metrics", "intake", common("metrics", list(300, metricOf)), 300}, // what an agent sends each time
		{"points", "intake", common("metrics", list(300, same(metricOf(1)))), 1},
		{"events", "intake", common("events", `{"a":`+list(300, same(oneEvent))+`}`), 300},
		{"topologies", "intake", common("topologies", list(50, same(oneTopology))), 50},
		{"health", "intake", common("health", list(50, same(oneHealth))), 50},
		{"series", "series", `{"series":` + list(300, func(i int) string {
			return fmt.Sprintf(`{"metric":"m%d",%s`, i, oneSeries[len(`{"metric":"system.load.1",`):])
		}) + `}`, 300},
		{"checks", "check_run", list(50, same(oneCheck)), 50},
	}
	for _, s := range shapes {
		b.Run(fmt.Sprintf("shape=%s/records=%d/v=ours", s.name, s.records), func(b *testing.B) {
			p, req := parsers[s.door](), request(s.body)
			var batch wire.Batch
			b.SetBytes(int64(len(s.body)))
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				if fault := p.Parse(req, &batch); fault != nil || len(batch.Records) != s.records {
					b.Fatal("wrong answer")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.records), "ns/record")
		})
	}
}
