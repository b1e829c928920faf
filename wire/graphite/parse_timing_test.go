package graphite

import (
	"bytes"
	"os"
	"testing"

	"penstock/wire"
)

func BenchmarkLine(b *testing.B) {
	benchmark(b, "graphite", []byte("servers.web01.cpu.user 42.5 1474921202"), 1)
}

// carbon-relay's 500 points in protocol 2, each of a series of its own.
func BenchmarkPickle500(b *testing.B) {
	benchmark(b, "pickle", goldenFrame(b, "carbon_relay_500"), 500)
}

func benchmark(b *testing.B, stream string, frame []byte, records int) {
	parser, req := open(b, Settings{}, stream), request(frame)
	var batch wire.Batch
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		if fault := parser.Parse(req, &batch); fault != nil || len(batch.Records) != records {
			b.Fatalf("%d records: %v", len(batch.Records), fault)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/point")
}

// goldenFrame is the frame of a pickle's golden.
func goldenFrame(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile("testdata/pickle_" + name + ".req")
	if err != nil {
		tb.Fatal(err)
	}
	_, body, _ := bytes.Cut(text, []byte("STREAM pickle\n\n"))
	return body[frameHead:]
}
