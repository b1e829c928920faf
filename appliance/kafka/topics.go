package kafka

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/shard"
	"penstock/wire"
)

// complaint is why a topic was not made or deleted.
type complaint struct {
	code int16
	text string
}

func complain(err *kerr.Error, format string, args ...any) *complaint {
	return &complaint{err.Code, fmt.Sprintf(format, args...)}
}

// isOurs reports whether a topic is one of the appliance's own.
func isOurs(topic string) bool { return strings.HasPrefix(topic, "_") }

// createTopics makes topics, each by itself; what is on disk is told at the end of it, so nobody has to wait for a timeout.
func (c *client) createTopics(r *kmsg.CreateTopicsRequest) kmsg.Response {
	response := kmsg.NewPtrCreateTopicsResponse()
	response.Version = r.Version
	named := map[string]int{}
	for i := range r.Topics {
		named[r.Topics[i].Topic]++
	}
	for i := range r.Topics {
		asked := &r.Topics[i]
		one := kmsg.NewCreateTopicsResponseTopic()
		one.Topic, one.NumPartitions, one.ReplicationFactor, one.Configs = asked.Topic, -1, -1, []kmsg.CreateTopicsResponseTopicConfig{}
		why := c.flaw(asked)
		if named[asked.Topic] > 1 {
			why = complain(kerr.InvalidRequest, "the request names the topic more than once")
		}
		if why == nil {
			one.NumPartitions, one.ReplicationFactor = int32(c.shards(asked)), 1
			one.Configs = c.configsOf(asked.Topic)
			why = c.create(asked, r.ValidateOnly)
		}
		if why != nil {
			one.NumPartitions, one.ReplicationFactor = -1, -1
			one.ErrorCode, one.ErrorMessage, one.Configs = why.code, &why.text, nil
		}
		response.Topics = append(response.Topics, one)
	}
	return response
}

// shards is how many a new topic gets; -1 asks for as many as others have.
func (c *client) shards(asked *kmsg.CreateTopicsRequestTopic) int {
	if asked.NumPartitions == -1 {
		return c.server.opt.Kept.Shards
	}
	return int(asked.NumPartitions)
}

// flaw says what can't be in a request for a topic, whatever there is.
func (c *client) flaw(asked *kmsg.CreateTopicsRequestTopic) *complaint {
	switch {
	case !wire.ValidTopic(asked.Topic):
		return complain(kerr.InvalidTopicException, "%s", wire.BadTopic.Text())
	case isOurs(asked.Topic):
		return complain(kerr.InvalidTopicException, "topics that begin with _ are the appliance's own")
	case len(asked.ReplicaAssignment) > 0:
		return complain(kerr.InvalidReplicaAssignment, "there is one broker, and replicas are not assigned: say how many partitions")
	case asked.NumPartitions != -1 && (asked.NumPartitions < 1 || asked.NumPartitions > shard.ShardsMax):
		return complain(kerr.InvalidPartitions, "a topic has 1 to %d partitions", shard.ShardsMax)
	case asked.ReplicationFactor != -1 && asked.ReplicationFactor != 1:
		return complain(kerr.InvalidReplicationFactor, "there is one broker: the replication factor is 1")
	}
	for _, wanted := range asked.Configs {
		if !c.isSo(asked.Topic, &wanted) {
			return complain(kerr.InvalidConfig, "%s: topics are kept as the appliance's settings say; DescribeConfigs tells how, and nothing else can be asked for", wanted.Name)
		}
	}
	return nil
}

// isSo reports whether a config asks for what is so anyway.
func (c *client) isSo(topic string, wanted *kmsg.CreateTopicsRequestTopicConfig) bool {
	for _, e := range c.server.opt.Kept.ofTopic(topic) {
		if e.name == wanted.Name {
			return wanted.Value == nil || *wanted.Value == e.value // null: the default
		}
	}
	return false
}

