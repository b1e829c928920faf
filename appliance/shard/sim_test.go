package shard

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"penstock/segstore/disk"
)

// The simulation: one goroutine lives the lives of a set on a disk in memory, in an order drawn from a seed. Requests are routed and
// go through the real rings; writers drain and commit, syncers sync, the keeper retires, cursors read, each a step at a time, and some
// of them while another one is inside a call to the disk. Calls fail, the disk fills up, the clock jumps. A life has several runs, each
// ended by a clean stop, a kill or a power cut, many of these in the middle of a step, or of the recovery from the one before. What was
// promised is held against what is there, after every step and after every end: sim_log_test.go and sim_client_test.go have the promises.
//
// Where sim_life_test.go draws something else than before, all seeds live other lives: testdata/past-bugs.md then needs new ones.
//
//	PENSTOCK_SIM_SEED=N   lives this one life and tells what happened in it
//	PENSTOCK_SIM_LIVES=N  lives so many
//	PENSTOCK_SIM_BASE=N   from this seed on
func TestSimulation(t *testing.T) {
	if seed, ok := fromEnv("PENSTOCK_SIM_SEED"); ok {
		history := disk.NewHistory(50_000)
		sum, err := live(seed, history)
		t.Logf("the life of seed %d:\n%v%v", seed, history, &sum)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	base, ok := fromEnv("PENSTOCK_SIM_BASE")
	if !ok {
		base = 1 // the same lives each time: what a change breaks is the change's; `make sim` lives others
	}
	lives, ok := fromEnv("PENSTOCK_SIM_LIVES")
	switch {
	case ok:
	case testing.Short():
		lives = 1_000
	default:
		lives = 10_000
	}
	t.Logf("%d lives from seed %d on (PENSTOCK_SIM_LIVES, PENSTOCK_SIM_BASE)", lives, base)
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // disks come and go
	var all summary
	began := time.Now()
	for seed := base; seed < base+lives; seed++ {
		sum, err := live(seed, nil)
		all.add(&sum)
		if err != nil {
			t.Fatalf("life %d: %v\nagain: PENSTOCK_SIM_SEED=%d go test -count=1 -run '^TestSimulation$' ./appliance/shard\nits end:\n%s",
				seed-base, err, seed, endOf(seed))
		}
	}
	second := time.Since(began).Seconds()
	t.Logf("%.0f lives a second, with %.0f ends; %v", float64(lives)/second, float64(all[countStops]+all[countKills]+all[countCuts])/second, &all)
}

// endOf lives a life again to tell its last moments.
func endOf(seed uint64) string {
	history := disk.NewHistory(100)
	if _, err := live(seed, history); err == nil {
		return "another one than before: the simulation is not deterministic"
	}
	return history.String()
}

func fromEnv(name string) (uint64, bool) {
	n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
	return n, err == nil
}

// A seed's life is always the same, to the last call to the disk.
func TestSimulationIsDeterministic(t *testing.T) {
	for seed := range uint64(200) {
		var first string
		for again := range 2 {
			history := disk.NewHistory(5_000)
			sum, err := live(seed, history)
			told := fmt.Sprint(history, &sum, err)
			if again > 0 && told != first {
				t.Fatalf("seed %d: once it was\n%s\nand once\n%s", seed, first, told)
			}
			first = told
		}
	}
}

func BenchmarkSimulation(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	var all summary
	for seed := range uint64(b.N) {
		sum, err := live(seed, nil)
		if err != nil {
			b.Fatalf("seed %d: %v", seed, err)
		}
		all.add(&sum)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lives/s")
	b.ReportMetric(float64(all[countStops]+all[countKills]+all[countCuts])/b.Elapsed().Seconds(), "ends/s")
}

// live lives the life of a seed and says what was found wrong in it.
func live(seed uint64, history *disk.History) (sum summary, err error) {
	l := newLife(seed, history)
	defer time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("the life of seed %d does not end", seed)) }).Stop()
	defer func() {
		sum = l.sum
		switch r := recover().(type) {
		case nil:
		case broken:
			err = r
		default:
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
		if err != nil {
			l.note("%v", err)
		}
	}()
	l.live()
	return l.sum, nil
}

// broken is a promise that was not kept.
type broken string

func (b broken) Error() string { return string(b) }

func (l *life) fail(format string, args ...any) { panic(broken(fmt.Sprintf(format, args...))) }

func (l *life) note(format string, args ...any) { l.history.Note(format, args...) }

// summary counts what happened.
type summary [len(counted)]int

const (
	countStops = iota
	countKills
	countCuts
	countRecoveriesCut
	countSteps
	countNestedSteps
	countRequests
	countRefusals
	countAcknowledged
	countFailures
	countLeft
	countLaid
	countRepeated
	countWritten
	countRead
	countFaults
	countGivenUp
	countLost
	countRetired
	countHoles
)

var counted = [...]string{countStops: "stops", countKills: "kills", countCuts: "power cuts", countRecoveriesCut: "recoveries that were cut short", countSteps: "steps",
	countNestedSteps: "steps inside others", countRequests: "requests", countRefusals: "refused", countAcknowledged: "acknowledged", countFailures: "failed", countLeft: "left", countLaid: "laid one by one",
	countRepeated: "records repeated", countWritten: "records written", countRead: "read", countFaults: "calls failed", countGivenUp: "parts given up",
	countLost: "lost in ends", countRetired: "retired", countHoles: "holes"}

func (s *summary) add(o *summary) {
	for i := range s {
		s[i] += o[i]
	}
}

func (s *summary) String() string {
	var parts []string
	for i, n := range s {
		parts = append(parts, fmt.Sprintf("%d %s", n, counted[i]))
	}
	return strings.Join(parts, ", ")
}
