package graphite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
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

// The same with five points of each of a hundred series.
func BenchmarkPickleGathered(b *testing.B) {
	var points []string
	for i := range 500 {
		points = append(points, twoPoint(fmt.Sprintf("servers.host-%d.cpu.mode%d", i/10%10, i%10), 1790000000+i/100*10, float64(7919*i%100_000)/100))
	}
	benchmark(b, "pickle", []byte("\x80\x02]("+strings.Join(points, "")+"e."), 100)
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

// Ten thousand series, again and again in the same order, as a connection brings them.
const (
	manySeries = 10_000
	manyRounds = 3
)

// each names every point of manyRounds of manySeries.
func each(one func(name string, secs int, value float64)) {
	for i := range manySeries * manyRounds {
		n := i % manySeries
		one(fmt.Sprintf("node.host-%d.cpu.mode%d;cpu=%d;dc=eu1", n/40, n%10, n/10%4), 1790000000+10*(i/manySeries), float64(7919*i%100_000)/100)
	}
}

func BenchmarkLineSeries(b *testing.B) {
	var text []byte
	each(func(name string, secs int, value float64) {
		text = fmt.Appendf(text, "%s %.2f %d\n", name, value, secs)
	})
	benchmarkSeries(b, &Format.Streams[0], text)
}

// In protocol 2, 500 points a pickle, and what was made remembered under a number, as CPython's pickle does.
func BenchmarkPickleSeries(b *testing.B) {
	var text, frame []byte
	points, memo := 0, 0
	remember := func(b []byte) []byte {
		memo++
		if memo <= 256 {
			return append(b, 'q', byte(memo-1))
		}
		return binary.LittleEndian.AppendUint32(append(b, 'r'), uint32(memo-1))
	}
	each(func(name string, secs int, value float64) {
		if points == 0 {
			memo = 0
			frame = append(remember(append(frame[:0], "\x80\x02]"...)), '(')
		}
		frame = remember(append(binary.LittleEndian.AppendUint32(append(frame, 'X'), uint32(len(name))), name...))
		frame = binary.LittleEndian.AppendUint32(append(frame, 'J'), uint32(secs))
		frame = binary.BigEndian.AppendUint64(append(frame, 'G'), math.Float64bits(value))
		frame = remember(append(remember(append(frame, 0x86)), 0x86))
		if points++; points == 500 {
			frame = append(frame, "e."...)
			text = append(binary.BigEndian.AppendUint32(text, uint32(len(frame))), frame...)
			points = 0
		}
	})
	benchmarkSeries(b, &Format.Streams[1], text)
}

// benchmarkSeries splits and parses a stream, in batches as a connection's reads come.
func benchmarkSeries(b *testing.B, stream *wire.Stream, text []byte) {
	const perBatch = 1000
	parser, split, req := stream.New(), stream.NewSplit(), request(nil)
	var batch wire.Batch
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := text; len(rest) > 0; {
			advance, frame, _ := split(rest, false)
			rest, req.Body = rest[advance:], frame
			if fault := parser.Parse(req, &batch); fault != nil {
				b.Fatal(fault)
			}
			if lines, ok := parser.(wire.Runner); ok {
				_, used, _ := lines.Run(rest, perBatch-len(batch.Records), req, &batch)
				rest = rest[used:]
			}
			if len(batch.Records) >= perBatch {
				batch.Reset()
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(manySeries*manyRounds), "ns/point")
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
