package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"penstock/benchmarks/child"
	"penstock/benchmarks/load/report"
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
	jsonFile, from string
	plots          string
	found          contest
}

func openloopCommand() *cobra.Command {
	var b beside
	c := &cobra.Command{
		Use:   "openloop",
		Short: "Compare the spread of our latency at half of capacity with a bare server's",
		Long: `Start a server of our own and a bare one, find out what each bears in a short closed loop, and drive each at half of that in an open loop, in
turns. What is printed are medians over the rounds. It fails when our p99.9 is above --times our p50. Before each round the disk is tried alone,
for as long as a closed loop takes: where its own syncs have stalls, so has who waits for them.`,
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
	f.StringVar(&b.plots, "plots", "", "draw the median round of each into this `DIRECTORY`: openloop.svg")
	f.StringVar(&b.jsonFile, "json", "", "write every round to this `FILE`")
	f.StringVar(&b.from, "from", "", "measure nothing: tell and draw again what a `FILE` of --json has")
	return c
}

func (b *beside) run(ctx context.Context) error {
	if b.from != "" {
		var err error
		if b.found, err = readContest(b.from); err != nil {
			return err
		}
		return b.tell(os.Stdout)
	}
	b.found.Rounds = b.rounds
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, b.rounds)
		alone, err := diskAlone(ctx, b.short)
		if err != nil {
			return err
		}
		b.found.Disk = append(b.found.Disk, alone)
		fmt.Fprintf(os.Stderr, "  the disk alone, a page at a time: %s\n", alone)
		if err := errors.Join(b.ours(ctx), b.theirs(ctx)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	return b.tell(os.Stdout)
}

// ours is a turn of our server's, on fresh data.
func (b *beside) ours(ctx context.Context) error {
	sv, err := newServer(b.bin)
	if err != nil {
		return err
	}
	if err = errors.Join(sv.launch(), sv.awaitReady(30*time.Second)); err == nil {
		err = b.turn(ctx, &b.found.Servers[0], "ours, "+b.ack, sv.http, sv.PID(), b.ack)
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
	return b.turn(ctx, &b.found.Servers[1], "bare", address, p.PID(), "")
}

// turn finds a server's capacity, and drives it at half of that.
func (b *beside) turn(ctx context.Context, c *contender, name, address string, pid int, ack string) error {
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
	c.Name, c.Capacity, c.Runs = name, append(c.Capacity, closed.Total.RequestRate), append(c.Runs, open)
	fmt.Fprintf(os.Stderr, "  %-12s bears %s requests/s; at half: %s\n", name, report.Count(closed.Total.RequestRate), open.Latency)
	return nil
}
