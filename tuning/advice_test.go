package tuning

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	// want is what an appliance at its defaults asks of sixteen cores.
	want = Want{Connections: 32768, Listeners: 16, Logs: 16000, Writers: 16, SegmentBytes: 256 << 20, Retention: 24 * time.Hour, DatagramBuffer: 4 << 20}
	// tried is a good disk.
	tried = Probes{Dir: "/srv/my data", Free: 1 << 40, Total: 2 << 40, Syncs: slices.Repeat([]time.Duration{60 * time.Microsecond}, 200), Clock: ClockKept}
)

func TestNothingToChange(t *testing.T) {
	all := Check(hostWith(), &tried, want)
	for _, a := range all {
		if a.State < Note {
			t.Errorf("%s %s: %s, should be %s", a.State, a.Name, a.Is, a.Should)
		}
	}
	if len(all) < 22 || ToChange(all) != 0 {
		t.Errorf("%d things looked at, %d to change", len(all), ToChange(all))
	}
}

// TestAdvice makes one thing wrong at a time: the advice about it is the only one that is not as before, and says so.
func TestAdvice(t *testing.T) {
	type files = map[string]string
	data := "proc/self/mountinfo"
	for _, test := range []struct {
		what  string
		files files
		probe func(*Probes)
		want  func(*Want)
		name  string
		state State
		says  string // in what should be, why, or how
	}{
		{"few files", files{"proc/7/limits": "Max open files  1024  4096  files\n"}, nil, nil, "open files", Change, "LimitNOFILE=1048576"},
		{"no limits to read", files{"proc/7/limits": ""}, nil, nil, "open files", Unknown, ""},
		{"nr_open", files{"proc/sys/fs/nr_open": "65536\n"}, nil, nil, "fs.nr_open", Change, "sysctl -w fs.nr_open=1048576"},
		{"file-max", files{"proc/sys/fs/file-max": "100000\n"}, nil, nil, "fs.file-max", Change, "sysctl -w fs.file-max="},
		{"few mappings", files{"proc/sys/vm/max_map_count": "50000\n"}, nil, nil, "vm.max_map_count", Change, "sysctl -w vm.max_map_count=262144"},
		{"very many logs", nil, nil, func(w *Want) { w.Logs = 100_000 }, "vm.max_map_count", Change, "=608192"},
		{"write storms", files{"proc/sys/vm/dirty_background_bytes": "0\n", "proc/sys/vm/dirty_background_ratio": "10\n"}, nil, nil,
			"vm.dirty_background_bytes", Change, "sysctl -w vm.dirty_background_bytes=268435456"},
		{"stalls", files{"proc/sys/vm/dirty_bytes": "8589934592\n"}, nil, nil, "vm.dirty_bytes", Change, "sysctl -w vm.dirty_bytes=1073741824"},
		{"swap", files{"proc/swaps": "Filename Type Size Used Priority\n/dev/sda3 partition 8 0 -2\n"}, nil, nil, "vm.swappiness", Change, "vm.swappiness=1"},
		{"strict accounting", files{"proc/sys/vm/overcommit_memory": "2\n"}, nil, nil, "vm.overcommit_memory", Change, "=0"},
		{"defragmenting", files{"sys/kernel/mm/transparent_hugepage/defrag": "[always] madvise never\n"}, nil, nil, "transparent huge pages' defrag", Change, "echo madvise"},
		{"memory limit", files{"sys/fs/cgroup/system.slice/memory.max": "10737418240\n"}, nil, nil, "memory limit", Note, "below 9 GiB"},
		{"CPU quota", files{"sys/fs/cgroup/system.slice/cpu.max": "250000 100000\n"}, nil, nil, "CPUs", Note, "quota"},
		{"CPU quota that bites", files{"sys/fs/cgroup/system.slice/cpu.max": "250000 100000\n", "sys/fs/cgroup/system.slice/cpu.stat": "nr_throttled 12\n"}, nil, nil,
			"CPUs", Change, "12 times"},

		{"short queue", files{"proc/sys/net/core/somaxconn": "128\n", "proc/net/netstat": "TcpExt: ListenOverflows\nTcpExt: 17\n"}, nil, nil, "net.core.somaxconn", Change, "17 connections were dropped"},
		{"no SYN cookies", files{"proc/sys/net/ipv4/tcp_syncookies": "0\n", "proc/sys/net/ipv4/tcp_max_syn_backlog": "512\n"}, nil, nil,
			"net.ipv4.tcp_max_syn_backlog", Change, "=65535"},
		{"UDP buffers", files{"proc/sys/net/core/rmem_max": "212992\n", "proc/net/snmp": "Udp: RcvbufErrors\nUdp: 3\n"}, nil, nil, "net.core.rmem_max", Change, "3 datagrams were lost"},
		{"TCP memory", files{"proc/sys/net/ipv4/tcp_mem": "30000 40000 60000\n"}, nil, nil, "net.ipv4.tcp_mem", Change, "sysctl -w net.ipv4.tcp_mem='393216 524288 786432'"},
		{"more connections than memory", files{"proc/meminfo": "MemTotal: 4096000 kB\n", "proc/sys/net/ipv4/tcp_mem": "30000 40000 60000\n"}, nil, nil,
			"net.ipv4.tcp_mem", Change, "--max-connections 8000"},
		{"one queue", files{"sys/class/net/eth1/device/x": "x", "sys/class/net/eth1/queues/rx-0/rps_cpus": "0\n"}, nil, nil, "queues of eth1", Change, "ethtool -L eth1 combined 8"},
		{"one queue, spread", files{"sys/class/net/eth1/device/x": "x", "sys/class/net/eth1/queues/rx-0/rps_cpus": "ffff\n"}, nil, nil, "queues of eth1", Fine, ""},

		{"clocks down", files{"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave\n"}, nil, nil, "CPU frequency", Change, "cpupower frequency-set"},
		{"two nodes", files{"sys/devices/system/node/online": "0-1\n"}, nil, nil, "NUMA", Note, "NUMAPolicy=bind"},
		{"slow clock", files{"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n"}, nil, nil, "clock source", Change, "echo tsc"},
		{"no clock to choose", files{"sys/devices/system/clocksource/clocksource0/current_clocksource": "acpi_pm\n",
			"sys/devices/system/clocksource/clocksource0/available_clocksource": "acpi_pm\n"}, nil, nil, "clock source", Change, "command line"},
		{"nobody keeps the time", nil, func(p *Probes) { p.Clock = ClockAdrift }, nil, "time of day", Change, "chrony"},
		{"writers everywhere", nil, nil, func(w *Want) { w.Pinned = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} }, "pinned writers", Note, "holds it up"},

		{"memory file system", files{data: mountinfo("rw", "tmpfs", "tmpfs", "rw,size=1G")}, nil, nil, "file system", Danger, "nothing there survives"},
		{"a server's", files{data: mountinfo("rw", "nfs4", "nas:/x", "rw,vers=4.2")}, nil, nil, "file system", Danger, "a server across a network"},
		{"a program's", files{data: mountinfo("rw", "fuse.sshfs", "x", "rw")}, nil, nil, "file system", Danger, "a program"},
		{"a container's layer", files{data: mountinfo("rw", "overlay", "overlay", "rw,lowerdir=/a")}, nil, nil, "file system", Change, "--volume"},
		{"copies on write", files{data: mountinfo("rw", "btrfs", "/dev/nvme0n1p1", "rw")}, nil, nil, "file system", Change, "not tested"},
		{"xfs", files{data: mountinfo("rw", "xfs", "/dev/nvme0n1p1", "rw")}, nil, nil, "file system", Fine, ""},
		{"no barriers", files{data: mountinfo("rw", "ext4", "/dev/nvme0n1p1", "rw,nobarrier")}, nil, nil, "mount option nobarrier", Danger, "remount,barrier=1"},
		{"others' blocks", files{data: mountinfo("rw", "ext4", "/dev/nvme0n1p1", "rw,data=writeback")}, nil, nil, "mount option data=writeback", Change, "data=ordered"},
		{"read only", files{data: mountinfo("ro", "ext4", "/dev/nvme0n1p1", "rw")}, nil, nil, "mount option ro", Danger, "remount,rw"},
		{"trims at once", files{data: mountinfo("rw", "ext4", "/dev/nvme0n1p1", "rw,discard")}, nil, nil, "mount option discard", Note, "fstrim"},
		{"no cache, it says", files{"sys/block/nvme0n1/queue/write_cache": "write through\n"}, nil, nil, "write cache of nvme0n1", Note, "never asked to flush"},
		{"a fair queue", files{"sys/block/nvme0n1/queue/scheduler": "none [bfq]\n"}, nil, nil, "scheduler of nvme0n1", Change, "mq-deadline"},

		{"no space set aside", nil, func(p *Probes) { p.Preallocate, p.Syncs = errors.New("operation not supported"), nil }, nil, "fallocate", Danger, "sets a segment's space aside"},
		{"not ours", nil, func(p *Probes) { p.Tried, p.Syncs = errors.New("permission denied"), nil }, nil, "data directory", Unknown, "as the user"},
		{"too good", nil, func(p *Probes) { p.Syncs = []time.Duration{5 * time.Microsecond} }, nil, "fdatasync of 4 KiB", Note, "what survives a power cut"},
		{"slow disk", nil, func(p *Probes) { p.Syncs = []time.Duration{25 * time.Millisecond} }, nil, "fdatasync of 4 KiB", Change, "power-loss protection"},
		{"a disk that turns", files{"sys/block/nvme0n1/queue/rotational": "1\n"}, func(p *Probes) { p.Syncs = []time.Duration{25 * time.Millisecond} }, nil, "fdatasync of 4 KiB", Note, "shares a sync"},
		{"a long tail", nil, func(p *Probes) {
			p.Syncs = append(slices.Repeat(p.Syncs[:1:1], 97), slices.Repeat([]time.Duration{5 * time.Millisecond}, 3)...)
		}, nil, "fdatasync of 4 KiB", Note, "p99 below"},
		{"little space", nil, func(p *Probes) { p.Free = 2 << 30 }, nil, "free space", Change, "senders get 503"},
		{"less than it shall keep", nil, nil, func(w *Want) { w.RetentionBytes = 2 << 40 }, "free space", Change, "--retention-bytes "},
		{"enough", nil, func(p *Probes) { p.Free = 865 << 30 }, func(w *Want) { w.MinFree = 1 << 30 }, "free space", Note, "records of 24h fit while less than 10.2 MiB/s"},
	} {
		t.Run(test.what, func(t *testing.T) {
			p, w := tried, want
			if test.probe != nil {
				test.probe(&p)
			}
			if test.want != nil {
				test.want(&w)
			}
			all := Check(hostWith(test.files), &p, w)
			i := slices.IndexFunc(all, func(a Advice) bool { return a.Name == test.name })
			if i < 0 {
				t.Fatalf("nothing about %s", test.name)
			}
			a := all[i]
			if text := a.Should + "\n" + a.Why + "\n" + strings.Join(a.How, "\n"); a.State != test.state || !strings.Contains(text, test.says) {
				t.Errorf("%s: %s\n%s\nwant %s and %q", a.State, a.Is, text, test.state, test.says)
			}
			if a.State <= Change && (a.Why == "" || len(a.How) == 0 || a.Should == "" && a.Name[:5] != "mount") {
				t.Errorf("says too little: %+v", a)
			}
			for _, other := range all {
				if other.State <= Change && other.Name != test.name {
					t.Errorf("%s %s too: %s", other.State, other.Name, other.Is)
				}
			}
		})
	}
}
