package tuning

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// badHost has two parameters to change, one that can't be, and others.
func badHost() *Host {
	return hostWith(map[string]string{"proc/sys/net/core/somaxconn": "128\n", "proc/sys/vm/dirty_bytes": "0\n", "proc/sys/vm/dirty_ratio": "40\n", "proc/7/limits": "Max open files 10 10 files\n"})
}

func TestApply(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"net/core/somaxconn": "128\n", "vm/dirty_bytes": "0\n", "vm/max_map_count": "262144\n"} {
		path := filepath.Join(root, "proc/sys", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done, err := Apply(root, Check(badHost(), &tried, want))
	if err != nil || len(done) != 2 {
		t.Fatalf("%v, %+v", err, done)
	}
	for _, d := range done {
		text, err := os.ReadFile(filepath.Join(root, sysctlPath(d.Name)))
		if err != nil || string(text) != d.To+"\n" {
			t.Errorf("%s: %q, %v; want %s", d.Name, text, err, d.To)
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "proc/sys/vm/max_map_count")); err != nil || string(text) != "262144\n" {
		t.Errorf("what was well is now %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(root, "proc/sys/vm/dirty_background_bytes")); err == nil {
		t.Error("a parameter was made")
	}
}

// TestApplyGoesOn: a parameter that can't be set is told, and the others are set.
func TestApplyGoesOn(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, sysctlPath("vm.dirty_bytes"))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	done, err := Apply(root, Check(badHost(), &tried, want))
	if err == nil || !strings.Contains(err.Error(), "cannot set net.core.somaxconn") {
		t.Errorf("error %v", err)
	}
	for _, d := range done {
		if (d.Err == nil) != (d.Name == "vm.dirty_bytes") {
			t.Errorf("%+v", d)
		}
	}
}

func TestWriteSysctls(t *testing.T) {
	var b strings.Builder
	if err := WriteSysctls(&b, Check(badHost(), &tried, want)); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\nnet.core.somaxconn = 65535\n", "\nvm.dirty_bytes = 1073741824\n", "\nnet.ipv4.tcp_mem = 600000 800000 1200000\n", "\n# as it is\nvm.max_map_count = 262144\n"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("%q is not in\n%s", line, b.String())
		}
	}
	for line := range strings.Lines(b.String()) {
		if name, _, ok := strings.Cut(line, " = "); line != "\n" && !strings.HasPrefix(line, "#") && (!ok || strings.Contains(name, " ")) {
			t.Errorf("no line of sysctl.d: %q", line)
		}
	}
}
