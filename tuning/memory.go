package tuning

import (
	"io/fs"
	"os"
	"runtime/debug"
)

// memoryShare is how much of a control group's memory the Go runtime may take: the rest is for what it does not count, page tables
// and sockets' buffers among it.
func memoryShare(limit int64) int64 { return limit / 10 * 9 }

// LimitMemory keeps the runtime below nine tenths of the memory that this process's control groups allow, by collecting sooner, and
// says how many bytes that is. Where there is no such limit, or GOMEMLIMIT says another, it does nothing and returns 0.
func LimitMemory() int64 {
	limit := memoryLimit(os.DirFS("/"), os.Getpid(), os.Getenv("GOMEMLIMIT"))
	if limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	return limit
}

// memoryLimit is the limit that process pid of the machine below root should have; 0 is none. said is what its operator set.
func memoryLimit(root fs.FS, pid int, said string) int64 {
	if said != "" {
		return 0
	}
	return memoryShare(files{root}.cgroupLimits(pid).Memory)
}

// Memory is how much memory there is for this process, bytes: the machine's, or less where its control groups allow less. 0: nobody says.
func Memory() int64 { return memoryOf(os.DirFS("/"), os.Getpid()) }

func memoryOf(root fs.FS, pid int) int64 {
	r := files{root}
	all, limit := r.field("proc/meminfo", "MemTotal:")<<10, r.cgroupLimits(pid).Memory
	if limit > 0 && (limit < all || all == 0) {
		return limit
	}
	return all
}
