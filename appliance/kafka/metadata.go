package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What the one broker is called.
const (
	nodeID    = 1
	clusterID = "penstock"
)

// metadata tells where the partitions are: here, all of them. Topics are not made by asking for them.
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
			response.Topics = append(response.Topics, c.topic(*name))
		}
	}
	return response
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
