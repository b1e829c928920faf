package kafka

import (
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// readOnly is what a producer is told.
const readOnly = "records come in over the other listeners: this one is for reading"

// produce refuses. It is offered all the same: librdkafka fetches batches as they are on disk only from who can also take them.
func (c *client) produce(h header, r *kmsg.ProduceRequest) error {
	if r.Acks == 0 {
		return io.EOF // nobody reads an answer: as Kafka does, close
	}
	response := kmsg.NewPtrProduceResponse()
	response.Version = r.Version
	for i := range r.Topics {
		told := kmsg.NewProduceResponseTopic()
		told.Topic = r.Topics[i].Topic
		for j := range r.Topics[i].Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.BaseOffset, p.ErrorCode = r.Topics[i].Partitions[j].Partition, -1, kerr.TopicAuthorizationFailed.Code
			text := readOnly
			p.ErrorMessage = &text
			told.Partitions = append(told.Partitions, p)
		}
		response.Topics = append(response.Topics, told)
	}
	return c.send(h, response)
}
