package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fastjson"
)

// event200 is the event of 200 bytes that the benchmarks use: mostly short strings and numbers, as events are.
var event200 = []byte(`{"ts":1474921202000,"sk":"user-0012345","event":"page_view","url":"https://example.org/catalog/item?id=778",` +
	`"ms":12.75,"ok":true,"tags":["web","eu-west"],"agent":"Mozilla/5.0 (X11; Linux)","n":42}`)

func BenchmarkScanValue(b *testing.B) {
	inputs := []struct {
		name string
		src  []byte
	}{
		{"event", event200},
		{"text", []byte(`{"message":"` + fmt.Sprintf("%0180d", 7) + `"}`)},
		{"numbers", []byte(`[[1474921202000,0.5],[1474921203000,1.25],[1474921204000,0.75],[1474921205000,12345.678],[1474921206000,-1e-3]]`)},
	}
	for _, in := range inputs {
		size := fmt.Sprintf("of=%s/bytes=%d", in.name, len(in.src))
		b.Run(size+"/v=ours", func(b *testing.B) {
			b.SetBytes(int64(len(in.src)))
			b.ReportAllocs()
			for b.Loop() {
				if end, code := ScanValue(in.src, 0); code != OK || end != len(in.src) {
					b.Fatal("wrong answer")
				}
			}
		})
		b.Run(size+"/v=ours-by-blocks", func(b *testing.B) {
			b.SetBytes(int64(len(in.src)))
			b.ReportAllocs()
			for b.Loop() {
				values := Values{Src: in.src}
				if end, code := values.Scan(0); code != OK || end != len(in.src) {
					b.Fatal("wrong answer")
				}
			}
		})
		b.Run(size+"/v=fastjson-validate", func(b *testing.B) {
			b.SetBytes(int64(len(in.src)))
			b.ReportAllocs()
			for b.Loop() {
				if fastjson.ValidateBytes(in.src) != nil {
					b.Fatal("wrong answer")
				}
			}
		})
		b.Run(size+"/v=std-valid", func(b *testing.B) {
			b.SetBytes(int64(len(in.src)))
			b.ReportAllocs()
			for b.Loop() {
				if !json.Valid(in.src) {
					b.Fatal("wrong answer")
				}
			}
		})
	}
}

// BenchmarkValues is of 320 values that follow one another, by Values and by ScanValue.
func BenchmarkValues(b *testing.B) {
	for _, value := range []string{
		`{"a":1}`, `{"ts":1474921202000,"sk":"user-0012345"}`, `{"name":"cpu.load","timestamp":1474921202000,"value":0.5,"tags":{"host":"server1"}}`,
		string(event200), `{"log":"` + strings.Repeat("a line of some text, ", 45) + `"}`,
	} {
		src := []byte(strings.Repeat(value+"\n", 320))
		run := func(v string, scan func(at int) (int, Code)) {
			b.Run(fmt.Sprintf("bytes=%d/v=%s", len(value), v), func(b *testing.B) {
				b.SetBytes(int64(len(src)))
				b.ReportAllocs()
				for b.Loop() {
					for at := 0; at < len(src); at++ {
						var code Code
						if at, code = scan(at); code != OK {
							b.Fatal("wrong answer")
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/320, "ns/value")
			})
		}
		var values Values
		run("values", func(at int) (int, Code) {
			if at == 0 {
				values = Values{Src: src}
			}
			return values.Scan(at)
		})
		run("scan-value", func(at int) (int, Code) { return ScanValue(src, at) })
	}
}
