package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// memoryLimit is in KiB of addresses: a mutant that never stops to allocate is to fail, and nothing else.
const memoryLimit = 6 << 20

// outcome is what became of a mutant.
type outcome struct {
	Result    string  `json:"result"`
	By        string  `json:"by,omitempty"` // the first test that failed, or the ones that ran when the time was over
	Seconds   float64 `json:"seconds"`
	Processor float64 `json:"processor"` // seconds of it
}

const (
	killed   = "killed"
	hung     = "timed out"
	survived = "survived"
	unrun    = "not covered"
)

// cost is what tests took, of a clock's time and of a processor's.
type cost struct{ clock, processor time.Duration }

// round is some of the tests.
type round struct {
	flag  string // that chooses them
	clean cost   // without a mutant
}

// slow is the part of all tests' time from which on a test is one of the second round; on a busy machine all take longer.
const slow = 1. / 20

// lab is where mutants of a package are tried.
type lab struct {
	p        *source
	dir      string // of its own, for what is built
	flags    []string
	parallel int
	rounds   []round // the quick tests before the slow ones: most mutants see the first only
	slack    time.Duration
	covered  coverage
	woven    string         // the program with many mutants, if there is one
	numbers  map[mutant]int // those in it
}

// newLab runs the tests without a mutant, once to see what they cover and once for the time they take.
func newLab(ctx context.Context, p *source, s settings) (*lab, error) {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return nil, err
	}
	l := &lab{p: p, dir: dir, parallel: s.parallel, slack: s.slack, flags: []string{"-test.short", "-test.failfast", "-test.paniconexit0"}}
	if err := l.begin(ctx); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) close() error { return os.RemoveAll(l.dir) }

func (l *lab) begin(ctx context.Context) error {
	profile, program := filepath.Join(l.dir, "cover"), filepath.Join(l.dir, "clean.test")
	if err := l.build(ctx, program, "-cover"); err != nil {
		return err
	}
	if usage, _ := exec.CommandContext(ctx, program, "-h").CombinedOutput(); bytes.Contains(usage, []byte("-rapid.seed")) {
		l.flags = append(l.flags, "-rapid.seed=1", "-rapid.nofailfile")
	}
	_, out, err := l.run(ctx, program, 0, cost{10 * time.Minute, 10 * time.Minute}, "-test.v", "-test.coverprofile="+profile)
	if err != nil {
		return fmt.Errorf("the tests fail without a mutant: %w\n%s", err, out)
	}
	if l.covered, err = readCoverage(profile); err != nil {
		return err
	}
	l.rounds = inRounds(out)
	if err := l.build(ctx, program); err != nil {
		return err
	}
	return l.measure(ctx, program)
}

var passing = regexp.MustCompile(`(?m)^--- PASS: (\S+) \((\S+s)\)$`)

// inRounds tells the quick tests from the slow ones, by what go test -v says.
func inRounds(out []byte) []round {
	took, all := map[string]time.Duration{}, time.Duration(0)
	for _, test := range passing.FindAllSubmatch(out, -1) {
		d, _ := time.ParseDuration(string(test[2]))
		took[string(test[1])] = d
		all += d
	}
	var names []string
	for name, d := range took {
		if d.Seconds() >= slow*all.Seconds() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 || len(names) == len(took) {
		return []round{{flag: "-test.run=."}}
	}
	these := "^(" + strings.Join(names, "|") + ")$"
	return []round{{flag: "-test.skip=" + these}, {flag: "-test.run=" + these}}
}

// measure takes the time of the tests without a mutant.
func (l *lab) measure(ctx context.Context, program string) error {
	for i := range l.rounds {
		took, out, err := l.run(ctx, program, 0, cost{10 * time.Minute, 10 * time.Minute}, l.rounds[i].flag)
		if err != nil {
			return fmt.Errorf("the tests fail without a mutant: %w\n%s", err, out)
		}
		l.rounds[i].clean = took
	}
	return nil
}

// limit is what the tests of a mutant may take. A busy machine stretches the clock's time, so that is for the mutants that wait for ever,
// and the processor's is for those that run for ever.
func (l *lab) limit(r round) cost {
	return cost{4*r.clean.clock + 3*l.slack, 4*r.clean.processor + l.slack}
}

// weave builds the program of many mutants. When its tests fail though no mutant is chosen, as those may which count allocations that
// inlining saves, each mutant is compiled by itself.
func (l *lab) weave(ctx context.Context, mutants []mutant) error {
	w := l.p.weave(slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return !l.runs(m) }))
	if len(w.numbers) == 0 {
		return nil
	}
	program := filepath.Join(l.dir, "woven.test")
	overlay, err := l.overlay(filepath.Join(l.dir, "woven"), w.files)
	if err != nil {
		return err
	}
	if err := l.build(ctx, program, "-overlay", overlay); err != nil {
		return fmt.Errorf("%d mutants together: %w", len(w.numbers), err)
	}
	if err := l.measure(ctx, program); err != nil {
		fmt.Fprintf(os.Stderr, "one by one: together, %v\n", err)
		return ctx.Err()
	}
	l.woven, l.numbers = program, w.numbers
	return nil
}

