package main

import (
	"errors"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestStages runs every stage, not counted: its work is the same every time, and the baseline knows it.
func TestStages(t *testing.T) {
	t.Chdir("../..")
	base, err := readBaseline()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range choose("") {
		first, err := s.run(t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		second, err := s.run(t.TempDir())
		if err != nil || second != first || first.sum == 0 || first.units < 200 {
			t.Errorf("%s: %v, then %v, %v", s.name, first, second, err)
		}
		t.Logf("%s: %v, seed %d", s.name, first, seed)
		if base.counts[s.name].unit != s.unit {
			t.Errorf("%s counts per %s; the baseline has %+v", s.name, s.unit, base.counts[s.name])
		}
	}
	if n := len(choose("")); n != len(base.counts) {
		t.Errorf("there are %d stages, and %d in the baseline", n, len(base.counts))
	}
}

// TestCountsAreExact counts two stages under valgrind: again and again they are the same, and reading records costs more than not reading them.
func TestCountsAreExact(t *testing.T) {
	self := filepath.Join(t.TempDir(), "counts")
	if out, err := exec.Command("go", "build", "-o", self, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var all [2][]count
	for i := range all {
		var err error
		var missing lacking
		if _, err = machine(); err == nil {
			all[i], err = measure(self, choose("fetch"))
		}
		if errors.As(err, &missing) {
			if err := note(t.Name(), missing); err != nil {
				t.Fatal(err)
			}
			t.Skip(missing)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Log(all)
	for i, c := range all[0] {
		if again := all[1][i]; again.sum != c.sum || math.Abs(again.instructions/c.instructions-1) > tolerance/2 {
			t.Errorf("%+v, and then %+v", c, again)
		}
	}
	at := slices.IndexFunc(all[0], func(c count) bool { return c.stage == "fetch-records" })
	if bare := all[0][0]; at < 1 || bare.instructions < 10 || all[0][at].instructions < 2*bare.instructions {
		t.Errorf("it does not count what is done: %+v", all[0])
	}
}

func TestCompare(t *testing.T) {
	text := baselineHead + "made-with go1.26 amd64 avx2\nroute  100.0  record  0000abcd\n"
	base, err := parseBaseline(text)
	if err != nil || base.made != "go1.26 amd64 avx2" {
		t.Fatal(base, err)
	}
	if got := base.text(); got != text {
		t.Errorf("read and written it is\n%s\nnot\n%s", got, text)
	}
	for _, c := range []struct {
		now  count
		want string
	}{
		{count{"route", 101.9, "record", 0xabcd}, ""},
		{count{"route", 98.1, "record", 0xabcd}, ""},
		{count{"route", 102.1, "record", 0xabcd}, "route: 102.1 instructions per record, 2.1 % more than the 100.0 before"},
		{count{"route", 97.9, "record", 0xabcd}, "route: 97.9 instructions per record, 2.1 % fewer than the 100.0 before"},
		{count{"route", 100, "record", 0xabce}, "route: what came out is not what came out before: its sum is 0000abce, and was 0000abcd"},
		{count{"fetch", 100, "record", 0xabcd}, "fetch is not in " + baselinePath},
	} {
		wrong := strings.Join(base.compare(t.Output(), []count{c.now}), "; ")
		if !strings.HasPrefix(wrong, c.want) || (wrong == "") != (c.want == "") {
			t.Errorf("%+v: %q, want %q", c.now, wrong, c.want)
		}
	}
}

func TestTotals(t *testing.T) {
	if n, err := totals([]byte("version: 1\nsummary: 7\nfn=(1)\n0 7\n\ntotals: 33554464\n")); n != 33554464 || err != nil {
		t.Error(n, err)
	}
	for _, text := range []string{"", "\ntotals: 0\n", "\ntotals: x\n"} {
		if n, err := totals([]byte(text)); err == nil {
			t.Errorf("%q has %d", text, n)
		}
	}
}
