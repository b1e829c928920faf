package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// cell is one server under one load; the first of a family is what the others are held against.
type cell struct {
	family, name  string
	topics, conns int
	shards        string
	keyed         bool // a request's events go to all shards, not to one

	costs, memory []float64
}

const byKey = "shards by key"

func (b *bench) servers() (all []*cell) {
	add := func(family string, n int, topics, conns, shards int) {
		if b.cells != nil && !b.cells.MatchString(fmt.Sprint(n, " ", family)) {
			return
		}
		all = append(all, &cell{family: family, name: strconv.Itoa(n), topics: topics, conns: conns, shards: strconv.Itoa(shards), keyed: family == byKey})
	}
	for _, topics := range []int{1, 8, 64} {
		add("topics", topics, topics, sendersMost, 2)
	}
	for _, shards := range []int{2, 8, 32} {
		add("shards", shards, 1, sendersMost, shards)
	}
	for _, shards := range []int{2, 8, 32} {
		add(byKey, shards, 1, sendersMost, shards)
	}
	for _, conns := range b.conns {
		add("connections", conns, 1, conns, 2)
	}
	return all
}

// spread measures what an event costs over topics, shards and connections, in rounds over all cells.
func (b *bench) spread() error {
	cells := b.servers()
	if len(cells) == 0 {
		return fmt.Errorf("no cell's name has %s", b.cells)
	}
	made := map[int]*requests{}
	for round := range b.rounds {
		for _, c := range cells {
			if made[c.topics] == nil {
				made[c.topics] = makeRequests(c.topics, perRequest)
			}
			cost, memory, err := b.measure(c, made[c.topics])
			if err != nil {
				return fmt.Errorf("%s %s: %w", c.name, c.family, err)
			}
			c.costs, c.memory = append(c.costs, cost), append(c.memory, memory)
			b.note("spread: round %d of %d, %s %s: %.3f CPU s per million, %.1f MiB", round+1, b.rounds, c.name, c.family, cost, memory)
		}
	}
	fmt.Fprintln(b.out, "\n## Show 6: over topics, shards and connections")
	var rows [][]string
	first := cells[0]
	for _, c := range cells {
		if c.family != first.family {
			first = c
		}
		ratio := ratioOf(c.costs, first.costs)
		holds := b.hold(flat(ratio.median), "spread: %s %s cost %.2f of %s", c.name, c.family, ratio.median, first.name)
		rows = append(rows, []string{c.name + " " + c.family, medianOf(c.costs).String(), ratio.String(), holds, fmt.Sprintf("%.1f", medianOf(c.memory).median)})
	}
	b.rows("with|CPU s per million events, median [least–most]|by the first of its kind|within 15 %|MiB of memory that is no file's", rows)
	fmt.Fprintf(b.out, "\n%.1f GB a cell behind a tenth of that for warming. At most %d requests are under way at once; a connection waits while the others have their turn. Topics and shards are with %d connections, topics and connections with 2 shards. A log begins with small segments: with less than 2 GB the first of them, made for each of 128 logs, are most of what 64 topics cost. Without a key a request's events are one batch in one shard; by key they are a batch in each.\n",
		float64(b.cell)/1e9, sendersMost, sendersMost)
	return nil
}

// measure runs a cell once.
func (b *bench) measure(c *cell, r *requests) (cost, memory float64, err error) {
	data := filepath.Join(b.root, "spread")
	defer os.RemoveAll(data)
	s, _, err := b.start(data, "--kafka", "off", "--shards", c.shards, "--retention-bytes", "4GB")
	if err != nil {
		return 0, 0, err
	}
	defer s.stop(syscall.SIGTERM)
	if c.keyed {
		if err := s.keyed(); err != nil {
			return 0, 0, err
		}
	}
	l, err := connect(s.http, c.conns, r)
	if err != nil {
		return 0, 0, err
	}
	defer l.close()
	// Once over every connection and topic: what they need for the first time is no part of an event's cost.
	warm, err := l.send(max(b.cell/10, int64(r.body)*int64(max(c.conns, c.topics))))
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, s.said())
	}
	s.settle()
	before := s.cpu()
	events, err := l.send(b.cell)
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, s.said())
	}
	memory = float64(s.anonymous()) / (1 << 20)
	s.settle()
	cost = perMillion(s.cpu()-before, events)
	if got, err := s.stored(); err != nil || got != warm+events {
		return 0, 0, fmt.Errorf("%d events are stored of %d accepted: %v", got, warm+events, err)
	}
	return cost, memory, nil
}
