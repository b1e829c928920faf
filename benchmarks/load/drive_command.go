package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"penstock/benchmarks/load/drive"
	"penstock/benchmarks/load/page"
	"penstock/benchmarks/load/report"
	"penstock/benchmarks/load/wires"
)

// driveFlags are what load drive was told.
type driveFlags struct {
	to, wire, name  string
	size, batch     string
	path, key, ack  string
	headers, failIf []string
	topics          int
	acks            string
	arrivals        string
	insecure        bool
	jsonFile        string
	htmlFile        string
	quiet           bool
	pool            wires.Settings
	drive           drive.Settings
	bounds          []report.Bound
	out             io.Writer // for the report
}

const driveExample = `  # as much as the server bears: 64 KiB batches over 16 connections, the server's CPU time measured
  load drive --wire interana-ndjson --to http://127.0.0.1:8080 --connections 16 --pid $(pidof penstock)

  # 20,000 requests a second, however they are answered; a report to look at; fails when the tail is too long
  load drive --wire interana-single --size 200 --rate 20000 --connections 256 --html out.html \
      --fail-if 'p99.9>20ms' --fail-if 'errors>0' --fail-if 'p99.9>20xp50'

  # another server that speaks the wire: VictoriaMetrics' OpenTSDB telnet, carbon's pickle receiver, a Kafka broker
  load drive --wire kairosdb-telnet --to 127.0.0.1:4242 --connections 8
  load drive --wire graphite-pickle --to 127.0.0.1:2004 --batch 500
  load drive --wire kafka --to 127.0.0.1:9092 --batch 64KiB --pipeline 5

  # one event a request, 16 under way on each connection, users as skewed as in life, two fifths by GET
  load drive --wire interana-single=0.6,interana-get=0.4 --pipeline 16 --zipf 1.1 --keys 100000

  # several reports in one plot
  load drive --wire interana-single --rate 5000 --name ours --json a.json
  load drive --wire interana-single --rate 5000 --name bare --json b.json --to http://127.0.0.1:8081
  load report a.json b.json --html both.html`

func driveCommand() *cobra.Command {
	var f driveFlags
	c := &cobra.Command{
		Use:   "drive",
		Short: "Put load on any server that speaks one of the wires, and measure it",
		Long: `Put load on any server that speaks one of the wires, and measure it.

Without --rate the loop is closed: each connection sends when an earlier request is answered, as fast as the server bears. With --rate it is
open: requests are due at times of their own, and a latency counts from when the request was due, sent or not, so a stall shows in the
latency of all that it held up (no coordinated omission). What is due when every connection waits is sent when one is free.

429 and 503, and Kafka's "try again", are counted apart from errors, and are not sent again. Wires of lines have no answers: what was sent
is counted, the end of the run waits until the server has read all, and no latency is known; look at the server's CPU time (--pid).

A pool of requests is made first, from the seed, and sent again and again; the same points and events arrive many times.

Wires:
` + wireTable(),
		Example: driveExample,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.out = c.OutOrStdout()
			if err := f.read(); err != nil {
				return err
			}
			ctx, restore := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer restore()
			return failed(f.run(ctx))
		},
	}
	f.define(c)
	return c
}

func wireTable() string {
	var b strings.Builder
	for _, w := range wires.All {
		fmt.Fprintf(&b, "  %-16s %s (%s)\n", w.Name, w.About, w.Address)
	}
	return b.String()
}

