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

// CPU is the CPU time a process has used, in its own code and in the kernel; 0 when there is no such process. Its unit is 10 ms.
func CPU(pid int) (user, system time.Duration) {
	const tick = time.Second / 100 // USER_HZ, which Linux keeps for all user space
	fields := Stat(pid)
	if len(fields) < 13 {
		return 0, 0
	}
	utime, err1 := strconv.Atoi(fields[11])
	stime, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	return time.Duration(utime) * tick, time.Duration(stime) * tick
}

// OwnCPU is the CPU time that this process has used.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
