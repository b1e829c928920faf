package shard

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machineTimes are the machine's own.
func machineTimes() Times {
	name, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		name = nil // then each run counts as a restart of the machine
	}
	return Times{
		Wall: func() int64 { return time.Now().UnixMilli() },
		Boot: sinceBoot,
		Name: strings.TrimSpace(string(name)),
	}
}

func sinceBoot() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(fmt.Sprintf("FATAL: the machine does not tell how long it has been up: %v", err))
	}
	return t.Nano() / int64(time.Millisecond)
}
