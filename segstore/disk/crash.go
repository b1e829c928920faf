package disk

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Crash is the disk after the power failed: what was durable, and of the rest what is chosen. Names and times are the directories' i-th
// change that is not durable. What a kill leaves is everything.
func (d *Mem) Crash(chooseName func(i int) bool, chooseSector func(path string, sector int) bool) *Mem {
	names, times := make(map[string]*MemFile, len(d.durable)), map[*MemFile]int64{}
	for name, f := range d.durable {
		names[name] = f
	}
	for i, c := range d.pending {
		if !chooseName(i) {
			continue
		}
		c.apply(names)
		if c.of != nil {
			times[c.of] = c.time
		}
	}
	after := NewMem()
	after.Free, after.Now = d.Free, d.Now
	survivors := map[*MemFile]*MemFile{directory: directory}
	for _, name := range sortedNames(names) { // so that a seed always says the same
		if after.names[filepath.Dir(name)] != directory {
			continue // its directory is gone
		}
		f := names[name]
		s := survivors[f]
		if s == nil {
			s = &MemFile{time: f.durableTime}
			if ms, ok := times[f]; ok {
				s.time = ms
			}
			s.durable = f.written(func(sector int) bool { return chooseSector(name, sector) })
			s.clean = s.durable.clone()
			s.durableTime, s.space = s.time, s.durable.size
			after.used += s.space
			survivors[f] = s
		}
		if s != directory {
			s.links++
		}
		after.names[name], after.durable[name] = s, s
	}
	if d.Free >= 0 { // what files have lost is free, and what they have got back is not
		after.Free = max(0, d.Free+d.used-after.used)
	}
	return after
}

// Kill ends the process, and the kernel lives on: the next process finds everything as this one left it, what is on disk and what is
// not. Only what was open is closed; whoever still calls it is dead.
func (d *Mem) Kill() {
	d.kills++
	used, seen := int64(0), map[*MemFile]bool{directory: true}
	for _, f := range d.names {
		if !seen[f] {
			seen[f] = true
			f.handles = 0
			used += f.space
		}
	}
	if d.Free >= 0 {
		d.Free += d.used - used
	}
	d.used = used
}

// Killed is a new disk with what the process left that died, all of it durable: as if the kernel had had time enough to write it.
func (d *Mem) Killed() *Mem {
	return d.Crash(func(int) bool { return true }, func(string, int) bool { return true })
}

// File is the file of a name, nil when there is none.
func (d *Mem) File(path string) *MemFile { return d.names[path] }

// Paths lists all files, sorted.
func (d *Mem) Paths() []string {
	return slices.DeleteFunc(sortedNames(d.names), func(path string) bool { return d.names[path] == directory })
}

func sortedNames(names map[string]*MemFile) []string {
	paths := make([]string, 0, len(names))
	for path := range names {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// Put makes a file of a content, which is the disk's from then on, and durable; nil removes it.
func (d *Mem) Put(path string, data []byte) {
	old := d.names[path]
	if old != nil {
		d.used -= old.space
	}
	if data == nil {
		delete(d.names, path)
		delete(d.durable, path)
		return
	}
	f := &MemFile{data: data, durable: contentOf(data), links: 1, space: int64(len(data))}
	f.clean = f.durable.clone()
	d.used += f.space
	if old != nil {
		f.time, f.durableTime = old.time, old.time
	}
	d.names[path], d.durable[path] = f, f
}

// String pictures the disk for a failed test.
func (d *Mem) String() string {
	var b strings.Builder
	for _, name := range d.Paths() {
		f := d.names[name]
		fmt.Fprintf(&b, "%s %d bytes, %d sectors dirty\n", name, len(f.Bytes()), f.Dirty())
	}
	return b.String()
}
