package kafka

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// The times that ListOffsets has another meaning for.
const (
	latest   = -1
	earliest = -2
)

// listOffsets tells the offset of the first record at or after a time, or where the log begins or ends.
func (c *client) listOffsets(r *kmsg.ListOffsetsRequest) kmsg.Response {
	response := kmsg.NewPtrListOffsetsResponse()
	response.Version = r.Version
	told := map[*segstore.Log]bool{} // a search by time is no small thing: it is done once for a partition
	for i := range r.Topics {
		asked := &r.Topics[i]
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = asked.Topic
		for j := range asked.Partitions {
			p := kmsg.NewListOffsetsResponseTopicPartition()
			p.Partition = asked.Partitions[j].Partition
			switch log := c.log(asked.Topic, p.Partition); {
			case log == nil:
				p.ErrorCode = kerr.UnknownTopicOrPartition.Code
			case told[log]:
				p.ErrorCode = kerr.InvalidRequest.Code
			default:
				told[log] = true
				p.Offset, p.Timestamp, p.ErrorCode = offsetAt(log, asked.Partitions[j].Timestamp)
			}
			topic.Partitions = append(topic.Partitions, p)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

// log is a partition's log, nil when there is none.
func (c *client) log(topic string, partition int32) *segstore.Log {
	t, ok := c.server.opt.Set.Topic(topic)
	if !ok || partition < 0 || int(partition) >= len(t.Logs()) {
		return nil
	}
	return t.Logs()[partition]
}

// offsetAt finds an offset by a time in ms, and the time of the record there; -1 where there is none.
func offsetAt(log *segstore.Log, time int64) (offset, recordTime int64, code int16) {
	switch {
	case time == latest:
		return log.Next(), -1, 0
	case time == earliest:
		return log.First(), -1, 0
	case time < 0:
		return -1, -1, kerr.InvalidRequest.Code
	}
	offset, err := log.OffsetAt(time)
	if err == nil {
		offset, recordTime, err = timeOf(log, offset)
	}
	switch {
	case errors.Is(err, segstore.ErrTail):
		return -1, -1, 0
	case errors.Is(err, segstore.ErrClosed):
		return -1, -1, kerr.UnknownTopicOrPartition.Code
	case err != nil:
		return -1, -1, kerr.KafkaStorageError.Code
	}
	return offset, recordTime, 0
}

// timeOf is the time of the record at an offset, or of the next one that can be read.
func timeOf(log *segstore.Log, offset int64) (at, time int64, err error) {
	cursor := log.Cursor(offset)
	defer cursor.Close()
	for {
		b, err := cursor.Next()
		var expired *segstore.ExpiredError
		var corrupt *segstore.CorruptError
		switch {
		case errors.As(err, &expired):
			offset = expired.First
			cursor.SkipTo(offset)
			continue
		case errors.As(err, &corrupt):
			offset = corrupt.Next
			continue
		case err != nil:
			return 0, 0, err
		}
		for records := b.Records(); ; {
			r, ok := records.Next()
			if !ok {
				break
			}
			if r.Offset >= offset {
				return r.Offset, r.Time, nil
			}
		}
	}
}
