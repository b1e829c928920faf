package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// settings are what the flags say.
type settings struct {
	seed         uint64
	topics, keys int
	sizes        string
	mix          string
	batchBytes   int
	gzip         float64
	ack          string
	timeout      time.Duration
	retryMax     time.Duration
	connections  int
	asJSON       bool

	events int64
	verify bool
	book   string

	url, admin string
	pid        int

	power, fs string
	fuseblk   string

	bin         string
	keep        bool
	serverFlags []string
}

// workloadFlags say what is sent and how.
func (s *settings) workloadFlags(c *cobra.Command, topics, keys, connections int, retryMax time.Duration) {
	f := c.Flags()
	f.Uint64Var(&s.seed, "seed", 1, "everything random follows from it")
	f.IntVar(&s.topics, "topics", topics, "topics, named load-0, load-1, …")
	f.IntVar(&s.keys, "keys", keys, "shard keys in each topic; each belongs to one connection")
	f.StringVar(&s.sizes, "sizes", "50-8192", "bytes of an event, MIN-MAX; small ones are more frequent")
	f.StringVar(&s.mix, "mix", "single=0.6,ndjson=0.3,array=0.07,get=0.03", "parts of the requests")
	f.IntVar(&s.batchBytes, "batch-bytes", 64<<10, "a batch has a random size below this")
	f.Float64Var(&s.gzip, "gzip", 0.25, "part of the batches that is compressed, a quarter of those as deflate")
	f.StringVar(&s.ack, "ack", "", "ask for a policy: disk, log or ring; empty: the server's own")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "how long a request may take, retries after 503 included")
	f.DurationVar(&s.retryMax, "retry-max", retryMax, "the longest that a 503's Retry-After is heeded")
	f.IntVar(&s.connections, "connections", connections, "connections, each in a closed loop")
	f.BoolVar(&s.asJSON, "json", false, "report as JSON")
}

// loadFlags say how much is sent, and what happens then.
func (s *settings) loadFlags(c *cobra.Command, verify bool) {
	c.Flags().Int64Var(&s.events, "events", 1_000_000, "how many events to send; 0: until interrupted")
	c.Flags().BoolVar(&s.verify, "verify", verify, "read everything back and compare")
	c.Flags().StringVar(&s.book, "book", "", "write what was sent to this file, for load verify")
}

func (s *settings) adminFlag(c *cobra.Command) {
	c.Flags().StringVar(&s.admin, "admin", "http://127.0.0.1:9600", "the server's admin listener")
}

// serverFlag says which binary to run and how.
func (s *settings) serverFlag(c *cobra.Command, flags ...string) {
	c.Flags().StringVar(&s.bin, "bin", "./penstock", "the binary to run")
	c.Flags().BoolVar(&s.keep, "keep", false, "keep the data directory")
	c.Flags().StringArrayVar(&s.serverFlags, "serve", flags, "a flag for penstock serve, as in --serve=--segment-bytes=8MiB; may be repeated, and replaces the default")
}

// powerFlags say what is cut off, and how.
func (s *settings) powerFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.power, "power", "", `cut the power instead of killing: "shutdown" ends the file system under the server, "fuse" takes its disk away and leaves of what was not flushed a random half of the sectors; needs root`)
	f.StringVar(&s.fs, "fs", "ext4", "with --power: the file system, ext4 or xfs")
	f.StringVar(&s.fuseblk, "fuseblk", "./fuseblk", "with --power fuse: the program that plays the disk, built by `go build -C benchmarks/fuseblk -o $PWD/fuseblk .`")
}

// serveOnDisk is what penstock serve is told, if nothing else, when its data lies on a small disk of its own.
var serveOnDisk = []string{"--segment-bytes=2MiB", "--shards=2", "--retention-bytes=64MiB", "--min-free-bytes=1MiB"}

// withDisk gives the server a disk whose power can be cut, as the flags say; none when they say nothing.
func (s *settings) withDisk(sv *server) (disk, error) {
	var d disk
	var err error
	switch s.power {
	case "":
		return nil, nil
	case "shutdown":
		d, err = newShutdownDisk(s.fs, sv.home, s.seed)
	default:
		d, err = newFuseDisk(s.fuseblk, s.fs, sv.home, s.seed)
	}
	if err != nil {
		return nil, lacking{fmt.Errorf("no disk whose power can be cut: %w", err)}
	}
	sv.dir = filepath.Join(sv.home, "disk", "data")
	return d, nil
}

// build makes the workload and the shape of its requests from the flags.
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
	sh := &shape{BatchBytes: s.batchBytes, Gzip: s.gzip, Ack: s.ack, Timeout: s.timeout, RetryMax: s.retryMax}
	if err := sh.parts(s.mix); err != nil {
		return nil, nil, err
	}
	switch {
	case s.batchBytes < 1 || s.batchBytes > 512<<10:
		return nil, nil, fmt.Errorf("--batch-bytes must be 1 to %d, as a server takes 1 MiB at a time", 512<<10)
	case s.connections < 1 || s.connections > s.keys:
		return nil, nil, fmt.Errorf("--connections must be 1 to the number of --keys, as each key belongs to one of them")
	case s.gzip < 0 || s.gzip > 1:
		return nil, nil, fmt.Errorf("--gzip must be 0 to 1, not %g", s.gzip)
	case s.ack != "" && s.ack != "disk" && s.ack != "log" && s.ack != "ring":
		return nil, nil, fmt.Errorf("--ack must be disk, log, ring or empty, not %q", s.ack)
	case s.timeout <= 0 || s.timeout > latencyMax*time.Microsecond:
		return nil, nil, fmt.Errorf("--timeout must be above 0 and at most %v", latencyMax*time.Microsecond)
	case s.events < 0:
		return nil, nil, fmt.Errorf("--events must not be below 0")
	case s.retryMax <= 0:
		return nil, nil, fmt.Errorf("--retry-max must be above 0")
	}
	return w, sh, nil
}

// parts takes the kinds of requests and their parts of all from a text as single=0.6,ndjson=0.4.
func (sh *shape) parts(text string) error {
	parts := map[string]*float64{"single": &sh.Single, "ndjson": &sh.NDJSON, "array": &sh.Array, "get": &sh.Get}
	sum := 0.0
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		x, err := strconv.ParseFloat(value, 64)
		if parts[name] == nil || err != nil || !(x >= 0) {
			return fmt.Errorf("--mix %q: %q is not single=, ndjson=, array= or get= with a part of 1", text, part)
		}
		*parts[name] = x
		sum += x
	}
	if sum < 0.999 || sum > 1.001 {
		return fmt.Errorf("--mix %q: the parts make %g, not 1", text, sum)
	}
	return nil
}
