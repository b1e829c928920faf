package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"penstock/benchmarks/proc"
)

// bench is one run of this program.
type bench struct {
	bin    string            // penstock
	root   string            // directory of all data directories
	tools  map[string]string // path by name
	lacks  map[string]error  // why a tool is not there
	now    int64             // the time that samples end at
	scale  int               // every count is divided by it
	window time.Duration     // see settle
	made   map[string]*messages
	log    io.Writer
}

// cell is one server under one load.
type cell struct {
	name  string // begins with the number of the show that it is for first
	tool  string // what it needs beside penstock, if anything
	what  string
	unit  string        // event or sample
	warm  int64         // units that are sent before the clock starts
	grow  load          // how those are sent; nil: as the others
	count int64         // units measured
	rest  time.Duration // before the server starts
	apart bool          // the server has a CPU of its own
	start start
	load  func(b *bench, s *server, units int64) (tally, error)
	least time.Duration // to wait after the load, for servers that put work off for so long
}

// settleWindow is how long a server must have been quiet, twice, until it has done what it put off.
const settleWindow = 500 * time.Millisecond

// figure is what one run of a cell gave.
type figure struct {
	CPU     float64 // seconds of the server, per million units
	Ticks   int64   // of 10 ms that it is made from
	Rate    float64 // units a second, with the client on the same cores: a lower bound
	Others  float64 // seconds of everybody else, the kernel's write-back among them, per million units
	Peak    int64   // bytes of memory, mapped pages included
	Refused int64   // requests told to come again
	Err     string  `json:",omitempty"`
}

// of makes a load's data once a run.
func (b *bench) of(name string, make func() *messages) *messages {
	if b.made[name] == nil {
		b.made[name] = make()
	}
	return b.made[name]
}

// run starts the cell's server, warms it, loads it, and counts what it has taken.
func (b *bench) run(c *cell) figure {
	f, err := b.measure(c)
	if err != nil {
		f.Err = strings.TrimSpace(err.Error())
	}
	return f
}

func (b *bench) measure(c *cell) (f figure, err error) {
	if err := b.lacks[c.tool]; err != nil {
		return f, fmt.Errorf("%s is not there: %w", c.tool, err)
	}
	if c.apart {
		back, err := apart()
		if err != nil {
			return f, err
		}
		defer back()
	}
	time.Sleep(c.rest / time.Duration(b.scale))
	s, err := c.start(b)
	if s != nil {
		defer s.end()
	}
	if err != nil {
		return f, fmt.Errorf("it does not start: %w", err)
	}
	var before tally
	if c.warm > 0 {
		warm := c.load
		if c.grow != nil {
			warm = c.grow
		}
		if before, err = warm(b, s, max(1, c.warm/int64(b.scale))); err != nil {
			return f, fmt.Errorf("warming: %w", err)
		}
		if err := s.Settle(b.window, 0); err != nil {
			return f, fmt.Errorf("warming: %w", err)
		}
	}
	server, machine, own := s.CPU(), proc.MachineCPU(), proc.OwnCPU()
	done, err := c.load(b, s, c.count/int64(b.scale))
	if err != nil {
		return f, err
	}
	if err := s.Settle(b.window, c.least); err != nil {
		return f, err
	}
	server, machine, own = s.CPU()-server, proc.MachineCPU()-machine, proc.OwnCPU()-own
	millions := float64(done.Units) / 1e6
	f = figure{
		CPU: server.Seconds() / millions, Ticks: int64(server / proc.Tick), Rate: float64(done.Units) / done.Seconds,
		Others: max(0, machine-server-own).Seconds() / millions, Peak: s.Memory().Peak, Refused: done.Refused,
	}
	return f, b.check(s, before.Units+done.Units)
}

// check holds what the server has taken against what it accepted.
func (b *bench) check(s *server, want int64) error {
	if s.taken == nil {
		return nil
	}
	return s.Within(10*time.Second, func() error {
		got, err := s.taken(s)
		if err == nil && got != want {
			err = fmt.Errorf("%d of %d are there: it dropped some, or has them twice", got, want)
		}
		return err
	})
}
