package bridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// askTimeout bounds a question to the cluster, answerTimeout how long a batch may take.
	askTimeout    = 10 * time.Second
	answerTimeout = 20 * time.Second
	// metadataAge is how long what the cluster said of a topic's leaders is believed, unless a leader says otherwise.
	metadataAge = time.Minute
)

// cluster is a Kafka cluster, spoken to. Anyone may call its methods.
type cluster struct {
	client *kgo.Client

	mu     sync.Mutex
	topics map[string]*topicAt
}

// topicAt is what the cluster said of a topic.
type topicAt struct {
	id      [16]byte
	leaders map[int32]int32
	most    int // the largest batch it takes, bytes
	asked   time.Time
}

func dial(a Address, id string) (*cluster, error) {
	options, err := a.options()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(options, kgo.ClientID(id), kgo.DialTimeout(5*time.Second), kgo.ConnIdleTimeout(5*time.Minute),
		kgo.RetryTimeout(askTimeout), kgo.BrokerMaxReadBytes(64<<20))...)
	if err != nil {
		return nil, err
	}
	return &cluster{client: client, topics: map[string]*topicAt{}}, nil
}

func (c *cluster) close() { c.client.Close() }

// identity is the cluster's own name for itself.
func (c *cluster) identity(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ask := kmsg.NewPtrMetadataRequest()
	ask.Topics = []kmsg.MetadataRequestTopic{} // none
	told, err := ask.RequestWith(ctx, c.client)
	if err != nil {
		return "", err
	}
	if told.ClusterID == nil || *told.ClusterID == "" {
		return "", errors.New("the cluster does not say which one it is")
	}
	return *told.ClusterID, nil
}

// topic is what the cluster knows of a topic, which it makes with that many partitions if it has none of the name.
func (c *cluster) topic(ctx context.Context, name string, partitions int) (*topicAt, error) {
	c.mu.Lock()
	at := c.topics[name]
	c.mu.Unlock()
	if at != nil && time.Since(at.asked) < metadataAge {
		return at, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	at, err := c.lookUp(ctx, name)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		if err = c.create(ctx, name, partitions); err != nil {
			return nil, err
		}
		at, err = c.lookUp(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	if len(at.leaders) < partitions {
		return nil, fmt.Errorf("the cluster's topic %s has %d partitions, and %d shards are to go there: give it as many partitions (kafka-topics --alter --partitions %d)",
			name, len(at.leaders), partitions, partitions)
	}
	c.mu.Lock()
	c.topics[name] = at
	c.mu.Unlock()
	return at, nil
}

// doubt forgets what the cluster said of a topic: it is asked again.
func (c *cluster) doubt(name string) {
	c.mu.Lock()
	delete(c.topics, name)
	c.mu.Unlock()
}

func (c *cluster) lookUp(ctx context.Context, name string) (*topicAt, error) {
	ask := kmsg.NewPtrMetadataRequest()
	one := kmsg.NewMetadataRequestTopic()
	one.Topic = kmsg.StringPtr(name)
	ask.Topics = append(ask.Topics, one)
	ask.AllowAutoTopicCreation = false
	told, err := ask.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	if len(told.Topics) != 1 {
		return nil, fmt.Errorf("asked of topic %s, the cluster spoke of %d topics", name, len(told.Topics))
	}
	t := &told.Topics[0]
	if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
		return nil, err
	}
	at := &topicAt{id: t.TopicID, leaders: map[int32]int32{}, asked: time.Now()}
	for i := range t.Partitions {
		at.leaders[t.Partitions[i].Partition] = t.Partitions[i].Leader
	}
	at.most = c.batchBytesMax(ctx, name)
	return at, nil
}

// batchBytesDefault is the largest batch that a topic takes unless it is told otherwise.
const batchBytesDefault = 1048588

func (c *cluster) batchBytesMax(ctx context.Context, topic string) int {
	const setting = "max.message.bytes"
	ask := kmsg.NewPtrDescribeConfigsRequest()
	one := kmsg.NewDescribeConfigsRequestResource()
	one.ResourceType, one.ResourceName, one.ConfigNames = kmsg.ConfigResourceTypeTopic, topic, []string{setting}
	ask.Resources = append(ask.Resources, one)
	told, err := ask.RequestWith(ctx, c.client)
	if err != nil {
		return batchBytesDefault
	}
	for _, resource := range told.Resources {
		for _, config := range resource.Configs {
			if n, err := strconv.Atoi(deref(config.Value)); err == nil && config.Name == setting && n > 0 {
				return n
			}
		}
	}
	return batchBytesDefault // it may be that we must not know
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// create makes a topic that takes whatever the appliance has taken: large batches, and times that are far ahead.
func (c *cluster) create(ctx context.Context, name string, partitions int) error {
	ask := kmsg.NewPtrCreateTopicsRequest()
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = name, int32(partitions), -1
	for setting, value := range map[string]string{
		"max.message.bytes":               strconv.Itoa(16 << 20),
		"message.timestamp.after.max.ms":  "9223372036854775807",
		"message.timestamp.before.max.ms": "9223372036854775807",
	} {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = setting, kmsg.StringPtr(value)
		one.Configs = append(one.Configs, config)
	}
	ask.Topics = append(ask.Topics, one)
	ask.TimeoutMillis = int32(askTimeout.Milliseconds())
	told, err := ask.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	for i := range told.Topics {
		if err := kerr.ErrorForCode(told.Topics[i].ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("the cluster does not make the topic %s: %w: %s", name, err, deref(told.Topics[i].ErrorMessage))
		}
	}
	return nil
}

// newProducer has the cluster name a producer that nobody else is.
func (c *cluster) newProducer(ctx context.Context, base int64) (producer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	told, err := kmsg.NewPtrInitProducerIDRequest().RequestWith(ctx, c.client)
	if err == nil {
		err = kerr.ErrorForCode(told.ErrorCode)
	}
	if err != nil {
		return producer{}, fmt.Errorf("the cluster gives no producer id: %w", err)
	}
	return producer{ID: told.ProducerID, Epoch: told.ProducerEpoch, Base: base}, nil
}

var errOthers = errors.New("the broker's reply speaks of other partitions than the one it was asked about")

// partition is one of a topic's, with its leader.
type partition struct {
	c      *cluster
	topic  string
	id     [16]byte
	number int32
	leader int32
	most   int
}

// partition finds a shard's partition; the topic has that many shards.
func (c *cluster) partition(ctx context.Context, topic string, shard, shards int) (*partition, error) {
	at, err := c.topic(ctx, topic, shards)
	if err != nil {
		return nil, err
	}
	leader, ok := at.leaders[int32(shard)]
	if !ok || leader < 0 {
		c.doubt(topic)
		return nil, fmt.Errorf("partition %d of the cluster's topic %s has no leader now", shard, topic)
	}
	return &partition{c: c, topic: topic, id: at.id, number: int32(shard), leader: leader, most: at.most}, nil
}

func (p *partition) ask(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	return p.c.client.Broker(int(p.leader)).Request(ctx, request)
}

// produce brings a batch to the partition, and returns when all replicas that are in sync have it: the offset that its first record has
// there, negative when the broker does not say.
func (p *partition) produce(ctx context.Context, batch []byte) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	ask := kmsg.NewPtrProduceRequest()
	ask.Acks, ask.TimeoutMillis = -1, int32((answerTimeout * 3 / 4).Milliseconds())
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = p.topic, p.id
	one := kmsg.NewProduceRequestTopicPartition()
	one.Partition, one.Records = p.number, batch
	topic.Partitions = append(topic.Partitions, one)
	ask.Topics = append(ask.Topics, topic)
	told, err := p.ask(ctx, ask)
	if err != nil {
		return -1, err
	}
	reply, ok := told.(*kmsg.ProduceResponse)
	if !ok || len(reply.Topics) != 1 || len(reply.Topics[0].Partitions) != 1 {
		return -1, errOthers
	}
	answer := &reply.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		if why := deref(answer.ErrorMessage); why != "" {
			return -1, fmt.Errorf("%w (%s)", err, why)
		}
		return -1, err
	}
	return answer.BaseOffset, nil
}

