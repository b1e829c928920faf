package main

import (
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// seed is of everything that is random here.
const seed = 20261127

// stage is a part of an event's way.
type stage struct {
	name string
	what string
	unit string // event, record or point
	// open makes ready what a run needs, files below dir.
	open func(dir string) (*job, error)
}

// job is a stage ready to run. A step is short: the runtime interrupts a goroutine that goes on for 10 ms, and under valgrind all is slow.
type job struct {
	steps, units int // units in all steps
	step         func(i int) error
	sum          func(i int, sum uint32) uint32             // over what step i gave; nil: end tells
	end          func(sum uint32) (total uint32, err error) // over what is there after both rounds; nil: nothing more
}

// outcome is what a stage's process prints.
type outcome struct {
	units int
	sum   uint32
}

func (o outcome) String() string { return fmt.Sprintf("units %d sum %08x", o.units, o.sum) }

func parseOutcome(text string) (o outcome, err error) {
	_, err = fmt.Sscanf(strings.TrimSpace(text), "units %d sum %x", &o.units, &o.sum)
	return o, err
}

// run does the work twice: first to grow what grows and to fill what is filled once, then counted.
func (s *stage) run(dir string) (o outcome, err error) {
	// Other goroutines are on other threads then, which do not count.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	j, err := s.open(dir)
	if err != nil {
		return o, err
	}
	sum := uint32(0)
	for _, counted := range []bool{false, true} {
		for i := range j.steps {
			if counted {
				err = j.counted(i)
			} else {
				err = j.step(i)
			}
			if err != nil {
				return o, fmt.Errorf("step %d: %w", i, err)
			}
			if j.sum != nil {
				sum = j.sum(i, sum)
			}
			runtime.Gosched() // begins the goroutine's 10 ms anew
		}
	}
	if j.end != nil {
		if sum, err = j.end(sum); err != nil {
			return o, err
		}
	}
	return outcome{j.units, sum}, nil
}

func (j *job) counted(i int) error {
	toggle()
	err := j.step(i)
	toggle()
	return err
}

func stageProcess(name string) error {
	for _, s := range choose(name) {
		if s.name != name {
			continue
		}
		dir, err := os.MkdirTemp("", "penstock-counts-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o, err := s.run(dir)
		if err == nil {
			fmt.Println(o)
		}
		return err
	}
	return fmt.Errorf("no stage %s", name)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// add sums a field with its length.
func add(sum uint32, field []byte) uint32 {
	var length [8]byte
	return crc32.Update(crc32.Update(sum, castagnoli, strconv.AppendInt(length[:0], int64(len(field)%1_000_000), 10)), castagnoli, field)
}
