package main

import (
	"fmt"
	"time"
)

const (
	million = 1_000_000
	// warmEvents is 1.3 GB, and so are the samples that warm a log: until then its page cache grows, by what two shards keep of it and what is not yet
	// written back, and a page is new memory; from then on what comes next gets the pages that were given back.
	warmEvents = 6_000_000
	// samplesMade is how many samples there are; they are sent again and again where more are asked for.
	samplesMade = 2 * million
	// seriesWarm is two samples of each series, so that a server which indexes series knows them.
	seriesWarm = 20_000
	// victoriaFlush is how long VictoriaMetrics puts work off.
	victoriaFlush = 6500 * time.Millisecond
	// giveBack is how long a virtual machine must rest until its host has taken back the memory that is free.
	giveBack = 9 * time.Second
)

type load = func(b *bench, s *server, units int64) (tally, error)

// requests is a closed loop of requests to whatever was started.
func requests(what func(b *bench) *messages, conns, depth int) load {
	return func(b *bench, s *server, units int64) (tally, error) {
		l := loop{addr: s.addr, what: func(int) *messages { return what(b) }, conns: conns, depth: depth, replies: httpReply}
		return l.run(units)
	}
}

func batches(b *bench) *messages {
	return b.of("batches", func() *messages { return ndjson(b.now, perRequest) })
}

func hundreds(b *bench) *messages {
	return b.of("hundreds", func() *messages { return ndjson(b.now, 100) })
}

func singles(b *bench) *messages {
	return b.of("singles", func() *messages { return ndjson(b.now, 1) })
}

func arrays(b *bench) *messages {
	return b.of("arrays", func() *messages { return jsonArrays(b.now, "/telegraf") })
}

func kairosPoints(b *bench) *messages {
	return b.of("kairos", func() *messages { return dataPoints(samplesMade/b.scale, b.now, "/api/v1/datapoints", "name") })
}

func opentsdbPoints(b *bench) *messages {
	return b.of("opentsdb", func() *messages { return dataPoints(samplesMade/b.scale, b.now, "/api/put", "metric") })
}

// stream is lines or frames over TCP.
func stream(name string, make func(n int, now int64) *messages) load {
	return func(b *bench, s *server, units int64) (tally, error) {
		return pour(s.addr, b.of(name, func() *messages { return make(samplesMade/b.scale, b.now) }), units)
	}
}

func puts(n int, now int64) *messages     { return lines(n, now, putLine) }
func graphite(n int, now int64) *messages { return lines(n, now, graphiteLine) }

// xadd is a closed loop of pipelines of a hundred commands.
func xadd(b *bench, s *server, units int64) (tally, error) {
	what := b.of("xadd", func() *messages { return xadds(b.now) })
	l := loop{addr: s.addr, what: func(int) *messages { return what }, conns: redisStreams, depth: 100, replies: redisReply}
	return l.run(units)
}

// publish keeps at most natsWindow messages of so many events unacknowledged, over eight connections.
func publish(events int) load {
	return func(b *bench, s *server, units int64) (tally, error) {
		var what [natsConns]*messages
		for conn := range what {
			what[conn] = b.of(fmt.Sprintf("pubs of %d, connection %d", events, conn), func() *messages { return pubs(b.now, events, conn) })
		}
		l := loop{addr: s.addr, what: func(conn int) *messages { return what[conn] }, greet: natsGreeting, conns: natsConns, depth: natsWindow / natsConns, replies: natsReply}
		return l.run(units)
	}
}

// allBatches warms a log that small requests would take long to fill.
var allBatches = requests(batches, 32, 1)

