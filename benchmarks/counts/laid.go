package main

import (
	"fmt"
	"time"

	"penstock/appliance/shard"
	"penstock/benchmarks/splitmix"
	"penstock/wire"
	"penstock/wire/graphite"
	"penstock/wire/wiretest"
)

// openLaid parses lines, lays them while they are parsed, and stores them: the way of a line from its bytes to the log.
func openLaid(dir string) (*job, error) { return openLines(dir, false) }

// openPacked is the same where they are packed.
func openPacked(dir string) (*job, error) { return openLines(dir, true) }

func openLines(dir string, packs bool) (*job, error) {
	const steps, lines = 8, 500
	set, topic, err := openSet(dir, packs)
	if err != nil {
		return nil, err
	}
	random := splitmix.Source(seed)
	stream := graphite.Format.Streams[0]
	parser, split, ticket, batch := stream.New(), stream.NewSplit(), set.NewTicket(), wire.Batch{}
	req := wire.Request{
		Method: "STREAM", Query: values{}, Header: values{}, Body: []byte(each(samples(&random, lines), "", graphiteLine)), Decode: new(wiretest.Decoder),
		Topics: wire.DefaultTopics(), Now: now,
	}
	req.Topics[wire.KindMetric] = []byte("events")
	hash := set.Hasher()
	return &job{steps: steps, units: steps * lines,
		step: func(int) error {
			batch.Reset()
			batch.Layer, batch.Packs, batch.Hash = ticket, packs, hash
			if fault := frames(parser, split, req, &batch); fault != nil || ticket.Laid() != lines {
				return fmt.Errorf("%d lines of %d are laid, %v", ticket.Laid(), lines, fault)
			}
			err := set.OfferLaid(ticket, shard.AckLog)
			if err == nil {
				err = ticket.Wait(time.Minute)
			}
			ticket.Drop()
			return err
		},
		end: func(sum uint32) (uint32, error) { return addTopic(sum, topic, 2*steps*lines) },
	}, nil
}
