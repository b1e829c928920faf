package main

import (
	"fmt"
	"slices"
	"strings"

	"penstock/benchmarks/splitmix"
	"penstock/wire"
	"penstock/wire/formats"
	"penstock/wire/wiretest"
)

// perRequest is how many events of 200 bytes a request of 64 KiB has.
const perRequest = 320

// requests are bodies for a door, or what a stream's connection brings between two batches.
type requests struct {
	format, door string // the name of a format, and a route's path or a stream's name
	bodies       []string
	units        int // in all of them
	columns      *wire.Columns
}

// parses is the stages of the wires.
func parses() []stage {
	from := func(name, what, unit string, make func(random *splitmix.Source) requests) stage {
		return stage{"parse-" + name, what, unit, func(string) (*job, error) { return make(new(splitmix.Source(seed))).open() }}
	}
	batches := func(random *splitmix.Source, n int, body func([]string) string) (all []string) {
		for range n {
			all = append(all, body(events(random, perRequest)))
		}
		return all
	}
	ndjson := func(e []string) string { return each(e, "\n", itself) + "\n" }
	return []stage{
		from("interana-ndjson", "add_events, 320 lines a request", "event", func(r *splitmix.Source) requests {
			return requests{"interana", "/add_events", batches(r, 8, ndjson), 8 * perRequest, nil}
		}),
		from("interana-keyed", "the same with a table behind: key and time are read", "event", func(r *splitmix.Source) requests {
			return requests{"interana", "/add_events", batches(r, 8, ndjson), 8 * perRequest, &wire.Columns{Time: "ts", Key: "key"}}
		}),
		from("interana-array", "add_events, an array of 320 a request", "event", func(r *splitmix.Source) requests {
			return requests{"interana", "/add_events", batches(r, 8, func(e []string) string { return array(e, itself) }), 8 * perRequest, nil}
		}),
		from("interana-single", "add_events, one a request", "event", func(r *splitmix.Source) requests {
			return requests{"interana", "/add_events", events(r, 2000), 2000, nil}
		}),
		from("cloudwisdom", "elements of 100 metrics", "sample", func(*splitmix.Source) requests {
			r := requests{format: "cloudwisdom", door: "/ingest/{key}", units: 2400}
			for i := range 24 { // many: how series meet in a table is another in each process
				r.bodies = append(r.bodies, "["+element(i, 100)+"]")
			}
			return r
		}),
		from("stackstate", "agents' 300 metrics a request", "sample", func(r *splitmix.Source) requests {
			all := requests{format: "stackstate", door: "/stsAgent/intake", units: 2400}
			for range 8 {
				all.bodies = append(all.bodies, fmt.Sprintf(`{"internalHostname":"agent%d.test","metrics":%s}`, r.Below(1000), array(samples(r, 300), agentMetric)))
			}
			return all
		}),
		from("kairosdb-rest", "data points, 320 a request", "point", func(r *splitmix.Source) requests {
			return requests{"kairosdb", "/api/v1/datapoints", []string{array(samples(r, 320), dataPoint), array(samples(r, 320), dataPoint)}, 640, nil}
		}),
		from("kairosdb-apart", "data points, each of a series of its own, 320 a request", "point", func(r *splitmix.Source) requests {
			all := samples(r, 640)
			for i := range all {
				all[i].host, all[i].secs = i/10, now/1000
			}
			return requests{"kairosdb", "/api/v1/datapoints", []string{array(all[:320], dataPoint), array(all[320:], dataPoint)}, 640, nil}
		}),
		from("kairosdb-telnet", "put lines, split and parsed", "point", func(r *splitmix.Source) requests {
			return requests{"kairosdb", "telnet", slices.Repeat([]string{each(samples(r, 500), "", putLine)}, 4), 2000, nil}
		}),
		from("graphite-plaintext", "lines, split and parsed", "point", func(r *splitmix.Source) requests {
			return requests{"graphite", "graphite", slices.Repeat([]string{each(samples(r, 500), "", graphiteLine)}, 4), 2000, nil}
		}),
		from("graphite-pickle", "pickles of 500 points, split and parsed", "point", func(r *splitmix.Source) requests {
			return requests{"graphite", "pickle", slices.Repeat([]string{string(pickleFrame(samples(r, 500)))}, 4), 2000, nil}
		}),
		from("graphite-apart", "pickles of 100 points, each of a series of its own", "point", func(r *splitmix.Source) requests {
			return requests{"graphite", "pickle", slices.Repeat([]string{string(pickleFrame(samples(r, 100)))}, 4), 400, nil}
		}),
		from("splunk", "events, 300 a request", "event", func(r *splitmix.Source) requests {
			return requests{"splunk", "/{tenant}/ingest/v1beta2/events", []string{array(samples(r, 300), splunkEvent)}, 300, nil}
		}),
		from("segment", "a batch of 200 track calls", "event", func(r *splitmix.Source) requests {
			return requests{"segment", "/v1/batch", []string{`{"batch":` + array(samples(r, 200), segmentCall) + `}`}, 200, nil}
		}),
	}
}

