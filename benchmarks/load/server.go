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
	"strings"
	"syscall"
	"time"

	"penstock/benchmarks/load/proc"
)

// server is a penstock process of our own.
type server struct {
	bin   string
	home  string // our own directory, with the process's log
	dir   string // the data directory, in home
	flags []string
	cmd   *exec.Cmd
	log   *os.File
	http  string // address
	admin string // URL
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

// launch starts the process. The kernel kills it when the thread that started it ends; Go's threads end with the process, so it is never
// left behind.
func (s *server) launch() error {
	if s.log == nil {
		var err error
		if s.log, err = os.OpenFile(filepath.Join(s.home, "penstock.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return err
		}
	}
	args := append([]string{
		"serve", "--data-dir", s.dir, "--http", "127.0.0.1:0", "--https", "off", "--admin", "127.0.0.1:0",
		"--telnet", "off", "--graphite", "off", "--pickle", "off", "--kafka", "off",
	}, s.flags...)
	s.cmd = exec.Command(s.bin, args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // an interrupt from the keyboard is for us
	return s.cmd.Start()
}

// awaitReady waits until the process serves. A process that ends instead is an error, with the end of its log.
func (s *server) awaitReady(atMost time.Duration) error {
	client := http.Client{Timeout: time.Second}
	for end := time.Now().Add(atMost); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s.ended() {
			return fmt.Errorf("penstock ended by itself before it was ready; the end of its log:\n%s", s.logEnd())
		}
		if !s.findAddresses() {
			continue
		}
		r, err := client.Get(s.admin + "/readyz")
		if err != nil {
			continue
		}
		r.Body.Close()
		if r.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("penstock was not ready within %v; the end of its log:\n%s", atMost, s.logEnd())
}

func (s *server) logEnd() string {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// findAddresses reads where this process listens; the file of an earlier one has another pid.
func (s *server) findAddresses() bool {
	var all struct {
		PID         int
		HTTP, Admin string
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "addresses.json"))
	if err != nil || json.Unmarshal(text, &all) != nil || all.PID != s.cmd.Process.Pid || all.HTTP == "" {
		return false
	}
	s.http, s.admin = all.HTTP, "http://"+all.Admin
	return true
}

// kill ends the process without a word, and waits for its end.
func (s *server) kill() error {
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("penstock had ended by itself (%w); the end of its log:\n%s", err, s.logEnd())
	}
	_ = s.cmd.Wait() // says "signal: killed", or what we look at next
	if status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("penstock had ended by itself: %v; the end of its log:\n%s", s.cmd.ProcessState, s.logEnd())
	}
	return nil
}

// stop ends the process politely and wants status 0.
func (s *server) stop() error {
	// Twice the default --shutdown-timeout is no polite end any more.
	timer := time.AfterFunc(time.Minute, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
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

// ended says that the process has ended, although nobody has waited for it yet.
func (s *server) ended() bool {
	fields := proc.Stat(s.cmd.Process.Pid)
	return len(fields) > 0 && fields[0] == "Z"
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
	if s.cmd != nil && s.cmd.Process != nil && s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	if s.log != nil {
		s.log.Close()
	}
	if keep {
		return nil
	}
	return os.RemoveAll(s.home)
}
