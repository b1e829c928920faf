// Command load posts real-shaped events to a running Penstock, reads them back and compares; or runs the binary itself and kills it, or cuts
// the power of its disk, under load. `load --help` lists its verbs.
//
// It exits with 0 when all went well, with 1 when a request failed or a record was not what it must be, with 2 when the command line
// is wrong, and with 3 when the machine lacks what the command needs, a right or a program; with 2 and 3 nothing was done.
package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:           "load",
		Short:         "Load, verify and torture a Penstock",
		Example:       "  load self --bin ./penstock --events 5000000\n  load torture --bin ./penstock --cycles 500",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(driveCommand(), reportCommand(), openloopCommand(), runCommand(), verifyCommand(), selfCommand(), tortureCommand())
	err := root.Execute()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "load:", err)
	switch {
	case errors.As(err, new(lacking)):
		os.Exit(3)
	case errors.As(err, new(failure)):
		os.Exit(1)
	}
	os.Exit(2)
}

// failure is an error of what was done, and not of how it was asked for.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return failure{err}
}

func runCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:     "run",
		Short:   "Post events to a running server",
		Example: "  load run --url http://127.0.0.1:8080 --admin http://127.0.0.1:9600 --events 1000000 --pid $(pidof penstock) --verify",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w, sh, err := s.build()
			if err != nil {
				return err
			}
			addr, plain := strings.CutPrefix(strings.TrimSuffix(s.url, "/"), "http://")
			if !plain || strings.Contains(addr, "/") {
				return fmt.Errorf("--url %q is not http://HOST:PORT", s.url)
			}
			return failed(s.drive(w, sh, addr, strings.TrimSuffix(s.admin, "/")))
		},
	}
	s.workloadFlags(c, 4, 256, 64, time.Second)
	s.loadFlags(c, false)
	s.adminFlag(c)
	c.Flags().StringVar(&s.url, "url", "http://127.0.0.1:8080", "the server's HTTP listener")
	c.Flags().IntVar(&s.pid, "pid", 0, "the server's process, to measure its CPU time")
	return c
}

// drive makes the topics, sends the load, verifies if asked, and reports.
func (s *settings) drive(w *workload, sh *shape, addr, admin string) error {
	if err := createTopics(w, admin); err != nil {
		return err
	}
	interrupted, restore := signal.NotifyContext(context.Background(), os.Interrupt)
	defer restore()
	l := &load{w: w, shape: sh, book: newBook(w), addr: addr, connections: s.connections, total: s.events, progress: os.Stderr, stop: interrupted.Done()}
	v := newVerifier(l.book, admin, maphash.MakeSeed())
	begin, err := v.ends()
	if err != nil {
		return err
	}
	cpu, began := cpuSeconds(s.pid), time.Now()
	sum, err := l.run()
	r := newLoadReport(l, sum, time.Since(began), cpuSeconds(s.pid)-cpu)
	restore() // a second interrupt ends us at once
	err = errors.Join(err, s.lookBack(v, begin))
	if r.Verified = v.Records; err != nil {
		r.Error = err.Error()
	}
	return errors.Join(err, r.print(os.Stdout, s.asJSON))
}

// lookBack saves the book and verifies, as the flags say.
func (s *settings) lookBack(v *verifier, begin ends) error {
	if s.book == "" && !s.verify {
		return nil
	}
	end, err := v.arrived(begin)
	if err != nil {
		return err
	}
	if s.book != "" {
		if err := v.book.save(s.book, begin, end); err != nil {
			return err
		}
	}
	if !s.verify {
		return nil
	}
	fmt.Fprintf(os.Stderr, "reading %d events back\n", v.book.ackedEvents.Load())
	v.between(begin, end)
	return v.report()
}

// report verifies, and tells the first violations.
func (v *verifier) report() error {
	err := v.run()
	for _, p := range v.First {
		fmt.Fprintln(os.Stderr, "violation:", p)
	}
	if want := v.book.ackedEvents.Load() + v.book.keptEvents; err == nil && v.Records != want {
		err = fmt.Errorf("%d records were read where %d events must be: did retention remove some?", v.Records, want)
	}
	return err
}

func verifyCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:     "verify",
		Short:   "Read back what an earlier load run --book sent, and compare",
		Example: "  load run --events 1000000 --book sent.json && load verify --book sent.json --admin http://127.0.0.1:9600",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b, begin, end, err := openBook(s.book)
			if err != nil {
				return err
			}
			v := newVerifier(b, strings.TrimSuffix(s.admin, "/"), maphash.MakeSeed())
			v.between(begin, end)
			if err := v.report(); err != nil {
				return failed(err)
			}
			fmt.Printf("verified %d records: %d acknowledged events and %d of unknown fate, each once, in order of its key, byte for byte\n",
				v.Records, b.ackedEvents.Load(), b.keptEvents)
			return nil
		},
	}
	s.adminFlag(c)
	c.Flags().StringVar(&s.book, "book", "", "the file that load run --book wrote")
	if err := c.MarkFlagRequired("book"); err != nil {
		panic("BUG: " + err.Error())
	}
	return c
}

func selfCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:     "self",
		Short:   "Start a server of its own, load it, read everything back, compare, stop it",
		Example: "  load self --bin ./penstock --events 5000000",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w, sh, err := s.build()
			if err != nil {
				return err
			}
			sv, err := newServer(s.bin, s.serverFlags...)
			if err != nil {
				return err
			}
			return s.cleanUp(sv, s.self(w, sh, sv))
		},
	}
	s.workloadFlags(c, 4, 256, 64, time.Second)
	s.loadFlags(c, true)
	s.serverFlag(c)
	return c
}

func (s *settings) self(w *workload, sh *shape, sv *server) error {
	if err := sv.launch(); err != nil {
		return err
	}
	if err := sv.awaitReady(readyMost); err != nil {
		return err
	}
	s.pid = sv.PID()
	if err := s.drive(w, sh, sv.http, sv.admin); err != nil {
		return err
	}
	return sv.Stop()
}

// cleanUp ends the server and removes its directory, unless that tells what went wrong.
func (s *settings) cleanUp(sv *server, err error) error {
	switch {
	case err != nil:
		err = fmt.Errorf("%w\nthe data and the server's log are in %s", err, sv.home)
	case s.keep:
		fmt.Fprintln(os.Stderr, "kept", sv.home)
	}
	return failed(errors.Join(err, sv.end(err != nil || s.keep)))
}

func tortureCommand() *cobra.Command {
	var s settings
	var cycles, recheck int
	c := &cobra.Command{
		Use:     "torture",
		Short:   "Kill a server of its own under load, or cut its power, again and again, and prove that nothing acknowledged is lost",
		Example: "  load torture --bin ./penstock --cycles 500 --seed 7\n  load torture --bin ./penstock --power shutdown --fs xfs",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, sh, err := s.build()
			switch {
			case err != nil:
				return err
			case s.ack == "ring":
				return errors.New("--ack ring promises nothing that a kill could break, so there is nothing to prove")
			case cycles < 1 || recheck < 0:
				return errors.New("--cycles must be at least 1, and --recheck not below 0")
			case s.power != "" && s.power != "shutdown" && s.power != "fuse":
				return fmt.Errorf("--power must be shutdown or fuse, not %q", s.power)
			case mkfs[s.fs] == nil:
				return fmt.Errorf("--fs must be ext4 or xfs, not %q", s.fs)
			case s.power == "fuse" && s.fs != "ext4":
				return errors.New("--power fuse goes with --fs ext4 only: xfs does not itself survive blocks that are torn by sectors")
			}
			torture := func() error { return s.torture(w, sh, cycles, recheck) }
			if s.power == "" {
				return torture()
			}
			if !c.Flags().Changed("serve") {
				s.serverFlags = serveOnDisk
			}
			return withOwnMounts(torture)
		},
	}
	s.workloadFlags(c, 2, 64, 16, 20*time.Millisecond)
	s.serverFlag(c, "--segment-bytes=2MiB", "--shards=2", "--retention-bytes=2GiB")
	s.powerFlags(c)
	c.Flags().IntVar(&cycles, "cycles", 500, "how often to kill it, or to cut its power")
	c.Flags().IntVar(&recheck, "recheck", 200, "read everything that is kept again after so many cycles; 0: only at the end")
	return c
}

func (s *settings) torture(w *workload, sh *shape, cycles, recheck int) error {
	sv, err := newServer(s.bin, s.serverFlags...)
	if err != nil {
		return err
	}
	d, err := s.withDisk(sv)
	if err != nil {
		return errors.Join(err, sv.end(false))
	}
	fmt.Fprintf(os.Stderr, "seed %d, the data is in %s\n", s.seed, sv.home)
	t := newTorture(w, sh, sv, os.Stderr)
	t.cycles, t.connections, t.recheck, t.disk = cycles, s.connections, recheck, d
	if d != nil {
		t.sum.Power, t.sum.FS = s.power, s.fs
	}
	if err = t.run(); err != nil {
		t.sum.Error = err.Error()
		err = fmt.Errorf("%w\nto do the same again: %s", err, strings.Join(os.Args, " "))
	}
	err = errors.Join(err, t.sum.print(os.Stdout, s.asJSON))
	if d != nil {
		err = errors.Join(err, sv.end(true), d.close())
	}
	return s.cleanUp(sv, err)
}
