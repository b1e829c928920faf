// Command mutate makes small faults in a package, one at a time, and runs the package's own tests on each: do they notice?
//
//	go run ./benchmarks/mutate ./ring ./wire
//
// A fault is a mutant: one operator, constant, condition, statement or result of one file is another (operators.go has the list). The changed code
// is handed to the compiler by -overlay, so the tree is not touched. A mutant is killed when a test fails or panics. It is timed out, which counts as
// killed too, when it takes four times the processor's time that the tests take without it and 10 s, or stands still for four times as long and 30 s;
// the report says which. A mutant on a line that no test runs is not tried; it counts as survived.
//
// The outcome of each is kept in a file beside Go's build cache, so a run can be stopped and goes on where it was. When tests of a package
// change, what they killed stays dead and the rest is tried again; when a file changes, its mutants are new.
//
// It prints a row and the survivors for each package. It exits with 1 when a package's score, killed in a hundred, is below -min.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// settings is the command line.
type settings struct {
	tags     string
	only     string
	sample   int
	seed     uint64
	parallel int
	slack    time.Duration
	least    float64
	kept     string
	list     bool
}

func main() {
	var s settings
	flag.StringVar(&s.tags, "tags", "", "build tags")
	flag.StringVar(&s.only, "only", "", "mutate these files only, separated by commas")
	flag.IntVar(&s.sample, "sample", 0, "try that many mutants of each package, drawn by -seed; 0 is all")
	flag.Uint64Var(&s.seed, "seed", 1, "draws the sample")
	flag.IntVar(&s.parallel, "parallel", 2, "mutants at a time")
	flag.DurationVar(&s.slack, "slack", 10*time.Second, "what the tests may take of a processor on top of four times what they take without a mutant")
	flag.Float64Var(&s.least, "min", 90, "the lowest score, in per cent, that is good enough")
	flag.StringVar(&s.kept, "kept", "", "the directory of the outcomes (default: in the user's cache)")
	flag.BoolVar(&s.list, "list", false, "report what is kept, try nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	good, err := all(ctx, s, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if !good {
		os.Exit(1)
	}
}

func all(ctx context.Context, s settings, packages []string) (good bool, err error) {
	if len(packages) == 0 {
		return false, fmt.Errorf("name the packages, ./ring say")
	}
	if s.kept == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return false, err
		}
		s.kept = filepath.Join(cache, "penstock-mutate")
	}
	good = true
	for _, path := range packages {
		r, err := one(ctx, s, path)
		if err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
		r.print(os.Stdout)
		good = good && r.score() >= s.least
	}
	return good, nil
}

// one mutates a package.
func one(ctx context.Context, s settings, path string) (*report, error) {
	p, err := load(path, s.tags)
	if err != nil {
		return nil, err
	}
	mutants, err := p.mutants(s.only)
	if err != nil {
		return nil, err
	}
	mutants = draw(mutants, s.sample, s.seed)
	name := strings.Trim(strings.ReplaceAll(p.ImportPath+"/"+s.tags, "/", "-"), "-") + ".jsonl"
	b, err := openBook(filepath.Join(s.kept, name), p)
	if err != nil {
		return nil, err
	}
	defer b.close()
	r := &report{name: p.ImportPath, mutants: mutants, book: b}
	if s.list || len(b.open(mutants)) == 0 {
		return r, nil
	}
	l, err := newLab(ctx, p, s)
	if err != nil {
		return nil, err
	}
	defer l.close()
	began := time.Now()
	fmt.Fprintf(os.Stderr, "%s: %d mutants, %d to try\n", p.ImportPath, len(mutants), len(b.open(mutants)))
	for _, r := range l.rounds {
		fmt.Fprintf(os.Stderr, "clean, these take %v, %v of a processor: %s\n", r.clean.clock.Round(time.Millisecond), r.clean.processor.Round(time.Millisecond), r.flag)
	}
	if err := l.try(ctx, b); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "%s: tried in %v\n", p.ImportPath, time.Since(began).Round(time.Second))
	return r, nil
}
