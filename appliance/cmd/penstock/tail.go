package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"penstock/appliance/admin"
	"penstock/wire"
)

func newTailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail TOPIC",
		Short: "Print a topic's records, and follow it",
		Long: `Print a topic's records, one a line, all shards merged by time.

Without --follow it prints what is there when it starts, and ends. With --follow it goes on with what arrives, and holds its place
while the appliance restarts, until it is interrupted.

A bound is ` + admin.BoundForms + `.
A time chooses by the records' own time: from takes those of that time or later, until those before it. What arrives while
following is printed whatever its time. Records that can't be read any more are told on stderr, and those behind them follow.

--format json prints {"topic","shard","offset","time","key","value"}, --format value the value alone, byte for byte.`,
		Example: `  penstock tail clicks
  penstock tail clicks --follow --from end
  penstock tail clicks --from -15m --until -5m --format value | jq .
  penstock tail clicks --shard 0 --from 4711 --limit 1`,
		Args: cobra.ExactArgs(1),
	}
	addAdminFlag(cmd)
	flags := cmd.Flags()
	flags.String("from", "beginning", "where to begin: a bound")
	flags.String("until", "end", "where to stop: a bound; an offset is the first not printed")
	flags.BoolP("follow", "f", false, "go on with what arrives")
	flags.Int("shard", -1, "print this shard alone (default all)")
	flags.String("format", "json", "json or value")
	flags.Int64("limit", -1, "stop after so many records (default no limit)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := newTail(cmd, args[0])
		if err != nil {
			return err
		}
		cmd.SilenceUsage = true // the command line was right
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
		context.AfterFunc(ctx, stop) // a second interrupt ends a print that blocks
		defer stop()
		return t.run(ctx)
	}
	return cmd
}

// tail is one run of the command.
type tail struct {
	client  *adminClient
	topic   string
	from    admin.Bound
	until   admin.Bound
	shard   int  // -1: all
	follow  bool // go on with what arrives
	valueOf bool // print values alone

	mu        sync.Mutex // held for one line, or one note: shards are followed at the same time
	out       *bufio.Writer
	notes     io.Writer
	positions []int64 // by shard: the next offset to print; -1 where it isn't known. Each entry belongs to whoever reads that shard
	left      int64   // records still to be printed; negative: no limit
	printed   atomic.Int64
	away      string // the note that says why nothing comes at the moment; "" when all is well
}

func newTail(cmd *cobra.Command, topic string) (*tail, error) {
	flags := cmd.Flags()
	now := time.Now()
	t := &tail{topic: topic, out: bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10), notes: cmd.ErrOrStderr()}
	if !wire.ValidTopic(topic) {
		return nil, fmt.Errorf("%q can't be a topic: %s", topic, wire.BadTopic.Text())
	}
	var err error
	if t.from, err = admin.ParseBound(cmd.Flag("from").Value.String(), now); err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	if t.until, err = admin.ParseBound(cmd.Flag("until").Value.String(), now); err != nil {
		return nil, fmt.Errorf("--until: %w", err)
	}
	t.follow, _ = flags.GetBool("follow") // these are defined above
	t.shard, _ = flags.GetInt("shard")
	t.left, _ = flags.GetInt64("limit")
	switch format, _ := flags.GetString("format"); format {
	case "json":
	case "value":
		t.valueOf = true
	default:
		return nil, fmt.Errorf("--format is json or value, not %q", format)
	}
	switch {
	case flags.Changed("shard") && t.shard < 0, flags.Changed("limit") && t.left < 0:
		return nil, errors.New("--shard and --limit can't be negative")
	case t.follow && flags.Changed("until"):
		return nil, errors.New("--follow goes on until it is interrupted: use --until without it, or --limit with it")
	case t.until.Kind == admin.AtBeginning:
		return nil, errors.New("--until: nothing stands before the beginning")
	}
	t.client, err = newAdminClient(cmd)
	return t, err
}

// errEnough says that the limit is reached.
var errEnough = errors.New("the limit is reached")

