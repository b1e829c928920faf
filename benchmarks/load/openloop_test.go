package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"penstock/benchmarks/load/report"
	"penstock/benchmarks/spread"
)

// The comparison of tails runs, at its smallest, and its page has both servers. Its bound is not tried here: a busy machine breaks it.
func TestOpenloop(t *testing.T) {
	if testing.Short() {
		t.Skip("eight seconds of load")
	}
	dir := t.TempDir()
	for _, pkg := range []string{"appliance/cmd/penstock", "benchmarks/bare"} {
		if out, err := exec.Command("go", "build", "-o", dir+"/", "penstock/"+pkg).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	html := filepath.Join(dir, "out.html")
	c := openloopCommand()
	c.SetArgs([]string{"--bin", filepath.Join(dir, "penstock"), "--bare", filepath.Join(dir, "bare"), "--rounds", "1", "--connections", "8", "--closed", "1s", "--open", "1s",
		"--times", "1e9", "--html", html, "--json", filepath.Join(dir, "out.json"), "--plots", filepath.Join(dir, "plots")})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = openloopCommand()
	c.SetArgs([]string{"--from", filepath.Join(dir, "out.json"), "--times", "1e9", "--plots", filepath.Join(dir, "again")})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err1 := os.ReadFile(filepath.Join(dir, "plots", "openloop.svg"))
	second, err2 := os.ReadFile(filepath.Join(dir, "again", "openloop.svg"))
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(first, second) {
		t.Errorf("what is drawn from the file is not the same: %v", err)
	}
	if err := xml.Unmarshal(first, new(struct{})); err != nil || !bytes.Contains(first, []byte(">ours, disk<")) || !bytes.Contains(first, []byte(">bare<")) {
		t.Errorf("not both are in the plot: %v\n%s", err, first)
	}
	found, err := readContest(filepath.Join(dir, "out.json"))
	if err != nil || len(found.Disk) != 1 || found.Disk[0].P50 <= 0 || found.Disk[0].Max < found.Disk[0].P999 {
		t.Errorf("the disk alone is %v, %v", found.Disk, err)
	}
	page, err := os.ReadFile(html)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ours, disk", ">bare<", "the bound is 1e+09 times"} {
		if !strings.Contains(string(bytes.ReplaceAll(page, []byte("&#43;"), []byte("+"))), want) {
			t.Errorf("the page does not have %q", want)
		}
	}
}

func TestContest(t *testing.T) {
	run := func(p50, p999 float64) *report.Run {
		return &report.Run{Format: report.Format, Latency: &report.Latency{P50: p50, P999: p999}}
	}
	c := contest{Rounds: 3, Servers: [2]contender{
		{Name: "ours", Capacity: []float64{1, 3, 2}, Runs: []*report.Run{run(1, 5), run(2, 40), run(1, 7)}},
		{Name: "bare", Capacity: []float64{1, 3, 2}, Runs: []*report.Run{run(1, 5), run(1, 5), run(1, 5)}},
	}}
	path := filepath.Join(t.TempDir(), "c.json")
	if err := c.save(path); err != nil {
		t.Fatal(err)
	}
	back, err := readContest(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := back.Servers[0].of(tail); got != (spread.Spread{Median: 7, Min: 5, Max: 20}) || back.Servers[0].middle().Latency.P999 != 7 {
		t.Errorf("our tail is %v, in the middle %v", got, back.Servers[0].middle().Latency)
	}
	var told strings.Builder
	printAlone(&told, []syncs{{1, 2, 3, 90}, {2, 3, 4, 5}, {3, 4, 5, 6}})
	if want := "the disk alone, a page at a time: p50 2.00 µs, p99 3.00 µs, p99.9 4.00 µs, max 90.0 µs\n"; told.String() != want {
		t.Errorf("%s, want %s", &told, want)
	}
	b := beside{found: back, times: 6.9}
	if err := b.tell(io.Discard); err == nil || !strings.Contains(err.Error(), "7.0 times") {
		t.Errorf("a bound that is not kept: %v", err)
	}
	c.Servers[1].Runs[2].Latency = nil
	if err := c.save(path); err != nil {
		t.Fatal(err)
	}
	if _, err := readContest(path); err == nil {
		t.Error("a round without latencies is read")
	}
}
