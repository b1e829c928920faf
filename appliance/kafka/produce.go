package kafka

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/shard"
	"penstock/wire"
)

// Kafka's acks: what a producer wants to know before it believes that its records are kept.
const (
	acksNone   = 0  // no answer
	acksLeader = 1  // in the log
	acksAll    = -1 // on disk, and in the cluster that keeps the topic if one does
)

// batchMost is how large a batch may be when it is unpacked. A ring takes less in one piece, as a rule: see shard.ErrTooLarge.
const batchMost = 16 << 20

// delivery is one partition's batch of a request, on its way.
type delivery struct {
	told  *kmsg.ProduceResponseTopicPartition
	at    producerAt
	raw   []byte // as it was sent
	head  incoming
	taker *taker
	under bool // it was offered
	late  bool // it is not known yet what becomes of it
	n     int  // records, as far as they could be read
	why   *refusal
}

// taker is what one batch needs on its way into the logs. They are lent to requests.
type taker struct {
	ticket  *shard.Ticket
	batch   wire.Batch
	inflate inflater
	late    func() func(fate func(record int) shard.Fate)
	n       int // records that were offered
}

// lend returns a taker; give it back.
func (s *Server) lend() *taker {
	s.takersMu.Lock()
	defer s.takersMu.Unlock()
	if n := len(s.takers); n > 0 {
		t := s.takers[n-1]
		s.takers = s.takers[:n-1]
		return t
	}
	t := &taker{ticket: s.opt.Set.NewTicket()}
	t.ticket.Scope = []byte("kafka")
	t.late = func() func(func(int) shard.Fate) { return s.account.late(t.n) }
	return t
}

func (s *Server) giveBack(t *taker) {
	t.let()
	s.takersMu.Lock()
	defer s.takersMu.Unlock()
	s.takers = append(s.takers, t)
}

// let gives back what a batch needed until it was offered, so that those who wait hold little.
func (t *taker) let() {
	const keep = 1 << 12
	if cap(t.batch.Records) > keep {
		t.batch = wire.Batch{}
	}
	t.batch.Reset()
	t.inflate.let()
}

// produce stores a request's batches: each partition's apart, all at the same time, and tells what became of each.
func (c *client) produce(h header, body []byte) error {
	r, ok := readProduce(body, h.version)
	if !ok {
		return errMalformed
	}
	response := kmsg.NewPtrProduceResponse()
	response.Version = h.version
	parts := layOut(&r, response)
	ack, known := ackOf(r.acks)
	for i := range parts {
		p := &parts[i]
		switch {
		case c.may&Write == 0:
			p.why = refused(kerr.TopicAuthorizationFailed, "this user may not write")
		case !known:
			p.why = refused(kerr.InvalidRequiredAcks, "acks is 0, 1 or all")
		case r.transactional:
			p.why = refused(kerr.TransactionalIDAuthorizationFailed, "transactions are not offered")
		}
	}
	if c.may&Write == 0 {
		c.server.denied.Add(1)
	}
	for from := 0; from < len(parts); from += partsAtOnce {
		c.store(parts[from:min(from+partsAtOnce, len(parts))], ack)
	}
	if r.acks != acksNone {
		return c.send(h, response)
	}
	for i := range parts {
		if parts[i].why != nil {
			return io.EOF // as Kafka does: who asks for no answer is told by the end of the connection
		}
	}
	return nil
}

// partsAtOnce bounds how many batches of a request are on their way together.
const partsAtOnce = 32

func ackOf(acks int16) (ack shard.Ack, known bool) {
	switch acks {
	case acksNone:
		return shard.AckRing, true
	case acksLeader:
		return shard.AckLog, true
	case acksAll:
		return shard.AckDisk, true
	}
	return shard.AckDisk, false
}

// layOut makes the answer's frame, and a delivery for each of its partitions.
func layOut(r *producing, response *kmsg.ProduceResponse) []delivery {
	parts := make([]delivery, 0, len(r.parts))
	for from := 0; from < len(r.parts); {
		to := from
		for to < len(r.parts) && r.parts[to].topicAt == r.parts[from].topicAt {
			to++
		}
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = string(r.parts[from].topic)
		topic.Partitions = make([]kmsg.ProduceResponseTopicPartition, to-from)
		for i := range topic.Partitions {
			asked, told := &r.parts[from+i], &topic.Partitions[i]
			told.Default()
			told.Partition, told.BaseOffset, told.LogAppendTime, told.LogStartOffset = asked.partition, -1, -1, -1
			parts = append(parts, delivery{told: told, raw: asked.records, at: producerAt{topic: topic.Topic, partition: asked.partition}})
		}
		response.Topics = append(response.Topics, topic)
		from = to
	}
	return parts
}

// store offers parts to their logs, waits for all, and tells what became of each.
func (c *client) store(parts []delivery, ack shard.Ack) {
	for i := range parts {
		p := &parts[i]
		if p.why == nil {
			p.taker = c.server.lend()
			p.why = c.take(p, ack)
		}
	}
	for i := range parts {
		p := &parts[i]
		if p.under {
			c.settle(p, ack)
		}
		if p.why != nil {
			p.told.ErrorCode = p.why.code.Code
			p.told.ErrorMessage = &p.why.text
			c.server.account.refused(p)
		}
		if p.taker != nil {
			c.server.giveBack(p.taker)
		}
	}
}

