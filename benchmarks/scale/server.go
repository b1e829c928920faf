package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that was started here. The kernel kills it when we end in any way.
type process struct {
	cmd *exec.Cmd
	log *os.File
}

func launch(log, bin string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(bin, args...)}
	var err error
	if p.log, err = os.Create(log); err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.log.Close()
		return nil, err
	}
	return p, nil
}

// stop sends a signal and waits for the end.
func (p *process) stop(signal syscall.Signal) {
	_ = p.cmd.Process.Signal(signal)
	dead := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	dead.Stop()
	p.log.Close()
}

// said is the end of its log.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log.Name())
	return string(text[max(0, len(text)-1000):])
}

// cpu is the CPU time of the process and its children, in user space and in the kernel. Its unit is 10 ms.
func (p *process) cpu() time.Duration {
	pid := p.cmd.Process.Pid
	all := cpuOf(pid)
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			all += cpuOf(n)
		}
	}
	return all
}

func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndex(text, []byte(") "))+2:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	const tick = time.Second / 100 // USER_HZ
	return time.Duration(user+system) * tick
}

// anonymous is the memory of the process that is no file's.
func (p *process) anonymous() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	_, rest, _ := bytes.Cut(text, []byte("RssAnon:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10
}

// penstock is the real binary on a data directory.
type penstock struct {
	*process
	data               string
	http, kafka, admin string
}

// start starts it, waits until it is ready, and says how long that took.
func (b *bench) start(data string, flags ...string) (*penstock, time.Duration, error) {
	_ = os.Remove(filepath.Join(data, "addresses.json"))
	args := append([]string{"serve", "--data-dir", data, "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "warn", "--retention-bytes", "28GB", "--idle-timeout", "10m"}, flags...)
	for _, listener := range []string{"https", "telnet", "graphite", "pickle"} {
		args = append(args, "--"+listener, "off")
	}
	began := time.Now()
	p, err := launch(data+".log", b.bin, args...)
	if err != nil {
		return nil, 0, err
	}
	s := &penstock{process: p, data: data}
	for err = s.ready(); err != nil && time.Since(began) < 2*time.Minute; err = s.ready() {
		time.Sleep(2 * time.Millisecond)
	}
	took := time.Since(began)
	if err != nil {
		err = fmt.Errorf("it does not start: %w\n%s", err, s.said())
		s.stop(syscall.SIGKILL)
		return nil, 0, err
	}
	return s, took, nil
}

func (s *penstock) ready() error {
	text, err := os.ReadFile(filepath.Join(s.data, "addresses.json"))
	if err != nil {
		return err
	}
	var at map[string]any
	if err := json.Unmarshal(text, &at); err != nil {
		return err
	}
	s.http, _ = at["http"].(string)
	s.kafka, _ = at["kafka"].(string)
	s.admin, _ = at["admin"].(string)
	_, err = get("http://" + s.admin + "/readyz")
	return err
}

// stored is how many records it has taken since it started.
func (s *penstock) stored() (int64, error) {
	text, err := get("http://" + s.admin + "/v1/ledger")
	if err != nil {
		return 0, err
	}
	var all struct {
		Wires map[string]struct{ Stored int64 }
	}
	err = json.Unmarshal(text, &all)
	return all.Wires["interana"].Stored, err
}

// written is how many records the topic that is filled has, of all times.
func (s *penstock) written() (n int64, err error) {
	text, err := get("http://" + s.admin + "/v1/topics/" + topicName(0))
	if err != nil {
		return 0, err
	}
	var topic struct{ Shards []struct{ Written int64 } }
	err = json.Unmarshal(text, &topic)
	for _, shard := range topic.Shards {
		n += shard.Written
	}
	return n, err
}

// keyed makes the topic that is filled one whose events have a key: each goes to its key's shard.
func (s *penstock) keyed() error {
	r, err := client.Post("http://"+s.admin+"/v1/topics", "application/json", strings.NewReader(`{"name":"`+topicName(0)+`","shard_key":"key"}`))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 500))
		return fmt.Errorf("the topic was not made: %s: %s", r.Status, text)
	}
	return nil
}

// settle waits until the process does next to nothing.
func (s *penstock) settle() {
	before := s.cpu()
	for range 40 {
		time.Sleep(100 * time.Millisecond)
		now := s.cpu()
		if now-before < 10*time.Millisecond {
			return
		}
		before = now
	}
}

var client = &http.Client{Timeout: time.Minute}

func get(url string) ([]byte, error) {
	r, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err == nil && r.StatusCode != http.StatusOK {
		err = errors.New(url + ": " + r.Status)
	}
	return text, err
}