// runs says whether the tests run a mutant's line.
func (l *lab) runs(m mutant) bool {
	return l.covered.has(l.p.ImportPath+"/"+m.File, l.p.text[m.File], m.Start)
}

// overlay writes files, and the list that lays them over the package's.
func (l *lab) overlay(dir string, files map[string][]byte) (list string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		replace[filepath.Join(l.p.Dir, name)] = filepath.Join(dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list = filepath.Join(dir, "overlay")
	return list, os.WriteFile(list, text, 0o644)
}

// build makes the package's test program.
func (l *lab) build(ctx context.Context, program string, flags ...string) error {
	args := append([]string{"test", "-c", "-vet=off", "-tags", l.p.tags, "-ldflags=-s -w", "-o", program}, flags...)
	build := exec.CommandContext(ctx, "go", append(args, ".")...)
	build.Dir = l.p.Dir
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// run runs a test program where go test would. A woven one is the mutant of that number.
func (l *lab) run(ctx context.Context, program string, number int, limit cost, flags ...string) (cost, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit.clock+10*time.Second) // a runtime that is stuck does not end by itself
	defer cancel()
	processor := 1 + 1.25*limit.processor.Seconds() // more, as the kernel's count for the limit may run ahead of the one that it reports
	shell := fmt.Sprintf(`ulimit -v %d; ulimit -t %.0f; exec "$0" "$@"`, memoryLimit, math.Ceil(processor))
	args := append([]string{"-c", shell, program, "-test.timeout=" + limit.clock.String()}, l.flags...)
	test := exec.CommandContext(ctx, "sh", append(args, flags...)...)
	test.Dir = l.p.Dir
	test.Env = append(os.Environ(), fmt.Sprintf("%s=%d", chosen, number))
	test.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	test.Cancel = func() error { return syscall.Kill(-test.Process.Pid, syscall.SIGKILL) } // with what the tests started
	test.WaitDelay = time.Second
	began := time.Now()
	out, err := test.CombinedOutput()
	took := cost{clock: time.Since(began)}
	if test.ProcessState != nil {
		took.processor = test.ProcessState.UserTime() + test.ProcessState.SystemTime()
	}
	return took, out, err
}

// try tries what is open in the book.
func (l *lab) try(ctx context.Context, b *book) error {
	open := b.open(nil)
	if err := l.weave(ctx, open); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	queue := make(chan mutant)
	var workers sync.WaitGroup
	for i := range l.parallel {
		workers.Go(func() {
			for m := range queue {
				o, err := l.judge(ctx, m, filepath.Join(l.dir, fmt.Sprint(i)))
				if err == nil {
					err = b.write(m, o)
				}
				if err != nil {
					stop(fmt.Errorf("%v: %w", m, err))
				}
			}
		})
	}
	for _, m := range open {
		select {
		case queue <- m:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}

// judge runs one mutant, which it may have to build.
func (l *lab) judge(ctx context.Context, m mutant, dir string) (outcome, error) {
	if !l.runs(m) {
		return outcome{Result: unrun}, nil
	}
	program, number := l.woven, l.numbers[m]
	if number == 0 {
		program = filepath.Join(dir, "mutant.test")
		overlay, err := l.overlay(dir, map[string][]byte{m.File: m.apply(l.p.text[m.File])})
		if err != nil {
			return outcome{}, err
		}
		if err := l.build(ctx, program, "-overlay", overlay); ctx.Err() != nil {
			return outcome{}, ctx.Err()
		} else if err != nil { // the package compiles, so it is its tests that do not
			return outcome{Result: killed, By: "the tests do not compile"}, nil
		}
	}
	o := outcome{Result: survived}
	for _, r := range l.rounds {
		if err := l.play(ctx, r, program, number, &o); err != nil || o.Result != survived {
			return o, err
		}
	}
	return o, nil
}

// play runs a round of a mutant's tests, and notes what became of it.
func (l *lab) play(ctx context.Context, r round, program string, number int, o *outcome) error {
	limit := l.limit(r)
	took, out, err := l.run(ctx, program, number, limit, r.flag)
	if ctx.Err() != nil {
		return ctx.Err() // killed by us, not by a test
	}
	o.Seconds += took.clock.Seconds()
	o.Processor += took.processor.Seconds()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case !errors.As(err, &exit):
		return err
	case bytes.Contains(out, []byte("panic: test timed out")), took.clock > limit.clock,
		took.processor >= limit.processor-time.Second: // the kernel counts in whole seconds, and its KILL says nothing
		o.Result, o.By = hung, strings.Join(allOf(running, out), " ")
	default:
		o.Result, o.By = killed, strings.Join(allOf(failing, out), " ")
		if o.By == "" {
			return fmt.Errorf("no test said why: %w\n%s", err, out) // somebody else ended it
		}
	}
	return nil
}

var (
	failing = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)|^(panic: .{0,60}|fatal error: .{0,60})`)
	running = regexp.MustCompile(`(?m)^\t+(Test\S+ \(\S+\))$`)
)

// allOf is what a pattern's groups found, the first three times.
func allOf(pattern *regexp.Regexp, out []byte) (found []string) {
	for _, groups := range pattern.FindAllSubmatch(out, 3) {
		found = append(found, string(bytes.Join(groups[1:], nil)))
	}
	return found
}
