package kafka

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/shard"
	"penstock/wire"
)

// What the one broker is called.
const (
	nodeID    = 1
	clusterID = "penstock"
)

// metadata tells where the partitions are: here, all of them. Who may write makes a topic by asking for it, as producers do, if it says so.
func (c *client) metadata(r *kmsg.MetadataRequest) kmsg.Response {
	response := kmsg.NewPtrMetadataResponse()
	response.Version = r.Version
	id := clusterID
	response.ClusterID = &id
	response.ControllerID = nodeID
	broker := kmsg.NewMetadataResponseBroker()
	broker.NodeID = nodeID
	broker.Host, broker.Port = c.address()
	response.Brokers = append(response.Brokers, broker)
	if r.Topics == nil || r.Version == 0 && len(r.Topics) == 0 {
		for _, name := range c.server.opt.Set.Topics() {
			response.Topics = append(response.Topics, c.topic(name))
		}
		return response
	}
	told := map[string]bool{} // a topic has many partitions: named over and over, it would cost more than all topics
	for i := range r.Topics {
		if name := r.Topics[i].Topic; name != nil && !told[*name] {
			told[*name] = true
			if r.AllowAutoTopicCreation { // from version 4 on
				c.makeTopic(*name)
			}
			response.Topics = append(response.Topics, c.topic(*name))
		}
	}
	return response
}

// makeTopic makes a topic that is not there, for who may write to it. Whether that went well, the answer shows.
func (c *client) makeTopic(name string) {
	set := c.server.opt.Set
	if _, ok := set.Topic(name); ok || c.may&Write == 0 || !wire.ValidTopic(name) || name[0] == '_' {
		return
	}
	if err := set.CreateTopic(name, 0); err != nil && !errors.Is(err, shard.ErrExists) {
		c.server.opt.Logger.Debug("a topic that a client of Kafka's asked for was not made", "topic", name, "error", err)
	}
}

// topic is what metadata tells of one topic.
func (c *client) topic(name string) kmsg.MetadataResponseTopic {
	told := kmsg.NewMetadataResponseTopic()
	told.Topic = &name
	topic, ok := c.server.opt.Set.Topic(name)
	if !ok {
		told.ErrorCode = kerr.UnknownTopicOrPartition.Code
		return told
	}
	for i := range topic.Logs() {
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Partition, p.Leader = int32(i), nodeID
		p.Replicas, p.ISR = []int32{nodeID}, []int32{nodeID}
		told.Partitions = append(told.Partitions, p)
	}
	return told
}

// describeCluster tells who is in the cluster.
func (c *client) describeCluster(r *kmsg.DescribeClusterRequest) kmsg.Response {
	response := kmsg.NewPtrDescribeClusterResponse()
	response.Version, response.ClusterID, response.ControllerID = r.Version, clusterID, nodeID
	broker := kmsg.NewDescribeClusterResponseBroker()
	broker.NodeID = nodeID
	broker.Host, broker.Port = c.address()
	response.Brokers = append(response.Brokers, broker)
	return response
}
