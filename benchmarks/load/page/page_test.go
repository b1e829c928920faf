package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"penstock/benchmarks/load/report"
)

func run(name string) *report.Run {
	h := hdrhistogram.New(100, 1e9, 3)
	for n := range int64(1000) {
		if err := h.RecordValue(1000 + n*n*n); err != nil {
			panic(err)
		}
	}
	r := &report.Run{Name: name, Settings: report.Settings{Item: "events", Answered: true, Loop: "open", Warmup: 1}, Latency: report.NewLatency(h), FromSend: report.NewLatency(h),
		Errors: map[string]int64{"status 500 <&>": 3}, Bounds: []report.Outcome{{Bound: "p99>1ms", Limit: 1000, Failed: true}}}
	r.Total = report.Total{Seconds: 3, Items: 30, ItemRate: 10, ServerUser: 1, ServerMicros: 5, Errors: 3}
	for n := range 3 {
		r.Intervals = append(r.Intervals, report.Interval{At: float64(n + 1), Seconds: 1, Items: 10, Errors: 1, P50: 10, P99: 100, P999: 1000, ServerUser: 1})
	}
	return r
}

// The page is well-formed, whatever stands in it, and asks for nothing from elsewhere.
func TestPage(t *testing.T) {
	const evil = `</svg><script>x</script> & "quotes"`
	silent := &report.Run{Name: "lines", Settings: report.Settings{Item: "points"}}
	for _, runs := range [][]*report.Run{{run(evil)}, {run("a"), run(evil), silent}, {silent}} {
		var b bytes.Buffer
		if err := (&Runs{Runs: runs}).render(&b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		open, d := 0, xml.NewDecoder(strings.NewReader(text))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if e, ok := token.(xml.StartElement); ok {
				if e.Name.Local == "svg" {
					open++
				}
				for _, a := range e.Attr {
					if a.Name.Local == "src" || a.Name.Local == "href" {
						t.Errorf("it asks for %s", a.Value)
					}
				}
			}
		}
		if strings.Contains(text, "<script>") || strings.Contains(text, "NaN") || open == 0 {
			t.Errorf("%d plots, a script, or a number that is none:\n%s", open, text)
		}
	}
}
