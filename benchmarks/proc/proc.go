// Package proc reads what Linux tells of processes.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Stat is what stands in /proc/PID/stat behind the command's name, state first (proc(5)); nil when there is no such process.
func Stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	at := bytes.LastIndex(text, []byte(") ")) // the name may itself hold a parenthesis
	return strings.Fields(string(text[at+len(") "):]))
}

// Ended says that a process has ended, whether somebody has waited for it or not.
func Ended(pid int) bool {
	fields := Stat(pid)
	return len(fields) == 0 || fields[0] == "Z"
}

// Tick is the unit of CPU time that Linux tells in: 1/USER_HZ, which it keeps for all user space.
const Tick = time.Second / 100

// CPU is the CPU time a process has used, in its own code and in the kernel; 0 when there is no such process. Its unit is a Tick.
func CPU(pid int) (user, system time.Duration) {
	fields := Stat(pid)
	if len(fields) < 13 {
		return 0, 0
	}
	return ticks(fields[11]), ticks(fields[12])
}

// FamilyCPU is all CPU time that a process and its children that still run have used.
func FamilyCPU(pid int) time.Duration {
	user, system := CPU(pid)
	all := user + system
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			user, system := CPU(n)
			all += user + system
		}
	}
	return all
}

// MachineCPU is the CPU time that the whole machine has used, in processes and in the kernel.
func MachineCPU() (all time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(first) { // cpu user nice system idle iowait irq softirq …
		switch i {
		case 1, 2, 3, 6, 7:
			all += ticks(field)
		}
	}
	return all
}

// OwnCPU is the CPU time that this process has used.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ticks(text string) time.Duration {
	n, _ := strconv.ParseInt(text, 10, 64)
	return time.Duration(n) * Tick
}

// Memory is how many bytes of memory a process has.
type Memory struct {
	Resident  int64 // all that is there, mapped pages of files included
	Anonymous int64 // of that, what is no file's
	Peak      int64 // the most that was ever resident at once
}

// MemoryOf is a process's memory; nothing when there is no such process.
func MemoryOf(pid int) Memory {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	of := func(name string) int64 {
		_, rest, _ := bytes.Cut(text, []byte("\n"+name+":"))
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			return 0
		}
		kib, _ := strconv.ParseInt(string(fields[0]), 10, 64)
		return kib << 10
	}
	return Memory{of("VmRSS"), of("RssAnon"), of("VmHWM")}
}
