package tuning

import (
	"fmt"
	"strings"
)

// What one log holds open and mapped at most: the segment that grows, the one that is ready, and the one that was sealed last.
const perLog = 3

// spareFiles is for what else is open: listeners, indexes, readers, the runtime.
const spareFiles = 1024

func checkFiles(h *Host, _ *Probes, w Want) []Advice {
	need := int64(w.Connections + perLog*w.Logs + spareFiles)
	all := []Advice{{Name: "open files", State: Unknown, Is: "cannot be read"}}
	if h.FilesHard > 0 {
		a := &all[0]
		a.State, a.Is, a.Should = Fine, countText(h.FilesHard), fmt.Sprintf("at least %d", need)
		if h.FilesHard < uint64(need) {
			a.State = Change
			a.Why = fmt.Sprintf("%d connections and %d logs at most; when they run out, new connections wait and no topic is made. The soft limit does not matter: it is raised to the hard one",
				w.Connections, w.Logs)
			a.How = []string{"LimitNOFILE=1048576   # in the unit's [Service]", "penstock - nofile 1048576   # or in /etc/security/limits.d/penstock.conf, for a login"}
		}
	}
	all = append(all, atLeast(h, "fs.nr_open", 0, need, max(1<<20, need), "no process may have a higher limit of open files")...)
	return append(all, atLeast(h, "fs.file-max", 0, 2*need, 4*need, "what all processes together may have open")...)
}

func checkMappings(h *Host, _ *Probes, w Want) []Advice {
	need := int64(perLog*w.Logs + 4096)
	return atLeast(h, "vm.max_map_count", 0, need, max(262144, 2*need),
		fmt.Sprintf("%d logs, each with %d segments mapped, and their readers; past it no segment can be made", w.Logs, perLog))
}

// checkDirty looks at when the kernel begins to write behind our back (background) and when it makes whoever stores wait for that.
func checkDirty(h *Host, _ *Probes, w Want) []Advice {
	segment := max(w.SegmentBytes, 64<<20)
	var all []Advice
	for _, d := range []struct {
		name         string
		should, most int64
		why          string
	}{
		{"vm.dirty_background", segment, 4 * segment, "with --ack log the kernel lets so much gather before it begins to write, and then writes it in one storm, behind which every sync waits; it is also what a power cut takes"},
		{"vm.dirty", 4 * segment, 16 * segment, "when so much waits to be written, whoever stores a record is made to wait; and it must be above vm.dirty_background_bytes"},
	} {
		value, _ := h.sysctl(d.name+"_bytes", 0)
		ratio, known := h.sysctl(d.name+"_ratio", 0)
		a := Advice{Name: d.name + "_bytes", State: Fine, Is: FormatBytes(value), Should: "at most " + FormatBytes(d.most), Sysctl: &Sysctl{d.name + "_bytes", fmt.Sprint(value)}}
		switch {
		case !known:
			all = append(all, unread(a.Name, "it decides how large a storm of writes becomes")...)
			continue
		case value == 0:
			value = h.Memory / 100 * ratio
			a.Is = fmt.Sprintf("0, and %s_ratio is %d %%: %s", d.name, ratio, FormatBytes(value))
			a.Sysctl = nil
		}
		if value > d.most {
			a.State, a.Why, a.Sysctl = Change, d.why, &Sysctl{a.Name, fmt.Sprint(d.should)}
			a.How = []string{a.Sysctl.Set()}
		}
		all = append(all, a)
	}
	return all
}

func checkSwap(h *Host, _ *Probes, _ Want) []Advice {
	if len(h.Swap) == 0 {
		return []Advice{{Name: "swap", State: Fine, Is: "none"}}
	}
	const most = 10
	value, ok := h.sysctl("vm.swappiness", 0)
	if !ok {
		return unread("vm.swappiness", "there is swap, and rings must not go there")
	}
	a := Advice{Name: "vm.swappiness", State: Fine, Is: fmt.Sprintf("%d, with swap on %s", value, strings.Join(h.Swap, " ")), Should: fmt.Sprintf("at most %d", most),
		Sysctl: &Sysctl{"vm.swappiness", fmt.Sprint(value)}}
	if value > most {
		a.State, a.Why = Change, "to keep more of the log's pages, which nobody will read again, the kernel would move rings and buffers to the disk, and a sender waits while one comes back"
		a.Sysctl.Value = "1"
		a.How = []string{a.Sysctl.Set()}
	}
	return []Advice{a}
}

func checkOvercommit(h *Host, _ *Probes, _ Want) []Advice {
	value, ok := h.sysctl("vm.overcommit_memory", 0)
	if !ok {
		return unread("vm.overcommit_memory", "with strict accounting memory may be refused")
	}
	a := Advice{Name: "vm.overcommit_memory", State: Fine, Is: fmt.Sprint(value), Should: "0 or 1"}
	if value == 2 {
		a.State, a.Why = Change, "with strict accounting the kernel may refuse memory while much is free, and a Go program that is refused memory ends"
		a.Sysctl = &Sysctl{"vm.overcommit_memory", "0"}
		a.How = []string{a.Sysctl.Set()}
	}
	return []Advice{a}
}

func checkHugePages(h *Host, _ *Probes, _ Want) []Advice {
	if h.HugeDefrag == "" {
		return nil // the kernel makes none
	}
	a := Advice{Name: "transparent huge pages' defrag", State: Fine, Is: h.HugeDefrag, Should: "madvise, or anything but always"}
	if h.HugeDefrag == "always" {
		a.State, a.Why = Change, "a page fault may stop to put memory in order, for milliseconds; the appliance asks for no huge pages, as they do not make a log on disk faster"
		a.How = []string{"echo madvise > /sys/kernel/mm/transparent_hugepage/defrag",
			"w /sys/kernel/mm/transparent_hugepage/defrag - - - - madvise   # in /etc/tmpfiles.d/penstock.conf"}
	}
	return []Advice{a}
}

func checkMemoryLimit(h *Host, _ *Probes, _ Want) []Advice {
	if h.Limits.Memory == 0 {
		return []Advice{{Name: "memory limit", State: Fine, Is: fmt.Sprintf("none, of %s", FormatBytes(h.Memory))}}
	}
	return []Advice{{Name: "memory limit", State: Note, Is: FormatBytes(h.Limits.Memory),
		Why: fmt.Sprintf("a control group's. Mapped segments count too, and the kernel takes them back as they are written. Without GOMEMLIMIT 'penstock serve' keeps its own memory below %s of it",
			FormatBytes(memoryShare(h.Limits.Memory)))}}
}
