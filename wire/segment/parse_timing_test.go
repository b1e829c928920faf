package segment

import (
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
)

func BenchmarkParse(b *testing.B) {
	const event = `{"type":"track","messageId":"3f0c1f5e-6c1e-4f0f-9a52-0b7f3c2b1a01","userId":"u-17","event":"Order Shipped",` +
		`"timestamp":"2026-11-22T10:00:00.123Z","properties":{"price":14.99},"context":{"library":{"name":"analytics-go"}}}`
	const events = 100
	list := "[" + strings.Repeat(event+",", events-1) + event + "]"
	shapes := []struct {
		name    string
		parser  wire.Parser
		req     *wire.Request
		records int
	}{
		{"batch", new(batch), post(`{"batch":` + list + `}`), events},
		{"call", &call{kind: "track"}, post(event), 1},
		{"webhook", hook(), post(list), events},
		{"webhook-signed", hook("secret"), signed(list, sign("secret", event)), events},
		{"event-signed", hook("secret"), signed(event, sign("secret", event)), 1},
	}
	for _, s := range shapes {
		for _, columns := range []*wire.Columns{nil, {Key: "userId"}} {
			b.Run(fmt.Sprintf("shape=%s/columns=%v", s.name, columns != nil), func(b *testing.B) {
				var batch wire.Batch
				s.req.Tables = tables{columns}
				b.SetBytes(int64(len(s.req.Body)))
				b.ReportAllocs()
				for b.Loop() {
					batch.Reset()
					if fault := s.parser.Parse(s.req, &batch); fault != nil || len(batch.Records) != s.records {
						b.Fatal("wrong answer")
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.records), "ns/record")
			})
		}
	}
}
