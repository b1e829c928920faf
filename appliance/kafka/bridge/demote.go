package bridge

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"penstock/appliance/shard"
	"penstock/segstore"
	"penstock/wire"
)

const (
	// promoteAgain is how long a promotion that met trouble waits, promoteLook how often it looks how far the shippers are.
	promoteAgain = time.Second
	promoteLook  = 20 * time.Millisecond
)

// demote makes the topic's log here its keeper again. What comes from now on is not for the cluster.
func (p *promotion) demote() error {
	switch p.stage() {
	case Returning:
		return nil
	case Shipping: // what is in the cluster already is only a copy: nothing is to be fetched
		p.stop()
		<-p.ended
	}
	err := p.change(func(at *Promotion) {
		at.Stage = Returning
		for i, log := range p.topic.Logs() {
			at.Shards[i].Mark = log.Next()
			at.Shards[i].At = at.Shards[i].Begin // what others wrote while ours was proven is to be fetched, too
		}
	})
	if err != nil {
		return err
	}
	p.t.spooled.Store(false)
	p.topic.Spool(false)
	p.stop()
	<-p.ended
	ctx, stop := context.WithCancel(context.Background())
	p.stop, p.ended = stop, make(chan struct{})
	go p.run(ctx)
	return nil
}

// giveBack waits until the cluster has what was acknowledged as being there, ends the shippers, fetches what others brought to the cluster,
// and ends the promotion.
func (p *promotion) giveBack(ctx context.Context) error {
	if err := p.drain(ctx); err != nil {
		return err
	}
	if err := p.fetch(ctx); err != nil {
		return err
	}
	return p.b.endPromotion(p)
}

// drain waits for the shippers to reach the marks.
func (p *promotion) drain(ctx context.Context) error {
	for {
		done := true
		for i, shard := range p.shards() {
			if at, ok := p.t.positions.get(p.topic.Name(), i); shard.First >= 0 && (!ok || at.Next < shard.Mark) {
				done = false
			}
		}
		if done {
			p.t.halt()
			return p.ask(ctx)
		}
		if err := sleep(ctx, promoteLook); err != nil {
			return err
		}
	}
}

// ask notes where the partitions end.
func (p *promotion) ask(ctx context.Context) error {
	for i, at := range p.shards() {
		if at.First < 0 || at.Until > 0 {
			continue
		}
		to, err := p.t.cluster.partition(ctx, p.topic.Name(), i, len(p.topic.Logs()))
		if err != nil {
			return err
		}
		end, err := to.end(ctx, asConsumer)
		if err != nil {
			return err
		}
		if err := p.change(func(at *Promotion) { at.Shards[i].Until = end }); err != nil {
			return err
		}
	}
	return nil
}

// fetch brings what others wrote to the cluster's partitions into the logs here. Each record has an ID, so that none is stored twice when
// this is cut short and begun again.
func (p *promotion) fetch(ctx context.Context) error {
	shards := p.shards()
	if !unread(shards) {
		return nil
	}
	from := make([]int64, len(shards))
	for i := range shards {
		if from[i] = shards[i].At; shards[i].First < 0 || shards[i].At >= shards[i].Until {
			from[i] = -1
		}
	}
	r, err := p.t.read(p.topic.Name(), from)
	if err != nil {
		return err
	}
	defer r.close()
	there, err := p.t.cluster.topic(ctx, p.topic.Name(), len(p.topic.Logs()))
	if err != nil {
		return err
	}
	ticket := p.b.set.NewTicket()
	ticket.Scope = fmt.Appendf(nil, "promotion %s %x", p.t.to, there.id) // a topic made anew in the cluster is another
	for left := unread(shards); left; left = unread(shards) {
		fetches, err := r.next(ctx)
		if err != nil {
			return err
		}
		fetches.EachPartition(func(part kgo.FetchTopicPartition) {
			if i := int(part.Partition); err == nil && i >= 0 && i < len(shards) { // kgo tells of an ended wait as of a partition -1
				err = p.keep(ticket, i, part.Records, &shards[i])
			}
		})
		if err != nil {
			return err
		}
		if err := p.change(func(at *Promotion) { at.Shards = append(at.Shards[:0], shards...) }); err != nil {
			return err
		}
	}
	return nil
}

func unread(shards []PromotedShard) bool {
	for i := range shards {
		if shards[i].First >= 0 && shards[i].At < shards[i].Until {
			return true
		}
	}
	return false
}

// keepBytes is how much is stored at a time.
const keepBytes = 256 << 10

// keep stores the records of a partition that others brought there.
func (p *promotion) keep(ticket *shard.Ticket, i int, records []*kgo.Record, at *PromotedShard) error {
	var batch wire.Batch
	bytes := 0
	flush := func() error {
		if len(batch.Records) == 0 {
			return nil
		}
		ticket.To(i)
		err := p.b.set.Offer(&batch, ticket, shard.AckDisk)
		if err == nil {
			err = ticket.Wait(shard.AckTimeout)
		}
		batch.Clear()
		bytes = 0
		return err
	}
	for _, r := range records {
		if r.Offset >= at.Until {
			break
		}
		if !p.isOurs(i, r) && !r.Attrs.IsControl() {
			one := batch.Add()
			one.Topic, one.Key, one.Value, one.Time = []byte(p.topic.Name()), r.Key, r.Value, r.Timestamp.UnixMilli()
			one.Headers = headersOf(r)
			one.ID = fmt.Appendf(nil, "%d@%d", i, r.Offset)
			bytes += len(r.Key) + len(r.Value)
		}
		if bytes >= keepBytes {
			if err := flush(); err != nil {
				return fmt.Errorf("storing what others brought to the cluster: %w", err)
			}
		}
	}
	if err := flush(); err != nil {
		return fmt.Errorf("storing what others brought to the cluster: %w", err)
	}
	if n := len(records); n > 0 {
		at.At = max(at.At, records[n-1].Offset+1)
	}
	return nil
}

// headersOf are a record's headers as a record here has them, but for the ID that another listener gave it: it gets one of ours.
func headersOf(r *kgo.Record) []byte {
	r.Headers = slices.DeleteFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == segstore.IDHeader })
	if len(r.Headers) == 0 {
		return nil
	}
	return appendHeaders(binary.AppendVarint(nil, int64(len(r.Headers))), r)
}
