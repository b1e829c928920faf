package tuning

import (
	"fmt"
	"slices"
	"strings"
)

func checkCPUs(h *Host, _ *Probes, _ Want) []Advice {
	a := Advice{Name: "CPUs", State: Fine, Is: fmt.Sprint(h.CPUs)}
	if h.Limits.CPUs > 0 {
		a.State, a.Is = Note, fmt.Sprintf("%.2g of %d, by a control group's quota", h.Limits.CPUs, h.CPUs)
		a.Why = "when the quota is used up, all threads stand still until the next period, up to 100 ms: the slowest replies are those. Go runs no more threads than the quota has CPUs"
		if h.Limits.Throttled > 0 {
			a.State, a.Should = Change, "no quota; weights and sets of CPUs do the same without"
			a.Why += fmt.Sprintf(". It has happened %d times", h.Limits.Throttled)
			a.How = []string{"CPUQuota=   # in the unit's [Service]; AllowedCPUs=0-3 sets CPUs apart"}
		}
	}
	return []Advice{a}
}

func checkGovernor(h *Host, _ *Probes, _ Want) []Advice {
	if len(h.Governors) == 0 {
		return []Advice{{Name: "CPU frequency", State: Fine, Is: "not the kernel's to choose"}}
	}
	a := Advice{Name: "CPU frequency", State: Fine, Is: strings.Join(h.Governors, " "), Should: "performance"}
	if !slices.Equal(h.Governors, []string{"performance"}) {
		a.State, a.Why = Change, "a CPU that clocks down between requests answers the next one slowly, and CPU time per event says little while it changes"
		a.How = []string{"cpupower frequency-set -g performance", "for g in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do echo performance > $g; done"}
	}
	return []Advice{a}
}

func checkNodes(h *Host, _ *Probes, _ Want) []Advice {
	if h.Nodes <= 1 {
		return []Advice{{Name: "NUMA", State: Fine, Is: "one node"}}
	}
	return []Advice{{Name: "NUMA", State: Note, Is: fmt.Sprintf("%d nodes", h.Nodes),
		Why: "one process on all of them reaches across for rings and pages; one appliance a node, each with its own data directory and port, does not",
		How: []string{"NUMAPolicy=bind   # in the unit's [Service], with NUMAMask=0 and AllowedCPUs= of that node", "numactl --cpunodebind=0 --membind=0 penstock serve …"}}}
}

// quickClocks are the clock sources that are read without a system call.
var quickClocks = []string{"tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page", "riscv_clocksource", "stp"}

func checkClocksource(h *Host, _ *Probes, _ Want) []Advice {
	if h.Clock == "" {
		return unread("clock source", "each request asks for the time; from a slow clock that is a system call")
	}
	a := Advice{Name: "clock source", State: Fine, Is: h.Clock}
	if !slices.Contains(quickClocks, h.Clock) {
		a.State, a.Should, a.Why = Change, "tsc", "every request asks what time it is, several times: with this clock each is a system call and reads a device"
		a.How = []string{"tsc=reliable clocksource=tsc   # on the kernel's command line, if the CPU's counter can be trusted"}
		if slices.Contains(h.Clocks, "tsc") {
			a.How = append([]string{"echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"}, a.How...)
		}
	}
	return []Advice{a}
}

func checkClock(_ *Host, p *Probes, _ Want) []Advice {
	switch p.Clock {
	case ClockKept:
		return []Advice{{Name: "time of day", State: Fine, Is: "kept right"}}
	case ClockAdrift:
		return []Advice{{Name: "time of day", State: Change, Is: "nobody keeps it right", Should: "synchronised",
			Why: "records bear the time they came at; retention does not mind, it counts the machine's own time", How: []string{"apt-get install chrony   # or systemctl enable --now systemd-timesyncd"}}}
	}
	return unread("time of day", "records bear the time they came at")
}

func checkPins(h *Host, _ *Probes, w Want) []Advice {
	a := Advice{Name: "pinned writers", State: Fine, Is: "none", Why: "the scheduler places them; see --measure"}
	if len(w.Pinned) > 0 {
		a.Is = "on CPUs " + FormatCPUs(slices.Sorted(slices.Values(w.Pinned)))
		a.Why = ""
		if len(w.Pinned) >= h.CPUs {
			a.State, a.Why = Note, "every CPU has a writer that can run nowhere else: a listener that is busy there holds it up"
		}
	}
	return []Advice{a}
}
