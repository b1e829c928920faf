package shard

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// machineTimes are the machine's own.
func machineTimes() Times {
	name, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		name = nil // then each run counts as a restart of the machine
	}
	up := upTime{began: time.Now()}
	up.ahead.Store(sinceBoot())
	return Times{
		Wall: func() int64 { return time.Now().UnixMilli() },
		Boot: up.ms,
		Name: strings.TrimSpace(string(name)),
	}
}

// upTime is CLOCK_BOOTTIME at the price of Go's own clock, which asks no kernel. The two differ by how long the machine has slept, which is
// looked up once a second.
type upTime struct {
	began time.Time
	ahead atomic.Int64 // ns, of the time since began
	next  atomic.Int64 // when to look again: ns since began
}

const (
	lookAgain = time.Second
	leastNap  = 50 * time.Millisecond // what is less is the time that looking took
)

func (u *upTime) ms() int64 {
	since := int64(time.Since(u.began))
	if next := u.next.Load(); since >= next && u.next.CompareAndSwap(next, since+int64(lookAgain)) {
		if now := sinceBoot() - since; now > u.ahead.Load()+int64(leastNap) {
			u.ahead.Store(now)
		}
	}
	return (since + u.ahead.Load()) / int64(time.Millisecond)
}

// sinceBoot is CLOCK_BOOTTIME, ns.
func sinceBoot() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(fmt.Sprintf("FATAL: the machine does not tell how long it has been up: %v", err))
	}
	return t.Nano()
}
