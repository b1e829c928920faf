package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// alone is what the process finds in its environment when it is the one that has the mounts for itself.
const alone = "LOAD_MOUNTS_ALONE"

// withOwnMounts runs f in a process that has the mounts for itself: this one, when it is, or else one that is started with the same command
// line. Whatever is mounted there is gone with its last process, however that ends, and nobody else can keep a file system of it busy.
func withOwnMounts(f func() error) error {
	if os.Getenv(alone) != "" {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SLAVE, ""); err != nil {
			return lacking{fmt.Errorf("making the mounts our own: %w", err)}
		}
		return f()
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Args[0] = os.Args[0]
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(c.Environ(), alone+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := c.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ended) && ended.ExitCode() > 0:
		os.Exit(ended.ExitCode()) // it has said why
	case errors.As(err, &ended):
		return failed(err)
	}
	return lacking{fmt.Errorf("starting a process with mounts of its own, as root can: %w", err)}
}

// lacking is an error of the machine, which has not what the command needs.
type lacking struct{ error }

func (l lacking) Unwrap() error { return l.error }
