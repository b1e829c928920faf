package tuning

import (
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Pin keeps the calling goroutine on one CPU from now on: it locks the goroutine to its thread and the thread to the CPU.
//
// There is no way back: the goroutine stays locked, and when it ends the Go runtime retires its thread with it; threads the
// runtime starts meanwhile come from a thread of its own, so no other goroutine ever inherits the CPU. Call it first thing in a goroutine that lives as long as its work.
// On error nothing is changed. The error is a *CPUError.
func Pin(cpu int) error {
	allowed, err := CPUs()
	if err != nil {
		return &CPUError{CPU: cpu, Err: err}
	}
	if !slices.Contains(allowed, cpu) {
		return &CPUError{CPU: cpu, Allowed: allowed}
	}
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil { // 0 is the calling thread
		runtime.UnlockOSThread()
		return &CPUError{CPU: cpu, Allowed: allowed, Err: err}
	}
	return nil
}

// CPUs lists the CPUs this process may use, in order, as they were when it was first asked (Pin asks too): a pinned goroutine
// may well sit on the main thread, and the process would seem to have that one CPU ever after.
// A container's or taskset's limits are in it; a CPU quota is not.
func CPUs() ([]int, error) {
	cpus, err := firstCPUs()
	return slices.Clone(cpus), err
}

var firstCPUs = sync.OnceValues(func() ([]int, error) { return allowed(unix.Getpid()) })

// allowed lists the CPUs thread tid may use; 0 is the calling thread.
func allowed(tid int) ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &set); err != nil {
		return nil, err
	}
	cpus := make([]int, 0, set.Count())
	for cpu := 0; len(cpus) < cap(cpus); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}
