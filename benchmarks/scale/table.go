package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// rows prints a table in Markdown.
func (b *bench) rows(head string, rows [][]string) {
	columns := strings.Split(head, "|")
	fmt.Fprintf(b.out, "\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
	for _, row := range rows {
		fmt.Fprintf(b.out, "| %s |\n", strings.Join(row, " | "))
	}
}

// spreadOf is the median of figures, and their least and most.
type spreadOf struct{ median, least, most float64 }

func medianOf(figures []float64) spreadOf {
	sorted := slices.Sorted(slices.Values(figures))
	n := len(sorted)
	return spreadOf{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

func (s spreadOf) String() string {
	return fmt.Sprintf("%.3f [%.3f–%.3f]", s.median, s.least, s.most)
}

// ratioOf is the median of what each round's figures give, one by the other.
func ratioOf(over, under []float64) spreadOf {
	ratios := make([]float64, len(over))
	for i := range ratios {
		ratios[i] = over[i] / under[i]
	}
	return medianOf(ratios)
}

// hold notes what does not hold. Figures of the smallest sizes say nothing.
func (b *bench) hold(ok bool, format string, args ...any) string {
	switch {
	case b.quick:
		return "not judged"
	case ok:
		return "yes"
	}
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
	return "**no**"
}

// flat is the band that a cost may move in.
func flat(ratio float64) bool { return ratio >= 0.85 && ratio <= 1.15 }

// perMillion is CPU seconds for a million events.
func perMillion(cpu time.Duration, events int64) float64 {
	return cpu.Seconds() / (float64(events) / 1e6)
}

// onDisk is the space that the files below a directory take.
func onDisk(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += stat.Blocks * 512
		}
		return nil
	})
	return sum, err
}

// machine says where and when.
func machine(dir string) string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := bytes.Cut(info, []byte("model name"))
	name, _, _ := bytes.Cut(rest, []byte("\n"))
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	commit, _ := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	var at syscall.Statfs_t
	free := int64(0)
	if syscall.Statfs(dir, &at) == nil {
		free = int64(at.Bavail) * at.Bsize
	}
	return fmt.Sprintf("%s. %d × %s, Linux %s, %s. Commit %s. Load average at the start: %s. %.0f GB of disk are free.",
		time.Now().UTC().Format(time.RFC3339), runtime.NumCPU(), strings.TrimLeft(string(name), "\t :"), strings.TrimSpace(string(kernel)),
		runtime.Version(), strings.TrimSpace(string(commit)), strings.TrimSpace(string(load)), float64(free)/1e9)
}
