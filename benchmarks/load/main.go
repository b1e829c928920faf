// Command load posts real-shaped events to a running Penstock, reads them back and compares; or runs the binary itself and kills it under
// load. `load --help` lists its verbs.
package main

import (
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:           "load",
		Short:         "Load, verify and torture a Penstock",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(runCommand(), selfCommand(), tortureCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// settings are the flags that all verbs share.
type settings struct {
	seed                 uint64
	topics, keys         int
	sizes                string
	connections          int
	mix                  string
	batchBytes           int
	gzip                 float64
	ack                  string
	timeout              time.Duration
	bin                  string
	keep, verify, asJSON bool
	events               int64
	serverFlags          []string
}

func (s *settings) flags(c *cobra.Command) {
	f := c.Flags()
	f.Uint64Var(&s.seed, "seed", 1, "everything random follows from it")
	f.IntVar(&s.topics, "topics", 4, "topics, named load-0, load-1, …")
	f.IntVar(&s.keys, "keys", 256, "shard keys in each topic; each belongs to one connection")
	f.StringVar(&s.sizes, "sizes", "50-8192", "bytes of an event, MIN-MAX; small ones are more frequent")
	f.StringVar(&s.mix, "mix", "single=0.6,ndjson=0.3,array=0.07,get=0.03", "parts of the requests")
	f.IntVar(&s.batchBytes, "batch-bytes", 64<<10, "a batch has a random size below this")
	f.Float64Var(&s.gzip, "gzip", 0.25, "part of the batches that is compressed")
	f.StringVar(&s.ack, "ack", "", "ask for a policy: disk, log or ring; empty: the server's own")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "how long a request may take")
}

func (s *settings) build() (*workload, *shape, error) {
	low, high, found := strings.Cut(s.sizes, "-")
	sizeMin, err1 := strconv.Atoi(low)
	sizeMax, err2 := strconv.Atoi(high)
	if !found || err1 != nil || err2 != nil {
		return nil, nil, fmt.Errorf("--sizes %q is not MIN-MAX, as in 50-8192", s.sizes)
	}
	w := newWorkload(s.seed, s.topics, s.keys, sizeMin, sizeMax)
	if err := w.validate(); err != nil {
		return nil, nil, err
	}
	sh := &shape{BatchBytes: s.batchBytes, Gzip: s.gzip, Ack: s.ack, Timeout: s.timeout}
	parts := map[string]*float64{"single": &sh.Single, "ndjson": &sh.NDJSON, "array": &sh.Array, "get": &sh.Get}
	sum := 0.0
	for _, part := range strings.Split(s.mix, ",") {
		name, value, _ := strings.Cut(part, "=")
		x, err := strconv.ParseFloat(value, 64)
		if parts[name] == nil || err != nil || x < 0 {
			return nil, nil, fmt.Errorf("--mix %q: %q is not single=, ndjson=, array= or get= with a part of 1", s.mix, part)
		}
		*parts[name] = x
		sum += x
	}
	if sum < 0.999 || sum > 1.001 {
		return nil, nil, fmt.Errorf("--mix %q: the parts make %g, not 1", s.mix, sum)
	}
	if s.batchBytes < 1 || s.batchBytes > 512<<10 {
		return nil, nil, fmt.Errorf("--batch-bytes must be 1 to %d, as a server takes 1 MiB at a time", 512<<10)
	}
	if s.connections < 1 || s.connections > s.keys {
		return nil, nil, fmt.Errorf("--connections must be 1 to the number of --keys, as each key belongs to one of them")
	}
	return w, sh, nil
}

func runCommand() *cobra.Command {
	var s settings
	var url, admin string
	var pid int
	c := &cobra.Command{
		Use:     "run",
		Short:   "Post events to a running server",
		Example: "  load run --url http://127.0.0.1:8080 --admin http://127.0.0.1:9600 --events 1000000 --verify",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w, sh, err := s.build()
			if err != nil {
				return err
			}
			if err := createTopics(w, strings.TrimSuffix(admin, "/")); err != nil {
				return err
			}
			return drive(w, sh, &s, strings.TrimPrefix(url, "http://"), strings.TrimSuffix(admin, "/"), pid)
		},
	}
	s.flags(c)
	runFlags(c, &s)
	c.Flags().StringVar(&url, "url", "http://127.0.0.1:8080", "the server's http listener")
	c.Flags().StringVar(&admin, "admin", "http://127.0.0.1:9600", "the server's admin listener")
	c.Flags().IntVar(&pid, "pid", 0, "the server's process, to measure its CPU time")
	return c
}

