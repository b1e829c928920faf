package tuning

import (
	"os"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestMemoryLimit(t *testing.T) {
	tree := func(limit string) fstest.MapFS {
		return fstest.MapFS{
			"proc/7/cgroup":          {Data: []byte("0::/penstock\n")},
			"proc/self/mountinfo":    {Data: []byte("24 22 0:24 / /cg rw - cgroup2 cgroup2 rw\n")},
			"cg/penstock/memory.max": {Data: []byte(limit)},
		}
	}
	f := func(limit, said string, want int64) {
		t.Helper()
		if got := memoryLimit(tree(limit), 7, said); got != want {
			t.Errorf("limit %q, GOMEMLIMIT=%q: %d, want %d", limit, said, got, want)
		}
	}
	f("max\n", "", 0)
	f("1000000000\n", "", 900000000)
	f("1000000000\n", "2GiB", 0)
	f("1000000000\n", "off", 0)
	f("", "", 0)
}

func TestMemory(t *testing.T) {
	f := func(total, limit string, want int64) {
		t.Helper()
		tree := fstest.MapFS{
			"proc/7/cgroup":       {Data: []byte("0::/\n")},
			"proc/self/mountinfo": {Data: []byte("24 22 0:24 / /cg rw - cgroup2 cgroup2 rw\n")},
			"cg/memory.max":       {Data: []byte(limit)},
		}
		if total != "" {
			tree["proc/meminfo"] = &fstest.MapFile{Data: []byte("MemTotal:       " + total + " kB\nMemFree: 1 kB\n")}
		}
		if got := memoryOf(tree, 7); got != want {
			t.Errorf("%s kB of which %s may be used: %d, want %d", total, limit, got, want)
		}
	}
	f("1000", "max", 1000<<10)
	f("1000", "2000", 2000)
	f("1000", "2000000", 1000<<10)
	f("", "2000", 2000)
	f("", "max", 0)
}

// TestLimitMemoryLeavesTheOperatorsWord asks the runtime, before and after.
func TestLimitMemoryLeavesTheOperatorsWord(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "off")
	if got := LimitMemory(); got != 0 || debug.SetMemoryLimit(-1) != before {
		t.Errorf("limit %d, the runtime's %d, was %d", got, debug.SetMemoryLimit(-1), before)
	}
	os.Unsetenv("GOMEMLIMIT")
	if got, now := LimitMemory(), debug.SetMemoryLimit(-1); got != 0 && now != got || got == 0 && now != before {
		t.Errorf("limit %d, the runtime's %d, was %d", got, now, before)
	}
}