// define defines the flags.
func (f *driveFlags) define(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.wire, "wire", "interana-ndjson", "what is sent: a wire of the list above, or several as A=0.7,B=0.3 where they travel alike")
	fl.StringVar(&f.to, "to", "", "the server: http://HOST:PORT, https://HOST:PORT, or HOST:PORT; empty: the wire's usual port on this machine")
	fl.StringVar(&f.name, "name", "", "the run's name in reports; empty: the target and the wire")
	fl.IntVar(&f.drive.Connections, "connections", 16, "connections, up to tens of thousands")
	fl.IntVar(&f.drive.Pipeline, "pipeline", 1, "requests that may wait for answers on each connection")
	fl.Float64Var(&f.drive.Rate, "rate", 0, "requests a second, in an open loop; 0: a closed loop, as fast as the server bears")
	fl.StringVar(&f.arrivals, "arrivals", "even", "with --rate: even, or random (a Poisson process)")
	fl.DurationVar(&f.drive.Warmup, "warmup", 2*time.Second, "how long to load before measuring")
	fl.DurationVar(&f.drive.Duration, "duration", 10*time.Second, "how long to measure")
	fl.Int64Var(&f.drive.Requests, "requests", 0, "end after so many requests, those of the warm-up included, instead of --duration")
	fl.DurationVar(&f.drive.Timeout, "timeout", 10*time.Second, "how long connecting, and an answer, may take")
	fl.DurationVar(&f.drive.Pause, "pause", 10*time.Millisecond, "how long a connection of a closed loop is silent after it was told to try again")
	fl.IntVar(&f.drive.PID, "pid", 0, "the server's process, to measure its CPU time")
	fl.Uint64Var(&f.pool.Seed, "seed", 1, "everything random follows from it")
	fl.StringVar(&f.size, "size", "", "bytes of an event or a line, N or MIN-MAX, small ones more frequent; empty: what the wire usually has")
	fl.StringVar(&f.batch, "batch", "", "what a request holds: items as 100 or 1-500, or bytes as 64KiB or 1KiB-64KiB; empty: what the wire usually has")
	fl.IntVar(&f.topics, "topics", 1, "topics, named load-0, load-1, …, where the wire names them")
	fl.IntVar(&f.pool.Keys, "keys", 10_000, "users, or series")
	fl.Float64Var(&f.pool.Zipf, "zipf", 0, "how skewed the keys are: key n has a part of 1/n^S; 0: all the same")
	fl.Float64Var(&f.pool.Gzip, "gzip", 0, "part of the requests that is compressed")
	fl.IntVar(&f.pool.Requests, "pool", 1024, "different requests, made before the load begins")
	fl.StringVar(&f.ack, "ack", "", "HTTP: ask for a policy with Penstock-Ack: disk, log or ring")
	fl.StringVar(&f.acks, "kafka-acks", "all", "Kafka: all, 1 or 0 (which is not answered)")
	fl.StringVar(&f.key, "key", "", "HTTP: the wire's key, token or write key, in its usual place")
	fl.StringVar(&f.path, "path", "", "HTTP: another path than the wire's own")
	fl.StringArrayVar(&f.headers, "header", nil, "HTTP: one more line of the head, as 'Name: value'; may be repeated")
	fl.BoolVar(&f.insecure, "insecure", false, "take any certificate")
	fl.StringArrayVar(&f.failIf, "fail-if", nil, "exit with 1 when this is so, as 'p99.9>20ms'; may be repeated. "+report.BoundHelp)
	fl.StringVar(&f.jsonFile, "json", "", "write the report as JSON to this `FILE`; - is standard output")
	fl.StringVar(&f.htmlFile, "html", "", "write the report as a page to this `FILE`")
	fl.BoolVar(&f.quiet, "quiet", false, "no progress line")
}

// read checks what was told and makes of it what the packages below need.
func (f *driveFlags) read() (err error) {
	p := &f.pool
	if p.Mix, err = wires.ParseMix(f.wire); err != nil {
		return err
	}
	if err = f.target(); err != nil {
		return err
	}
	if f.size != "" {
		if p.Size, _, err = wires.ParseSpan(f.size); err != nil {
			return fmt.Errorf("--size %q: %w", f.size, err)
		}
	}
	if f.batch != "" {
		if p.Batch, err = wires.ParseBatch(f.batch); err != nil {
			return fmt.Errorf("--batch %q: %w", f.batch, err)
		}
	}
	for _, h := range f.headers {
		if name, _, ok := strings.Cut(h, ":"); !ok || name == "" || strings.ContainsAny(h, "\r\n") {
			return fmt.Errorf("--header %q is not 'Name: value'", h)
		}
	}
	if strings.ContainsAny(f.path+f.key+f.ack, " \r\n") || f.path != "" && f.path[0] != '/' {
		return errors.New("--path begins with a slash, and neither it nor --key nor --ack has a space")
	}
	if f.topics < 1 || f.topics > 10_000 {
		return errors.New("--topics must be 1 to 10,000")
	}
	for n := range f.topics {
		p.Topics = append(p.Topics, fmt.Sprintf("load-%d", n))
	}
	p.Path, p.Headers, p.Key, p.Ack = f.path, f.headers, f.key, f.ack
	d := &f.drive
	d.Transport, d.Seed = p.Mix.Transport(), p.Seed
	if d.Requests > 0 {
		d.Duration = 0
	}
	switch f.arrivals {
	case "even", "random":
		d.Poisson = f.arrivals == "random"
	default:
		return fmt.Errorf("--arrivals is even or random, not %q", f.arrivals)
	}
	switch f.acks {
	case "all", "1", "0":
		p.Acks = map[string]int16{"all": -1, "1": 1, "0": 0}[f.acks]
		d.Silent = d.Transport == wires.Kafka && p.Acks == 0
	default:
		return fmt.Errorf("--kafka-acks is all, 1 or 0, not %q", f.acks)
	}
	return errors.Join(f.readBounds(), d.Validate())
}

