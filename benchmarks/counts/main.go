// Command counts counts instructions: what an event costs in each stage of its way, to within a few, on any machine and however busy it is.
//
//	go run ./benchmarks/counts check     hold the counts against baseline.txt; more than 2 % off fails
//	go run ./benchmarks/counts record    write baseline.txt anew
//	go run ./benchmarks/counts list      the stages
//
// Each stage does a fixed amount of seeded work in a process of its own, under valgrind's callgrind, once to warm up and once to be counted.
// Only that goroutine's instructions count, and none of the kernel's: see toggle. A sum over what came out stands beside each count, so that
// a stage that does nothing, or something else, shows.
//
// A count is not a time: it knows nothing of cache misses, of system calls or of waiting. It says that the code does more than before.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const usage = "usage: counts [-only WORD] check | record | list"

func main() {
	if err := command(os.Args[1:]); err != nil {
		var missing lacking
		if errors.As(err, &missing) && os.Args[len(os.Args)-1] == "check" {
			fmt.Println("skipped:", err)
			if err = note("instruction counts", missing); err == nil {
				return
			}
		}
		fmt.Fprintln(os.Stderr, "counts:", err)
		os.Exit(1)
	}
}

// note adds what was skipped, and why, to the file that PENSTOCK_SKIPPED names, as the end-to-end tests do.
func note(what string, why error) error {
	path := os.Getenv("PENSTOCK_SKIPPED")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s: %v\n", what, why)
	return errors.Join(err, f.Close())
}

func command(args []string) error {
	if len(args) == 2 && args[0] == "stage" { // the process that is counted
		return stageProcess(args[1])
	}
	only := ""
	if len(args) == 3 && args[0] == "-only" {
		only, args = args[1], args[2:]
	}
	if len(args) != 1 {
		return errors.New(usage)
	}
	chosen := choose(only)
	if len(chosen) == 0 {
		return fmt.Errorf("no stage's name has %q in it", only)
	}
	switch args[0] {
	case "check":
		return check(chosen)
	case "record":
		return record(chosen, only == "")
	case "list":
		for _, s := range chosen {
			fmt.Printf("%s\t%s\n", s.name, s.what)
		}
		return nil
	}
	return errors.New(usage)
}

// choose is the stages whose name has the word in it.
func choose(word string) (chosen []*stage) {
	all := stages()
	for i := range all {
		if strings.Contains(all[i].name, word) {
			chosen = append(chosen, &all[i])
		}
	}
	return chosen
}

// check measures the stages and says what is off, and what to do.
func check(chosen []*stage) error {
	base, err := readBaseline()
	if err != nil {
		return err
	}
	here, err := machine()
	if err != nil {
		return err
	}
	if base.made != here {
		return lacking{fmt.Errorf("%s is for %s, and this is %s: counts of the two can't be compared", baselinePath, base.made, here)}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	counted, err := measure(self, chosen)
	if err != nil {
		return err
	}
	wrong := base.compare(os.Stdout, counted)
	if len(wrong) > 0 {
		return fmt.Errorf("%s\nwhere that is meant, record it: go run ./benchmarks/counts record", strings.Join(wrong, "\n"))
	}
	return nil
}

// record writes what it measures into the baseline. Stages that were not measured stay, unless all were.
func record(chosen []*stage, all bool) error {
	here, err := machine()
	if err != nil {
		return err
	}
	base, err := readBaseline()
	if all || errors.Is(err, os.ErrNotExist) {
		base, err = baseline{counts: map[string]count{}}, nil
	}
	if err != nil {
		return err
	}
	if !all && base.made != here {
		return fmt.Errorf("%s is for %s, and this is %s: record all stages", baselinePath, base.made, here)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	counted, err := measure(self, chosen)
	if err != nil {
		return err
	}
	base.compare(os.Stdout, counted)
	base.made = here
	for _, c := range counted {
		base.counts[c.stage] = c
	}
	return base.write()
}
