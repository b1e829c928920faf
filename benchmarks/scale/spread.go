package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// The families of cells; the first of a family is what the others are held against.
const (
	overTopics      = "topics"
	overShards      = "shards"        // a request's events have no key and stay with a shard
	overShardsByKey = "shards by key" // each of a request's events goes to its key's shard
	overConnections = "connections"
)

// cells are those that were asked for.
func (b *bench) cells() (all []*cell) {
	add := func(family string, n, topics, conns, shards int) {
		c := &cell{Family: family, Number: n, Bytes: b.cell, topics: topics, conns: conns, shards: shards}
		if b.chosen == nil || b.chosen.MatchString(c.name()) {
			all = append(all, c)
		}
	}
	for _, topics := range []int{1, 8, 64} {
		add(overTopics, topics, topics, sendersMost, 2)
	}
	for _, family := range []string{overShards, overShardsByKey} {
		for _, shards := range []int{2, 8, 32} {
			add(family, shards, 1, sendersMost, shards)
		}
	}
	for _, conns := range b.conns {
		add(overConnections, conns, 1, conns, 2)
	}
	return all
}

// spread measures what an event costs over topics, shards and connections, in rounds over all cells.
func (b *bench) spread() error {
	cells := b.cells()
	if len(cells) == 0 {
		return fmt.Errorf("no cell's name has %s", b.chosen)
	}
	defer b.took("spread", time.Now())
	made := map[int]*requests{}
	for round := range b.rounds {
		for _, c := range cells {
			if made[c.topics] == nil {
				made[c.topics] = makeRequests(c.topics, perRequest)
			}
			if err := b.measure(c, made[c.topics]); err != nil {
				return fmt.Errorf("%s: %w", c.name(), err)
			}
			b.note("spread: round %d of %d, %s: %.3f CPU s per million, %.1f MiB", round+1, b.rounds, c.name(), c.Costs[round], c.Memory[round])
		}
	}
	b.results.Spread = cells
	return nil
}

// measure runs a cell once.
func (b *bench) measure(c *cell, r *requests) error {
	home, empty := b.home("spread")
	defer empty()
	s, _, err := b.start(home, "--shards", strconv.Itoa(c.shards), "--retention-bytes", "8GB")
	if err != nil {
		return err
	}
	defer s.End()
	if c.Family == overShardsByKey {
		if err := s.Keyed(topicName(0), "key"); err != nil {
			return err
		}
	}
	l, err := connect(s.http, c.conns, r)
	if err != nil {
		return err
	}
	defer l.close()
	// Once over every connection and then over every topic: what they need for the first time is no part of an event's cost.
	first, err1 := l.once()
	then, err2 := l.send(max(b.cell/10, int64(c.topics*c.shards)*b.first))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("%w\n%s", err, s.LogEnd())
	}
	warm := first + then
	if err := s.settle(); err != nil {
		return err
	}
	before := s.CPU()
	events, err := l.send(b.cell)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.LogEnd())
	}
	memory := s.Memory().Anonymous
	if err := s.settle(); err != nil {
		return err
	}
	cpu := (s.CPU() - before).Seconds()
	if got, err := s.Stored(wire); err != nil || got != warm+events {
		return fmt.Errorf("%d events are stored of %d accepted: %v", got, warm+events, err)
	}
	c.CPU, c.Costs, c.Memory = append(c.CPU, cpu), append(c.Costs, cpu/(float64(events)/1e6)), append(c.Memory, mib(memory))
	return nil
}
