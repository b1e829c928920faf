package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"penstock/appliance"
	"penstock/appliance/config"
	"penstock/tuning"
)

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the appliance",
		Long: `Run the appliance until it is told to stop.

Every setting is a flag, a variable of the environment (--data-dir is PENSTOCK_DATA_DIR) and a key of the --config file (data-dir);
a flag wins over the environment, the environment over the file, the file over the default. Where the appliance listens in the end
stands in addresses.json in its data directory.

TERM and INT stop it: it takes no more, finishes what it has begun, syncs, and exits with 0 within --shutdown-timeout. A second
one ends it at once with 1; what was acknowledged is safe then too. HUP reads the certificate's files again.

` + exitCodesHelp,
		Example: `  penstock serve
  penstock serve --data-dir /var/lib/penstock --http :8080 --https :8443 --retention 2d
  penstock serve --config /etc/penstock.yaml --ack log`,
		Args: cobra.NoArgs,
	}
	load := addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		e, err := load()
		if err != nil {
			return err
		}
		return serve(e, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func serve(e *config.Effective, stdout, stderr io.Writer) error {
	log := newLogger(&e.Config, stderr)
	for _, warning := range e.Warnings {
		log.Warn(warning)
	}
	if limit := tuning.LimitMemory(); limit > 0 {
		log.Info("the runtime's memory is limited to nine tenths of the control group's", "bytes", limit)
	}
	var running atomic.Pointer[appliance.Appliance]
	ctx, release := onSignals(log, running.Load)
	defer release()
	a, err := appliance.Open(e.Config, log)
	if err != nil {
		return err
	}
	running.Store(a)
	greet(stdout, a, &e.Config)
	if err := a.Run(ctx); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// onSignals returns a context that ends with the first TERM or INT; the second ends the process. HUP reloads what runs by then.
func onSignals(log *slog.Logger, running func() *appliance.Appliance) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			var s os.Signal
			select {
			case s = <-signals:
			case <-done:
				return
			}
			switch {
			case s == syscall.SIGHUP:
				reload(log, running())
			case ctx.Err() != nil:
				log.Error("told to stop again: ending at once", "signal", s.String())
				os.Exit(exitFailed)
			default:
				log.Info("told to stop", "signal", s.String())
				cancel()
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

func reload(log *slog.Logger, a *appliance.Appliance) {
	if a == nil {
		log.Warn("nothing to reload yet: the logs are being opened")
		return
	}
	if err := a.Reload(); err != nil {
		log.Error("the certificate could not be read again; the one in use stays", "error", err)
		return
	}
	log.Info("the certificate was read again")
}

// newLogger writes to stderr. auto is text; under journald, which has its own clock, without the time.
func newLogger(c *config.Config, stderr io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		panic("BUG: config let the log level " + c.LogLevel + " through")
	}
	options := &slog.HandlerOptions{Level: level}
	switch {
	case c.LogFormat == "json":
		return slog.New(slog.NewJSONHandler(stderr, options))
	case c.LogFormat == "auto" && os.Getenv("JOURNAL_STREAM") != "":
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	return slog.New(slog.NewTextHandler(stderr, options))
}

// ackMeanings say what a reply is worth.
var ackMeanings = map[string]string{
	"disk": "a reply means on disk: it survives power loss",
	"log":  "a reply means in the log: it survives a kill, not power loss",
	"ring": "a reply means in memory: it survives nothing",
}

// greet tells the person at the terminal where everything is. It goes to stdout, apart from the log.
func greet(w io.Writer, a *appliance.Appliance, c *config.Config) {
	at := a.Addresses()
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		dir = c.DataDir
	}
	held := a.Held()
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-8s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "penstock %s is open (process %d)\n", appliance.Release, at.PID)
	for _, l := range []struct{ name, at string }{{"http", at.HTTP}, {"https", at.HTTPS}} {
		if l.at != "" {
			line(l.name, "%s://%s", l.name, l.at)
		}
	}
	for _, l := range []struct{ name, at, what string }{{"telnet", at.Telnet, "put lines"}, {"graphite", at.Graphite, "lines, TCP and UDP"}, {"pickle", at.Pickle, "TCP and UDP"},
		{"kafka", at.Kafka, "Kafka clients"}} {
		if l.at != "" {
			line(l.name, "%s (%s)", l.at, l.what)
		}
	}
	if at.Admin != "" {
		line("admin", "http://%s", at.Admin)
	}
	line("data", "%s: %d records of %d topics in %d shards", dir, held.Records, held.Topics, held.Shards)
	line("ack", "%s: %s", c.Ack, ackMeanings[c.Ack])
	line("keeps", "%s", config.FormatDuration(c.Retention))
	if at.HTTP != "" {
		line("try", "curl -H 'topic: clicks' -d '{\"user\":\"u42\"}' http://%s/add_events", at.HTTP)
	}
}
