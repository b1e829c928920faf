package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"penstock/benchmarks/child"
)

// apart gives the servers that are started from now on the first CPU alone, and this process the others, until back is called. Where a client and
// a server share their CPUs, each reply wakes a client that may push the server off its CPU; how often is a matter of who is slower, and
// is counted as the server's work.
func apart() (back func(), err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	if all.Count() < 2 {
		return nil, errors.New("there is but one CPU")
	}
	var servers unix.CPUSet
	others := all
	first := 0
	for !all.IsSet(first) {
		first++
	}
	servers.Set(first)
	others.Clear(first)
	back = func() {
		// On an error there is nothing to go back to: the process may use what it could use before, which it was just told.
		_ = errors.Join(confine(&all), child.Confine(&all))
	}
	if err := errors.Join(confine(&others), child.Confine(&servers)); err != nil {
		back()
		return nil, err
	}
	return back, nil
}

// confine has all of this process's threads run on these CPUs; those that begin later do as the one that begins them.
func confine(to *unix.CPUSet) error {
	for range 3 { // threads that began meanwhile
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				return fmt.Errorf("a thread's number: %w", err)
			}
			if err := unix.SchedSetaffinity(tid, to); err != nil && !errors.Is(err, unix.ESRCH) {
				return os.NewSyscallError("sched_setaffinity", err)
			}
		}
	}
	return nil
}
