package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lacking is what this machine has not that counting needs.
type lacking struct{ error }

// count is what a stage costs.
type count struct {
	stage        string
	instructions float64 // per unit
	unit         string
	sum          uint32
}

// stageMax is how long one stage may take under valgrind.
const stageMax = time.Minute

// measure counts all of the stages with the program self, as many at once as there are processors: a count does not mind.
func measure(self string, chosen []*stage) ([]count, error) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		return nil, lacking{errors.New("valgrind is not there (Debian: valgrind)")}
	}
	counted, errs := make([]count, len(chosen)), make([]error, len(chosen))
	next := make(chan int)
	var all sync.WaitGroup
	for range runtime.NumCPU() {
		all.Go(func() {
			for i := range next {
				counted[i], errs[i] = chosen[i].count(valgrind, self)
			}
		})
	}
	for i := range chosen {
		next <- i
	}
	close(next)
	all.Wait()
	return counted, errors.Join(errs...)
}

// count runs a stage in a process under callgrind.
func (s *stage) count(valgrind, self string) (c count, err error) {
	dir, err := os.MkdirTemp("", "penstock-callgrind-")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), stageMax)
	defer cancel()
	out := filepath.Join(dir, "out")
	cmd := exec.CommandContext(ctx, valgrind, "--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file="+out, self, "stage", s.name)
	// One processor, no collector and no signals to interrupt with: nothing comes between that is not the stage's.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1", "TMPDIR="+dir)
	var said, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &stderr
	if err := cmd.Run(); err != nil {
		return c, fmt.Errorf("%s under valgrind: %w\n%s%s", s.name, err, said.Bytes(), tail(stderr.String()))
	}
	did, err := parseOutcome(said.String())
	if err != nil {
		return c, fmt.Errorf("%s said %q: %w", s.name, said.String(), err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return c, err
	}
	instructions, err := totals(text)
	if err != nil {
		return c, fmt.Errorf("%s: %w", s.name, err)
	}
	return count{s.name, float64(instructions) / float64(did.units), s.unit, did.sum}, nil
}

// totals is the sum that callgrind's file ends with.
func totals(text []byte) (int64, error) {
	_, rest, found := bytes.Cut(text, []byte("\ntotals: "))
	if !found {
		return 0, errors.New("callgrind's file has no totals")
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err == nil && n == 0 {
		err = errors.New("nothing was counted")
	}
	return n, err
}

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}
