//go:build !linux

package tuning

import (
	"errors"
	"runtime"
)

// errPlatform: other kernels have no call that keeps a thread on a CPU and means it.
var errPlatform = errors.New("only Linux can do this")

// Pin is for Linux; elsewhere it always returns a *CPUError.
func Pin(cpu int) error { return &CPUError{CPU: cpu, Err: errPlatform} }

// CPUs lists the CPUs this process may use, in order.
func CPUs() ([]int, error) {
	cpus := make([]int, runtime.NumCPU())
	for i := range cpus {
		cpus[i] = i
	}
	return cpus, nil
}
