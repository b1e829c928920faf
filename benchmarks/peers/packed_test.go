package main

import (
	"testing"

	"penstock/segstore"
	"penstock/segstore/pack"
	"penstock/wire"
	"penstock/wire/wiretest"
)

// packs packs the samples of a shard, so many a batch, and counts what they take.
type packs struct {
	drafts         segstore.Drafts
	draft          segstore.Draft
	samples, bytes int
}

func (*packs) Lay(_, _ []byte, _ uint64, _ int, _ int64) []byte { return nil }
func (*packs) Mark()                                            {}
func (*packs) Back()                                            {}

func (p *packs) Pack(_ []byte, _ uint64, x *pack.Sample) bool {
	if p.samples%2000 == 0 {
		p.end()
		p.draft, _ = p.drafts.Begin(1 << 20)
	}
	p.samples++
	return p.draft.Pack(x)
}

func (p *packs) end() {
	if p.draft.Count() > 0 {
		p.draft.Sum()
		p.bytes += int(p.draft.Size())
		p.drafts.End(&p.draft)
	}
}

// What a packed sample takes, where two shards get every other one at random.
func TestPackedSizes(t *testing.T) {
	for _, c := range sizedLines(t) {
		parser, batch := c.stream.New(), wire.Batch{}
		req := wire.Request{Topics: wire.DefaultTopics(), Now: 1_790_000_000_000, Decode: new(wiretest.Decoder)}
		var shards [2]packs
		samples(4*allSeries, 1_790_000_000, func(s *sample) {
			batch.Reset()
			batch.Layer, batch.Packs, batch.Hash = &shards[(s.host*31+s.metric*7+s.cpu*3)%5%2], true, func([]byte) uint64 { return 1 }
			line := c.line(nil, s)
			req.Body = line[:len(line)-1]
			if fault := parser.Parse(&req, &batch); fault != nil || len(batch.Records) > 0 {
				t.Fatalf("%s is not packed: %v", line, fault)
			}
		})
		shards[0].end()
		shards[1].end()
		each := float64(shards[0].bytes+shards[1].bytes) / float64(shards[0].samples+shards[1].samples)
		t.Logf("%s: a packed sample takes %.1f bytes", c.name, each)
		if each > 40 {
			t.Errorf("%s: a packed sample takes %.1f bytes", c.name, each)
		}
	}
}