func (f *driveFlags) readBounds() error {
	for _, text := range f.failIf {
		b, err := report.ParseBound(text)
		if err == nil {
			err = b.Possible(f.answered(), f.drive.PID != 0)
		}
		if err != nil {
			return err
		}
		f.bounds = append(f.bounds, b)
	}
	return nil
}

func (f *driveFlags) answered() bool { return f.drive.Transport.Answers() && !f.drive.Silent }

// target finds out where to and how.
func (f *driveFlags) target() error {
	address := f.to
	if address == "" {
		address = f.pool.Mix[0].Wire.Address
	}
	if scheme, _, ok := strings.Cut(address, "://"); ok {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || scheme != "http" && scheme != "https" && scheme != "tls" {
			return fmt.Errorf("--to %q is not http://HOST:PORT, https://HOST:PORT, tls://HOST:PORT or HOST:PORT; a path goes to --path", f.to)
		}
		if address = u.Host; u.Port() == "" {
			address = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[scheme])
		}
		if scheme != "http" {
			f.drive.TLS = &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: f.insecure, MinVersion: tls.VersionTLS12}
		}
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return fmt.Errorf("--to %q names no host and port", f.to)
	}
	f.drive.Address, f.pool.Host = address, address
	return nil
}

// run makes the requests, drives them, and reports.
func (f *driveFlags) run(ctx context.Context) error {
	f.pool.Now = time.Now()
	if f.drive.Transport == wires.Kafka {
		var err error
		if f.pool.Partitions, err = drive.Partitions(ctx, f.drive.Address, f.drive.TLS, f.pool.Topics); err != nil {
			return err
		}
	}
	r, err := f.measure(ctx)
	if err != nil {
		return err
	}
	err = r.Hold(f.bounds)
	return errors.Join(err, f.publish(r))
}

// measure makes the requests and drives them.
func (f *driveFlags) measure(ctx context.Context) (*report.Run, error) {
	var err error
	if f.drive.Pool, err = wires.Pool(f.pool); err != nil {
		return nil, err
	}
	if !f.quiet {
		p := newProgress(os.Stderr, &f.drive)
		f.drive.Progress = p.show
		defer p.end()
	}
	r, err := drive.Run(ctx, f.drive)
	if err != nil {
		return nil, err
	}
	f.describe(r)
	return r, nil
}

// describe puts what was asked for into a report.
func (f *driveFlags) describe(r *report.Run) {
	d, p := &f.drive, &f.pool
	scheme := ""
	switch {
	case d.Transport == wires.HTTP && d.TLS != nil:
		scheme = "https://"
	case d.Transport == wires.HTTP:
		scheme = "http://"
	case d.TLS != nil:
		scheme = "tls://"
	case d.Transport == wires.Datagrams:
		scheme = "udp://"
	}
	s := report.Settings{
		To: scheme + d.Address, Wire: p.Mix.String(), Item: p.Mix.Item(), Answered: f.answered(), Loop: "closed", Connections: d.Connections,
		Pipeline: d.Pipeline, Warmup: d.Warmup.Seconds(), Duration: d.Duration.Seconds(), Requests: d.Requests, Seed: p.Seed,
		Keys: p.Keys, Zipf: p.Zipf, Size: p.Mix.Size(p.Size), Batch: p.Mix.Batch(p.Batch), Gzip: p.Gzip, Ack: f.ack, Pool: len(d.Pool),
	}
	if d.Rate > 0 {
		s.Loop, s.Rate, s.Arrivals = "open", d.Rate, f.arrivals
	}
	if d.Transport == wires.Kafka {
		s.Ack = f.acks
	}
	for i := range d.Pool {
		s.PoolBytes += int64(len(d.Pool[i].Bytes))
	}
	r.Settings = s
	if r.Name = f.name; r.Name == "" {
		r.Name = s.Wire + " to " + s.To
	}
}

// publish writes the report wherever it was asked for.
func (f *driveFlags) publish(r *report.Run) error {
	var errs []error
	if f.jsonFile != "-" {
		errs = append(errs, r.Print(f.out))
	}
	if f.jsonFile != "" {
		errs = append(errs, r.Write(f.jsonFile))
	}
	if f.htmlFile != "" {
		errs = append(errs, page.Write(f.htmlFile, page.Runs{Runs: []*report.Run{r}}))
	}
	return errors.Join(errs...)
}
