package tuning

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestTrialsAreInterleaved(t *testing.T) {
	var order []bool
	trial := trial{name: "a", unit: "ns", use: "used", run: func(with bool) (float64, error) {
		order = append(order, with)
		if with {
			return float64(len(order)), nil
		}
		return float64(2 * len(order)), nil
	}}
	m := trial.measure(context.Background())
	if len(order) != 2*(rounds+1) || m.Rounds != rounds || m.Error != "" {
		t.Fatalf("%d turns, %+v", len(order), m)
	}
	for i := 0; i < len(order); i += 2 {
		if order[i] == order[i+1] || i >= 2 && order[i] == order[i-2] {
			t.Errorf("turns %v", order)
		}
	}
	if !(m.Low <= m.High) || m.Low <= 0 {
		t.Errorf("%+v", m)
	}
}

func TestVerdicts(t *testing.T) {
	f := func(without, with, low, high float64, want string) {
		t.Helper()
		m := Measured{Name: "a", Unit: "ns", Use: "off", Without: without, With: with, Low: low, High: high}
		if got := m.String(); !strings.Contains(got, want) {
			t.Errorf("%s; want %s", got, want)
		}
	}
	f(100, 50, 0.4, 0.9, "×0.50 [0.40–0.90]: pays; off")
	f(100, 50, 0.4, 1.1, "no difference")
	f(100, 97, 0.9, 0.99, "no difference")
	f(100, 200, 1.5, 3, "harms")
	f(100, 200, 0.9, 3, "no difference")
}

func TestATrialThatFails(t *testing.T) {
	trial := trial{name: "a", use: "off", run: func(bool) (float64, error) { return 0, errors.New("not here") }}
	if m := trial.measure(context.Background()); m.String() != "a: not measured: not here (off)" {
		t.Error(m)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if m := trial.measure(ctx); m.Error != context.Canceled.Error() {
		t.Error(m)
	}
}

// TestTrialsRunHere: each way of each trial works on this machine, once, and leaves nothing.
func TestTrialsRunHere(t *testing.T) {
	dir := t.TempDir()
	for _, trial := range trials(dir) {
		for _, with := range []bool{false, true} {
			cost, err := trial.run(with)
			if errors.Is(err, syscall.EINVAL) { // advice that is younger than the kernel
				continue
			}
			if err != nil && runtime.NumCPU() > 1 {
				t.Errorf("%s, %t: %v", trial.name, with, err)
			}
			if err == nil && cost < 0 {
				t.Errorf("%s, %t: cost %g", trial.name, with, cost)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
