package kairosdb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
)

// Bodies as collectors send them: some points for each of some series.
func body(metrics, points int) string {
	var all []string
	for i := range metrics {
		var values []string
		for j := range points {
			values = append(values, fmt.Sprintf("[%d,%d.25]", 1474921202000+1000*j, i+j))
		}
		all = append(all, fmt.Sprintf(`{"name":"archive.file.tracked.%d","datapoints":[%s],"tags":{"data_center":"DC1","host":"server1"},"ttl":300}`,
			i, strings.Join(values, ",")))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func BenchmarkParse(b *testing.B) {
	for _, shape := range [][2]int{{1, 1}, {100, 1}, {10, 100}, {1000, 10}} {
		b.Run(fmt.Sprintf("metrics=%d/points=%d/v=ours", shape[0], shape[1]), func(b *testing.B) {
			req := post(body(shape[0], shape[1]))
			var p parser
			var batch wire.Batch
			b.SetBytes(int64(len(req.Body)))
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				if fault := p.Parse(req, &batch); fault != nil || len(batch.Records) != shape[0] {
					b.Fatal("wrong answer")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(shape[0]*shape[1]), "ns/point")
		})
	}
}

// BenchmarkBaseline is encoding/json alone over the same bytes, into structs.
func BenchmarkBaseline(b *testing.B) {
	body := []byte(body(10, 100))
	b.Run("metrics=10/points=100/v=encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var metrics []struct {
				Name       string
				Datapoints [][]json.Number
				Tags       map[string]string
				TTL        int
			}
			if err := json.Unmarshal(body, &metrics); err != nil || len(metrics) != 10 || len(metrics[9].Datapoints) != 100 {
				b.Fatal("wrong answer")
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/point")
	})
}

func BenchmarkTelnet(b *testing.B) {
	for _, line := range []string{"put load_value_test 1349109376000 12.5 host=A dc=east", "put load_value_test 1349109376 42"} {
		b.Run(fmt.Sprintf("words=%d/v=ours", len(strings.Fields(line))), func(b *testing.B) {
			req := post(line)
			var p lines
			var batch wire.Batch
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				if fault := p.Parse(req, &batch); fault != nil || len(batch.Records) != 1 {
					b.Fatal("wrong answer")
				}
			}
		})
	}
}

// BenchmarkTelnetSeries is put lines of ten thousand series, again and again in the same order, as a connection brings them.
func BenchmarkTelnetSeries(b *testing.B) {
	const series, rounds, perBatch = 10_000, 3, 900
	var text []byte
	for i := range series * rounds {
		n := i % series
		text = fmt.Appendf(text, "put node.cpu.mode%d %d %.2f host=host-%d cpu=%d dc=eu1\n", n%10, 1790000000+10*(i/series), float64(7919*i%100_000)/100, n/40, n/10%4)
	}
	stream := New(Settings{}).Streams[0]
	p, split := stream.New().(wire.Runner), stream.NewSplit()
	req := post("")
	var batch wire.Batch
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := text; len(rest) > 0; {
			advance, frame, _ := split(rest, false)
			rest, req.Body = rest[advance:], frame
			if fault := p.Parse(req, &batch); fault != nil {
				b.Fatal(fault)
			}
			_, used, _ := p.Run(rest, perBatch-len(batch.Records), req, &batch)
			rest = rest[used:]
			if len(batch.Records) == perBatch {
				batch.Reset()
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(bytes.Count(text, []byte("\n"))), "ns/point")
}