// cells are in the order in which they run in each round: what is compared stands together.
var cells = []cell{
	{name: "1 batch bare", tool: "bare", what: "fasthttp that answers 202", unit: "event", warm: warmEvents, count: 24 * million, start: bare, load: requests(batches, 32, 1)},
	{name: "1 batch log", what: "ours, --ack log", unit: "event", warm: warmEvents, count: 5 * million, start: ours(addEvents, "--ack", "log"), load: requests(batches, 32, 1)},
	{name: "1 batch disk", what: "ours, --ack disk", unit: "event", warm: warmEvents, count: 5 * million, start: ours(addEvents, "--ack", "disk"), load: requests(batches, 32, 1)},
	{name: "1 batch ring", what: "ours, --ack ring", unit: "event", warm: warmEvents, count: 5 * million, start: ours(addEvents, "--ack", "ring"), load: requests(batches, 32, 1)},
	{name: "1 batch log keyed", what: "ours, --ack log, shard by each event's key", unit: "event", warm: warmEvents, count: 5 * million, start: keyed(addEvents, "--ack", "log"), load: requests(batches, 32, 1)},
	{name: "1 batch log fresh", what: "ours, --ack log, from an empty directory", unit: "event", rest: giveBack, count: 5 * million, start: ours(addEvents, "--ack", "log"), load: requests(batches, 32, 1)},
	{name: "1 batch disk fresh", what: "ours, --ack disk, from an empty directory", unit: "event", rest: giveBack, count: 5 * million, start: ours(addEvents, "--ack", "disk"), load: requests(batches, 32, 1)},

	{name: "2 single bare", tool: "bare", what: "fasthttp that answers 202", unit: "event", warm: 30_000, count: 250_000, start: bare, load: requests(singles, 32, 1)},
	{name: "2 single log", what: "ours, --ack log", unit: "event", warm: warmEvents, grow: allBatches, count: 250_000, start: ours(addEvents, "--ack", "log"), load: requests(singles, 32, 1)},
	{name: "2 single bare apart", tool: "bare", what: "fasthttp that answers 202, on a CPU of its own", unit: "event", warm: 30_000, count: 250_000, start: bare, load: requests(singles, 32, 1), apart: true},
	{name: "2 single log apart", what: "ours, --ack log, on a CPU of its own", unit: "event", warm: warmEvents, grow: allBatches, count: 250_000, start: ours(addEvents, "--ack", "log"), load: requests(singles, 32, 1), apart: true},
	{name: "2 x16 bare", tool: "bare", what: "fasthttp that answers 202, ×16 pipelined", unit: "event", warm: 100_000, count: million, start: bare, load: requests(singles, 32, 16)},
	{name: "2 x16 log", what: "ours, --ack log, ×16 pipelined", unit: "event", warm: warmEvents, grow: allBatches, count: million, start: ours(addEvents, "--ack", "log"), load: requests(singles, 32, 16)},
	{name: "2 x16 bare apart", tool: "bare", what: "fasthttp that answers 202, ×16 pipelined, on a CPU of its own", unit: "event", warm: 100_000, count: million, start: bare, load: requests(singles, 32, 16), apart: true},
	{name: "2 x16 log apart", what: "ours, --ack log, ×16 pipelined, on a CPU of its own", unit: "event", warm: warmEvents, grow: allBatches, count: million, start: ours(addEvents, "--ack", "log"), load: requests(singles, 32, 16), apart: true},
	{name: "2 256 bare", tool: "bare", what: "fasthttp that answers 202, 256 connections", unit: "event", warm: 30_000, count: 250_000, start: bare, load: requests(singles, 256, 1)},
	{name: "2 256 disk", what: "ours, --ack disk, 256 connections", unit: "event", warm: warmEvents, grow: allBatches, count: 200_000, start: ours(addEvents, "--ack", "disk"), load: requests(singles, 256, 1)},

	{name: "3 put ours", what: "ours, telnet put", unit: "sample", warm: 5 * million, count: 8 * million, start: ours(telnetDoor, "--ack", "log"), load: stream("put", puts)},
	{name: "3 put ours lz4", what: "ours, telnet put, --compression lz4", unit: "sample", warm: 5 * million, count: 8 * million, start: ours(telnetDoor, "--ack", "log", "--compression", "lz4"), load: stream("put", puts)},
	{name: "3 put floor", tool: "floor", what: "lines read, 208 bytes written for each, nothing else", unit: "sample", warm: 5 * million, count: 8 * million, start: floor(putRecord), load: stream("put", puts)},
	{name: "3 put VictoriaMetrics", tool: "victoria-metrics", what: "VictoriaMetrics, telnet put", unit: "sample", warm: seriesWarm, count: 2 * million, start: victoria("opentsdb"), load: stream("put", puts), least: victoriaFlush},
	{name: "3 graphite ours", what: "ours, Graphite lines", unit: "sample", warm: 5 * million, count: 8 * million, start: ours(lineDoor, "--ack", "log", "--graphite-tags", "graphite"), load: stream("graphite", graphite)},
	{name: "3 graphite ours lz4", what: "ours, Graphite lines, --compression lz4", unit: "sample", warm: 5 * million, count: 8 * million, start: ours(lineDoor, "--ack", "log", "--graphite-tags", "graphite", "--compression", "lz4"), load: stream("graphite", graphite)},
	{name: "3 graphite floor", tool: "floor", what: "the same, Graphite lines, 194 bytes for each", unit: "sample", warm: 5 * million, count: 8 * million, start: floor(graphiteRecord), load: stream("graphite", graphite)},
	{name: "3 graphite VictoriaMetrics", tool: "victoria-metrics", what: "VictoriaMetrics, Graphite lines", unit: "sample", warm: seriesWarm, count: 2 * million, start: victoria("graphite"), load: stream("graphite", graphite), least: victoriaFlush},
	{name: "3 graphite relay", tool: "carbon-c-relay", what: "carbon-c-relay, Graphite lines to a file", unit: "sample", warm: seriesWarm, count: million, start: relay, load: stream("graphite", graphite)},
	{name: "3 pickle ours", what: "ours, Graphite pickles", unit: "sample", warm: 5 * million, count: 8 * million, start: ours(pickleDoor, "--ack", "log", "--graphite-tags", "graphite"), load: stream("pickle", pickles)},
	{name: "3 pickle ours lz4", what: "ours, Graphite pickles, --compression lz4", unit: "sample", warm: 5 * million, count: 8 * million, start: ours(pickleDoor, "--ack", "log", "--graphite-tags", "graphite", "--compression", "lz4"), load: stream("pickle", pickles)},
	{name: "3 json ours", what: "ours, KairosDB's REST", unit: "sample", warm: 4 * million, count: 4 * million, start: ours(restDoor, "--ack", "log"), load: requests(kairosPoints, 8, 1)},
	{name: "3 json VictoriaMetrics", tool: "victoria-metrics", what: "VictoriaMetrics, OpenTSDB's /api/put", unit: "sample", warm: seriesWarm, count: 2 * million, start: victoria("opentsdbHTTP"), load: requests(opentsdbPoints, 8, 1), least: victoriaFlush},

	{name: "4 batch NATS", tool: "nats-server", what: "NATS JetStream, sync_interval always, 320 events a message", unit: "event", warm: 200_000, count: 2 * million, start: nats(perRequest), load: publish(perRequest)},
	{name: "4 single NATS", tool: "nats-server", what: "NATS JetStream, sync_interval always, an event a message", unit: "event", warm: 2000, count: 25_000, start: nats(1), load: publish(1)},
	{name: "4 x100 Redis", tool: "redis-server", what: "Redis, appendfsync always, XADD, ×100 pipelined", unit: "event", warm: 100_000, count: 700_000, start: redis, load: xadd},
	{name: "4 100 disk", what: "ours, --ack disk, 100 events a request", unit: "event", warm: warmEvents, grow: allBatches, count: 3 * million, start: ours(addEvents, "--ack", "disk"), load: requests(hundreds, 32, 1)},
	{name: "4 x100 disk", what: "ours, --ack disk, an event a request, ×100 pipelined", unit: "event", warm: warmEvents, grow: allBatches, count: 100_000, start: ours(addEvents, "--ack", "disk"), load: requests(singles, 32, 100)},

	{name: "5 batch plain", tool: "plain", what: "net/http, encoding/json, a write per event", unit: "event", warm: 20_000, count: 300_000, start: plain, load: requests(batches, 32, 1)},
	{name: "5 batch Telegraf", tool: "telegraf", what: "Telegraf, http_listener_v2 to a file", unit: "event", warm: 20_000, count: 200_000, start: telegraf, load: requests(arrays, 8, 1)},
}
