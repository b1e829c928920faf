package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"penstock/appliance"
	"penstock/appliance/admin"
	"penstock/segstore"
)

func newLogCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Verify, print and repair the log's files, without an appliance",
		Long: `Verify, print and repair the log's files, without an appliance.

DIR is a data directory, its topics directory, or one shard's directory in that.`,
		Example: "  penstock log verify penstock-data\n  penstock log dump penstock-data/topics/clicks-0\n  penstock log repair penstock-data",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLogVerifyCommand(), newLogDumpCommand(), newLogRepairCommand())
	return cmd
}

func newLogVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR",
		Short: "Read every batch and say what is wrong; exit 1 if acknowledged records are damaged",
		Long: `Read every batch of every log below DIR and say what is wrong, with the file, the byte and the offsets. Nothing is changed.

The exit code is 1 when records that were on disk and acknowledged are damaged. A torn tail is not damage: it is what a crash leaves
of records that nobody was told are safe, and the next start cuts it.`,
		Example: "  penstock log verify penstock-data",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noteRunning(cmd.ErrOrStderr(), args[0]); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			sum, err := segstore.Verify(args[0], func(f segstore.Finding) { fmt.Fprintln(out, f) })
			if err != nil {
				return err
			}
			summarise(out, sum)
			return damaged(sum)
		},
	}
}

func newLogRepairCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "repair DIR",
		Short: "Do what the next start would do: cut torn tails, set damaged bytes aside",
		Long: `Do to every log below DIR what the next start of the appliance would do: cut torn tails, and set damaged bytes aside in files of
their own, so that the records behind them can be read. It is refused while an appliance works on the directory.

The exit code is 1 when acknowledged records turned out to be damaged; they are set aside nevertheless.`,
		Example: "  penstock log repair penstock-data",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if dir, ok := dataDirOf(args[0]); ok {
				lock, err := appliance.LockDir(dir)
				var locked *appliance.LockedError
				if errors.As(err, &locked) {
					return fmt.Errorf("process %d works on %s: stop it first; it has repaired what it found when it started", locked.PID, dir)
				}
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, lock.Release()) }()
			}
			out := cmd.OutOrStdout()
			sum, err := segstore.Repair(args[0], func(f segstore.Finding) { fmt.Fprintln(out, f) })
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "repaired: %d logs, %d segments, %d records in %d bytes; %d findings\n",
				sum.Logs, sum.Segments, sum.Records, sum.Bytes, sum.Findings)
			return damaged(sum)
		},
	}
}

func newLogDumpCommand() *cobra.Command {
	var headers bool
	cmd := &cobra.Command{
		Use:   "dump DIR",
		Short: "Print every record, one a line, or every batch's header",
		Long: `Print every sound record below DIR, one a line, as 'penstock tail' does; with --batches print each batch's header instead.
What is not sound is told on stderr.`,
		Example: "  penstock log dump penstock-data/topics/clicks-0\n  penstock log dump penstock-data --batches",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&headers, "batches", false, "print batches' headers, not records")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		notes := cmd.ErrOrStderr()
		if err := noteRunning(notes, args[0]); err != nil {
			return err
		}
		d := dumper{out: bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10), headers: headers}
		sum, err := segstore.Dump(args[0], func(f segstore.Finding) { fmt.Fprintln(notes, f) }, d.batch)
		if err = errors.Join(err, d.out.Flush()); err != nil {
			return err
		}
		return damaged(sum)
	}
	return cmd
}

// dumper prints batches as they come.
type dumper struct {
	out     *bufio.Writer
	headers bool
	line    []byte
}

func (d *dumper) batch(path string, position int64, b segstore.Batch) error {
	if d.headers {
		_, err := fmt.Fprintf(d.out, "%s byte=%d bytes=%d offsets=%d..%d records=%d max_time=%d epoch=%d crc=%08x lz4=%t\n",
			path, position, len(b.Bytes()), b.Base(), b.Last(), b.Count(), b.MaxTime(), b.Epoch(), b.CRC(), b.Packed())
		return err
	}
	dir := filepath.Dir(path)
	topic, shardName, ok := segstore.TopicShard(dir)
	shard, err := strconv.Atoi(shardName)
	if !ok || err != nil {
		return fmt.Errorf("%s is not a shard's directory: its name is not TOPIC-SHARD", dir)
	}
	for records := b.Records(); ; {
		r, ok := records.Next()
		if !ok {
			return nil
		}
		d.line = admin.AppendLine(d.line[:0], topic, shard, &r, false)
		if _, err := d.out.Write(d.line); err != nil {
			return err
		}
	}
}

func summarise(out io.Writer, sum segstore.Summary) {
	fmt.Fprintf(out, "verified: %d logs, %d segments, %d batches, %d records in %d bytes; %d findings\n",
		sum.Logs, sum.Segments, sum.Batches, sum.Records, sum.Bytes, sum.Findings)
}

// damaged is the error of a log whose acknowledged records are not all there. The findings themselves were told.
func damaged(sum segstore.Summary) error {
	if sum.Damaged == 0 {
		return nil
	}
	return fmt.Errorf("acknowledged records are damaged in %d places, named above: "+
		"copy the files before anything else, then run 'penstock log repair' to read on behind the damage", sum.Damaged)
}

// noteRunning says so when an appliance is at work on the files that are about to be read.
func noteRunning(notes io.Writer, dir string) error {
	data, ok := dataDirOf(dir)
	if !ok {
		return nil
	}
	pid, running, err := appliance.Owner(data)
	if err == nil && running {
		fmt.Fprintf(notes, "note: process %d works on %s; what it is just writing may look like a torn tail\n", pid, data)
	}
	return err
}

// dataDirOf finds the data directory of a data, topics or shard directory: the one with a lock in it. ok is false for a directory
// that no appliance ever used, a copy for instance.
func dataDirOf(dir string) (data string, ok bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", false
	}
	for range 3 { // shard, topics, data
		if info, err := os.Lstat(filepath.Join(dir, appliance.LockName)); err == nil && info.Mode().IsRegular() {
			return dir, true
		}
		dir = filepath.Dir(dir)
	}
	return "", false
}
