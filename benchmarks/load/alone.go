package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"penstock/benchmarks/load/report"
	"penstock/benchmarks/spread"
)

// syncs is what the disk bore with nobody else at it, in microseconds: pages written and synced one behind the other.
type syncs struct{ P50, P99, P999, Max float64 }

// diskAlone syncs page after page of a file, each written before, for d, where the servers' data lies: what the tail of one who waits for
// the disk cannot be below.
func diskAlone(ctx context.Context, d time.Duration) (found syncs, err error) {
	const page, pages = 4 << 10, 1 << 11
	f, err := os.CreateTemp("", "penstock-alone-")
	if err != nil {
		return found, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err = f.Write(make([]byte, page*pages)); err == nil {
		err = f.Sync()
	}
	text, took := make([]byte, page), hdrhistogram.New(100, int64(time.Hour), 3)
	for n, end := 0, time.Now().Add(d); err == nil && ctx.Err() == nil && time.Now().Before(end); n++ {
		began := time.Now()
		if _, err = f.WriteAt(text, int64(n%pages)*page); err == nil {
			err = unix.Fdatasync(int(f.Fd()))
		}
		if e := took.RecordValue(int64(time.Since(began))); err == nil {
			err = e
		}
	}
	if err != nil {
		return found, fmt.Errorf("trying the disk alone: %w", err)
	}
	if l := report.NewLatency(took); l != nil {
		found = syncs{P50: l.P50, P99: l.P99, P999: l.P999, Max: l.Max}
	}
	return found, nil
}

func (s syncs) String() string {
	return fmt.Sprintf("p50 %s, p99 %s, p99.9 %s, max %s", report.Micros(s.P50), report.Micros(s.P99), report.Micros(s.P999), report.Micros(s.Max))
}

// printAlone prints the medians over the rounds, and the longest of all.
func printAlone(w io.Writer, rounds []syncs) {
	if len(rounds) == 0 {
		return
	}
	of := func(value func(*syncs) float64) spread.Spread {
		var all []float64
		for i := range rounds {
			all = append(all, value(&rounds[i]))
		}
		return spread.Of(all)
	}
	middle := syncs{
		P50: of(func(s *syncs) float64 { return s.P50 }).Median, P99: of(func(s *syncs) float64 { return s.P99 }).Median,
		P999: of(func(s *syncs) float64 { return s.P999 }).Median, Max: of(func(s *syncs) float64 { return s.Max }).Max,
	}
	fmt.Fprintf(w, "the disk alone, a page at a time: %s\n", middle)
}
