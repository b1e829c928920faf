package tuning

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// keepsPromises are the file systems on which fallocate sets space aside and fdatasync means what it says, and which the appliance is
// tested on.
var keepsPromises = []string{"ext4", "xfs"}

// breaksPromises are those on which an acknowledgement is worth less than it says, and why.
var breaksPromises = map[string]string{
	"tmpfs": "it is memory: nothing there survives a power cut or a restart",
	"ramfs": "it is memory: nothing there survives a power cut or a restart",
	"nfs":   "the log is mapped and locked, and a server across a network may lose what it has not written",
	"nfs4":  "the log is mapped and locked, and a server across a network may lose what it has not written",
	"cifs":  "the log is mapped and locked, and a server across a network may lose what it has not written",
	"9p":    "what a sync means is up to the other side",
}

func checkMount(h *Host, p *Probes, _ Want) []Advice {
	m := &h.Mount
	if m.Type == "" {
		return unread("file system", "whether a sync means anything depends on what the data directory is on")
	}
	a := Advice{Name: "file system", State: Fine, Is: fmt.Sprintf("%s on %s", m.Type, m.Point), Should: "ext4 or xfs"}
	move := []string{"penstock serve --data-dir /a/directory/on/ext4/or/xfs"}
	switch why, breaks := breaksPromises[m.Type]; {
	case slices.Contains(keepsPromises, m.Type):
	case breaks:
		a.State, a.Why, a.How = Danger, why, move
	case m.Type == "overlay":
		a.State, a.How = Change, []string{"docker run --volume /srv/penstock:/var/lib/penstock …   # a volume, not the container's own layer"}
		a.Why = "a container's layer is gone with the container, and each segment goes through one more file system"
	case strings.HasPrefix(m.Type, "fuse"):
		a.State, a.Why, a.How = Danger, "what a sync means is up to a program", move
	default:
		a.State, a.How = Change, move
		a.Why = "the appliance is not tested on it; where blocks are never overwritten, space that was set aside is no promise, and a full disk may then end the process"
	}
	return append([]Advice{a}, mountOptions(m)...)
}

// mountOptions is what is wrong with the options of a mount.
func mountOptions(m *Mount) (all []Advice) {
	remount := func(o string) []string {
		return []string{fmt.Sprintf("mount -o remount,%s %s   # and in /etc/fstab", o, m.Point)}
	}
	for _, o := range []struct {
		option string
		state  State
		should string
		why    string
		how    []string
	}{
		{"nobarrier", Danger, "barrier", "the disk is never asked to flush its cache: what was acknowledged as on disk may not survive a power cut", remount("barrier=1")},
		{"barrier=0", Danger, "barrier", "the disk is never asked to flush its cache: what was acknowledged as on disk may not survive a power cut", remount("barrier=1")},
		{"ro", Danger, "rw", "nothing can be stored", remount("rw")},
		{"data=writeback", Change, "data=ordered", "after a power cut a file may hold blocks of other, deleted files where it was written last; recovery cuts them off, " +
			"and they were somebody's data", []string{fmt.Sprintf("data=ordered in /etc/fstab for %s, then mount it anew", m.Point)}},
		{"data=journal", Change, "data=ordered", "every record is written twice", []string{fmt.Sprintf("data=ordered in /etc/fstab for %s, then mount it anew", m.Point)}},
		{"sync", Change, "async", "every write waits for the disk, whatever the policy of acknowledgement is", remount("async")},
		{"strictatime", Note, "relatime", "every read writes", remount("relatime")},
		{"discard", Note, "fstrim.timer", "a segment that is deleted is trimmed while a commit waits; a weekly fstrim does it apart", []string{
			fmt.Sprintf("mount -o remount,nodiscard %s && systemctl enable --now fstrim.timer", m.Point)}},
	} {
		if m.has(o.option) {
			all = append(all, Advice{Name: "mount option " + o.option, State: o.state, Is: m.Point + " has it", Should: o.should, Why: o.why, How: o.how})
		}
	}
	return all
}

func checkDisks(h *Host, _ *Probes, _ Want) (all []Advice) {
	for _, d := range h.Disks {
		cache := Advice{Name: "write cache of " + d.Name, State: Fine, Is: d.WriteCache}
		switch d.WriteCache {
		case "write back":
			cache.Why = "the kernel asks the disk to flush, at each sync"
		case "write through":
			cache.State, cache.Why = Note, "the disk says that it has no cache that a power cut would empty, so it is never asked to flush: true of disks with capacitors and of "+
				"controllers with a battery; a virtual disk, or a controller without, acknowledges what may be lost"
			cache.How = []string{"echo 'write back' > /sys/block/" + d.Name + "/queue/write_cache   # if it does have one: then it is asked"}
		default:
			cache.State, cache.Is = Unknown, "cannot be read"
		}
		all = append(all, cache)
		if d.Scheduler == "" {
			continue
		}
		queue := Advice{Name: "scheduler of " + d.Name, State: Fine, Is: d.Scheduler}
		if d.Scheduler == "bfq" || d.Scheduler == "cfq" {
			queue.State, queue.Should, queue.Why = Change, "none or mq-deadline", "it holds a sync back to be fair to others, and costs CPU for each request"
			queue.How = []string{"echo mq-deadline > /sys/block/" + d.Name + "/queue/scheduler",
				fmt.Sprintf(`ACTION=="add|change", KERNEL=="%s", ATTR{queue/scheduler}="mq-deadline"   # in /etc/udev/rules.d/60-penstock.rules`, d.Name)}
		}
		all = append(all, queue)
	}
	if len(h.Disks) == 0 && slices.Contains(keepsPromises, h.Mount.Type) {
		all = append(all, Advice{Name: "write cache", State: Unknown, Is: "no disk found below " + h.Mount.Source,
			Why: "whether the kernel asks the disk to flush decides what an acknowledgement is worth"})
	}
	return all
}

