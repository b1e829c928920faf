package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestQuick runs every part at its smallest.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts real servers")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "penstock")
	if out, err := exec.Command("go", "build", "-o", bin, "../../appliance/cmd/penstock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	saved := filepath.Join(dir, "results.json")
	o := options{bin: bin, dir: dir, json: saved, plots: filepath.Join(dir, "plots")}
	o.quicken()
	var out, log bytes.Buffer
	if err := run(o, &out, &log); err != nil {
		t.Fatalf("%v\n%s\n%s", err, log.Bytes(), out.Bytes())
	}
	t.Logf("seed %d\n%s", seed, out.Bytes())
	for _, want := range []string{
		"| 0.02 |", "The last row costs ", "On disk an event of 200 bytes takes ",
		"| SIGTERM |", "| SIGKILL |",
		"| 64 topics |", "| 32 shards |", "| 32 shards by key |", "| 200 connections |",
		"| Kafka fetch |", "| GET …/records |", "| penstock tail --format value |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the tables do not have %q", want)
		}
	}
	if _, without, found := strings.Cut(out.String(), "nginx is not beside it: "); found {
		skipped(t, "reading beside nginx: "+strings.SplitN(without, "\n", 2)[0])
	} else if !strings.Contains(out.String(), "| nginx, sendfile |") {
		t.Error("nothing says what nginx costs, or why it is not there")
	}
	var again bytes.Buffer
	if err := run(options{from: saved, plots: filepath.Join(dir, "again")}, &again, &log); err != nil || again.String() != out.String() {
		t.Errorf("from the file it is told otherwise: %v\n%s", err, again.Bytes())
	}
	for _, name := range []string{"scale-fill.svg", "scale-memory.svg", "scale-spread.svg"} {
		first, err1 := os.ReadFile(filepath.Join(dir, "plots", name))
		second, err2 := os.ReadFile(filepath.Join(dir, "again", name))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s from the file is not the same: %v", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "penstock-scale-*")); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
}

// skipped notes what was not tried in the file that PENSTOCK_SKIPPED names, as the end-to-end tests do.
func skipped(t *testing.T, why string) {
	path := os.Getenv("PENSTOCK_SKIPPED")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s: %s\n", t.Name(), why); err != nil {
		t.Fatal(err)
	}
}

func TestTheSameBytesAlways(t *testing.T) {
	for topics, want := range map[int]uint32{1: 0xafdc4ee7, 64: 0x852a0632} {
		r := makeRequests(topics, perRequest)
		if r.sum != want {
			t.Errorf("%d topics: the sum is %08x", topics, r.sum)
		}
		named := map[string]bool{}
		for _, request := range r.all {
			head, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
			if len(body) != r.body || !bytes.Contains(head, fmt.Appendf(nil, "Content-Length: %d", len(body))) {
				t.Fatalf("%d bytes behind %s", len(body), head)
			}
			for line := range bytes.Lines(body) {
				if len(line) != eventSize+1 || !json.Valid(line) {
					t.Fatalf("%d bytes: %s", len(line), line)
				}
			}
			_, name, _ := bytes.Cut(head, []byte("topic: "))
			name, _, _ = bytes.Cut(name, []byte("\r"))
			named[string(name)] = true
		}
		if len(named) != topics {
			t.Errorf("%d topics are named of %d", len(named), topics)
		}
	}
}

func TestWhole(t *testing.T) {
	for _, reply := range []string{"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400 Bad Request\r\nContent-Length: 12\r\nA: b\r\n\r\n{\"ok\":false}"} {
		for cut := range reply {
			if whole([]byte(reply[:cut])) {
				t.Errorf("%q is whole", reply[:cut])
			}
		}
		if !whole([]byte(reply)) {
			t.Errorf("%q is not whole", reply)
		}
	}
}

func TestFigures(t *testing.T) {
	for ratio, want := range map[float64]bool{0.84: false, 0.86: true, 1: true, 1.14: true, 1.16: false} {
		if flat(ratio) != want {
			t.Errorf("%v is flat: %v", ratio, !want)
		}
	}
	if got := (row{Events: 6_000_000, CPU: 3}).cost(); got != 0.5 {
		t.Error(got)
	}
	told := &teller{results: &results{}}
	if told.hold(true, "no") != "yes" || told.hold(false, "%d", 7) != "**no**" || len(told.wrong) != 1 || told.wrong[0] != "7" {
		t.Error(told.wrong)
	}
}

// made is results that nobody measured; the first cells of a kind have cost nothing, as those of a short run do.
func made(costs ...float64) *results {
	r := &results{Rounds: 1, Fill: &filling{Events: 4}}
	for i, cost := range costs {
		r.Fill.Rows = append(r.Fill.Rows, row{Sent: int64(i+1) * 1e9, Events: 1e6, CPU: cost, Seconds: 1, Resident: 200 << 20, Anonymous: 100 << 20})
	}
	b := &bench{options: options{conns: []int{1, 10_000}}}
	r.Spread = b.cells()
	for i, c := range r.Spread {
		c.CPU, c.Costs, c.Memory = []float64{2}, []float64{costs[i%len(costs)]}, []float64{5}
	}
	return r
}

func TestPlots(t *testing.T) {
	for _, costs := range [][]float64{{1, 1.1, 1.2, 1.3}, {0, 0, 0, 0}, {0, 1, 0, 2}, {1}} {
		dir := t.TempDir()
		if err := made(costs...).draw(dir); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string][]string{
			"scale-fill":   {"CPU seconds per million events", "+15 % of the first rows"},
			"scale-memory": {"resident", "of that, no file's"},
			"scale-spread": {overTopics, overShards, overShardsByKey, overConnections, "+15 %"},
		} {
			text, err := os.ReadFile(filepath.Join(dir, name+".svg"))
			if err != nil {
				t.Fatal(err)
			}
			if err := xml.Unmarshal(text, new(struct{})); err != nil || bytes.Contains(text, []byte("NaN")) || bytes.Contains(text, []byte("Inf")) {
				t.Errorf("%s of %v: %v\n%s", name, costs, err, text)
			}
			for _, word := range want {
				if !bytes.Contains(text, []byte(">"+strings.ReplaceAll(word, "'", "&#39;")+"<")) {
					t.Errorf("%s of %v does not have %q:\n%s", name, costs, word, text)
				}
			}
		}
	}
}

func TestVerdicts(t *testing.T) {
	var out bytes.Buffer
	err := made(1, 1.1, 1.2, 1.3).tell(&out)
	if err == nil {
		t.Fatalf("it holds:\n%s", out.Bytes())
	}
	for _, want := range []string{"fill: the last rows cost 1.19 of the first", "spread: 64 topics cost 1.20 of 1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	flat := made(1)
	if err := flat.tell(&out); err != nil {
		t.Error(err)
	}
	flat.Spread[1].CPU = []float64{0.9}
	out.Reset()
	if err := flat.tell(&out); err != nil || strings.Count(out.String(), "but it was short") != 1 {
		t.Errorf("a short cell is not told: %v\n%s", err, out.Bytes())
	}
}
