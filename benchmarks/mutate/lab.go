package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// memoryLimit is in KiB of addresses: a mutant that never stops to allocate is to fail, and nothing else.
const memoryLimit = 6 << 20

// outcome is what became of a mutant.
type outcome struct {
	Result  string  `json:"result"`
	By      string  `json:"by,omitempty"` // the first test that failed, or the ones that ran when the time was over
	Seconds float64 `json:"seconds"`
}

const (
	killed   = "killed"
	hung     = "timed out"
	survived = "survived"
	unrun    = "not covered"
)

// lab is where mutants of a package are tried.
type lab struct {
	p        *source
	dir      string // of its own, for what is built
	flags    []string
	parallel int
	clean    time.Duration // of the tests without a mutant
	slack    time.Duration
	covered  coverage
}

// newLab runs the tests without a mutant, once to see what they cover and once for the time they take.
func newLab(ctx context.Context, p *source, s settings) (*lab, error) {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return nil, err
	}
	l := &lab{p: p, dir: dir, parallel: s.parallel, slack: s.slack, flags: []string{"-test.short", "-test.failfast", "-test.paniconexit0"}}
	profile := filepath.Join(dir, "cover")
	program := filepath.Join(dir, "clean.test")
	if err := l.build(ctx, program, "-cover"); err != nil {
		return l, errors.Join(err, l.close())
	}
	if usage, _ := exec.CommandContext(ctx, program, "-h").CombinedOutput(); bytes.Contains(usage, []byte("-rapid.seed")) {
		l.flags = append(l.flags, "-rapid.seed=1", "-rapid.nofailfile")
	}
	if _, out, err := l.run(ctx, program, 10*time.Minute, "-test.coverprofile="+profile); err != nil {
		return l, errors.Join(fmt.Errorf("the tests fail without a mutant: %w\n%s", err, out), l.close())
	}
	if l.covered, err = readCoverage(profile); err != nil {
		return l, errors.Join(err, l.close())
	}
	if err := l.build(ctx, program); err != nil {
		return l, errors.Join(err, l.close())
	}
	var out []byte
	if l.clean, out, err = l.run(ctx, program, 10*time.Minute); err != nil {
		return l, errors.Join(fmt.Errorf("the tests fail without a mutant: %w\n%s", err, out), l.close())
	}
	return l, nil
}

// limit is how long the tests of a mutant may take: four times what they take clean, and something on top for a busy machine.
func (l *lab) limit() time.Duration { return 4*l.clean + l.slack }

func (l *lab) close() error { return os.RemoveAll(l.dir) }

// build makes the package's test program.
func (l *lab) build(ctx context.Context, program string, flags ...string) error {
	args := append([]string{"test", "-c", "-tags", l.p.tags, "-ldflags=-s -w", "-o", program}, flags...)
	build := exec.CommandContext(ctx, "go", append(args, ".")...)
	build.Dir = l.p.Dir
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// run runs a test program where go test would.
func (l *lab) run(ctx context.Context, program string, limit time.Duration, flags ...string) (time.Duration, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit+10*time.Second) // a runtime that is stuck does not end by itself
	defer cancel()
	args := append([]string{"-c", fmt.Sprintf(`ulimit -v %d; exec "$0" "$@"`, memoryLimit), program, "-test.timeout=" + limit.String()}, l.flags...)
	test := exec.CommandContext(ctx, "sh", append(args, flags...)...)
	test.Dir = l.p.Dir
	test.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	test.Cancel = func() error { return syscall.Kill(-test.Process.Pid, syscall.SIGKILL) } // with what the tests started
	test.WaitDelay = time.Second
	began := time.Now()
	out, err := test.CombinedOutput()
	return time.Since(began), out, err
}

// try tries what is open in the book.
func (l *lab) try(ctx context.Context, b *book) error {
	queue := make(chan mutant)
	failed := make(chan error, l.parallel)
	var workers sync.WaitGroup
	for i := range l.parallel {
		workers.Go(func() {
			for m := range queue {
				o, err := l.judge(ctx, m, filepath.Join(l.dir, fmt.Sprint(i)))
				if err == nil {
					err = b.write(m, o)
				}
				if err != nil {
					failed <- fmt.Errorf("%v: %w", m, err)
					return
				}
			}
		})
	}
	var err error
feed:
	for _, m := range b.open(nil) {
		select {
		case queue <- m:
		case err = <-failed:
			break feed
		case <-ctx.Done():
			err = ctx.Err()
			break feed
		}
	}
	close(queue)
	workers.Wait()
	select {
	case e := <-failed:
		err = errors.Join(err, e)
	default:
	}
	return err
}

// judge builds and runs one mutant.
func (l *lab) judge(ctx context.Context, m mutant, dir string) (outcome, error) {
	if !l.covered.has(l.p.ImportPath+"/"+m.File, l.p.text[m.File], m.Start) {
		return outcome{Result: unrun}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return outcome{}, err
	}
	changed, overlay, program := filepath.Join(dir, m.File), filepath.Join(dir, "overlay"), filepath.Join(dir, "mutant.test")
	replace := map[string]map[string]string{"Replace": {filepath.Join(l.p.Dir, m.File): changed}}
	list, err := json.Marshal(replace)
	if err := errors.Join(err, os.WriteFile(changed, m.apply(l.p.text[m.File]), 0o644), os.WriteFile(overlay, list, 0o644)); err != nil {
		return outcome{}, err
	}
	if err := l.build(ctx, program, "-overlay", overlay); err != nil {
		return outcome{}, fmt.Errorf("does not build: %w", err)
	}
	took, out, err := l.run(ctx, program, l.limit())
	if ctx.Err() != nil {
		return outcome{}, ctx.Err() // killed by us, not by a test
	}
	o := outcome{Result: survived, Seconds: took.Seconds()}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case !errors.As(err, &exit):
		return outcome{}, err
	case bytes.Contains(out, []byte("panic: test timed out")), !exit.Exited() && took > l.limit():
		o.Result, o.By = hung, strings.Join(allOf(running, out), " ")
	default:
		o.Result, o.By = killed, strings.Join(allOf(failing, out), " ")
	}
	return o, nil
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