// lastSequence is the sequence of a producer's last record in the partition; known is false when the cluster has forgotten the producer, or
// never knew it.
func (p *partition) lastSequence(ctx context.Context, who producer) (sequence int32, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ask := kmsg.NewPtrDescribeProducersRequest()
	topic := kmsg.NewDescribeProducersRequestTopic()
	topic.Topic, topic.Partitions = p.topic, []int32{p.number}
	ask.Topics = append(ask.Topics, topic)
	told, err := p.ask(ctx, ask)
	if err != nil {
		return 0, false, err
	}
	reply, ok := told.(*kmsg.DescribeProducersResponse)
	if !ok || len(reply.Topics) != 1 || len(reply.Topics[0].Partitions) != 1 {
		return 0, false, errOthers
	}
	answer := &reply.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return 0, false, err
	}
	for i := range answer.ActiveProducers {
		if a := &answer.ActiveProducers[i]; a.ProducerID == who.ID && int16(a.ProducerEpoch) == who.Epoch && a.LastSequence >= 0 {
			return a.LastSequence, true, nil
		}
	}
	return 0, false, nil
}

// Whom a partition's end is told to.
const (
	asConsumer = -1 // up to where all replicas in sync have it
	asDebugger = -2 // what the leader has
)

// end is the offset behind the partition's last record.
func (p *partition) end(ctx context.Context, as int32) (int64, error) { return p.offsetAt(ctx, as, -1) }

func (p *partition) offsetAt(ctx context.Context, as int32, when int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ask := kmsg.NewPtrListOffsetsRequest()
	ask.ReplicaID = as
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = p.topic
	one := kmsg.NewListOffsetsRequestTopicPartition()
	one.Partition, one.Timestamp = p.number, when
	topic.Partitions = append(topic.Partitions, one)
	ask.Topics = append(ask.Topics, topic)
	told, err := p.ask(ctx, ask)
	if err != nil {
		return 0, err
	}
	reply, ok := told.(*kmsg.ListOffsetsResponse)
	if !ok || len(reply.Topics) != 1 || len(reply.Topics[0].Partitions) != 1 {
		return 0, errOthers
	}
	answer := &reply.Topics[0].Partitions[0]
	return answer.Offset, kerr.ErrorForCode(answer.ErrorCode)
}

// settled waits until all replicas in sync have what the leader has now: what it says of a producer could else be gone with it.
func (p *partition) settled(ctx context.Context) error {
	has, err := p.end(ctx, asDebugger)
	if err != nil {
		return err
	}
	for end := time.Now().Add(askTimeout); ; {
		safe, err := p.end(ctx, asConsumer)
		if err != nil || safe >= has {
			return err
		}
		if time.Now().After(end) {
			return errors.New("the replicas do not catch up with the partition's leader")
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
