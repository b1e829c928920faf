package interana

import (
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"penstock/wire"
)

// event200 is 200 bytes with the line end.
const event200 = `{"ts":1474921202000,"sk":"user-0012345","event":"page_view","url":"https://example.org/catalog/item?id=7781",` +
	`"ms":12.75,"ok":true,"tags":["web","eu-west"],"agent":"Mozilla/5.0 (X11; Linux)","n":4200}`

func BenchmarkParse(b *testing.B) {
	tablesBehind := []struct {
		name    string
		columns *wire.Columns
	}{{"no", nil}, {"key+time", &wire.Columns{Time: "ts", Key: "sk"}}}
	lines := func(n int) string { return strings.Repeat(event200+"\n", n) }
	shapes := []struct {
		name    string
		req     *wire.Request
		size    int
		records int
	}{
		{"get", get(encodeBase64(event200)), len(event200), 1},
		{"one", post(event200), len(event200), 1},
		{"ndjson", post(lines(5)), len(lines(5)), 5},
		{"ndjson", post(lines(320)), len(lines(320)), 320}, // 64 KiB
		{"array", post("[" + strings.Repeat(event200+",", 319) + event200 + "]"), len(lines(320)) + 1, 320},
		{"text", post("x" + lines(320)), len(lines(320)) + 1, 1},
	}
	for _, s := range shapes {
		for _, behind := range tablesBehind {
			b.Run(fmt.Sprintf("shape=%s/records=%d/columns=%s/v=ours", s.name, s.records, behind.name), func(b *testing.B) {
				var p parser
				var batch wire.Batch
				s.req.Tables = tables{behind.columns}
				b.SetBytes(int64(s.size))
				b.ReportAllocs()
				for b.Loop() {
					batch.Reset()
					if fault := p.Parse(s.req, &batch); fault != nil || len(batch.Records) != s.records {
						b.Fatal("wrong answer")
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.records), "ns/record")
			})
		}
	}
}

// BenchmarkBaseline is fastjson alone over the same bytes: what reading each event whole would cost before any record is made.
func BenchmarkBaseline(b *testing.B) {
	body := strings.Repeat(event200+"\n", 320)
	b.Run("shape=ndjson/records=320/columns=no/v=fastjson-scanner", func(b *testing.B) {
		var scanner fastjson.Scanner
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			records := 0
			for scanner.Init(body); scanner.Next(); {
				records++
			}
			if records != 320 {
				b.Fatal("wrong answer")
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/320, "ns/record")
	})
	b.Run("shape=ndjson/records=320/columns=key+time/v=fastjson-parser", func(b *testing.B) {
		var parser fastjson.Parser
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			keys := 0
			for rest := body; rest != ""; {
				line, tail, _ := strings.Cut(rest, "\n")
				rest = tail
				v, err := parser.Parse(line)
				if err == nil && len(v.GetStringBytes("sk")) > 0 && v.GetInt64("ts") > 0 {
					keys++
				}
			}
			if keys != 320 {
				b.Fatal("wrong answer")
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/320, "ns/record")
	})
}
