package kafka

import (
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kept is how topics are kept, as far as Kafka has a word for it. Nothing of it can be changed over Kafka's protocol.
type Kept struct {
	Retention      time.Duration
	RetentionBytes map[string]int64 // by topic: what its partitions keep together, where that is bounded
	SegmentBytes   int64
	MessageBytes   int64 // the largest record
	Packed         bool  // samples may be in LZ4 frames
	Shards         int   // of a new topic
	Topics         int   // the most there are
}

// entry is one thing that is told of a topic or of the broker.
type entry struct {
	name, value string
	kind        kmsg.ConfigType
	set         bool // by a setting of the appliance, not by what it is
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// ofTopic is what is told of a topic.
func (k *Kept) ofTopic(name string) []entry {
	retentionBytes := int64(-1) // its share of the bound for all topics together is not fixed
	if most, bounded := k.RetentionBytes[name]; bounded {
		retentionBytes = most
	}
	compression := "uncompressed"
	if k.Packed {
		compression = "lz4"
	}
	return []entry{
		{"cleanup.policy", "delete", kmsg.ConfigTypeList, false},
		{"compression.type", compression, kmsg.ConfigTypeString, k.Packed},
		{"max.message.bytes", number(k.MessageBytes), kmsg.ConfigTypeInt, true},
		{"message.timestamp.type", "CreateTime", kmsg.ConfigTypeString, false},
		{"min.insync.replicas", "1", kmsg.ConfigTypeInt, false},
		{"retention.bytes", number(retentionBytes), kmsg.ConfigTypeLong, true},
		{"retention.ms", number(k.Retention.Milliseconds()), kmsg.ConfigTypeLong, true},
		{"segment.bytes", number(k.SegmentBytes), kmsg.ConfigTypeInt, true},
		{"unclean.leader.election.enable", "false", kmsg.ConfigTypeBoolean, false},
	}
}

// ofBroker is what is told of the broker.
func (s *Server) ofBroker() []entry {
	k := &s.opt.Kept
	return []entry{
		{"auto.create.topics.enable", "false", kmsg.ConfigTypeBoolean, false}, // by asking for them
		{"broker.id", number(nodeID), kmsg.ConfigTypeInt, false},
		{"default.replication.factor", "1", kmsg.ConfigTypeInt, false},
		{"log.cleanup.policy", "delete", kmsg.ConfigTypeList, false},
		{"log.retention.ms", number(k.Retention.Milliseconds()), kmsg.ConfigTypeLong, true},
		{"log.segment.bytes", number(k.SegmentBytes), kmsg.ConfigTypeInt, true},
		{"max.connections", number(int64(s.opt.MaxConnections)), kmsg.ConfigTypeInt, true},
		{"message.max.bytes", number(k.MessageBytes), kmsg.ConfigTypeInt, true},
		{"num.partitions", number(int64(k.Shards)), kmsg.ConfigTypeInt, true},
	}
}

// describeConfigs tells how topics are kept, and a little about the broker.
func (c *client) describeConfigs(r *kmsg.DescribeConfigsRequest) kmsg.Response {
	response := kmsg.NewPtrDescribeConfigsResponse()
	response.Version = r.Version
	type resource struct {
		kind kmsg.ConfigResourceType
		name string
	}
	told := map[resource]bool{} // an answer is larger than its question: each is told once
	for i := range r.Resources {
		asked := &r.Resources[i]
		if key := (resource{asked.ResourceType, asked.ResourceName}); told[key] {
			continue
		} else {
			told[key] = true
		}
		one := kmsg.NewDescribeConfigsResponseResource()
		one.ResourceType, one.ResourceName = asked.ResourceType, asked.ResourceName
		entries, err := c.entries(asked)
		if err != nil {
			one.ErrorCode, one.ErrorMessage = err.Code, &err.Description
		}
		for _, e := range entries {
			if len(asked.ConfigNames) == 0 || slices.Contains(asked.ConfigNames, e.name) {
				one.Configs = append(one.Configs, e.described())
			}
		}
		response.Resources = append(response.Resources, one)
	}
	return response
}

func (c *client) entries(asked *kmsg.DescribeConfigsRequestResource) ([]entry, *kerr.Error) {
	switch asked.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		if _, ok := c.server.opt.Set.Topic(asked.ResourceName); !ok {
			return nil, kerr.UnknownTopicOrPartition
		}
		return c.server.opt.Kept.ofTopic(asked.ResourceName), nil
	case kmsg.ConfigResourceTypeBroker:
		if name := asked.ResourceName; name != "" && name != strconv.Itoa(nodeID) { // "": what all brokers have in common
			return nil, kerr.InvalidRequest
		}
		return c.server.ofBroker(), nil
	}
	return nil, kerr.InvalidRequest
}

func (e *entry) described() kmsg.DescribeConfigsResponseResourceConfig {
	d := kmsg.NewDescribeConfigsResponseResourceConfig()
	d.Name, d.Value, d.ReadOnly, d.ConfigType = e.name, &e.value, true, e.kind
	d.Source, d.IsDefault = kmsg.ConfigSourceDefaultConfig, !e.set
	if e.set {
		d.Source = kmsg.ConfigSourceStaticBrokerConfig
	}
	return d
}
