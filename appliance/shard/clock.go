package shard

import (
	"cmp"
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
// the machine is not restarted. Across a restart of the machine, or when the data came to another one, there is only the wall clock to
// ask: the clock goes on from where it was, and counts the time in between when by the wall clock's two readings it was less than a day.
// A clock that has jumped, or a machine that was off for long, makes nothing older. It never goes back.
//
// What is left to the wall clock is thus a lie of less than a day about a time when the machine was off, or any lie when the clock's file
// is gone.
type clock struct {
	times Times
	file  disk.File
	boot  int64 // Times.Boot when it began to count
	base  int64 // its time then
}

// clockLine is what the clock's file holds: its time, the machine's time since its start, that start's name, and the wall clock's time,
// all in ms. The width is fixed, so that it is overwritten in place. Files of earlier versions have the first number, or the first three
// fields.
const (
	clockLine  = "%020d %020d %-36.36s %020d\n"
	clockBytes = 20 + 1 + 20 + 1 + 36 + 1 + 20 + 1
	noName     = "-"
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
	c := &clock{times: times, file: f, boot: times.Boot()}
	c.base = c.resume()
	if c.note() == nil { // on disk once in a run: without its file, all is as old as the wall clock says
		_ = f.Sync()
	}
	return c, nil
}

// resume is where the clock goes on, by what its file says.
func (c *clock) resume() int64 {
	content := make([]byte, clockBytes)
	n, _ := c.file.ReadAt(content, 0)
	var stored, boot, then int64
	var name string
	fields, _ := fmt.Sscanf(string(content[:n]), "%d %d %36s %d", &stored, &boot, &name, &then)
	now := c.times.Wall()
	if fields == 0 || stored <= 0 {
		return now
	}
	if fields >= 3 && c.times.Name != "" && name == c.times.Name && boot <= c.boot {
		return stored + c.boot - boot // the machine has run on since: no need to ask the wall
	}
	if fields < 4 {
		then = stored
	}
	if away := now - then; away > 0 && away <= gapMax.Milliseconds() {
		return stored + away
	}
	return stored
}

// now is the clock's time, ms.
func (c *clock) now() int64 { return c.base + c.times.Boot() - c.boot }

// note writes the time down for the next run. It is a hint, and as a rule not synced.
func (c *clock) note() error {
	boot := c.times.Boot()
	_, err := c.file.WriteAt(fmt.Appendf(nil, clockLine, c.base+boot-c.boot, boot, cmp.Or(c.times.Name, noName), c.times.Wall()), 0)
	return err
}

func (c *clock) close() error { return errors.Join(c.note(), c.file.Close()) }

// Now is the retention clock's time: ages that others keep are to follow elapsed time, too. Anyone may ask.
func (s *Set) Now() time.Time { return time.UnixMilli(s.clock.now()) }