// open finds the door's parser.
func (r requests) open() (*job, error) {
	for _, f := range formats.All() {
		if f.Name != r.format {
			continue
		}
		for _, route := range f.Routes {
			if route.Path == r.door && route.New != nil {
				return r.job(route.New(), nil), nil
			}
		}
		for _, stream := range f.Streams {
			if stream.Name == r.door {
				return r.job(stream.New(), stream.NewSplit()), nil
			}
		}
	}
	return nil, fmt.Errorf("no door %s at %s", r.door, r.format)
}

// values is a Peeker that allocates nothing: what the allocator does is by chance, and no part of a parser.
type values map[string][]byte

func (v values) Peek(name string) []byte { return v[name] }

// job has a step for every body; each must give what it has, and refuse nothing.
func (r requests) job(parser wire.Parser, split wire.Splitter) *job {
	var batch wire.Batch
	all := make([]wire.Request, len(r.bodies))
	for i, body := range r.bodies {
		all[i] = wire.Request{
			Method: "POST", Params: [wire.MaxParams][]byte{[]byte("key")}, Query: values{}, Header: values{"topic": []byte("events")},
			Body: []byte(body), Decode: new(wiretest.Decoder), Tables: wiretest.Tables{Behind: r.columns}, Topics: wire.DefaultTopics(), Limit: 8 << 20, Now: now,
		}
	}
	return &job{
		steps: len(all), units: r.units,
		step: func(i int) error {
			batch.Reset()
			var fault *wire.Fault
			if split == nil {
				fault = parser.Parse(&all[i], &batch)
			} else {
				fault = frames(parser, split, all[i], &batch)
			}
			if _, refused := batch.Rejected(); fault != nil || refused > 0 || len(batch.Records) == 0 {
				return fmt.Errorf("%d records, %d parts refused, %v", len(batch.Records), refused, fault)
			}
			return nil
		},
		sum: func(_ int, sum uint32) uint32 { return addRecords(sum, batch.Records) },
	}
}

// frames is a body of many frames into one batch, as a connection's are.
func frames(parser wire.Parser, split wire.Splitter, req wire.Request, batch *wire.Batch) *wire.Fault {
	for rest := req.Body; len(rest) > 0; {
		advance, frame, fault := split(rest, false)
		if fault != nil || advance == 0 {
			return batch.Fail(wire.BadLine, wire.NoOffset)
		}
		rest = rest[advance:]
		if req.Body = frame; frame != nil {
			if fault := parser.Parse(&req, batch); fault != nil {
				return fault
			}
			if runner, ok := parser.(wire.Runner); ok {
				_, used, _ := runner.Run(rest, len(rest), &req, batch)
				rest = rest[used:]
			}
		}
	}
	return nil
}

func addRecords(sum uint32, records []wire.Record) uint32 {
	for i := range records {
		r := &records[i]
		sum = add(add(add(sum, r.Topic), r.Key), r.Value)
		sum = add(add(sum, r.ID), fmt.Append(nil, r.Time))
	}
	return sum
}

// scans is the JSON scanner by itself.
func scans() stage {
	return stage{"json", "the scanner over events of 200 bytes", "event", func(string) (*job, error) {
		const n, each = 4000, 100
		random := splitmix.Source(seed)
		texts := []byte(strings.Join(events(&random, n), ""))
		ends := 0
		return &job{steps: n / each, units: n,
			step: func(step int) error {
				at := step * each * 200
				for range each {
					end, code := wire.ScanValue(texts, at)
					if code != wire.OK {
						return fmt.Errorf("code %v at byte %d", code, end)
					}
					at = end
				}
				ends = at
				return nil
			},
			sum: func(_ int, sum uint32) uint32 { return add(sum, fmt.Append(nil, ends)) },
		}, nil
	}}
}
