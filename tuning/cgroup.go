package tuning

import (
	"math"
	"path"
	"strconv"
	"strings"
)

// CgroupLimits is what a process's control groups allow it, all its ancestors' limits taken together.
type CgroupLimits struct {
	Memory    int64   // bytes; 0 = no limit
	CPUs      float64 // CPU time a second; 0 = no limit
	Throttled uint64  // times that the group had to wait for its next share
}

// cgroupLimits reads them, of version 2 and of version 1 of the interface, wherever they are mounted.
func (r files) cgroupLimits(pid int) (l CgroupLimits) {
	for line := range strings.Lines(r.text(path.Join("proc", strconv.Itoa(pid), "cgroup"))) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, controller := range strings.Split(parts[1], ",") {
			switch controller {
			case "": // version 2 has all controllers in one tree
				r.climb("cgroup2", "", parts[2], func(dir string) {
					l.memory(r.text(dir + "/memory.max"))
					quota, period, _ := strings.Cut(r.text(dir+"/cpu.max"), " ")
					l.quota(quota, period)
					l.Throttled = max(l.Throttled, signedCount(r.field(dir+"/cpu.stat", "nr_throttled")))
				})
			case "memory":
				r.climb("cgroup", controller, parts[2], func(dir string) { l.memory(r.text(dir + "/memory.limit_in_bytes")) })
			case "cpu":
				r.climb("cgroup", controller, parts[2], func(dir string) {
					l.quota(r.text(dir+"/cpu.cfs_quota_us"), r.text(dir+"/cpu.cfs_period_us"))
					l.Throttled = max(l.Throttled, signedCount(r.field(dir+"/cpu.stat", "nr_throttled")))
				})
			}
		}
	}
	return l
}

// climb visits a group's directory and its ancestors', up to where the controller's tree is mounted.
func (r files) climb(kind, controller, group string, visit func(dir string)) {
	for _, m := range r.mounts() {
		if m.Type != kind || controller != "" && !m.has(controller) {
			continue
		}
		below, ok := strings.CutPrefix(path.Clean("/"+group), path.Clean(m.root))
		if !ok { // a container sees its own group as the mount's root
			below = ""
		}
		for dir := path.Join(m.Point, below); strings.HasPrefix(dir, m.Point); dir = path.Dir(dir) {
			visit(strings.TrimPrefix(dir, "/"))
			if dir == "/" {
				break
			}
		}
		return
	}
}

// noLimit is where version 1's "no limit" begins: the greatest number of whole pages.
const noLimit = math.MaxInt64 - 1<<20

func (l *CgroupLimits) memory(text string) {
	if n := signed(number(text)); n > 0 && n < noLimit && (l.Memory == 0 || n < l.Memory) {
		l.Memory = n
	}
}

func (l *CgroupLimits) quota(quota, period string) {
	q, err := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err != nil || err2 != nil || q <= 0 || p <= 0 {
		return // "max", -1, or not there
	}
	if cpus := q / p; l.CPUs == 0 || cpus < l.CPUs {
		l.CPUs = cpus
	}
}

func signedCount(n int64) uint64 { return uint64(max(n, 0)) }
