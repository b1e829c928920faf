package shard

import (
	"bytes"
	"slices"
)

// lay sends a request whose records are laid one by one, as a stream's are; false: it is none that could be, or nothing has come of it.
func (l *life) lay(c *simClient, r *simRequest) bool {
	name := []byte(r.records[0].topic)
	if r.ack == AckRing || l.plan.ids || slices.ContainsFunc(r.records, func(rec *simRecord) bool { return rec.key == nil || rec.topic != string(name) }) {
		return false
	}
	hash, laid := hasher{seed: l.set.seed}, true
	put := func(rec *simRecord) {
		if rec.series != nil {
			l.as(offering, func() { laid = c.ticket.Pack(name, hash.sum(rec.key), rec.sample()) && laid })
			return
		}
		value := rec.appendValue(nil)
		var to []byte
		l.as(offering, func() { to = c.ticket.Lay(name, rec.key, hash.sum(rec.key), len(value), rec.time) })
		laid = laid && to != nil
		copy(to, value)
	}
	for _, rec := range r.records {
		put(rec)
		if l.chance(20) { // what comes now is taken back
			c.ticket.Mark()
			for n := range 1 + l.IntN(3) {
				key := []byte{byte(n)}
				put(&simRecord{topic: rec.topic, key: key, time: rec.time, size: 50, series: l.seriesOf(key)})
			}
			c.ticket.Back()
		}
	}
	if !laid {
		l.unkept(c, r)
		return false
	}
	// They count shard by shard.
	of := func(rec *simRecord) int { return shardOf(hash.sum(rec.key), len(c.ticket.laying.topic.logs)) }
	var shards []int
	for _, rec := range r.records {
		if !slices.Contains(shards, of(rec)) {
			shards = append(shards, of(rec))
		}
	}
	slices.SortStableFunc(r.records, func(a, b *simRecord) int { return slices.Index(shards, of(a)) - slices.Index(shards, of(b)) })

	l.note("request %d of %d records is laid, %v", r.number, len(r.records), r.ack)
	var err error
	l.as(offering, func() { err = l.set.OfferLaid(c.ticket, r.ack) })
	if err != nil {
		l.note("refused: %v", err)
		l.sum[countRefusals]++
		l.refused(r, err)
		l.unkept(c, r)
		return true
	}
	l.sum[countLaid]++
	l.divide(c, r)
	c.pending = r
	return true
}

// unkept holds what could be offered again against what was not kept.
func (l *life) unkept(c *simClient, r *simRequest) {
	if c.ticket.Laid() == 0 {
		return
	}
	got := c.ticket.Unkept(nil)
	if r.told {
		var want []*simRecord
		for _, rec := range r.records {
			if !slices.ContainsFunc(r.parts, func(p *simPart) bool { return p.kept && slices.Contains(p.records, rec) }) {
				want = append(want, rec)
			}
		}
		if len(got) != len(want) {
			l.fail("request %d has %d records left to offer, and %d are not kept", r.number, len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i].Value, want[i].appendValue(nil)) || !bytes.Equal(got[i].Key, want[i].key) || got[i].Time != want[i].time {
				l.fail("record %d of request %d that is left to offer is another", i, r.number)
			}
		}
	}
	c.ticket.Drop()
}
