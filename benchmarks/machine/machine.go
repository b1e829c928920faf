// Package machine says where and when a measurement was made.
package machine

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Machine is where and when.
type Machine struct {
	When, CPU, Kernel, Go, Commit, Files, Load string
	Cores                                      int
	Memory, Free                               int64 // bytes; of the disk
}

// Here is this machine, with the file system that has this directory.
func Here(dir string) Machine {
	m := Machine{
		When: time.Now().UTC().Format(time.RFC3339), CPU: Processor(), Kernel: Kernel(), Go: runtime.Version(),
		Commit: commit(), Load: line("/proc/loadavg"), Cores: runtime.NumCPU(),
	}
	m.Files, m.Free = filesystem(dir)
	var about syscall.Sysinfo_t
	if syscall.Sysinfo(&about) == nil {
		m.Memory = int64(about.Totalram) * int64(about.Unit)
	}
	if fields := strings.Fields(m.Load); len(fields) >= 3 {
		m.Load = strings.Join(fields[:3], " ")
	}
	return m
}

func (m Machine) String() string {
	return fmt.Sprintf("%s. %d × %s, %d GiB, Linux %s, %s with %.0f GB free, %s. Commit %s. Load average at the start: %s.",
		m.When, m.Cores, m.CPU, (m.Memory+1<<29)>>30, m.Kernel, m.Files, float64(m.Free)/1e9, m.Go, m.Commit, m.Load)
}

// Processor is what the processor says it is; the architecture where it says nothing.
func Processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, found := strings.Cut(string(info), "model name")
	if !found {
		return runtime.GOARCH
	}
	name, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
}

// Kernel is Linux's version.
func Kernel() string { return line("/proc/sys/kernel/osrelease") }

func line(path string) string {
	text, _ := os.ReadFile(path)
	return strings.TrimSpace(string(text))
}

// commit is the tree's, with a plus where files of it have changed since.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	id := strings.TrimSpace(string(head))
	if changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err != nil || len(changed) > 0 {
		id += "+"
	}
	return id
}

// filesystem is the type of the one that has this directory, and how many bytes of it are free.
func filesystem(dir string) (name string, free int64) {
	var at syscall.Statfs_t
	if err := syscall.Statfs(dir, &at); err != nil {
		return "unknown file system", 0
	}
	free = int64(at.Bavail) * at.Bsize
	names := map[int64]string{0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlay"}
	if name = names[int64(at.Type)]; name == "" {
		name = fmt.Sprintf("file system %#x", at.Type)
	}
	return name, free
}
