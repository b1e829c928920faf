package machine

import (
	"runtime"
	"strings"
	"testing"
)

func TestHere(t *testing.T) {
	m := Here(t.TempDir())
	if m.Cores != runtime.NumCPU() || m.Memory < 1<<26 || m.Free <= 0 || m.Kernel == "" || m.CPU == "" || len(strings.Fields(m.Load)) != 3 {
		t.Errorf("%+v", m)
	}
	for _, want := range []string{m.When, m.CPU, m.Commit, m.Go, "GiB, Linux "} {
		if !strings.Contains(m.String(), want) {
			t.Errorf("%q is not in %q", want, m)
		}
	}
	if name, free := filesystem("/no/such/directory"); name != "unknown file system" || free != 0 {
		t.Errorf("nowhere is %s, %d", name, free)
	}
}
