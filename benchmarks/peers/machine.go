package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// machine is where and when a run was made.
type machine struct {
	When, CPU, Kernel, Go, Commit, Files, Load string
	Cores                                      int
	Memory                                     int64 // bytes
	Peers                                      []string
}

func (b *bench) machine() machine {
	m := machine{
		When: time.Now().UTC().Format(time.RFC3339), CPU: "unknown", Kernel: line("/proc/sys/kernel/osrelease"), Go: runtime.Version(),
		Commit: commit(), Files: filesystem(b.root), Load: line("/proc/loadavg"), Cores: runtime.NumCPU(),
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	if _, rest, found := strings.Cut(string(info), "model name"); found {
		name, _, _ := strings.Cut(rest, "\n")
		m.CPU = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
	}
	var about syscall.Sysinfo_t
	if syscall.Sysinfo(&about) == nil {
		m.Memory = int64(about.Totalram) * int64(about.Unit)
	}
	if fields := strings.Fields(m.Load); len(fields) >= 3 {
		m.Load = strings.Join(fields[:3], " ")
	}
	return m
}

func (m machine) String() string {
	return fmt.Sprintf("%s. %d × %s, %d GiB, Linux %s, %s, %s. Commit %s. Load average at the start: %s. Peers: %s.",
		m.When, m.Cores, m.CPU, (m.Memory+1<<29)>>30, m.Kernel, m.Files, m.Go, m.Commit, m.Load, strings.Join(m.Peers, ", "))
}

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

// filesystem is the type of the one that has this directory.
func filesystem(dir string) string {
	var at syscall.Statfs_t
	if err := syscall.Statfs(dir, &at); err != nil {
		return "unknown file system"
	}
	names := map[int64]string{0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlay"}
	if name := names[int64(at.Type)]; name != "" {
		return name
	}
	return fmt.Sprintf("file system %#x", at.Type)
}
