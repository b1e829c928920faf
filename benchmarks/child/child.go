// Package child runs servers as child processes: it starts one, waits until it serves, says what it uses, and ends it. None is left behind:
// the kernel kills it when we end in any way.
package child

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"penstock/benchmarks/proc"
)

// Process is a server that was started here.
type Process struct {
	cmd *exec.Cmd
	log string
}

// Start starts a program in a directory. What it says is added to a file named log in there.
func Start(dir, bin string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(bin, args...), log: filepath.Join(dir, "log")}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	// An interrupt from the keyboard is for us.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := fromOneThread(p.cmd.Start); err != nil {
		return nil, err
	}
	return p, nil
}

// starting takes what the thread that starts the children has to do.
var starting = sync.OnceValue(func() chan<- func() {
	todo := make(chan func())
	go func() {
		runtime.LockOSThread()
		for do := range todo {
			do()
		}
	}()
	return todo
})

// fromOneThread starts a child, or sets what children have from that thread. Pdeathsig is when the thread that started it ends, not the process, and a thread ends with a goroutine that
// had locked it for good, as those of load's open loop: so all children are started by one thread, which does nothing else.
func fromOneThread(start func() error) error {
	done := make(chan error)
	starting() <- func() { done <- start() }
	return <-done
}

// Confine has the children that are started from now on run on these CPUs only.
func Confine(to *unix.CPUSet) error {
	return fromOneThread(func() error { return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(0, to)) })
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// CPU is the CPU time that it and its children have used. Its unit is 10 ms.
func (p *Process) CPU() time.Duration { return proc.FamilyCPU(p.PID()) }

// Memory is what memory it has.
func (p *Process) Memory() proc.Memory { return proc.MemoryOf(p.PID()) }

// LogEnd is the end of what it has said.
func (p *Process) LogEnd() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// Within asks again and again until there is no error, or time is over, or the process has ended; the end of its log is part of the error.
func (p *Process) Within(atMost time.Duration, ask func() error) error {
	var err error
	for end := time.Now().Add(atMost); ; time.Sleep(time.Millisecond) {
		if err = ask(); err == nil {
			return nil
		}
		if proc.Ended(p.PID()) {
			return fmt.Errorf("%s ended by itself: %w; the end of its log:\n%s", p.name(), err, p.LogEnd())
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s, after %v: %w; the end of its log:\n%s", p.name(), atMost, err, p.LogEnd())
		}
	}
}

func (p *Process) name() string { return filepath.Base(p.cmd.Path) }

// Listens waits until somebody listens at each of the addresses.
func (p *Process) Listens(addresses ...string) error {
	for _, address := range addresses {
		if err := p.Within(15*time.Second, func() error {
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

// Says waits until the first line of its log is this and an address, which it returns.
func (p *Process) Says(before string) (address string, err error) {
	err = p.Within(10*time.Second, func() error {
		text, err := os.ReadFile(p.log)
		if err != nil {
			return err
		}
		line, _, whole := strings.Cut(string(text), "\n")
		at, says := strings.CutPrefix(line, before)
		if !whole || !says {
			return fmt.Errorf("it has not said %q", before)
		}
		address = at
		return nil
	})
	return address, err
}

// settleMost is how long a process may go on after its load.
const settleMost = 30 * time.Second

// Settle waits until the process has done what it put off: until it uses next to nothing in two windows, and at least so long.
func (p *Process) Settle(window, atLeast time.Duration) error {
	idle := max(window*6/100, proc.Tick)
	began, quiet := time.Now(), 0
	for before := p.CPU(); quiet < 2 || time.Since(began) < atLeast; {
		if time.Since(began) > settleMost {
			return fmt.Errorf("still busy %v after the load", settleMost)
		}
		time.Sleep(window)
		now := p.CPU()
		if now-before < idle {
			quiet++
		} else {
			quiet = 0
		}
		before = now
	}
	return nil
}

// Signal sends it a signal. That it has ended by itself before is an error.
func (p *Process) Signal(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("%s had ended by itself (%w); the end of its log:\n%s", p.name(), err, p.LogEnd())
	}
	return nil
}

// Kill ends it without a word, and waits for its end. That it has ended by itself before is an error.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	_ = p.cmd.Wait() // says "signal: killed", or what we look at next
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("%s had ended by itself: %v; the end of its log:\n%s", p.name(), p.cmd.ProcessState, p.LogEnd())
	}
	return nil
}

// stopMost is how long a polite end may take: twice penstock's own --shutdown-timeout is none any more.
const stopMost = time.Minute

// Stop ends it politely and wants status 0.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.AfterFunc(stopMost, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w; the end of its log:\n%s", p.name(), err, p.LogEnd())
	}
	return nil
}

// End kills it if it still runs.
func (p *Process) End() {
	if p != nil && p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // says "killed"
	}
}

// FreeAddress is one on the loopback that nobody listens at now.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
