package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const (
	urlDefault = "http://127.0.0.1:8080"
	urlEnv     = "PENSTOCK_URL"
	keyEnv     = "PENSTOCK_KEY"
)

func newSendCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Send over one of the wires: for demonstrations, tests and scripts",
		Long: `Send over one of the wires, from standard input or a file: to this appliance, or to any other server that speaks the wire.

What is refused is told with the server's own words, and the exit code is 1. "Try again" (429, 503) is obeyed, --retries times.`,
		Example: `  echo '{"user":"u42"}' | penstock send interana --topic clicks
  penstock send stackstate metric test.metric 10 --tag env:prod
  printf 'hello\nworld\n' | penstock send splunk post-events --tenant acme --host h --format raw`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := cmd.PersistentFlags()
	f.String("url", "", fmt.Sprintf("`URL` of the server, http or https (environment %s, default %s)", urlEnv, urlDefault))
	f.Bool("insecure", false, "take any certificate, as an appliance's own")
	f.Bool("dry-run", false, "ask what would be stored, print the answer, store nothing")
	f.Int("retries", 8, "how often to obey a server that says to try again")
	f.Duration("timeout", 30*time.Second, "how long one request may take")
	cmd.AddCommand(newSendInterana(), newSendCloudWisdom(), newSendStackState(), newSendKairosDB(), newSendGraphite(), newSendSplunk(), newSendSegment())
	return cmd
}

// sender posts requests and keeps count. One command uses one.
type sender struct {
	base    string // URL without a trailing slash
	http    *http.Client
	dryRun  bool
	retries int
	out     io.Writer // answers worth showing
	err     io.Writer // progress

	unit     string // what items are: "events"
	items    int
	requests int
	told     time.Time
}

func newSender(cmd *cobra.Command, unit string) (*sender, error) {
	base, err := cmd.Flags().GetString("url")
	if err != nil {
		return nil, err
	}
	if base == "" {
		base = os.Getenv(urlEnv)
	}
	if base == "" {
		base = urlDefault
	}
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &usageError{fmt.Errorf("--url is no http or https URL: give one such as %s", urlDefault)}
	}
	s := &sender{base: strings.TrimRight(base, "/"), unit: unit, out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), told: time.Now()}
	s.dryRun, _ = cmd.Flags().GetBool("dry-run")
	s.retries, _ = cmd.Flags().GetInt("retries")
	timeout, _ := cmd.Flags().GetDuration("timeout")
	insecure, _ := cmd.Flags().GetBool("insecure")
	s.http = &http.Client{Timeout: timeout, Transport: &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure},
	}}
	return s, nil
}

// request is one message to the server.
type request struct {
	method string // "" = POST
	path   string // with its query; the server's own words, already escaped
	header map[string]string
	body   []byte
	items  int // how many of the unit are in it
}

// send sends one request and obeys "try again". It returns the answer's body.
func (s *sender) send(ctx context.Context, r request) ([]byte, error) {
	for try := 0; ; try++ {
		answer, status, wait, err := s.once(ctx, r)
		switch {
		case err != nil:
			return nil, err
		case (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests) && try < s.retries:
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			continue
		case status/100 != 2:
			return nil, fmt.Errorf("%s answered %d to %s %d to %d: %s", s.base, status, s.unit, s.items+1, s.items+r.items,
				strings.TrimSpace(string(answer[:min(len(answer), 4<<10)])))
		}
		s.items += r.items
		s.requests++
		if s.dryRun {
			_, err := s.out.Write(answer)
			return answer, err
		}
		if time.Since(s.told) > 2*time.Second {
			s.told = time.Now()
			fmt.Fprintf(s.err, "penstock: sent %d %s so far\n", s.items, s.unit)
		}
		return answer, nil
	}
}

func (s *sender) once(ctx context.Context, r request) (answer []byte, status int, wait time.Duration, err error) {
	target := s.base + r.path
	if s.dryRun {
		if strings.Contains(target, "?") {
			target += "&dry_run=1"
		} else {
			target += "?dry_run=1"
		}
	}
	method := r.method
	if method == "" {
		method = http.MethodPost
	}
	q, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, 0, 0, errors.New("the path does not make a URL")
	}
	for name, value := range r.header {
		q.Header.Set(name, value)
	}
	response, err := s.http.Do(q)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // without the URL, which may hold a key
		}
		return nil, 0, 0, fmt.Errorf("cannot reach %s: %w: is the server running? use --url or %s", s.base, err, urlEnv)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return nil, 0, 0, fmt.Errorf("%s did not finish its answer: %w", s.base, err)
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil {
		seconds = 1
	}
	return answer, response.StatusCode, time.Duration(min(max(seconds, 0), 60)) * time.Second, nil
}

// done tells what was sent.
func (s *sender) done() {
	if !s.dryRun {
		fmt.Fprintf(s.err, "penstock: sent %d %s in %d requests\n", s.items, s.unit, s.requests)
	}
}

// key is a secret from its flag or the environment.
func key(cmd *cobra.Command, flag string) string {
	if k := cmd.Flag(flag).Value.String(); k != "" {
		return k
	}
	return os.Getenv(keyEnv)
}

func addKeyFlag(cmd *cobra.Command, flag, what string) {
	cmd.Flags().String(flag, "", fmt.Sprintf("%s (environment %s, which keeps it out of the list of processes)", what, keyEnv))
}

// untilSignal is a context that TERM or INT ends.
func untilSignal(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	parent := cmd.Context()
	if parent == nil {
		parent = context.Background()
	}
	return signal.NotifyContext(parent, syscall.SIGTERM, syscall.SIGINT)
}

// input is the file that the first argument names, or standard input for none or "-".
func input(cmd *cobra.Command, args []string) (io.ReadCloser, error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	return os.Open(args[0])
}

// whole reads all of the input, which is one message.
func whole(cmd *cobra.Command, args []string) ([]byte, error) {
	in, err := input(cmd, args)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, 64<<20))
}

// The most that goes into one request of lines: what the vendors' own senders use.
const (
	batchBytes = 500 << 10
	batchLines = 500
)

// inBatches calls each with the input's next lines, without their ends and without empty ones, first counting them from 1.
func inBatches(cmd *cobra.Command, args []string, each func(first int, lines [][]byte) error) error {
	in, err := input(cmd, args)
	if err != nil {
		return err
	}
	defer in.Close()
	var lines [][]byte
	size, first, number := 0, 1, 0
	flush := func() error {
		if len(lines) == 0 {
			return nil
		}
		err := each(first, lines)
		lines, size = nil, 0
		return err
	}
	for scanner := newLineScanner(in); ; {
		more := scanner.Scan()
		line := bytes.TrimRight(scanner.Bytes(), "\r")
		if !more {
			if err := scanner.Err(); err != nil {
				return fmt.Errorf("line %d: %w", number+1, err)
			}
			return flush()
		}
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if len(lines) == batchLines || size+len(line) > batchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		if len(lines) == 0 {
			first = number
		}
		lines = append(lines, bytes.Clone(line))
		size += len(line) + 1
	}
}

// lineMost is the longest line that is read.
const lineMost = 16 << 20

func newLineScanner(r io.Reader) *bufio.Scanner {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 64<<10), lineMost)
	return scanner
}