func (c *client) configsOf(topic string) (all []kmsg.CreateTopicsResponseTopicConfig) {
	for _, e := range c.server.opt.Kept.ofTopic(topic) {
		one := kmsg.NewCreateTopicsResponseTopicConfig()
		one.Name, one.Value, one.ReadOnly, one.Source = e.name, &e.value, true, int8(kmsg.ConfigSourceDefaultConfig)
		if e.set {
			one.Source = int8(kmsg.ConfigSourceStaticBrokerConfig)
		}
		all = append(all, one)
	}
	return all
}

func (c *client) create(asked *kmsg.CreateTopicsRequestTopic, validateOnly bool) *complaint {
	set := c.server.opt.Set
	var err error
	if !validateOnly {
		err = set.CreateTopic(asked.Topic, c.shards(asked))
	} else if _, there := set.Topic(asked.Topic); there {
		err = shard.ErrExists
	} else if len(set.Topics()) >= c.server.opt.Kept.Topics {
		err = shard.ErrTopics
	}
	return c.stored("creating", asked.Topic, err)
}

// deleteTopics deletes topics with their records, and what groups have committed for them.
func (c *client) deleteTopics(r *kmsg.DeleteTopicsRequest) kmsg.Response {
	response := kmsg.NewPtrDeleteTopicsResponse()
	response.Version = r.Version
	for _, name := range r.TopicNames {
		one := kmsg.NewDeleteTopicsResponseTopic()
		one.Topic = &name
		if why := c.delete(name); why != nil {
			one.ErrorCode, one.ErrorMessage = why.code, &why.text
		}
		response.Topics = append(response.Topics, one)
	}
	return response
}

func (c *client) delete(name string) *complaint {
	if isOurs(name) {
		return complain(kerr.InvalidTopicException, "topics that begin with _ are the appliance's own")
	}
	err := c.server.opt.Set.DeleteTopic(name)
	if err == nil && c.server.opt.Deleted != nil {
		err = c.server.opt.Deleted(name)
	}
	return c.stored("deleting", name, err)
}

// stored says in Kafka's terms what the logs have answered. What a disk says is for the operator.
func (c *client) stored(what, topic string, err error) *complaint {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, shard.ErrExists):
		return complain(kerr.TopicAlreadyExists, "the topic exists")
	case errors.Is(err, shard.ErrUnknownTopic):
		return complain(kerr.UnknownTopicOrPartition, "there is no such topic")
	case errors.Is(err, shard.ErrTopics):
		return complain(kerr.PolicyViolation, "there are as many topics as max-topics allows")
	case errors.Is(err, shard.ErrClosing):
		return complain(kerr.NotController, "the appliance is stopping")
	}
	c.server.opt.Logger.Error("a topic could not be made or deleted for a client of Kafka's", "what", what, "topic", topic, "error", err)
	return complain(kerr.KafkaStorageError, "the disk does not let it be done; the appliance's log says more")
}

// refuseCreation and refuseDeletion answer who has no right to it.
func refuseCreation(r *kmsg.CreateTopicsRequest, response *kmsg.CreateTopicsResponse, why string) {
	for i := range r.Topics {
		one := kmsg.NewCreateTopicsResponseTopic()
		one.Topic, one.ErrorCode, one.ErrorMessage = r.Topics[i].Topic, kerr.TopicAuthorizationFailed.Code, &why
		one.NumPartitions, one.ReplicationFactor = -1, -1
		response.Topics = append(response.Topics, one)
	}
}

func refuseDeletion(r *kmsg.DeleteTopicsRequest, response *kmsg.DeleteTopicsResponse, why string) {
	for _, name := range r.TopicNames {
		one := kmsg.NewDeleteTopicsResponseTopic()
		one.Topic, one.ErrorCode, one.ErrorMessage = &name, kerr.TopicAuthorizationFailed.Code, &why
		response.Topics = append(response.Topics, one)
	}
}