func runFlags(c *cobra.Command, s *settings) {
	c.Flags().Int64Var(&s.events, "events", 1_000_000, "how many events to send")
	c.Flags().IntVar(&s.connections, "connections", 64, "connections, each in a closed loop")
	c.Flags().BoolVar(&s.verify, "verify", false, "read everything back and compare (the topics must be new)")
	c.Flags().BoolVar(&s.asJSON, "json", false, "report as JSON")
}

// drive runs the load, verifies if asked, and reports.
func drive(w *workload, sh *shape, s *settings, addr, admin string, pid int) error {
	b := newBook(w)
	cpu, began := cpuSeconds(pid), time.Now()
	sum, err := load(w, sh, b, addr, s.connections, s.events, nil, os.Stderr)
	took := time.Since(began)
	if err != nil {
		return err
	}
	r := newReport(w.Seed, s.connections, sum, took, cpuSeconds(pid)-cpu)
	if s.verify {
		fmt.Fprintf(os.Stderr, "\nreading %d events back\n", sum.events)
		v := newVerifier(w, b, admin, maphash.MakeSeed())
		err := v.run()
		for _, p := range v.First {
			fmt.Fprintln(os.Stderr, "violation:", p)
		}
		if err != nil {
			return err
		}
		if v.Records != sum.events {
			return fmt.Errorf("%d events were acknowledged and %d records are there: are the topics new?", sum.events, v.Records)
		}
		r.Verified = v.Records
	}
	return r.print(os.Stdout, s.asJSON)
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
	s.flags(c)
	runFlags(c, &s)
	s.serverFlag(c)
	s.verify = true
	return c
}

func (s *settings) serverFlag(c *cobra.Command) {
	c.Flags().StringVar(&s.bin, "bin", "./penstock", "the binary to run")
	c.Flags().BoolVar(&s.keep, "keep", false, "keep the data directory")
	c.Flags().StringArrayVar(&s.serverFlags, "serve", nil, "a flag for penstock serve, as in --serve=--segment-bytes=8MiB; may be repeated")
}

func (s *settings) self(w *workload, sh *shape, sv *server) error {
	s.verify = true
	if err := sv.launch(); err != nil {
		return err
	}
	if err := sv.awaitReady(30 * time.Second); err != nil {
		return err
	}
	if err := createTopics(w, sv.admin); err != nil {
		return err
	}
	if err := drive(w, sh, s, sv.http, sv.admin, sv.cmd.Process.Pid); err != nil {
		return err
	}
	return sv.stop()
}

// cleanUp removes the server's directory, unless it tells what went wrong.
func (s *settings) cleanUp(sv *server, err error) error {
	dir := filepath.Dir(sv.dir)
	if err != nil {
		if sv.cmd != nil && sv.cmd.ProcessState == nil {
			sv.cmd.Process.Kill()
			_ = sv.cmd.Wait()
		}
		return fmt.Errorf("%w\nthe data and the server's log are in %s", err, dir)
	}
	if s.keep {
		fmt.Fprintln(os.Stderr, "kept", dir)
		return nil
	}
	return os.RemoveAll(dir)
}

func tortureCommand() *cobra.Command {
	var s settings
	var cycles int
	c := &cobra.Command{
		Use:     "torture",
		Short:   "Kill a server of its own under load, again and again, and prove that nothing acknowledged is lost",
		Example: "  load torture --bin ./penstock --cycles 500 --seed 7",
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
			t := &torture{w: w, shape: sh, cycles: cycles, connections: s.connections, server: sv, out: io.Writer(os.Stdout)}
			return s.cleanUp(sv, t.run())
		},
	}
	s.flags(c)
	s.serverFlag(c)
	c.Flags().IntVar(&cycles, "cycles", 500, "how often to kill it")
	c.Flags().IntVar(&s.connections, "connections", 16, "connections, each in a closed loop")
	c.Flags().Lookup("topics").DefValue, s.topics = "2", 2
	c.Flags().Lookup("keys").DefValue, s.keys = "64", 64
	s.serverFlags = []string{"--segment-bytes=2MiB", "--shards=2"}
	return c
}
