package tuning

import (
	"path"
	"slices"
	"strings"
)

// Mount is a mounted file system.
type Mount struct {
	Point   string
	Type    string
	Source  string
	Options []string // of the mount and of the file system, each once

	device string // major:minor
	root   string // the directory of the file system that is mounted
}

func (m *Mount) has(option string) bool { return slices.Contains(m.Options, option) }

// mounts reads what is mounted, in the order of mounting (proc_pid_mountinfo(5)).
func (r files) mounts() (all []Mount) {
	for line := range strings.Lines(r.text("proc/self/mountinfo")) {
		mine, system, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(mine), strings.Fields(system)
		if !ok || len(left) < 6 || len(right) < 3 {
			continue
		}
		m := Mount{device: left[2], root: unescape(left[3]), Point: unescape(left[4]), Type: right[0], Source: unescape(right[1])}
		for _, o := range append(strings.Split(left[5], ","), strings.Split(right[2], ",")...) {
			if !m.has(o) {
				m.Options = append(m.Options, o)
			}
		}
		all = append(all, m)
	}
	return all
}

// unescape undoes what mountinfo does to a space and its like.
func unescape(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}

// mountOf is the mount that a directory is in: of those above it the deepest, and of those at one point the last.
func (r files) mountOf(dir string) (found Mount) {
	dir = path.Clean(dir)
	for _, m := range r.mounts() {
		above := m.Point == "/" || dir == m.Point || strings.HasPrefix(dir, m.Point+"/")
		if above && len(m.Point) >= len(found.Point) {
			found = m
		}
	}
	return found
}

// Disk is a whole block device.
type Disk struct {
	Name       string
	WriteCache string // "write back": the kernel asks the device to flush; "write through": it need not, the device says
	Scheduler  string // of its queue
	Rotates    bool
}

// depthMost bounds how many layers of dm and md are looked through.
const depthMost = 8

// disksUnder finds the disks that a mount stands on, below device mapper and RAID. A file system without a device has none.
func (r files) disksUnder(m Mount) (all []Disk) {
	names := r.devices(m)
	for range depthMost {
		var below []string
		for _, name := range names {
			if slaves := r.names("sys/class/block/" + name + "/slaves"); len(slaves) > 0 {
				below = append(below, slaves...)
				continue
			}
			d := r.disk(name)
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
		names = below
	}
	return all
}

// devices names the block device of a mount: by its number, or, where a file system has a number of its own, by its source.
func (r files) devices(m Mount) []string {
	for _, name := range r.names("sys/class/block") {
		if r.text("sys/class/block/"+name+"/dev") == m.device && m.device != "" {
			return []string{name}
		}
	}
	if name, ok := strings.CutPrefix(m.Source, "/dev/"); ok && r.isDir("sys/class/block/"+path.Base(name)) {
		return []string{path.Base(name)}
	}
	return nil
}

// disk reads a device's queue; a partition's is its disk's.
func (r files) disk(name string) Disk {
	if !r.isDir("sys/block/" + name) {
		for _, whole := range r.names("sys/block") {
			if r.isDir("sys/block/" + whole + "/" + name) {
				name = whole
				break
			}
		}
	}
	queue := "sys/block/" + name + "/queue/"
	scheduler := r.text(queue + "scheduler")
	if chosen := chosenOf(scheduler); chosen != "" {
		scheduler = chosen
	}
	return Disk{Name: name, WriteCache: r.text(queue + "write_cache"), Scheduler: scheduler, Rotates: r.text(queue+"rotational") == "1"}
}
