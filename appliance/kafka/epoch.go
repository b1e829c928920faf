package kafka

import (
	"errors"
	"sort"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// offsetForLeaderEpoch tells where the records end that were written up to a start of the log's writer. Consumers ask it to learn whether
// what they have read is still so; here it always is.
func (c *client) offsetForLeaderEpoch(r *kmsg.OffsetForLeaderEpochRequest) kmsg.Response {
	response := kmsg.NewPtrOffsetForLeaderEpochResponse()
	response.Version = r.Version
	told := map[*segstore.Log]bool{} // it is a search, and done once for a partition
	for i := range r.Topics {
		asked := &r.Topics[i]
		topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
		topic.Topic = asked.Topic
		for j := range asked.Partitions {
			p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			p.Partition, p.LeaderEpoch, p.EndOffset = asked.Partitions[j].Partition, -1, -1
			switch log := c.log(asked.Topic, p.Partition); {
			case log == nil:
				p.ErrorCode = kerr.UnknownTopicOrPartition.Code
			case told[log]:
				p.ErrorCode = kerr.InvalidRequest.Code
			default:
				told[log] = true
				p.LeaderEpoch, p.EndOffset, p.ErrorCode = endOf(log, asked.Partitions[j].LeaderEpoch)
			}
			topic.Partitions = append(topic.Partitions, p)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

// endOf finds the last epoch that is not above one, and where its records end: -1, -1 when the log has none so late; the one asked for and
// the beginning of the log, when it has none so early any more. Epochs never fall from record to record.
func endOf(log *segstore.Log, epoch int32) (at int32, end int64, code int16) {
	first, next := log.First(), log.Next()
	if epoch < 0 || first >= next {
		return -1, -1, 0
	}
	var failed error
	epochAt := func(offset int64) int32 {
		found, err := epochFrom(log, offset)
		if err != nil && !errors.Is(err, segstore.ErrTail) {
			failed = err
		}
		return found
	}
	after := first + int64(sort.Search(int(next-first), func(i int) bool {
		found := epochAt(first + int64(i))
		return found < 0 || found > epoch // less than none: there is no sound batch behind
	}))
	switch {
	case errors.Is(failed, segstore.ErrClosed):
		return -1, -1, kerr.UnknownTopicOrPartition.Code
	case failed != nil:
		return -1, -1, kerr.KafkaStorageError.Code
	case after == first:
		return epoch, first, 0
	}
	before, err := epochFrom(log, after-1)
	switch {
	case err != nil:
		return -1, -1, kerr.KafkaStorageError.Code
	case after == next && before < epoch:
		return -1, -1, 0
	}
	return before, after, 0
}

// epochFrom is the epoch of the batch that has an offset, or of the next one that can be read; -1 when there is none.
func epochFrom(log *segstore.Log, offset int64) (int32, error) {
	cursor := log.Cursor(offset)
	defer cursor.Close()
	for {
		b, err := cursor.Next()
		var expired *segstore.ExpiredError
		switch {
		case err == nil:
			return int32(b.Epoch()), nil
		case errors.As(err, &expired):
			cursor.SkipTo(expired.First)
		case errors.As(err, new(*segstore.CorruptError)): // the cursor stands behind what is lost
		default:
			return -1, err
		}
	}
}
