package tuning

import (
	"maps"
	"math"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

// wellTuned is a server of sixteen cores on which there is nothing to change: a file's text by its name.
var wellTuned = map[string]string{
	"proc/sys/kernel/osrelease":                            "6.12.0\n",
	"proc/meminfo":                                         "MemTotal:       65536000 kB\nMemFree:        60000000 kB\n",
	"proc/7/limits":                                        "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 1048576              files\n",
	"proc/7/cgroup":                                        "0::/system.slice/penstock.service\n",
	"proc/self/mountinfo":                                  mountinfo("rw,relatime", "ext4", "/dev/nvme0n1p1", "rw"),
	"proc/swaps":                                           "Filename\tType\tSize\tUsed\tPriority\n",
	"proc/net/netstat":                                     "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 0 3\nIpExt: InNoRoutes\nIpExt: 9\n",
	"proc/net/snmp":                                        "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\nUdp: 5 4 3 2 0\n",
	"proc/sys/fs/file-max":                                 "9223372036854775807\n",
	"proc/sys/fs/nr_open":                                  "1048576\n",
	"proc/sys/net/core/somaxconn":                          "65535\n",
	"proc/sys/net/core/rmem_max":                           "16777216\n",
	"proc/sys/net/ipv4/tcp_mem":                            "600000\t800000\t1200000\n",
	"proc/sys/net/ipv4/tcp_syncookies":                     "1\n",
	"proc/sys/net/ipv4/tcp_max_syn_backlog":                "2048\n",
	"proc/sys/vm/max_map_count":                            "262144\n",
	"proc/sys/vm/overcommit_memory":                        "0\n",
	"proc/sys/vm/swappiness":                               "60\n",
	"proc/sys/vm/dirty_background_bytes":                   "268435456\n",
	"proc/sys/vm/dirty_background_ratio":                   "0\n",
	"proc/sys/vm/dirty_bytes":                              "1073741824\n",
	"proc/sys/vm/dirty_ratio":                              "0\n",
	"sys/kernel/mm/transparent_hugepage/defrag":            "always defer defer+madvise [madvise] never\n",
	"sys/devices/system/cpu/online":                        "0-15\n",
	"sys/devices/system/node/online":                       "0\n",
	"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
	"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
	"sys/devices/system/clocksource/clocksource0/current_clocksource":   "tsc\n",
	"sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm\n",
	"sys/class/net/lo/operstate":                                        "unknown\n",
	"sys/class/net/eth0/device/vendor":                                  "0x15b3\n",
	"sys/class/net/eth0/queues/rx-0/rps_cpus":                           "0000,00000000\n",
	"sys/class/block/nvme0n1/dev":                                       "259:0\n",
	"sys/class/block/nvme0n1p1/dev":                                     "259:1\n",
	"sys/block/nvme0n1/nvme0n1p1/partition":                             "1\n",
	"sys/block/nvme0n1/queue/write_cache":                               "write back\n",
	"sys/block/nvme0n1/queue/scheduler":                                 "[none] mq-deadline kyber bfq\n",
	"sys/block/nvme0n1/queue/rotational":                                "0\n",
	"sys/fs/cgroup/system.slice/penstock.service/memory.max":            "max\n",
	"sys/fs/cgroup/system.slice/penstock.service/cpu.max":               "max 100000\n",
	"sys/fs/cgroup/system.slice/penstock.service/cpu.stat":              "usage_usec 5\nnr_throttled 0\n",
}

// mountinfo is a machine's mounts, the data's with these options, type, source and options of the file system.
func mountinfo(options, kind, source, system string) string {
	return "22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n" +
		"23 22 0:21 / /proc rw shared:2 - proc proc rw\n" +
		"24 22 0:24 / /sys/fs/cgroup rw shared:3 - cgroup2 cgroup2 rw\n" +
		"25 22 259:1 / /srv/my\\040data " + options + " shared:4 - " + kind + " " + source + " " + system + "\n"
}

// queues makes a network card have n of them.
func queues(n int) map[string]string {
	all := map[string]string{}
	for i := range n {
		all["sys/class/net/eth0/queues/rx-"+string(rune('0'+i))+"/rps_cpus"] = "0000\n"
	}
	return all
}

// hostWith is the well tuned server with other files; an empty text takes a file away.
func hostWith(other ...map[string]string) *Host {
	all := maps.Clone(wellTuned)
	for _, o := range append([]map[string]string{queues(8)}, other...) {
		maps.Copy(all, o)
	}
	tree := fstest.MapFS{}
	for name, text := range all {
		if text != "" {
			tree[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return Inspect(tree, 7, "/srv/my data/penstock")
}

func TestInspect(t *testing.T) {
	h := hostWith()
	want := &Host{
		Kernel: "6.12.0", CPUs: 16, Memory: 65536000 << 10, Sysctl: h.Sysctl,
		PID: 7, FilesSoft: 1024, FilesHard: 1 << 20,
		HugeDefrag: "madvise", Governors: []string{"performance"}, Clock: "tsc", Clocks: []string{"tsc", "hpet", "acpi_pm"}, Nodes: 1,
		Cards: []Card{{Name: "eth0", Queues: 8}},
		Mount: Mount{Point: "/srv/my data", Type: "ext4", Source: "/dev/nvme0n1p1", Options: []string{"rw", "relatime"}, device: "259:1", root: "/"},
		Disks: []Disk{{Name: "nvme0n1", WriteCache: "write back", Scheduler: "none"}},
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("got  %+v\nwant %+v", h, want)
	}
	if got := h.Sysctl["net.ipv4.tcp_mem"]; got != "600000 800000 1200000" {
		t.Errorf("tcp_mem %q", got)
	}
	if _, ok := h.Sysctl["net.core.netdev_max_backlog"]; ok {
		t.Error("a parameter that the machine has not is there")
	}
}

// TestInspectAnEmptyMachine: nothing that is missing is a failure.
func TestInspectAnEmptyMachine(t *testing.T) {
	h := Inspect(fstest.MapFS{}, 7, "/srv")
	if want := (&Host{PID: 7, Sysctl: map[string]string{}, Clocks: []string{}}); !reflect.DeepEqual(h, want) {
		t.Errorf("got %+v", h)
	}
	for _, a := range Check(h, &Probes{}, want) {
		if a.State == Danger {
			t.Errorf("%s: %s %s", a.Name, a.State, a.Is)
		}
	}
}

func TestCgroupLimits(t *testing.T) {
	f := func(name string, files map[string]string, want CgroupLimits) {
		t.Helper()
		if got := hostWith(files).Limits; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	f("none", nil, CgroupLimits{})
	f("the service's own", map[string]string{
		"sys/fs/cgroup/system.slice/penstock.service/memory.max": "8589934592\n",
		"sys/fs/cgroup/system.slice/penstock.service/cpu.max":    "150000 100000\n",
		"sys/fs/cgroup/system.slice/penstock.service/cpu.stat":   "nr_periods 9\nnr_throttled 4\n",
	}, CgroupLimits{Memory: 8 << 30, CPUs: 1.5, Throttled: 4})
	f("the slice's is stricter", map[string]string{
		"sys/fs/cgroup/system.slice/penstock.service/memory.max": "8589934592\n",
		"sys/fs/cgroup/system.slice/memory.max":                  "4294967296\n",
	}, CgroupLimits{Memory: 4 << 30})
	f("version 1, in a container", map[string]string{
		"proc/7/cgroup": "9:name=systemd:/\n4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/\n",
		"proc/self/mountinfo": "31 1 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n" +
			"32 1 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":  "1073741824\n",
		"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":  "200000\n",
		"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
		"sys/fs/cgroup/cpu,cpuacct/cpu.stat":          "nr_throttled 2\n",
	}, CgroupLimits{Memory: 1 << 30, CPUs: 2, Throttled: 2})
	f("version 1, without limits", map[string]string{
		"proc/7/cgroup":                              "4:memory:/\n1:cpu:/\n",
		"proc/self/mountinfo":                        "31 1 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n32 1 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		"sys/fs/cgroup/cpu/cpu.cfs_quota_us":         "-1\n",
		"sys/fs/cgroup/cpu/cpu.cfs_period_us":        "100000\n",
	}, CgroupLimits{})
}

func TestDisksUnder(t *testing.T) {
	f := func(name string, files map[string]string, want ...Disk) {
		t.Helper()
		if got := hostWith(files).Disks; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	sda, sdb := Disk{Name: "sda", WriteCache: "write through", Scheduler: "mq-deadline", Rotates: true}, Disk{Name: "sdb", WriteCache: "write back"}
	two := map[string]string{
		"sys/class/block/dm-0/dev": "252:0\n", "sys/class/block/dm-0/slaves/md0/x": "x", "sys/block/dm-0/queue/write_cache": "write back\n",
		"sys/class/block/md0/slaves/sda2/x": "x", "sys/class/block/md0/slaves/sdb/x": "x",
		"sys/block/sda/sda2/partition": "2\n", "sys/block/sda/queue/write_cache": "write through\n", "sys/block/sda/queue/rotational": "1\n",
		"sys/block/sda/queue/scheduler": "none [mq-deadline]\n", "sys/block/sdb/queue/write_cache": "write back\n",
		"proc/self/mountinfo": "25 22 252:0 / / rw - xfs /dev/mapper/vg-data rw\n",
	}
	f("LVM on RAID on a partition and a disk", two, sda, sdb)
	two["proc/self/mountinfo"] = "25 22 0:40 /sub / rw - btrfs /dev/sdb rw,subvol=/sub\n"
	two["sys/class/block/sdb/dev"] = "8:16\n"
	f("a file system with a number of its own", two, sdb)
	f("memory", map[string]string{"proc/self/mountinfo": "25 22 0:40 / / rw - tmpfs tmpfs rw\n"})
}

func TestReadings(t *testing.T) {
	for list, want := range map[string]int{"": 0, "0": 1, "0-3,8": 5, "0-1\n": 2, "x": 0, "3-1": 1} {
		if got := countList(list); got != want {
			t.Errorf("countList(%q) = %d, want %d", list, got, want)
		}
	}
	for text, want := range map[string]uint64{"": 0, "7": 7, "unlimited": math.MaxUint64, "max": math.MaxUint64, "99999999999999999999": math.MaxUint64, "-1": 0, "x": 0} {
		if got := number(text); got != want {
			t.Errorf("number(%q) = %d, want %d", text, got, want)
		}
	}
	for n, want := range map[int]string{1: "1", 4: "f", 32: "ffffffff", 40: "ff,ffffffff", 96: "ffffffff,ffffffff,ffffffff"} {
		if got := cpuMask(n); got != want {
			t.Errorf("cpuMask(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1 << 20: "1 MiB", 1536 << 20: "1.5 GiB", 3 << 40: "3 TiB"} {
		if got := FormatBytes(n); got != want {
			t.Errorf("FormatBytes(%d) = %s, want %s", n, got, want)
		}
	}
}

// TestInspectThisMachine reads the real one.
func TestInspectThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	dir := t.TempDir()
	h := Inspect(os.DirFS("/"), os.Getpid(), dir)
	if h.Kernel == "" || h.CPUs < 1 || h.Memory < 1<<20 || h.FilesHard == 0 || h.Mount.Type == "" || h.Sysctl["vm.max_map_count"] == "" {
		t.Errorf("%+v", h)
	}
	if !strings.HasPrefix(dir+"/", strings.TrimSuffix(h.Mount.Point, "/")+"/") {
		t.Errorf("%s is said to be on %s", dir, h.Mount.Point)
	}
}
