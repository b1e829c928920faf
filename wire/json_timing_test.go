package wire

import (
	"encoding/json"
	"fmt"
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