// run prints until the end, the limit, an interrupt, or an error. An interrupt and a reader that went away are no errors.
func (t *tail) run(ctx context.Context) error {
	err := t.print(ctx)
	if flushed := t.flush(); err == nil || errors.Is(err, errEnough) {
		err = flushed
	}
	var failed *outputError
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.As(err, &failed) && (errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)):
		return nil
	}
	return err
}

func (t *tail) print(ctx context.Context) error {
	if !t.follow {
		err := t.catchUp(ctx)
		if hasStatus(err, http.StatusNotFound) {
			return t.client.orUnknown(ctx, err, t.topic)
		}
		return err
	}
	for {
		err := t.catchUp(ctx)
		if err == nil {
			err = t.live(ctx)
		}
		if !hasStatus(err, http.StatusNotFound) {
			return err
		}
		// It isn't there (any more). Whatever it holds when it appears has arrived since we began to follow.
		t.positions, t.from = nil, admin.Bound{Kind: admin.AtBeginning}
		t.absent(fmt.Sprintf("there is no topic %s: waiting for it", t.topic))
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// catchUp prints what is there when it starts, all shards merged by time.
func (t *tail) catchUp(ctx context.Context) error {
	var end []int64
	for {
		if t.left == 0 && t.positions != nil {
			return nil
		}
		ask := pageQuery{shard: t.shard, from: t.from, until: t.until, positions: t.positions}
		if end != nil && t.until.Kind == admin.AtEnd {
			ask.until = admin.Bound{Kind: admin.AtPositions, Positions: end}
		}
		before := admin.FormatPositions(t.positions)
		got, err := t.patiently(ctx, ask)
		if err != nil {
			return err
		}
		if end == nil {
			end = got.end
		}
		if reached(t.positions, end) || before == admin.FormatPositions(t.positions) {
			return nil
		}
	}
}

func reached(positions, end []int64) bool {
	for shard, offset := range end {
		if shard >= len(positions) || positions[shard] < offset {
			return false
		}
	}
	return true
}

// live follows every shard by itself: one long poll each. It returns the first error.
func (t *tail) live(ctx context.Context) error {
	if err := t.flush(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var followers sync.WaitGroup
	for shard, offset := range t.positions {
		if offset >= 0 {
			followers.Go(func() { cancel(t.liveShard(ctx, shard)) })
		}
	}
	followers.Wait()
	return context.Cause(ctx)
}

// pollPace is the least time between two polls of a shard. Under load a poll comes back with its first record, and without
// a pause both ends would spend themselves on requests of a few records each; a person does not see the difference.
const pollPace = 20 * time.Millisecond

func (t *tail) liveShard(ctx context.Context, shard int) error {
	for {
		ask := pageQuery{shard: shard, positions: t.positions[:shard+1], until: admin.Bound{Kind: admin.AtEnd}, wait: pollWait}
		if _, err := t.patiently(ctx, ask); err != nil {
			return err
		}
		if err := pause(ctx, pollPace); err != nil {
			return err
		}
	}
}

// patiently prints a page. When following it holds out while the appliance is away; a place that is gone it leaves for the one
// the appliance names.
func (t *tail) patiently(ctx context.Context, ask pageQuery) (*pageResult, error) {
	const shortest, longest = 100 * time.Millisecond, 3 * time.Second
	for wait := shortest; ; wait = min(2*wait, longest) {
		before := t.printed.Load()
		got, err := t.page(ctx, ask)
		if failed := t.flush(); failed != nil { // what a page had before it broke is shown, not kept until the next one
			return nil, failed
		}
		if err == nil {
			return got, nil
		}
		if t.printed.Load() != before {
			wait = shortest // it got on, so the appliance is not away
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if hasStatus(err, http.StatusRequestedRangeNotSatisfiable) {
			if ask.positions, err = t.move(err); err != nil {
				return nil, err
			}
			continue
		}
		if !t.follow || !passing(err) {
			return nil, err
		}
		t.absent(err.Error() + "; trying again")
		if ask.positions == nil {
			ask.positions = t.positions // set when the page had begun
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