// take offers a part's batch. Little can be unpacked to very much: so only a few are unpacked at a time, and what that took is let go before
// anybody waits.
func (c *client) take(p *delivery, ack shard.Ack) *refusal {
	c.server.unpacking <- struct{}{}
	defer func() {
		p.taker.let()
		<-c.server.unpacking
	}()
	return c.offer(p, ack)
}

// offer reads a part's batch and offers its records to the partition's log.
func (c *client) offer(p *delivery, ack shard.Ack) *refusal {
	topic, ok := c.server.opt.Set.Topic(p.at.topic)
	switch {
	case !ok || p.at.partition < 0 || int(p.at.partition) >= len(topic.Logs()):
		return refused(kerr.UnknownTopicOrPartition, "there is no such topic or partition")
	case p.at.topic[0] == '_':
		return refused(kerr.TopicAuthorizationFailed, "topics that begin with _ are the appliance's own")
	}
	head, packed, why := readBatch(p.raw)
	if p.head = head; why != nil {
		return why
	}
	records, err := p.taker.inflate.inflate(head.codec, packed, batchMost)
	switch {
	case errors.Is(err, errCodec):
		return refused(kerr.UnsupportedCompressionType, err.Error())
	case errors.Is(err, errBomb):
		return refused(kerr.MessageTooLarge, err.Error())
	case err != nil:
		return refused(kerr.CorruptMessage, "the batch can't be unpacked")
	}
	batch := &p.taker.batch
	why = layRecords(batch, []byte(p.at.topic), &head, records)
	if p.n = len(batch.Records); why != nil {
		return why
	}
	p.taker.n = p.n
	if head.producer >= 0 {
		p.at.id = head.producer
		if why := c.server.producers.check(p.at, &head); why != nil {
			return why
		}
		giveIDs(batch, &head, p.at.partition)
	}
	t := p.taker.ticket
	t.To(int(p.at.partition))
	t.Late = p.taker.late
	if err := c.server.opt.Set.Offer(batch, t, ack); err != nil {
		return verdict(err)
	}
	p.under = true
	return nil
}

// giveIDs gives each record of an idempotent producer an ID: sent again, it is not stored again, whatever was restarted meanwhile. Sequences begin
// again after 2³¹ records, which may be within a day: so the record's time and a checksum of it are in its ID, too.
func giveIDs(batch *wire.Batch, head *incoming, partition int32) {
	const size = 8 + 2 + 4 + 4 + 8 + 4
	for i := range batch.Records {
		id := binary.BigEndian.AppendUint64(batch.Scratch(size)[:0], uint64(head.producer))
		id = binary.BigEndian.AppendUint16(id, uint16(head.epoch))
		id = binary.BigEndian.AppendUint32(id, uint32(partition))
		id = binary.BigEndian.AppendUint32(id, uint32(sequenceAfter(head.sequence, int32(i))))
		r := &batch.Records[i]
		id = binary.BigEndian.AppendUint64(id, uint64(r.Time))
		r.ID = binary.BigEndian.AppendUint32(id, crc32.Update(crc32.Checksum(r.Key, castagnoli), castagnoli, r.Value))
	}
}

// settle waits for a part that was offered.
func (c *client) settle(p *delivery, ack shard.Ack) {
	t, n := p.taker.ticket, p.n
	repeated := t.Repeated()
	if ack != shard.AckRing {
		if err := t.Wait(shard.AckTimeout); err != nil {
			p.why = verdict(err)
			p.late = errors.Is(err, shard.ErrTimeout)
			return
		}
		if ack == shard.AckDisk && t.Spooled() {
			t.WaitCluster()
		}
		if first, ok := t.First(); ok && repeated == 0 {
			p.told.BaseOffset = first
		}
		p.told.LogStartOffset = c.start(p)
	}
	if p.head.producer >= 0 {
		c.server.producers.stored(p.at, &p.head)
	}
	c.server.account.settled(n-repeated, repeated)
}

func (c *client) start(p *delivery) int64 {
	if topic, ok := c.server.opt.Set.Topic(p.at.topic); ok {
		return topic.Logs()[p.at.partition].First()
	}
	return -1
}

// verdict says what an error of the shards means to a producer: what may end soon has a code upon which clients try again.
func verdict(err error) *refusal {
	text := err.Error()
	switch {
	case errors.Is(err, shard.ErrBusy), errors.Is(err, shard.ErrUnderWay), errors.Is(err, shard.ErrSync):
		return refused(kerr.NotEnoughReplicas, text)
	case errors.Is(err, shard.ErrTimeout):
		return refused(kerr.RequestTimedOut, text)
	case errors.Is(err, shard.ErrClosing):
		return refused(kerr.NotLeaderForPartition, text)
	case errors.Is(err, shard.ErrTooLarge):
		return refused(kerr.MessageTooLarge, text)
	case errors.Is(err, shard.ErrUnknownTopic), errors.Is(err, shard.ErrUnknownShard):
		return refused(kerr.UnknownTopicOrPartition, text)
	}
	return refused(kerr.KafkaStorageError, "storing the records failed; send them again") // what the disk said is the operator's
}
