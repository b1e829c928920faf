// Package smoke keeps the micro benchmarks alive: it runs each of them once, where nobody measures.
package smoke

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// packages are those whose stages have benchmarks: the ones of `make bench`.
var packages = []string{"./ring", "./wire/...", "./segstore", "./appliance/..."}

// stages is the benchmarks without which a stage of an event's way would have none.
var stages = map[string][]string{
	"penstock/ring":             {"HandOver"},
	"penstock/wire":             {"ScanValue"},
	"penstock/wire/cloudwisdom": {"Parse"},
	"penstock/wire/graphite":    {"Line", "Pickle500"},
	"penstock/wire/interana":    {"Parse"},
	"penstock/wire/kairosdb":    {"Parse", "Telnet"},
	"penstock/wire/segment":     {"Parse"},
	"penstock/wire/splunk":      {"Parse"},
	"penstock/wire/stackstate":  {"Parse"},
	"penstock/segstore":         {"Append", "Scan", "HasID"},
	"penstock/appliance/shard":  {"Lay", "Offer"},
	"penstock/appliance/intake": {"Handler", "Stream", "Guard"},
	"penstock/appliance/kafka":  {"Fetch", "Send", "Take"},
}

var result = regexp.MustCompile(`^Benchmark([A-Za-z0-9]+)\S*\s+1\s+[0-9.]+ ns/op`)

// TestEveryBenchmarkRuns runs each once. They check what their work gives, and fail where it is wrong; benchmarks/counts prints sums of it.
func TestEveryBenchmarkRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("about ten seconds")
	}
	cmd := exec.Command("go", append([]string{"test", "-run", "^$", "-bench", ".", "-benchtime", "1x", "-timeout", "5m"}, packages...)...)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ran := map[string][]string{}
	cells, at := 0, ""
	for line := range strings.Lines(string(out)) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "pkg: "); found {
			at = name
		} else if match := result.FindStringSubmatch(line); match != nil {
			ran[at] = append(ran[at], match[1])
			cells++
		}
	}
	for name, wanted := range stages {
		for _, benchmark := range wanted {
			if !slices.Contains(ran[name], benchmark) {
				t.Errorf("%s has no Benchmark%s that runs", name, benchmark)
			}
		}
	}
	t.Logf("%d benchmarks have run", cells)
}
