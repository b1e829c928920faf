package bridge

import (
	"context"
	"encoding/binary"
	"errors"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lastInTail looks through a partition from an offset on for a producer's last record, where the cluster does not tell: an older one, one that
// tells it to its administrators only, and one that has forgotten the producer. The heads of batches say it.
func (p *partition) lastInTail(ctx context.Context, who producer, from int64) (sequence int32, known bool, err error) {
	first, err := p.offsetAt(ctx, asConsumer, -2)
	if err != nil {
		return 0, false, err
	}
	end, err := p.end(ctx, asConsumer)
	if err != nil {
		return 0, false, err
	}
	for from = max(from, first); from < end; {
		batches, err := p.fetch(ctx, from)
		if err != nil {
			return 0, false, err
		}
		before := from
		for len(batches) >= batchHead {
			be := binary.BigEndian
			size := int64(be.Uint32(batches[atLength:])) + atLeaderEpoch
			if size > int64(len(batches)) {
				break // the rest of it comes next time
			}
			delta := int32(be.Uint32(batches[atLastDelta:]))
			if int64(be.Uint64(batches[atProducer:])) == who.ID && int16(be.Uint16(batches[atProducerTerm:])) == who.Epoch {
				sequence, known = int32((int64(be.Uint32(batches[atSequence:]))+int64(delta))&math.MaxInt32), true
			}
			from = int64(be.Uint64(batches)) + int64(delta) + 1
			batches = batches[size:]
		}
		if from <= before {
			return 0, false, errors.New("the cluster's partition can't be read to its end")
		}
	}
	return sequence, known, nil
}

// tailBytes is how much of a partition is read at a time.
const tailBytes = 4 << 20

// fetch returns batches from an offset on; the last may be cut off.
func (p *partition) fetch(ctx context.Context, from int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ask := kmsg.NewPtrFetchRequest()
	ask.MaxWaitMillis, ask.MinBytes, ask.MaxBytes = 500, 1, tailBytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = p.topic, p.id
	one := kmsg.NewFetchRequestTopicPartition()
	one.Partition, one.FetchOffset, one.PartitionMaxBytes = p.number, from, tailBytes
	topic.Partitions = append(topic.Partitions, one)
	ask.Topics = append(ask.Topics, topic)
	told, err := p.ask(ctx, ask)
	if err != nil {
		return nil, err
	}
	reply, ok := told.(*kmsg.FetchResponse)
	if !ok || len(reply.Topics) != 1 || len(reply.Topics[0].Partitions) != 1 {
		return nil, errOthers
	}
	answer := &reply.Topics[0].Partitions[0]
	return answer.RecordBatches, kerr.ErrorForCode(answer.ErrorCode)
}
