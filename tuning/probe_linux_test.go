package tuning

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestProbeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	p := Probe(context.Background(), filepath.Join(dir, "not", "there"))
	if p.Dir != dir || p.Tried != nil || p.Preallocate != nil || len(p.Syncs) == 0 || len(p.Syncs) > syncsMost || p.Free <= 0 || p.Total < p.Free || p.Clock == ClockUnknown {
		t.Errorf("%+v", p)
	}
	if p50, p99 := p.syncTimes(); p50 <= 0 || p99 < p50 {
		t.Errorf("p50 %s, p99 %s", p50, p99)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestProbeOfNoDirectory(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if p := Probe(ctx, t.TempDir()); len(p.Syncs) != 0 || p.Tried != nil {
		t.Errorf("tried although it was told to stop: %+v", p)
	}
	if p := Probe(context.Background(), "/proc"); p.Tried == nil || len(p.Syncs) != 0 {
		t.Errorf("a disk below /proc: %+v", p)
	}
}
