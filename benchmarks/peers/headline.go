package main

import (
	"fmt"
	"io"

	"penstock/benchmarks/spread"
)

// The cells that the first sentences are about.
const (
	batchLog, batchDisk, batchBare = "1 batch log", "1 batch disk", "1 batch bare"
	singleDisk, singleBare         = "2 256 disk", "2 256 bare"
)

// headlines writes the two figures that are to be seen first: what large batches cost, and what a client with one event at a time costs that
// wants it on disk. They are of a CPU second of the server: a second on the wall has the client's work on the same cores in it, and says
// more of how many of those there are. 256 connections are few for a server and enough to share a sync.
func (r *report) headlines(w io.Writer) {
	if batches := r.perCPUSecond(batchLog); len(batches) > 0 {
		fmt.Fprintf(w, "**One CPU second takes %s events** in batches of %d (64 KiB of NDJSON), proven to be JSON and acknowledged from the log. That costs %s times what a server does that only answers.\n\n",
			shortSpread(spread.Of(batches)), perRequest, r.times(batchLog, batchBare))
	}
	if singles := r.perCPUSecond(singleDisk); len(singles) > 0 {
		fmt.Fprintf(w, "**One CPU second takes %s requests of one event**, each synced to disk before it is answered, over 256 connections. That costs %s times what a server does that only answers, and was at least %s a second here, where the client shares %d cores.\n\n",
			shortSpread(spread.Of(singles)), r.times(singleDisk, singleBare), spread.Short(spread.Of(r.rates(singleDisk)).Median), r.Machine.Cores)
	}
}

// perCPUSecond is how many units a CPU second of a cell's server took, in each round in which that can be told.
func (r *report) perCPUSecond(cell string) (all []float64) {
	for _, f := range r.Results[cell] {
		if f.Err == "" && f.CPU > 0 {
			all = append(all, 1e6/f.CPU)
		}
	}
	return all
}

func (r *report) rates(cell string) (all []float64) {
	for _, f := range r.Results[cell] {
		if f.Err == "" {
			all = append(all, f.Rate)
		}
	}
	return all
}

func (r *report) times(over, under string) string {
	return judge(&ratio{over: over, under: under}, r.Results).text()
}

func shortSpread(s spread.Spread) string {
	return fmt.Sprintf("%s [%s..%s]", spread.Short(s.Median), spread.Short(s.Min), spread.Short(s.Max))
}
