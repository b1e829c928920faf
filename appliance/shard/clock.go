package shard

import (
	"errors"
	"fmt"
	"time"

	"penstock/segstore/disk"
)

// Times is where the set has the time from.
type Times struct {
	Wall func() int64 // ms since 1970: may jump, in any direction
	// Boot is the time since the machine was started, ms, its sleep included, and a name of this start. It does not jump.
	Boot func() (ms int64)
	Name string // of this start of the machine; "" = unknown
}

// clock is the retention clock. It follows elapsed time, whatever happens to the wall clock: within a run, and across runs as long as
// the machine is not restarted. Across a restart of the machine it goes on from where it was, and counts the time in between only
// when the wall clock says that it was less than a day: a clock that has jumped, or a machine that was off for long, makes nothing
// older than the time it was kept. It never goes back.
type clock struct {
	times Times
	file  disk.File
	boot  int64 // Times.Boot when it began to count
	base  int64 // its time then
}

// clockLine is what the clock's file holds: its time, the machine's time since its start, both in ms, and that start's name. The
// width is fixed, so that it is overwritten in place. A file of an earlier version has the first number only.
const (
	clockLine  = "%020d %020d %-36.36s\n"
	clockBytes = 20 + 1 + 20 + 1 + 36 + 1
)

// gapMax is the longest absence that is believed.
const gapMax = 24 * time.Hour

func openClock(d disk.Disk, path string, times Times) (*clock, error) {
	f, err := d.Open(path)
	if err != nil {
		if f, err = d.Create(path, clockBytes); err != nil {
			return nil, err
		}
	}
	c := &clock{times: times, file: f, boot: times.Boot(), base: times.Wall()}
	content := make([]byte, clockBytes)
	n, _ := f.ReadAt(content, 0)
	var stored, boot int64
	var name string
	fields, _ := fmt.Sscanf(string(content[:n]), "%d %d %36s", &stored, &boot, &name)
	switch {
	case fields == 0 || stored <= 0:
	case fields == 3 && times.Name != "" && name == times.Name && boot <= c.boot:
		c.base = stored + c.boot - boot // the machine has run on since: no need to ask the wall
	case fields == 3 && times.Name != "" && name != times.Name:
		c.base = resume(stored, c.base, c.boot)
	default: // whether it was restarted is not known, so how long it has been up says nothing
		c.base = resume(stored, c.base, 0)
	}
	return c, nil
}

// resume is where the clock goes on that stood at stored when the machine was last up, now that the wall clock says wall and the
// machine has been up for that long.
func resume(stored, wall, up int64) int64 {
	least := stored + up
	if wall < least || wall-stored > gapMax.Milliseconds() {
		return least
	}
	return wall
}

// now is the clock's time, ms.
func (c *clock) now() int64 { return c.base + c.times.Boot() - c.boot }

// note writes the time down for the next run. It is a hint, and not synced.
func (c *clock) note() error {
	boot := c.times.Boot()
	_, err := c.file.WriteAt(fmt.Appendf(nil, clockLine, c.base+boot-c.boot, boot, c.times.Name), 0)
	return err
}

func (c *clock) close() error { return errors.Join(c.note(), c.file.Close()) }
