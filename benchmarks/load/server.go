package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"penstock/benchmarks/child"
	"penstock/benchmarks/proc"
)

// server is a penstock process of our own: one life after the other on the same data.
type server struct {
	bin   string
	home  string // our own directory, with the process's log
	dir   string // the data directory, in home
	flags []string

	*child.Penstock        // the life that is now, or was last
	http            string // address
	admin           string // URL
}

// newServer prepares a server in a directory of its own, which the caller removes when all went well.
func newServer(bin string, flags ...string) (*server, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(bin); err != nil {
		return nil, fmt.Errorf("no binary to run: build it with `go build -o penstock ./appliance/cmd/penstock`, or name it with --bin: %w", err)
	}
	home, err := os.MkdirTemp("", "penstock-load-")
	if err != nil {
		return nil, err
	}
	return &server{bin: bin, home: home, dir: filepath.Join(home, "data"), flags: flags}, nil
}

// launch begins a life.
func (s *server) launch() (err error) {
	s.Penstock, err = child.Serve(s.bin, s.home, s.dir, append([]string{"--http", "127.0.0.1:0"}, s.flags...)...)
	return err
}

// awaitReady waits until the process serves. A process that ends instead is an error, with the end of its log.
func (s *server) awaitReady(atMost time.Duration) error {
	if err := s.Ready(atMost); err != nil {
		return fmt.Errorf("it was not ready: %w", err)
	}
	s.http, s.admin = s.Address("http"), s.Admin
	return nil
}

// createTopics makes the workload's topics, with the columns that its events have.
func createTopics(w *workload, admin string) error {
	client := http.Client{Timeout: 30 * time.Second}
	for topic := range w.Topics {
		body, err := json.Marshal(map[string]any{
			"name": w.name(topic), "time_column": "ts", "time_format": "milliseconds", "shard_key": "sk",
		})
		if err != nil {
			return err
		}
		r, err := client.Post(admin+"/v1/topics", "application/json", bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("the admin listener can't be reached: %w", err)
		}
		answer, err := io.ReadAll(io.LimitReader(r.Body, 4096))
		r.Body.Close()
		if err != nil || (r.StatusCode != http.StatusCreated && r.StatusCode != http.StatusConflict && r.StatusCode != http.StatusOK) {
			return fmt.Errorf("making topic %s: status %d, %s %w", w.name(topic), r.StatusCode, answer, errors.Join(err))
		}
	}
	return nil
}

// cpuSeconds is the CPU time a process has used, user and system; 0 when there is no such process.
func cpuSeconds(pid int) float64 {
	user, system := proc.CPU(pid)
	return (user + system).Seconds()
}

// verifyLogs has the binary verify the files that the stopped process left.
func (s *server) verifyLogs() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, s.bin, "log", "verify", s.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("penstock log verify: %w\n%s", err, out)
	}
	return nil
}

// end kills the process if it still runs, and removes our directory unless that is to be kept.
func (s *server) end(keep bool) error {
	if s.Penstock != nil {
		s.End()
	}
	if keep {
		return nil
	}
	return os.RemoveAll(s.home)
}
