package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// baselinePath is where the counts stand that the next ones are held against, seen from the module's directory.
const baselinePath = "benchmarks/counts/baseline.txt"

// tolerance is by how much a count may be off: less than what a change to the code does, more than what the seeds of Go's maps do.
const tolerance = 0.02

// baseline is the file.
type baseline struct {
	made   string // by which Go, for what processor
	counts map[string]count
}

// machine is what decides how many instructions the same source takes. Valgrind shows every processor as one of two: with AVX2 or without.
func machine() (string, error) {
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		return "", lacking{fmt.Errorf("counting is for linux/amd64, not %s/%s", runtime.GOOS, runtime.GOARCH)}
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	vectors := "without-avx2"
	if bytes.Contains(info, []byte(" avx2 ")) {
		vectors = "avx2"
	}
	return fmt.Sprintf("%s %s %s", runtime.Version(), runtime.GOARCH, vectors), nil
}

func readBaseline() (b baseline, err error) {
	text, err := os.ReadFile(baselinePath)
	if err != nil {
		return b, fmt.Errorf("run it in the module's directory, and record a baseline first: %w", err)
	}
	return parseBaseline(string(text))
}

func parseBaseline(text string) (baseline, error) {
	b := baseline{counts: map[string]count{}}
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
			continue
		case fields[0] == "made-with":
			b.made = strings.Join(fields[1:], " ")
			continue
		}
		var c count
		if _, err := fmt.Sscanf(line, "%s %f %s %x", &c.stage, &c.instructions, &c.unit, &c.sum); err != nil {
			return b, fmt.Errorf("%s, line %d: %w", baselinePath, i+1, err)
		}
		b.counts[c.stage] = c
	}
	return b, nil
}

const baselineHead = `# Instructions of each stage, per unit, and a sum over what came out. Written by: go run ./benchmarks/counts record
`

func (b *baseline) text() string {
	var out bytes.Buffer
	out.WriteString(baselineHead)
	fmt.Fprintf(&out, "made-with %s\n", b.made)
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	names := make([]string, 0, len(b.counts))
	for name := range b.counts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c := b.counts[name]
		fmt.Fprintf(table, "%s\t%.1f\t%s\t%08x\n", name, c.instructions, c.unit, c.sum)
	}
	table.Flush()
	return out.String()
}

func (b *baseline) write() error { return os.WriteFile(baselinePath, []byte(b.text()), 0o644) }

// compare prints a table and returns a sentence for each stage that is not as it was.
func (b *baseline) compare(out io.Writer, counted []count) (wrong []string) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "seed %d\tbefore\tnow\t\tsum\n", seed)
	for _, now := range counted {
		before, known := b.counts[now.stage]
		change := 100 * (now.instructions/before.instructions - 1)
		switch {
		case !known:
			fmt.Fprintf(table, "%s\t–\t%.1f per %s\t\t%08x\n", now.stage, now.instructions, now.unit, now.sum)
			wrong = append(wrong, fmt.Sprintf("%s is not in %s", now.stage, baselinePath))
			continue
		case before.sum != now.sum:
			wrong = append(wrong, fmt.Sprintf("%s: what came out is not what came out before: its sum is %08x, and was %08x", now.stage, now.sum, before.sum))
		case math.Abs(change) > 100*tolerance:
			verb := "more"
			if change < 0 {
				verb = "fewer"
			}
			wrong = append(wrong, fmt.Sprintf("%s: %.1f instructions per %s, %.1f %% %s than the %.1f before (the most is %.0f %%)",
				now.stage, now.instructions, now.unit, math.Abs(change), verb, before.instructions, 100*tolerance))
		}
		fmt.Fprintf(table, "%s\t%.1f\t%.1f per %s\t%+.2f %%\t%08x\n", now.stage, before.instructions, now.instructions, now.unit, change, now.sum)
	}
	table.Flush()
	return wrong
}
