package fuzz

import (
	"fmt"

	"penstock/segstore"
	"penstock/segstore/pack"
	"penstock/wire"
)

// packer packs what a parser lays into one batch, as a shard's is.
type packer struct {
	drafts segstore.Drafts
	draft  segstore.Draft
	mark   segstore.Mark
}

func newPacker() *packer {
	p := new(packer)
	p.draft, _ = p.drafts.Begin(1)
	return p
}

func (p *packer) Lay(_, _ []byte, _ uint64, _ int, _ int64) []byte { return nil }

func (p *packer) Pack(_ []byte, _ uint64, x *pack.Sample) bool {
	return p.draft.Pack(x) || p.drafts.Grow(&p.draft, segstore.PackRoom(x)) && p.draft.Pack(x)
}

func (p *packer) Mark() { p.mark = p.draft.Mark() }
func (p *packer) Back() { p.draft.Back(&p.mark) }

// records are what was packed, as it is read, and then what the batch has beside it.
func (p *packer) records(b *wire.Batch, topic []byte) (all []wire.Record) {
	for records := p.draft.Records(); ; {
		r, more := records.Next()
		if !more {
			break
		}
		all = append(all, wire.Record{Topic: topic, Key: r.Key, Value: r.Value, Time: r.Time})
	}
	return append(all, b.Records...)
}

// checkPacked gives all of body again and again to a parser whose records are packed, which must read as those do that are not.
func checkPacked(s *wire.Stream, body []byte) error {
	body = body[:min(len(body), 4<<10)]
	packs, plain := s.New(), s.New()
	topics := wire.DefaultTopics()
	for round := range 4 {
		p := newPacker()
		got := wire.Batch{Layer: p, Packs: true, Hash: func([]byte) uint64 { return 1 }}
		var want wire.Batch
		split := s.NewSplit()
		for rest := body; ; {
			advance, frame, _ := split(rest, true)
			if advance == 0 {
				break
			}
			if rest = rest[advance:]; frame == nil {
				continue
			}
			before := got.Mark()
			gotFault, wantFault := parseAs(packs, "", frame, &got), parseAs(plain, "", frame, &want)
			if gotFault != wantFault {
				return fmt.Errorf("round %d: %q is %s where it is packed, and else %s", round, frame, gotFault, wantFault)
			}
			if len(frame)%5 == 4 { // as after a bug; and then it comes again
				got.CutTo(before)
				parseAs(packs, "", frame, &got)
			}
		}
		records := p.records(&got, topics[wire.KindMetric])
		if len(records) != len(want.Records) {
			return fmt.Errorf("round %d: %d records, want %d", round, len(records), len(want.Records))
		}
		for i := range records {
			if got, want := tellRecord(&records[i]), tellRecord(&want.Records[i]); got != want {
				return fmt.Errorf("round %d: record %d is packed as\n%s, want\n%s", round, i, got, want)
			}
		}
	}
	return nil
}
