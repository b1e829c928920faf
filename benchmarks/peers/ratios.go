package main

import "penstock/benchmarks/spread"

// ratio is one figure over another's of the same round, and what it must be.
type ratio struct {
	name    string
	over    string // the cell above the line
	under   string
	must    float64 // 0: told, not judged
	stretch float64 // 0: none
	atLeast bool    // the ratio must be at least must, not at most
	note    string  // what is not alike
}

const (
	opaque  = "It does not look into what it stores; ours proves that every event is JSON and makes each a record of its own."
	floored = "The floor reads the lines, counts their ends and writes as many bytes for each as its record has, made before, over and over in one place: what ours cannot be below while a record is as long."
	packed  = " Ours compresses, too: the log has a fifth of the bytes, which Kafka clients that read LZ4 read as they are."
	queried = "VictoriaMetrics also indexes, compresses and serves queries; ours only logs. Debian's is version 1.79; 1.150 costs as much or a little less once settled. Neither has synced: ours answers from the log, it keeps new samples in memory for a while."
)

var ratios = []ratio{
	{name: "1 batch: log ÷ bare", over: "1 batch log", under: "1 batch bare", must: 7, stretch: 5, note: "Bare does not look at the body and keeps nothing: it is the floor, not a peer. Ours is warm: segments have grown to their full size."},
	{name: "1 batch: disk ÷ log", over: "1 batch disk", under: "1 batch log", must: 1.3, note: "Both ours. The write-back that log leaves to the kernel is not in its process's CPU: see the column “others”."},
	{name: "1 batch: ring ÷ bare", over: "1 batch ring", under: "1 batch bare", note: "An acknowledgement that survives nothing; what is refused is sent again and its cost counted."},
	{name: "1 batch: log keyed ÷ bare", over: "1 batch log keyed", under: "1 batch bare", note: "Ours also reads each event's key, hashes it, and parts each request between the shards."},
	{name: "1 batch: log fresh ÷ bare", over: "1 batch log fresh", under: "1 batch bare", note: "Ours from an empty directory, after nine idle seconds: segments that still grow, and memory that a virtual machine has to get back from its host, which is most of it."},
	{name: "1 batch: disk fresh ÷ bare", over: "1 batch disk fresh", under: "1 batch bare", note: "As before, synced."},

	{name: "2 single: log ÷ bare", over: "2 single log apart", under: "2 single bare apart", must: 1.25, stretch: 1.15, note: "Bare keeps nothing. 32 connections, a request and a reply at a time: most of it is the kernel's. Server and client have a CPU each."},
	{name: "2 ×16: log ÷ bare", over: "2 x16 log apart", under: "2 x16 bare apart", must: 1.5, stretch: 1.25, note: "Bare keeps nothing. 32 connections, sixteen requests a write. Server and client have a CPU each."},
	{name: "2 single: log ÷ bare, CPUs shared", over: "2 single log", under: "2 single bare", note: "As before, server and client sharing two CPUs: who is slower is pushed off its CPU more often by clients that it wakes."},
	{name: "2 ×16: log ÷ bare, CPUs shared", over: "2 x16 log", under: "2 x16 bare", note: "The same, sixteen requests a write."},
	{name: "2 256: disk ÷ bare", over: "2 256 disk", under: "2 256 bare", must: 2, stretch: 1.6, note: "Bare keeps nothing; ours syncs before each reply. 256 connections."},

	{name: "3 put: VictoriaMetrics ÷ ours", over: "3 put VictoriaMetrics", under: "3 put ours", must: 6, stretch: 8, atLeast: true, note: queried},
	{name: "3 Graphite: VictoriaMetrics ÷ ours", over: "3 graphite VictoriaMetrics", under: "3 graphite ours", must: 5, stretch: 8, atLeast: true, note: queried},
	{name: "3 put: VictoriaMetrics ÷ ours, lz4", over: "3 put VictoriaMetrics", under: "3 put ours lz4", must: 6, stretch: 8, atLeast: true, note: queried + packed},
	{name: "3 Graphite: VictoriaMetrics ÷ ours, lz4", over: "3 graphite VictoriaMetrics", under: "3 graphite ours lz4", must: 5, stretch: 8, atLeast: true, note: queried + packed},
	{name: "3 put: VictoriaMetrics ÷ floor", over: "3 put VictoriaMetrics", under: "3 put floor", atLeast: true, note: floored},
	{name: "3 Graphite: VictoriaMetrics ÷ floor", over: "3 graphite VictoriaMetrics", under: "3 graphite floor", atLeast: true, note: floored},
	{name: "3 Graphite: carbon-c-relay ÷ ours", over: "3 graphite relay", under: "3 graphite ours", atLeast: true, note: "The relay writes the lines to a file as they are, without a sync; ours makes records. It takes lines into a queue in memory: its rate says how soon they are there, not in the file."},
	{name: "3 pickle ÷ plaintext", over: "3 pickle ours", under: "3 graphite ours", must: 1, note: "Both ours, by point: the same samples, 500 a pickle."},
	{name: "3 pickle ÷ plaintext, lz4", over: "3 pickle ours lz4", under: "3 graphite ours lz4", must: 1, note: "The same, compressed."},
	{name: "3 JSON: VictoriaMetrics ÷ ours", over: "3 json VictoriaMetrics", under: "3 json ours", must: 3, stretch: 4, atLeast: true, note: queried + " The doors differ in a member's name."},

	{name: "4 batch: NATS ÷ ours", over: "4 batch NATS", under: "1 batch disk", must: 1.1, stretch: 1.3, atLeast: true, note: opaque + " Both sync before they answer. At most 512 messages of 64 KiB wait at NATS, 32 requests at ours."},
	{name: "4 single: NATS ÷ ours", over: "4 single NATS", under: "2 256 disk", must: 4.5, stretch: 5, atLeast: true, note: opaque + " NATS syncs each message, ours all that wait at once: 512 wait at NATS, 256 requests at ours."},
	{name: "4 Redis ÷ ours, batches", over: "4 x100 Redis", under: "1 batch disk", must: 4.5, stretch: 5, atLeast: true, note: opaque + " Redis gets a hundred commands in one write and answers each, over 8 connections; ours gets 320 lines in one request and answers once, over 32."},
	{name: "4 Redis ÷ ours, 100 events at a time", over: "4 x100 Redis", under: "4 100 disk", atLeast: true, note: "As before, with a hundred lines in one request."},
	{name: "4 Redis ÷ ours, ×100 pipelined", over: "4 x100 Redis", under: "4 x100 disk", atLeast: true, note: "The same for the same: a request an event, a hundred in one write. An HTTP request is twice as many bytes as the event in it, and its answer as many as Redis needs for five; ours stores about forty at once."},

	{name: "5 plain Go service ÷ ours", over: "5 batch plain", under: "1 batch log", must: 12, stretch: 20, atLeast: true, note: "It decodes into a struct, and writes each event to a file without a sync; ours keeps events as they were sent, and proves that they are JSON."},
	{name: "5 Telegraf ÷ ours", over: "5 batch Telegraf", under: "1 batch log", must: 12, stretch: 20, atLeast: true, note: "Telegraf makes a metric of every event and writes Influx's lines to a file, without a sync. It gets arrays of 320 over 8 connections, as it takes no NDJSON."},
}

// verdict is what became of a ratio.
type verdict struct {
	spread.Spread
	rounds int
	failed string // why there is none
}

// judge computes a ratio round by round.
func judge(r *ratio, results map[string][]figure) verdict {
	var each []float64
	v := verdict{}
	for i := range min(len(results[r.over]), len(results[r.under])) {
		over, under := results[r.over][i], results[r.under][i]
		switch {
		case over.Err != "":
			v.failed = r.over + ": " + over.Err
		case under.Err != "":
			v.failed = r.under + ": " + under.Err
		case under.CPU == 0:
			v.failed = r.under + ": too short for its CPU to be seen"
		default:
			each = append(each, over.CPU/under.CPU)
		}
	}
	v.Spread, v.rounds = spread.Of(each), len(each)
	return v
}

// meets says whether a figure is within a bound.
func (r *ratio) meets(figure, bound float64) bool {
	if r.atLeast {
		return figure >= bound
	}
	return figure <= bound
}