func checkPreallocate(_ *Host, p *Probes, _ Want) []Advice {
	a := Advice{Name: "fallocate", State: Fine, Is: "works in " + p.Dir}
	switch {
	case p.Tried != nil && p.Preallocate == nil && len(p.Syncs) == 0:
		return []Advice{{Name: "data directory", State: Unknown, Is: "was not tried: " + p.Tried.Error(),
			Why: "run the doctor as the user that the appliance runs as, and its disk can be tried"}}
	case p.Preallocate != nil:
		a.State, a.Is, a.Should = Danger, p.Preallocate.Error(), "works"
		a.Why = "the appliance sets a segment's space aside before it stores a record there, and makes no topic where it can't"
		a.How = []string{"penstock serve --data-dir /a/directory/on/ext4/or/xfs"}
	}
	return []Advice{a}
}

// What a sync of a page takes on any disk that keeps its word, and what it may take before somebody should know.
const (
	syncIncredible = 30 * time.Microsecond
	syncSlow       = 10 * time.Millisecond
	syncSpread     = 20 // times the median
)

func checkSync(h *Host, p *Probes, _ Want) []Advice {
	if len(p.Syncs) == 0 {
		return nil // checkPreallocate says why
	}
	p50, p99 := p.syncTimes()
	a := Advice{Name: "fdatasync of 4 KiB", State: Fine, Is: fmt.Sprintf("p50 %s, p99 %s in %d tries", short(p50), short(p99), len(p.Syncs))}
	rotates := slices.ContainsFunc(h.Disks, func(d Disk) bool { return d.Rotates })
	switch {
	case p50 < syncIncredible:
		a.State, a.Should = Note, "more than "+short(syncIncredible)
		a.Why = "no flash takes a flush so fast: the sync ends in memory, of a controller with a battery, one hopes; ask who made the disk, or the hypervisor's settings, what survives a power cut"
	case p50 > syncSlow && rotates:
		a.State, a.Why = Note, "a disk that turns: everybody who waits shares a sync, so many senders suffer no more than one; a single one waits this long"
	case p50 > syncSlow:
		a.State, a.Should, a.Why = Change, "less than "+short(syncSlow), "with --ack disk a lone sender waits this long for each reply"
		a.How = []string{"a disk with power-loss protection: it need not wait for the flash"}
	case p99 > syncSpread*p50:
		a.State, a.Should, a.Why = Note, fmt.Sprintf("p99 below %d × p50", syncSpread), "something else writes to this disk, or it tidies itself up: the slowest replies are its"
	}
	return []Advice{a}
}

func checkSpace(_ *Host, p *Probes, w Want) []Advice {
	if p.Total == 0 {
		return unread("free space", "it bounds how long records are kept")
	}
	reserve := w.MinFree
	if reserve == 0 {
		reserve = min(1<<30, p.Total/20)
	}
	room := max(0, p.Free-reserve)
	a := Advice{Name: "free space", State: Note, Is: fmt.Sprintf("%s of %s", FormatBytes(p.Free), FormatBytes(p.Total))}
	need := 2 * w.SegmentBytes * int64(max(w.Writers, 1)) // a segment that grows and one ready, for each writer
	switch {
	case room < need:
		a.State, a.Should = Change, fmt.Sprintf("at least %s, %s of them for --min-free-bytes", FormatBytes(need+reserve), FormatBytes(reserve))
		a.Why = "two segments of each writer's busiest log do not fit: the oldest records go early, and then senders get 503"
		a.How = []string{"penstock serve --data-dir /a/larger/disk, or a smaller --segment-bytes"}
	case w.RetentionBytes > room:
		a.State, a.Should = Change, FormatBytes(w.RetentionBytes+reserve)
		a.Why = "--retention-bytes is more than there is: free space will decide, and the oldest records go early"
		a.How = []string{fmt.Sprintf("penstock serve --retention-bytes %d", room)}
	case w.Retention > 0:
		a.Why = fmt.Sprintf("records of %s fit while less than %s/s come in, on average; above that the oldest go early",
			hours(w.Retention), FormatBytes(int64(float64(room)/w.Retention.Seconds())))
	}
	return []Advice{a}
}
