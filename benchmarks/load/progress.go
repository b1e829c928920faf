package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"penstock/benchmarks/load/drive"
	"penstock/benchmarks/load/report"
)

// progress tells how a load goes, a line a second; on a terminal the line is written over.
type progress struct {
	out      io.Writer
	over     bool
	answered bool
	of       string
}

func newProgress(out *os.File, s *drive.Settings) *progress {
	p := &progress{out: out, answered: s.Transport.Answers() && !s.Silent}
	if s.Duration > 0 {
		p.of = "/" + (s.Warmup + s.Duration).Round(100*time.Millisecond).String()
	}
	if info, err := out.Stat(); err == nil {
		p.over = info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *progress) show(i *report.Interval) {
	begin, end := "", "\n"
	if p.over {
		begin, end = "\r\x1b[K", ""
	}
	text := fmt.Sprintf("%5.1fs%s  %s requests/s  %s items/s", i.At, p.of, report.Count(float64(i.Requests)/i.Seconds), report.Count(float64(i.Items)/i.Seconds))
	if p.answered {
		text += fmt.Sprintf("  p50 %s  p99 %s", report.Micros(i.P50), report.Micros(i.P99))
	}
	if i.ServerUser+i.ServerSystem > 0 {
		text += fmt.Sprintf("  CPU %.2f", i.ServerUser+i.ServerSystem)
	}
	text += fmt.Sprintf("  errors %d", i.Errors)
	if i.Overload > 0 {
		text += fmt.Sprintf("  try again %d", i.Overload)
	}
	if i.Warmup {
		text += "  (warm-up)"
	}
	fmt.Fprint(p.out, begin, text, end)
}

func (p *progress) end() {
	if p.over {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
