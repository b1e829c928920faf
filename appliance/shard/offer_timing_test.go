package shard

import (
	"fmt"
	"testing"
	"time"

	"penstock/wire"
	"penstock/wire/graphite"
)

// BenchmarkOffer is a request's way from its parser to its answer, by policy and by how many records of 200 bytes it has.
func BenchmarkOffer(b *testing.B) {
	for _, ack := range []Ack{AckRing, AckLog, AckDisk} {
		for _, records := range []int{1, 320} {
			b.Run(fmt.Sprintf("ack=%v/records=%d", ack, records), func(b *testing.B) { benchmarkOffer(b, ack, records) })
		}
	}
}

func benchmarkOffer(b *testing.B, ack Ack, records int) {
	set, err := Open(Options{Dir: b.TempDir(), Shards: 2, SegmentBytes: 16 << 20, RetentionBytes: 256 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close(b.Context())
	batch, ticket := &wire.Batch{}, set.NewTicket()
	bytes := 0
	for i := range records {
		r := batch.Add()
		*r = wire.Record{Topic: []byte("t"), Key: fmt.Appendf(nil, "key-%d", i), Value: fmt.Appendf(nil, "%0200d", i), Time: 1}
		bytes += len(r.Value)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		err := set.Offer(batch, ticket, ack)
		for ; err == ErrBusy; err = set.Offer(batch, ticket, ack) { // the writers are behind
			time.Sleep(50 * time.Microsecond)
		}
		if err != nil {
			b.Fatal(err)
		}
		if err := ticket.Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	allKept(b, set, records)
}

// allKept tells what a record took, and waits until all are in their logs.
func allKept(b *testing.B, set *Set, records int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
	topic, _ := set.Topic("t")
	kept := int64(0)
	for end := time.Now().Add(time.Minute); kept != int64(b.N*records) && time.Now().Before(end); time.Sleep(time.Millisecond) {
		kept = 0
		for _, log := range topic.Logs() {
			kept += log.Written()
		}
	}
	if kept != int64(b.N*records) {
		b.Fatalf("%d records were kept of %d", kept, b.N*records)
	}
}

// BenchmarkLay is the way of records that are laid while they are parsed, from the parser to the log.
func BenchmarkLay(b *testing.B) {
	const records, size = 2560, 200
	set, err := Open(Options{Dir: b.TempDir(), Shards: 2, Ack: AckLog, SegmentBytes: 16 << 20, RetentionBytes: 256 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close(b.Context())
	ticket, value := set.NewTicket(), fmt.Appendf(nil, "%0*d", size, 1)
	keys, hashes := make([][]byte, records), make([]uint64, records)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key-%d", i)
		hashes[i] = ticket.hash.sum(keys[i])
	}
	b.SetBytes(records * size)
	b.ReportAllocs()
	for b.Loop() {
		for i := range keys {
			copy(ticket.Lay(layTopic, keys[i], hashes[i], size, 1), value)
		}
		err := set.OfferLaid(ticket, AckLog)
		if err == nil {
			err = ticket.Wait(time.Minute)
		}
		if err != nil {
			b.Fatal(err)
		}
		ticket.Drop()
	}
	allKept(b, set, records)
}

// BenchmarkLayLines is what is left of a line when it is neither read from a socket nor stored: it is parsed, laid and summed. There are 10,000 series.
func BenchmarkLayLines(b *testing.B)  { layLines(b, false) }
func BenchmarkPackLines(b *testing.B) { layLines(b, true) }

func layLines(b *testing.B, packs bool) {
	set, err := Open(Options{Dir: b.TempDir(), Shards: 2, Ack: AckLog, Pack: packs})
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close(b.Context())
	const series, most = 10_000, 2560
	var text []byte
	for i := range series {
		text = fmt.Appendf(text, "cpu.usage.m%d;host=web-%03d.eu1.test;cpu=%d;dc=eu1 %.2f 1790000000\n", i/1000, i/10%100, i%10, float64(i%997)/3)
	}
	stream := graphite.Format.Streams[0]
	parser, split, ticket, hash := stream.New(), stream.NewSplit(), set.NewTicket(), set.Hasher()
	req, batch := wire.Request{Topics: wire.DefaultTopics(), Now: 1_790_000_000_000}, wire.Batch{}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		laid := 0
		for rest := text; len(rest) > 0; {
			batch.Layer, batch.Packs, batch.Hash = ticket, packs, hash
			advance, frame, _ := split(rest, false)
			rest, req.Body = rest[advance:], frame
			if fault := parser.Parse(&req, &batch); fault != nil {
				b.Fatal(fault)
			}
			_, used, _ := parser.(wire.Runner).Run(rest, most-ticket.Laid(), &req, &batch)
			if rest = rest[used:]; ticket.Laid() < most && len(rest) > 0 {
				continue
			}
			laid += ticket.Laid()
			for i := range ticket.laying.drafts {
				ticket.laying.drafts[i].Sum()
			}
			ticket.Drop()
			batch.Reset()
		}
		if laid != series {
			b.Fatalf("%d lines are laid", laid)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/line")
}
