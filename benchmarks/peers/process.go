package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a process under load, in a directory of its own.
type server struct {
	home string
	cmd  *exec.Cmd
	log  *os.File

	addr  string // what the load goes to
	admin string // where it is asked what it has taken
	taken func(s *server) (int64, error)
}

// launch starts a program in a new directory below root. The kernel kills it when we end in any way.
func launch(root, bin string, args func(home string) []string) (*server, error) {
	home, err := os.MkdirTemp(root, filepath.Base(bin)+"-")
	if err != nil {
		return nil, err
	}
	s := &server{home: home}
	if s.log, err = os.Create(filepath.Join(home, "log")); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(bin, args(home)...)
	s.cmd.Dir = home
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// end kills the process and removes its directory.
func (s *server) end() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	s.log.Close()
	os.RemoveAll(s.home)
}

// within asks again and again until there is no error, or time is over; the process's log is part of the error then.
func (s *server) within(atMost time.Duration, ask func() error) error {
	var err error
	for end := time.Now().Add(atMost); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if err = ask(); err == nil {
			return nil
		}
		if stat := processStat(s.cmd.Process.Pid); len(stat) == 0 || stat[0] == "Z" {
			err = fmt.Errorf("the process has ended: %w", err)
			break
		}
	}
	return fmt.Errorf("%w\nthe end of its log:\n%s", err, s.logEnd())
}

func (s *server) logEnd() string {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return strings.Join(all[max(0, len(all)-5):], "\n")
}

// listens waits until somebody listens at each of the addresses.
func (s *server) listens(addresses ...string) error {
	for _, address := range addresses {
		if err := s.within(15*time.Second, func() error {
			conn, err := net.Dial("tcp4", address)
			if err == nil {
				conn.Close()
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// freeAddress is one that nobody listens at now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func freeAddresses(n int) ([]string, error) {
	all := make([]string, n)
	for i := range all {
		var err error
		if all[i], err = freeAddress(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// processStat is what stands in /proc/PID/stat behind the command's name, state first; nil when there is no such process.
func processStat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndex(text, []byte(") "))+2:]))
}

// ticksPerSecond is USER_HZ, which Linux keeps for all user space: CPU time is told in steps of 10 ms.
const ticksPerSecond = 100

// cpuSeconds is the CPU time that the process has used, in user space and in the kernel.
func (s *server) cpuSeconds() float64 {
	fields := processStat(s.cmd.Process.Pid)
	if len(fields) < 13 {
		return 0
	}
	return float64(sum(fields[11:13])) / ticksPerSecond
}

// rssPeak is the most memory that the process had at once, mapped pages of files included.
func (s *server) rssPeak() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	_, rest, _ := bytes.Cut(text, []byte("VmHWM:"))
	kib, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	n, _ := strconv.ParseInt(string(kib), 10, 64)
	return n << 10
}

// machineSeconds is the CPU time that the whole machine has used, in processes and in the kernel.
func machineSeconds() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(first) // cpu user nice system idle iowait irq softirq …
	if len(fields) < 8 {
		return 0
	}
	return float64(sum(fields[1:4])+sum(fields[6:8])) / ticksPerSecond
}

func ownSeconds() float64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano()).Seconds()
}

func sum(ticks []string) (n int64) {
	for _, t := range ticks {
		one, _ := strconv.ParseInt(t, 10, 64)
		n += one
	}
	return n
}

const (
	settleWindow = 500 * time.Millisecond
	settleMax    = 30 * time.Second
	idleSeconds  = 0.03 // in a window
)

// settle waits until the process has done what it put off: until it uses next to nothing in two windows, and at least so long.
func (s *server) settle(window, atLeast time.Duration) error {
	began, quiet := time.Now(), 0
	for before := s.cpuSeconds(); quiet < 2 || time.Since(began) < atLeast; {
		if time.Since(began) > settleMax {
			return fmt.Errorf("still busy %v after the load", settleMax)
		}
		time.Sleep(window)
		now := s.cpuSeconds()
		if now-before < idleSeconds {
			quiet++
		} else {
			quiet = 0
		}
		before = now
	}
	return nil
}
