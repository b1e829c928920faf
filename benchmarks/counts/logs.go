package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"penstock/appliance/shard"
	"penstock/benchmarks/splitmix"
	"penstock/ring"
	"penstock/segstore"
	"penstock/wire"
)

// batchCount is how many batches of perRequest records the stages behind the parsers take: two rounds of them stay below half of a log's first
// segment, so that no other goroutine is called to make the next.
const batchCount = 12

func stages() []stage {
	return append(parses(),
		scans(),
		stage{"ring", "frames of 256 bytes, claimed, filled, published and drained", "frame", openRing},
		stage{"route", "requests of 320 records to 4 shards, up to the rings", "record", func(dir string) (*job, error) { return openOffer(dir, shard.AckRing) }},
		stage{"offer", "the same, written to the logs on the spot", "record", func(dir string) (*job, error) { return openOffer(dir, shard.AckLog) }},
		stage{"laid", "Graphite lines to 4 shards, from their bytes to the logs, laid while they are parsed", "line", openLaid},
		stage{"packed", "the same, compressed", "line", openPacked},
		stage{"append", "batches of 320 records laid into a log and committed", "record", openAppend},
		stage{"append-single", "batches of one record", "record", openAppendSingle},
		stage{"fetch", "batches of 320 records read with a cursor, their CRC checked", "record", openFetch},
		stage{"fetch-span", "the same as the Kafka listener reads them, up to 1 MiB at once", "record", openFetchSpan},
		stage{"fetch-records", "the same, and every record decoded", "record", openFetchRecords},
	)
}

func openRing(string) (*job, error) {
	r, err := ring.New(1 << 20)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, 256)
	sum := uint32(0)
	const steps, each = 20, 200
	return &job{steps: steps, units: steps * each,
		step: func(i int) error {
			for n := range each {
				c, ok := r.Claim(len(payload))
				if !ok {
					return errors.New("the ring is full")
				}
				binary.LittleEndian.PutUint64(payload, uint64(i*each+n))
				copy(c.Bytes(), payload)
				c.Commit()
			}
			seen := 0
			r.Drain(1<<20, func(frame []byte) { sum, seen = sum+uint32(frame[0]), seen+1 })
			if seen != each {
				return fmt.Errorf("%d frames came out", seen)
			}
			return nil
		},
		sum: func(_ int, before uint32) uint32 { return add(before, fmt.Append(nil, sum)) },
	}, nil
}

// keyedRecords makes a request's records, of which each has a key.
func keyedRecords(random *splitmix.Source) *wire.Batch {
	b := &wire.Batch{}
	for _, text := range events(random, perRequest) {
		*b.Add() = wire.Record{Topic: []byte("events"), Key: fmt.Appendf(nil, "web-%04d.api", random.Below(1000)), Value: []byte(text), Time: now}
	}
	return b
}

// openOffer offers requests to a set whose goroutines run; what those do does not count.
func openOffer(dir string, ack shard.Ack) (*job, error) {
	set, topic, err := openSet(dir, false)
	if err != nil {
		return nil, err
	}
	random := splitmix.Source(seed)
	var all []*wire.Batch
	for range batchCount {
		all = append(all, keyedRecords(&random))
	}
	ticket := set.NewTicket()
	return &job{steps: batchCount, units: batchCount * perRequest,
		step: func(i int) error {
			if err := set.Offer(all[i], ticket, ack); err != nil {
				return err
			}
			return ticket.Wait(time.Minute)
		},
		end: func(sum uint32) (uint32, error) { return addTopic(sum, topic, 2*batchCount*perRequest) },
	}, nil
}

// openSet opens a set that has a topic, and packs samples or not.
func openSet(dir string, packs bool) (*shard.Set, *shard.Topic, error) {
	const shards = 4
	set, err := shard.Open(shard.Options{Dir: dir, Shards: shards, Ack: shard.AckLog, Pack: packs, Seed: func() (uint64, error) { return seed, nil }})
	if err != nil {
		return nil, nil, err
	}
	if err := set.CreateTopic("events", shards); err != nil {
		return nil, nil, err
	}
	topic, _ := set.Topic("events")
	return set, topic, nil
}

// addTopic sums a topic's records, once there are so many.
func addTopic(sum uint32, topic *shard.Topic, want int64) (uint32, error) {
	err := await(topic.Logs(), want)
	for _, log := range topic.Logs() {
		if err == nil {
			sum, err = addLog(sum, log)
		}
	}
	return sum, err
}

