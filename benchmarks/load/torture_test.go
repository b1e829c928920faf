package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests' binary is also the server that they torture: then it is started as penstock is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		polite := make(chan os.Signal, 1)
		signal.Notify(polite, syscall.SIGTERM)
		go func() { <-polite; os.Exit(0) }()
		fmt.Fprintln(os.Stderr, serveContract(os.Args, os.Getenv(lieVariable)))
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == "log" {
		os.Exit(0) // a contract has no log that could be verified offline
	}
	os.Exit(m.Run())
}

const lieVariable = "LOAD_TEST_LIE"

func testShape() *shape {
	return &shape{Single: 0.4, NDJSON: 0.3, Array: 0.2, Get: 0.1, BatchBytes: 4 << 10, Gzip: 0.5, Timeout: 10 * time.Second, RetryMax: 5 * time.Millisecond}
}

// A server that keeps its word survives the torture, and each that does not is found out, by a process of its own that is really killed.
func TestTortureFindsEveryLiar(t *testing.T) {
	for _, c := range []struct {
		lie  string // "" is none
		says string // part of what the torture says
	}{
		{"", ""},
		{"answers before it writes", "violations"},
		{"forgets what came last", "violations"},
		{"doubles what came last", "again or out of order"},
		{"changes an old record", "nobody sent"},
		{"keeps what it refuses", "again or out of order"},
		{"forgets where a key lives", "violations"},
		{"is ready and does nothing", "acknowledged nothing"},
		{"hangs up", "the answer was not seen"},
		{"does not start", "ended by itself: "},
		{"ends by itself", "the answer was not seen"},
	} {
		t.Run("it "+c.lie, func(t *testing.T) {
			t.Setenv(lieVariable, c.lie)
			sv, err := newServer(os.Args[0])
			if err != nil {
				t.Fatal(err)
			}
			defer sv.end(false)
			var out bytes.Buffer
			torture := newTorture(newWorkload(11, 2, 8, 50, 600), testShape(), sv, &out)
			torture.cycles, torture.connections, torture.recheck = 12, 4, 6
			err = torture.run()
			said := fmt.Sprint(out.String(), err)
			if c.lie == "" {
				if err != nil {
					t.Fatalf("%s\n%s", said, sv.LogEnd())
				}
				checkHonest(t, &torture.sum)
				return
			}
			if err == nil || !strings.Contains(said, c.says) {
				t.Fatalf("not found out: %s", said)
			}
		})
	}
}

// checkHonest holds the counts of a torture without violations against each other.
func checkHonest(t *testing.T, s *tortureReport) {
	t.Helper()
	if s.Violations != 0 || s.Cycles != 12 || s.Kills != 13 || s.Acked == 0 || s.AtRoll == 0 {
		t.Errorf("the torture did not do what it was asked for: %+v", s)
	}
	if s.Kept+s.Lost != s.Unknown || s.Verified != s.Acked+s.Kept || s.Reread < s.Verified {
		t.Errorf("%d acknowledged and %d of %d unknown kept, %d not, do not make %d verified, or %d read again",
			s.Acked, s.Kept, s.Unknown, s.Lost, s.Verified, s.Reread)
	}
}

// A kill's moment follows from the seed alone.
func TestMomentsAreTheSeeds(t *testing.T) {
	draw := func(seed uint64) (all []moment) {
		torture := newTorture(newWorkload(seed, 1, 1, 50, 100), testShape(), nil, nil)
		for cycle := range 1000 {
			all = append(all, torture.nextMoment(cycle))
		}
		return all
	}
	kinds := map[kind]int{}
	a, b, other := draw(1), draw(1), draw(2)
	same := 0
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("cycle %d: %v and %v", i, a[i], b[i])
		}
		if a[i] == other[i] {
			same++
		}
		kinds[a[i].kind]++
	}
	if same > 100 || kinds[underLoad] < 500 || kinds[atRoll] < 100 || kinds[starting] < 50 {
		t.Errorf("%d of 1000 moments are another seed's; kinds %v", same, kinds)
	}
}
