package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// filled sends the whole, row by row, and then starts again on what is kept.
func (b *bench) filled() error {
	home, empty := b.home("fill")
	defer empty()
	s, _, err := b.start(home)
	if err != nil {
		return err
	}
	defer func() { s.End() }() // the one that runs then
	began := time.Now()
	if b.results.Fill, err = b.fillRows(s); err != nil {
		return fmt.Errorf("%w\n%s", err, s.LogEnd())
	}
	b.took("fill", began)
	if !b.wants("restart") {
		return nil
	}
	defer b.took("restart", time.Now())
	return b.restarts(&s)
}

// fillRows measures what each part of the whole costs.
func (b *bench) fillRows(s *penstock) (*filling, error) {
	l, err := connect(s.http, sendersMost, b.events)
	if err != nil {
		return nil, err
	}
	defer l.close()
	f := &filling{}
	if f.Events, err = l.send(b.row / 10); err != nil {
		return nil, err
	}
	for sent := int64(0); sent < b.fill; {
		size := min(b.row, b.fill-sent)
		began, before := time.Now(), s.CPU()
		events, err := l.send(size)
		if err != nil {
			return nil, err
		}
		sent += size
		memory := s.Memory()
		r := row{Sent: sent, Events: events, CPU: (s.CPU() - before).Seconds(), Seconds: time.Since(began).Seconds(), Resident: memory.Resident, Anonymous: memory.Anonymous}
		f.Events += events
		f.Rows = append(f.Rows, r)
		b.note("fill: %.3g GB: %.3f CPU s per million, %.1f MiB", float64(sent)/1e9, r.cost(), mib(r.Anonymous))
	}
	if got, err := s.Stored(wire); err != nil || got != f.Events {
		return nil, fmt.Errorf("%d events are stored of %d accepted: %v", got, f.Events, err)
	}
	b.kept, f.Refused = f.Events, l.refused.Load()
	f.OnDisk, err = onDisk(dataIn(s.home))
	return f, err
}

// restarts stops and starts the server on all that is kept, in each of the ways, and notes how long until it was ready.
func (b *bench) restarts(s **penstock) error {
	r := &restarting{}
	names := []string{terminated, killed}
	if b.cold {
		names = append(names, terminated+coldly, killed+coldly)
	}
	for _, name := range names {
		r.Ways = append(r.Ways, &way{Name: name})
	}
	for round := range b.rounds {
		for _, w := range r.Ways {
			took, err := b.restart(s, w.Name)
			if err != nil {
				return fmt.Errorf("%s: %w", w.Name, err)
			}
			w.Seconds = append(w.Seconds, took.Seconds())
			b.note("restart: round %d of %d, %s: %.3f s", round+1, b.rounds, w.Name, took.Seconds())
		}
	}
	var err error
	b.results.Restart = r
	r.OnDisk, err = onDisk(dataIn((*s).home))
	return err
}

const (
	terminated = "SIGTERM"
	killed     = "SIGKILL"
	coldly     = ", page cache dropped"
)

// restart ends the server and starts another on its data.
func (b *bench) restart(s **penstock, name string) (took time.Duration, err error) {
	if err := b.disturb(*s); err != nil {
		return 0, err
	}
	end := (*s).Stop
	if name == killed || name == killed+coldly {
		end = (*s).Kill
	}
	if err := end(); err != nil {
		return 0, err
	}
	if name == terminated+coldly || name == killed+coldly {
		syscall.Sync()
		if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
			return 0, err
		}
	}
	next, took, err := b.start((*s).home)
	if err != nil {
		return 0, err
	}
	*s = next
	if n, err := next.written(); err != nil || n != b.kept {
		return 0, fmt.Errorf("%d records are there of %d acknowledged: %v", n, b.kept, err)
	}
	return took, nil
}

// disturb sends a little more, so that a stop has something to finish, and a kill something to recover.
func (b *bench) disturb(s *penstock) error {
	l, err := connect(s.http, sendersMost, b.events)
	if err != nil {
		return err
	}
	defer l.close()
	events, err := l.send(min(64e6, b.row))
	if b.kept += events; err != nil {
		return fmt.Errorf("%w\n%s", err, s.LogEnd())
	}
	return nil
}

// dataIn is a server's data directory in its home.
func dataIn(home string) string { return filepath.Join(home, "data") }

// onDisk is the space that the topics in a data directory take.
func onDisk(data string) (sum int64, err error) {
	err = filepath.WalkDir(filepath.Join(data, "topics"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += stat.Blocks * 512
		}
		return nil
	})
	return sum, err
}
