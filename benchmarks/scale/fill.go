package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// filled sends the whole, row by row, and then starts again on what is kept.
func (b *bench) filled() error {
	data := filepath.Join(b.root, "fill")
	defer os.RemoveAll(data)
	s, _, err := b.start(data, "--kafka", "off")
	if err != nil {
		return err
	}
	defer func() { s.stop(syscall.SIGTERM) }() // the one that runs then
	if err := b.fillRows(s); err != nil {
		return fmt.Errorf("%w\n%s", err, s.said())
	}
	if !b.wants("restart") {
		return nil
	}
	return b.restarts(&s)
}

// fillRows prints what each part of the whole costs.
func (b *bench) fillRows(s *penstock) error {
	l, err := connect(s.http, sendersMost, b.events)
	if err != nil {
		return err
	}
	defer l.close()
	warm, err := l.send(b.row / 10)
	if err != nil {
		return err
	}
	var rows [][]string
	var costs, memory []float64
	total := warm
	for sent := int64(0); sent < b.fill; sent += b.row {
		began, before := time.Now(), s.cpu()
		events, err := l.send(min(b.row, b.fill-sent))
		if err != nil {
			return err
		}
		cpu, took := s.cpu()-before, time.Since(began)
		total += events
		costs, memory = append(costs, perMillion(cpu, events)), append(memory, float64(s.anonymous()))
		rows = append(rows, []string{fmt.Sprintf("%.3g", float64(sent+b.row)/1e9), fmt.Sprintf("%.3f", costs[len(costs)-1]),
			fmt.Sprintf("%.2f", float64(events)/took.Seconds()/1e6), fmt.Sprintf("%.1f", memory[len(memory)-1]/(1<<20))})
		b.note("fill: %s GB: %s CPU s per million, %s M events a second, %s MiB", rows[len(rows)-1][0], rows[len(rows)-1][1], rows[len(rows)-1][2], rows[len(rows)-1][3])
	}
	fmt.Fprintln(b.out, "\n## Show 6: from the first GB to the last")
	b.rows("GB sent|CPU s per million events|M events a second|MiB of memory that is no file's", rows)
	if got, err := s.stored(); err != nil || got != total {
		return fmt.Errorf("%d events are stored of %d accepted: %v", got, total, err)
	}
	taken, err := onDisk(filepath.Join(s.data, "topics"))
	if err != nil {
		return err
	}
	b.kept = total
	last := len(costs) - 1
	end := min(3, len(costs)/2) // rows at each end: one alone has the noise of a few seconds
	ratio, grown := medianOf(costs[len(costs)-end:]).median/medianOf(costs[:end]).median, memory[last]-memory[0]
	fmt.Fprintf(b.out, "\nThe last row costs %.2f of the first, the last %d at their median %.2f of the first %d; that within 15 %%: %s. ",
		costs[last]/costs[0], end, ratio, end, b.hold(flat(ratio), "fill: the last rows cost %.2f of the first", ratio))
	fmt.Fprintf(b.out, "Memory moved by %+.1f MiB; less than 32: %s. ", grown/(1<<20), b.hold(grown < 32<<20, "fill: memory grew by %.1f MiB", grown/(1<<20)))
	fmt.Fprintf(b.out, "On disk an event of %d bytes takes %.1f, room prepared for the next ones included. %d requests were told to come again.\n",
		eventSize, float64(taken)/float64(total), l.refused.Load())
	return nil
}

// readyMost is how long a start may take.
const readyMost = 2 * time.Second

// restarts stops and starts the server on all that is kept, in each of the ways, and prints how long until it was ready.
func (b *bench) restarts(s **penstock) error {
	type way struct {
		name   string
		signal syscall.Signal
		cold   bool
		took   []float64
	}
	ways := []*way{{name: "SIGTERM", signal: syscall.SIGTERM}, {name: "SIGKILL", signal: syscall.SIGKILL}}
	if b.cold {
		ways = append(ways, &way{name: "SIGTERM, page cache dropped", signal: syscall.SIGTERM, cold: true}, &way{name: "SIGKILL, page cache dropped", signal: syscall.SIGKILL, cold: true})
	}
	data := (*s).data
	for round := range b.rounds {
		for _, w := range ways {
			if err := b.disturb(*s); err != nil {
				return err
			}
			(*s).stop(w.signal)
			if w.cold {
				syscall.Sync()
				if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
					return err
				}
			}
			next, took, err := b.start(data, "--kafka", "off")
			if err != nil {
				return err
			}
			*s = next
			if n, err := next.written(); err != nil || n != b.kept {
				return fmt.Errorf("after %s %d records are there of %d acknowledged: %v", w.name, n, b.kept, err)
			}
			w.took = append(w.took, took.Seconds())
			b.note("restart: round %d of %d, %s: %.3f s", round+1, b.rounds, w.name, took.Seconds())
		}
	}
	kept, err := onDisk(filepath.Join(data, "topics"))
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n## Show 10: ready again with %.1f GB retained\n", float64(kept)/1e9)
	var rows [][]string
	for _, w := range ways {
		took := medianOf(w.took)
		rows = append(rows, []string{w.name, took.String(), b.hold(took.most < readyMost.Seconds(), "restart: %.3f s after %s", took.most, w.name)})
	}
	b.rows("stopped by|seconds from exec to /readyz 200, median [least–most]|less than 2 each time", rows)
	note := "Before each stop 64 MB more were sent, up to the stop. After each start every record that was acknowledged was there, by its offset."
	if !b.cold {
		note += " The page cache was as it was: warm as far as memory reaches."
	}
	fmt.Fprintln(b.out, "\n"+note)
	return nil
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
		return fmt.Errorf("after a start: %w\n%s", err, s.said())
	}
	return nil
}
