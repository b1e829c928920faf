package tuning

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Host is what a machine is, as far as it matters to an appliance. What could not be read is zero, or nil where zero means something.
type Host struct {
	Kernel string // as uname -r
	CPUs   int    // on line
	Memory int64  // bytes

	Sysctl map[string]string // by name as sysctl(8) writes it, of those in sysctls

	PID                  int    // whose limits these are
	FilesSoft, FilesHard uint64 // RLIMIT_NOFILE
	Limits               CgroupLimits

	Swap       []string // devices and files
	HugeDefrag string   // of transparent huge pages: when a fault may wait for the kernel to make one
	Governors  []string // of the CPUs' frequency, each once; empty where the firmware or a hypervisor decides
	Clock      string   // clocksource in use
	Clocks     []string // those there are
	Nodes      int      // of NUMA
	Cards      []Card   // network cards that are hardware

	ListenOverflows uint64 // connections dropped since boot because a listener's queue was full
	DatagramsLost   uint64 // datagrams dropped since boot because a socket's buffer was full

	Mount Mount  // where the data directory is
	Disks []Disk // what that stands on; more than one behind dm or md
}

// sysctls are the ones Inspect reads.
var sysctls = []string{
	"fs.file-max", "fs.nr_open",
	"net.core.netdev_max_backlog", "net.core.rmem_max", "net.core.somaxconn",
	"net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_mem", "net.ipv4.tcp_syncookies",
	"vm.dirty_background_bytes", "vm.dirty_background_ratio", "vm.dirty_bytes", "vm.dirty_ratio",
	"vm.max_map_count", "vm.overcommit_memory", "vm.swappiness",
}

// Inspect reads the machine below root, which is "/" as an fs.FS: limits are those of process pid, and dir, an absolute path, is the
// data directory. It changes nothing, and what it can't read it leaves out.
func Inspect(root fs.FS, pid int, dir string) *Host {
	r := files{root}
	h := &Host{
		Kernel: r.text("proc/sys/kernel/osrelease"),
		CPUs:   countList(r.text("sys/devices/system/cpu/online")),
		Memory: r.field("proc/meminfo", "MemTotal:") << 10,
		Sysctl: map[string]string{},
		PID:    pid,
		Limits: r.cgroupLimits(pid),
		Swap:   r.swap(),

		HugeDefrag: chosenOf(r.text("sys/kernel/mm/transparent_hugepage/defrag")),
		Governors:  r.governors(),
		Clock:      r.text("sys/devices/system/clocksource/clocksource0/current_clocksource"),
		Clocks:     strings.Fields(r.text("sys/devices/system/clocksource/clocksource0/available_clocksource")),
		Nodes:      countList(r.text("sys/devices/system/node/online")),
		Cards:      r.cards(),

		ListenOverflows: r.counter("proc/net/netstat", "TcpExt:", "ListenOverflows"),
		DatagramsLost:   r.counter("proc/net/snmp", "Udp:", "RcvbufErrors"),
	}
	for _, name := range sysctls {
		if text := r.text(sysctlPath(name)); text != "" {
			h.Sysctl[name] = strings.Join(strings.Fields(text), " ")
		}
	}
	h.FilesSoft, h.FilesHard = r.openFiles(pid)
	h.Mount = r.mountOf(dir)
	h.Disks = r.disksUnder(h.Mount)
	return h
}

// sysctl is a sysctl's number: field n of what it says. ok is false when the machine has none, or it is no number.
func (h *Host) sysctl(name string, n int) (value int64, ok bool) {
	fields := strings.Fields(h.Sysctl[name])
	if n >= len(fields) {
		return 0, false
	}
	value, err := strconv.ParseInt(fields[n], 10, 64)
	return value, err == nil
}

// openFiles is a process's RLIMIT_NOFILE; zeros when it can't be read.
func (r files) openFiles(pid int) (soft, hard uint64) {
	for line := range strings.Lines(r.text(path.Join("proc", strconv.Itoa(pid), "limits"))) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) >= 2 {
				return number(fields[0]), number(fields[1])
			}
		}
	}
	return 0, 0
}

// swap lists what there is to swap to.
func (r files) swap() (all []string) {
	first := true
	for line := range strings.Lines(r.text("proc/swaps")) {
		if fields := strings.Fields(line); !first && len(fields) > 0 {
			all = append(all, fields[0])
		}
		first = false
	}
	return all
}

// governors lists the CPUs' frequency governors, each once.
func (r files) governors() (all []string) {
	seen := map[string]bool{}
	for _, cpu := range r.glob("sys/devices/system/cpu/cpu[0-9]*") {
		if g := r.text(cpu + "/cpufreq/scaling_governor"); g != "" && !seen[g] {
			seen[g] = true
			all = append(all, g)
		}
	}
	return all
}
