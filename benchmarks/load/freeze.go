package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// freezeMost is how long a process may take to stand still. A thread in the midst of a call of the kernel is not waited for.
const freezeMost = 5 * time.Second

// freeze stops the process. When it returns no thread of it runs, or will before it is killed: what it has acknowledged is on its way to
// the clients, and it acknowledges nothing more. A power cut must come after that: while a file system is shut down under it, a sync may
// return 0 for what is lost, and an acknowledgement that follows would be held against the log.
func (s *server) freeze() error {
	if err := s.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	stopping := false
	for end := time.Now().Add(freezeMost); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		stopped, running := s.threads()
		if stopping && running == 0 {
			return nil
		}
		stopping = stopping || stopped > 0
	}
	return fmt.Errorf("penstock does not stand still %v after a SIGSTOP", freezeMost)
}

// threads counts the threads that are stopped, and those that are running or may begin to. Once one is stopped, all others will be before
// they leave the kernel (signal(7)), so one that waits in it uninterruptibly, for a sync most of all, runs no more of the program.
func (s *server) threads() (stopped, running int) {
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.PID()))
	if err != nil {
		panic("BUG: the pattern of a process's threads is bad: " + err.Error())
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		switch at := bytes.LastIndex(text, []byte(") ")); text[at+len(") ")] {
		case 'T':
			stopped++
		case 'D', 'Z', 'X':
		default:
			running++
		}
	}
	return stopped, running
}
