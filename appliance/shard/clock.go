package shard

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// clock is the retention clock. Within a run it follows elapsed time, whatever happens to the wall clock. Across a restart it goes on
// from where it was, and counts the time in between only when the wall clock says that it was less than a day: a clock that has
// jumped, or a machine that was off for long, makes nothing older than the time it was kept. It never goes back.
type clock struct {
	file  *os.File
	start time.Time // with the monotonic reading
	base  int64     // ms at start
}

// clockDigits is the width of the number in the clock's file, so that it is overwritten in place.
const clockDigits = 20

// gapMax is the longest absence that is believed.
const gapMax = 24 * time.Hour

func openClock(path string, now time.Time) (*clock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c := &clock{file: f, start: now, base: now.UnixMilli()}
	var content [clockDigits]byte
	var stored int64
	if _, err := f.ReadAt(content[:], 0); err == nil {
		if _, err := fmt.Sscanf(string(content[:]), "%d", &stored); err == nil {
			c.base = resume(stored, now.UnixMilli())
		}
	}
	return c, nil
}

// resume is where the clock goes on that stood at stored when the last run ended, now that the wall clock says wall.
func resume(stored, wall int64) int64 {
	if wall < stored || wall-stored > gapMax.Milliseconds() {
		return stored
	}
	return wall
}

// now is the clock's time, ms.
func (c *clock) now() int64 { return c.base + time.Since(c.start).Milliseconds() }

// note writes the time down for the next run. It is a hint, and not synced.
func (c *clock) note() error {
	_, err := fmt.Fprintf(&atStart{c.file}, "%0*d\n", clockDigits, c.now())
	return err
}

func (c *clock) close() error { return errors.Join(c.note(), c.file.Close()) }

// atStart writes at the start of a file.
type atStart struct{ f *os.File }

func (a *atStart) Write(p []byte) (int, error) { return a.f.WriteAt(p, 0) }

// routingSeed reads the seed of the routing hash, making one at the first start. Should the file be lost, a new one is made: a key's
// records may then go to another shard than before, nothing else.
func routingSeed(dir string) (uint64, error) {
	path := filepath.Join(dir, "routing-seed")
	text, err := os.ReadFile(path)
	if err == nil {
		raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil || len(raw) != 8 {
			return 0, fmt.Errorf("%s should hold 16 hex digits: put the right ones back, or remove the file to route by a new seed", path)
		}
		return binary.BigEndian.Uint64(raw), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	var raw [8]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return 0, err
	}
	if err := writeWhole(path, []byte(hex.EncodeToString(raw[:])+"\n")); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(raw[:]), nil
}

// writeWhole puts a small file in place so that a crash leaves all of it or none.
func writeWhole(path string, content []byte) error {
	temporary := path + ".tmp"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
