package tuning

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// statusAtStart is the main thread's /proc status before any test pinned a goroutine that may sit on it.
var statusAtStart, statusErr = os.ReadFile("/proc/self/status")

func TestCPUsAreTheKernels(t *testing.T) {
	cpus, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(cpus) != runtime.NumCPU() {
		t.Errorf("%d CPUs, the runtime counts %d", len(cpus), runtime.NumCPU())
	}
	if !slices.IsSorted(cpus) {
		t.Errorf("not in order: %v", cpus)
	}
	if statusErr != nil {
		t.Fatal(statusErr)
	}
	for line := range strings.Lines(string(statusAtStart)) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			if want := strings.TrimSpace(list); FormatCPUs(cpus) != want {
				t.Errorf("CPUs() = %s, /proc/self/status says %s", FormatCPUs(cpus), want)
			}
		}
	}
}

// TestPinKeepsTheThread pins a goroutine to each CPU in turn and asks the kernel where its thread may run and where it ran.
func TestPinKeepsTheThread(t *testing.T) {
	cpus, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	for _, cpu := range cpus {
		done := make(chan error)
		go func() {
			done <- func() error {
				if err := Pin(cpu); err != nil {
					return err
				}
				for range 100 {
					runtime.Gosched() // would move an unlocked goroutine
				}
				mine, err := allowed(0)
				if err != nil {
					return err
				}
				if len(mine) != 1 || mine[0] != cpu {
					return errors.New("the thread may run on " + FormatCPUs(mine) + ", pinned to " + strconv.Itoa(cpu))
				}
				if ran, err := ranOn(); err != nil || ran != cpu {
					return errors.New("the thread ran on CPU " + strconv.Itoa(ran) + ", pinned to " + strconv.Itoa(cpu))
				}
				return nil
			}()
		}()
		if err := <-done; err != nil {
			t.Errorf("CPU %d: %v", cpu, err)
		}
	}
	after, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(after, cpus) {
		t.Errorf("pinning goroutines changed the process's CPUs: %v, were %v", after, cpus)
	}
}

// ranOn reads the CPU the calling thread last ran on: field 39 of its stat file (proc(5)).
func ranOn() (int, error) {
	stat, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(unix.Gettid()) + "/stat")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // field 2, the name, may hold spaces; field 3 follows
	return strconv.Atoi(strings.Fields(rest)[39-3])
}

func TestPinRefusesACPUItMayNotUse(t *testing.T) {
	cpus, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	for _, cpu := range []int{-1, cpus[len(cpus)-1] + 1, 1 << 20} {
		err := Pin(cpu)
		var at *CPUError
		if !errors.As(err, &at) {
			t.Fatalf("Pin(%d) = %v, want a *CPUError", cpu, err)
		}
		if at.CPU != cpu || !slices.Equal(at.Allowed, cpus) || !strings.Contains(err.Error(), "may use CPUs "+FormatCPUs(cpus)) {
			t.Errorf("Pin(%d): %v", cpu, err)
		}
	}
}
