package main

import (
	"os"
	"testing"

	"penstock/benchmarks/load/proc"
)

func TestCPUSecondsGrow(t *testing.T) {
	if cpuSeconds(0) != 0 {
		t.Error("process 0 has used CPU time")
	}
	before := cpuSeconds(os.Getpid())
	for x := uint64(1); cpuSeconds(os.Getpid()) <= before; x = mix(x) { // ends with the kernel's next tick
	}
	if fields := proc.Stat(os.Getpid()); len(fields) < 13 || len(fields[0]) != 1 {
		t.Errorf("our state is %q", fields)
	}
}