// await waits until the logs have so many records.
func await(logs []*segstore.Log, want int64) error {
	have := int64(0)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		have = 0
		for _, log := range logs {
			have += log.Written()
		}
		if have == want {
			return nil
		}
	}
	return fmt.Errorf("%d records were kept, of %d", have, want)
}

// addLog sums a log's records.
func addLog(sum uint32, log *segstore.Log) (uint32, error) {
	cursor := log.Cursor(0)
	defer cursor.Close()
	for {
		batch, err := cursor.Next()
		if errors.Is(err, segstore.ErrTail) {
			return sum, nil
		}
		if err != nil {
			return 0, err
		}
		for records := batch.Records(); ; {
			r, ok := records.Next()
			if !ok {
				break
			}
			sum = add(add(sum, r.Key), r.Value)
		}
	}
}

func openLog(dir string) (*segstore.Log, error) {
	return segstore.Open(filepath.Join(dir, "events-0"), segstore.Options{Now: func() int64 { return now }})
}

// lay appends records as one batch.
func lay(log *segstore.Log, records []wire.Record) error {
	room := 0
	for i := range records {
		room += len(records[i].Key) + len(records[i].Value) + segstore.RecordOverhead
	}
	if err := log.Reserve(int64(room)); err != nil {
		return err
	}
	for i := range records {
		log.Append(records[i].Key, records[i].Value, records[i].Time)
	}
	if !log.Commit() {
		return errors.New("nothing was committed")
	}
	return nil
}

func openAppend(dir string) (*job, error) { return openAppends(dir, 1) }

func openAppendSingle(dir string) (*job, error) { return openAppends(dir, perRequest) }

// openAppends lays each request's records in so many batches.
func openAppends(dir string, batches int) (*job, error) {
	log, err := openLog(dir)
	if err != nil {
		return nil, err
	}
	random := splitmix.Source(seed)
	records := keyedRecords(&random).Records
	steps, each := batchCount, perRequest/batches
	return &job{steps: steps, units: steps * perRequest,
		step: func(int) error {
			for rest := records; len(rest) > 0; rest = rest[each:] {
				if err := lay(log, rest[:each]); err != nil {
					return err
				}
			}
			return nil
		},
		end: func(sum uint32) (uint32, error) { return addLog(sum, log) },
	}, nil
}

// openReading is a step that reads a log of batchCount batches from its beginning. read reads what comes next, and says how many records
// that was and a sum.
func openReading(dir string, read func(cursor *segstore.Cursor) (records int, sum uint32, err error)) (*job, error) {
	log, err := openLog(dir)
	if err != nil {
		return nil, err
	}
	random := splitmix.Source(seed)
	for range batchCount {
		if err := lay(log, keyedRecords(&random).Records); err != nil {
			return nil, err
		}
	}
	const steps = 5
	var last uint32
	return &job{steps: steps, units: steps * batchCount * perRequest,
		step: func(int) error {
			cursor := log.Cursor(0)
			defer cursor.Close()
			last = 0
			for seen := 0; ; {
				n, sum, err := read(cursor)
				if errors.Is(err, segstore.ErrTail) {
					if seen != batchCount*perRequest {
						return fmt.Errorf("read %d records", seen)
					}
					return nil
				}
				if err != nil {
					return err
				}
				seen, last = seen+n, last+sum
			}
		},
		sum: func(_ int, sum uint32) uint32 { return add(sum, fmt.Append(nil, last)) },
	}, nil
}

func openFetch(dir string) (*job, error) {
	return openReading(dir, func(cursor *segstore.Cursor) (int, uint32, error) {
		batch, err := cursor.Next()
		if err != nil {
			return 0, 0, err
		}
		return batch.Count(), batch.CRC(), nil
	})
}

func openFetchSpan(dir string) (*job, error) {
	return openReading(dir, func(cursor *segstore.Cursor) (int, uint32, error) {
		from := cursor.Offset()
		span, err := cursor.NextSpan(1 << 20)
		if err != nil {
			return 0, 0, err
		}
		return int(span.Next - from), uint32(len(span.Bytes)), nil
	})
}

func openFetchRecords(dir string) (*job, error) {
	return openReading(dir, func(cursor *segstore.Cursor) (n int, sum uint32, err error) {
		batch, err := cursor.Next()
		if err != nil {
			return 0, 0, err
		}
		for records := batch.Records(); ; n++ {
			r, ok := records.Next()
			if !ok {
				return n, sum, nil
			}
			sum += uint32(len(r.Key)+len(r.Value)) + uint32(r.Value[len(r.Value)/2])
		}
	})
}
