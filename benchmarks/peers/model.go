package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"penstock/benchmarks/spread"
)

// The machines that the model is asked about.
var (
	modelCores = []float64{2, 8, 16, 32}
	modelNICs  = []float64{10, 25, 100} // Gbit/s
	modelDisks = []float64{1, 3, 7}     // GB/s
)

const (
	// cpuShare is the part of the CPU that taking events may use; the rest is for reading them, and for peaks.
	cpuShare = 0.5
	// diskBytes is what an event of eventSize takes in a log of large batches, as benchmarks/scale measures it.
	diskBytes = 215.5
	// sharedSync is how many of 256 waiting requests share a sync, and with it the page that the next one writes again.
	sharedSync, pageBytes = 128, 4096
	// A TCP segment with timestamps has 1448 bytes in a frame of 1500, and costs 90 beside: TCP 32, IPv4 20, Ethernet 38 with its gap.
	segmentBytes, frameBytes = 1448, 90
)

// workload is a cell that the model goes on from.
type workload struct {
	name, cell string
	lines      int     // events in a request
	disk       float64 // bytes for each event
}

var workloads = []workload{
	{"64 KiB batches, `log`", batchLog, perRequest, diskBytes},
	{"64 KiB batches, `disk`", batchDisk, perRequest, diskBytes},
	{"single events, `disk`", singleDisk, 1, diskBytes + pageBytes/sharedSync},
}

// wire is how many bytes an event is on the wire, towards us; the way back has less.
func (l *workload) wire() float64 {
	m := ndjson(0, l.lines)
	size := float64(m.ends[0])
	return (size + frameBytes*math.Ceil(size/segmentBytes)) / float64(l.lines)
}

// limits are events a second that each part of a machine bears.
type limits struct{ perCore, perGbit, perGB float64 }

func (l *workload) limits(perCPUSecond float64) limits {
	return limits{perCPUSecond * cpuShare, 1e9 / 8 / l.wire(), 1e9 / l.disk}
}

// least is what a machine bears, and which part of it bears no more.
func (l limits) least(cores, gbits, gbs float64) (rate float64, part string) {
	rate, part = cores*l.perCore, "CPU"
	if at := gbits * l.perGbit; at < rate {
		rate, part = at, "NIC"
	}
	if at := gbs * l.perGB; at < rate {
		rate, part = at, "disk"
	}
	return rate, part
}

// model writes what larger machines should bear, computed from the medians, and what is taken for granted in that.
func (r *report) model(w io.Writer) {
	told := false
	for i := range workloads {
		l := &workloads[i]
		measured := r.perCPUSecond(l.cell)
		if len(measured) == 0 {
			continue
		}
		if !told {
			fmt.Fprintf(w, "## A model of larger machines\n\n%s\n", assumptions())
			told = true
		}
		bears := l.limits(spread.Of(measured).Median)
		fmt.Fprintf(w, "%s: %s events a CPU second measured; %.1f bytes of an event on the wire, %.1f on disk. A core bears %s events a second, a Gbit/s %s, a GB/s %s.\n\n",
			l.name, spread.Short(spread.Of(measured).Median), l.wire(), l.disk, spread.Short(bears.perCore), spread.Short(bears.perGbit), spread.Short(bears.perGB))
		bears.table(w)
	}
}

func (l limits) table(w io.Writer) {
	head := []string{"cores"}
	for _, gbits := range modelNICs {
		for _, gbs := range modelDisks {
			head = append(head, fmt.Sprintf("%g Gbit/s, %g GB/s", gbits, gbs))
		}
	}
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat(" --- |", len(head)))
	for _, cores := range modelCores {
		row := []string{fmt.Sprint(cores)}
		for _, gbits := range modelNICs {
			for _, gbs := range modelDisks {
				rate, part := l.least(cores, gbits, gbs)
				row = append(row, spread.Short(rate)+" "+part)
			}
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintln(w)
}

// assumptions are what the model takes for granted.
func assumptions() string {
	return fmt.Sprintf("Events a second, and which part of the machine bears no more. Computed, not measured: it takes for granted that\n\n"+
		"- the cost of an event does not change with the number of cores; it was measured on two, shards of other cores share next to nothing, and nobody has tried more\n"+
		"- the clients are on other machines, and that the kernel's work for a network card costs what its work for the loopback does\n"+
		"- taking events may use %.0f %% of the CPU: the rest is for consumers, the kernel's write-back, and peaks\n"+
		"- an event of %d bytes takes %.1f on disk in large batches (`make scale`); where each is synced, %d share a sync, and its last page of %d bytes is written again\n"+
		"- a disk writes as much when it syncs, and consumers read from the page cache\n"+
		"- the wire has Ethernet's, IP's and TCP's bytes, %d for each %d, no TLS and no compression; a single event is a frame of its own\n",
		100*cpuShare, eventSize, diskBytes, sharedSync, pageBytes, frameBytes, segmentBytes)
}
