package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"penstock/benchmarks/child"
	"penstock/benchmarks/load/page"
	"penstock/benchmarks/load/report"
	"penstock/benchmarks/spread"
)

// beside is a comparison of two servers' tails: ours, which syncs what it acknowledges, and one that only answers.
type beside struct {
	bin, bare, ack string
	rounds         int
	connections    int
	size           string
	short, long    time.Duration
	times          float64
	htmlFile       string
	runs           map[string][]*report.Run
	capacity       map[string][]float64
}

func openloopCommand() *cobra.Command {
	var b beside
	c := &cobra.Command{
		Use:   "openloop",
		Short: "Compare the spread of our latency at half of capacity with a bare server's",
		Long: `Start a server of our own and a bare one, find out what each bears in a short closed loop, and drive each at half of that in an open loop, in
turns. What is printed are medians over the rounds. It fails when our p99.9 is above --times our p50.`,
		Example: "  load openloop --bin ./penstock --bare ./bare --rounds 3 --html openloop.html",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if b.rounds < 1 || b.connections < 1 || b.short < time.Second || b.long < time.Second || b.times <= 0 {
				return errors.New("--rounds and --connections are at least 1, --closed and --open a second, --times above 0")
			}
			ctx, restore := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer restore()
			return failed(b.run(ctx))
		},
	}
	f := c.Flags()
	f.StringVar(&b.bin, "bin", "./penstock", "our binary")
	f.StringVar(&b.bare, "bare", "./bare", "the bare server, built from benchmarks/bare")
	f.StringVar(&b.ack, "ack", "disk", "what ours acknowledges: disk, log or ring")
	f.IntVar(&b.rounds, "rounds", 3, "rounds of one after the other")
	f.IntVar(&b.connections, "connections", 64, "connections")
	f.StringVar(&b.size, "size", "200", "bytes of an event; each request has one")
	f.DurationVar(&b.short, "closed", 3*time.Second, "how long the closed loop takes that finds what a server bears")
	f.DurationVar(&b.long, "open", 10*time.Second, "how long each open loop takes")
	f.Float64Var(&b.times, "times", 20, "fails when our p99.9 is more than so many times our p50")
	f.StringVar(&b.htmlFile, "html", "", "write the median round of each as a page to this `FILE`")
	return c
}

func (b *beside) run(ctx context.Context) error {
	b.runs, b.capacity = map[string][]*report.Run{}, map[string][]float64{}
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, b.rounds)
		if err := errors.Join(b.ours(ctx), b.theirs(ctx)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	return b.tell()
}

// ours is a turn of our server's, on fresh data.
func (b *beside) ours(ctx context.Context) error {
	sv, err := newServer(b.bin)
	if err != nil {
		return err
	}
	if err = errors.Join(sv.launch(), sv.awaitReady(30*time.Second)); err == nil {
		err = b.turn(ctx, "ours, "+b.ack, sv.http, sv.PID(), b.ack)
	}
	if err == nil {
		err = sv.Stop()
	}
	return errors.Join(err, sv.end(false))
}

// theirs is a turn of the bare server's.
func (b *beside) theirs(ctx context.Context) error {
	bin, err := filepath.Abs(b.bare)
	if err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "penstock-bare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	p, err := child.Start(home, bin, "--addr", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("the bare server, go build -o bare ./benchmarks/bare: %w", err)
	}
	defer p.End()
	address, err := p.Says("listening on ")
	if err != nil {
		return err
	}
	return b.turn(ctx, "bare", address, p.PID(), "")
}

// turn finds a server's capacity, and drives it at half of that.
func (b *beside) turn(ctx context.Context, name, address string, pid int, ack string) error {
	load := func(rate float64, how time.Duration) (*report.Run, error) {
		f := driveFlags{wire: "interana-single", to: "http://" + address, name: name, size: b.size, ack: ack, topics: 1, acks: "all", arrivals: "even", quiet: true}
		f.pool.Seed, f.pool.Keys, f.pool.Requests = 1, 10_000, 1024
		d := &f.drive
		d.Connections, d.Pipeline, d.Rate, d.Warmup, d.Duration, d.Timeout, d.PID = b.connections, 1, rate, time.Second, how, 10*time.Second, pid
		if err := f.read(); err != nil {
			return nil, err
		}
		f.pool.Now = time.Now()
		r, err := f.measure(ctx)
		if err == nil && (r.Total.Errors > 0 || r.Latency == nil) {
			err = fmt.Errorf("%s: %d errors: %v", name, r.Total.Errors, r.Errors)
		}
		return r, err
	}
	closed, err := load(0, b.short)
	if err != nil {
		return err
	}
	open, err := load(closed.Total.RequestRate/2, b.long)
	if err != nil {
		return err
	}
	b.capacity[name] = append(b.capacity[name], closed.Total.RequestRate)
	b.runs[name] = append(b.runs[name], open)
	fmt.Fprintf(os.Stderr, "  %-12s bears %s requests/s; at half: %s\n", name, report.Count(closed.Total.RequestRate), open.Latency)
	return nil
}

// tail is how far a run's tail is from its middle.
func tail(r *report.Run) float64 { return r.Latency.P999 / r.Latency.P50 }

// tell prints the medians, writes the page, and holds ours against the bound.
func (b *beside) tell() error {
	fmt.Printf("%-14s %12s %12s %10s %10s %10s %14s\n", "", "bears/s", "driven/s", "p50", "p99", "p99.9", "p99.9 ÷ p50")
	ours := "ours, " + b.ack
	var p page.Runs
	for _, name := range []string{ours, "bare"} {
		runs := b.runs[name]
		of := func(value func(*report.Run) float64) float64 {
			var all []float64
			for _, r := range runs {
				all = append(all, value(r))
			}
			return spread.Of(all).Median
		}
		fmt.Printf("%-14s %12s %12s %10s %10s %10s %12.1f ×\n", name, report.Count(spread.Of(b.capacity[name]).Median), report.Count(of(func(r *report.Run) float64 { return r.Settings.Rate })),
			report.Micros(of(func(r *report.Run) float64 { return r.Latency.P50 })), report.Micros(of(func(r *report.Run) float64 { return r.Latency.P99 })),
			report.Micros(of(func(r *report.Run) float64 { return r.Latency.P999 })), of(tail))
		sorted := slices.SortedFunc(slices.Values(runs), func(x, y *report.Run) int { return cmp.Compare(tail(x), tail(y)) })
		p.Runs = append(p.Runs, sorted[(len(sorted)-1)/2])
	}
	got := spread.Of(b.tails(ours)).Median
	verdict := fmt.Sprintf("our p99.9 is %.1f times our p50, the bound is %g times (medians of %d rounds)", got, b.times, b.rounds)
	fmt.Println(verdict)
	if b.htmlFile != "" {
		p.Title, p.Note = "At half of capacity: ours, and a bare server", verdict
		if err := page.Write(b.htmlFile, p); err != nil {
			return err
		}
	}
	if got > b.times {
		return errors.New("the bound is not kept: " + verdict)
	}
	return nil
}

func (b *beside) tails(name string) (all []float64) {
	for _, r := range b.runs[name] {
		all = append(all, tail(r))
	}
	return all
}
