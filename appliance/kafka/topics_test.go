package kafka

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/shard"
)

// described is how topics are kept in these tests.
func described(o *Options) {
	o.Kept = Kept{Retention: 36 * time.Hour, RetentionBytes: map[string]int64{"_rejected": 5 << 20}, SegmentBytes: 64 << 10, MessageBytes: 1 << 20, Shards: 3, Topics: 100}
}

// topicOf asks for a topic in so many partitions.
func topicOf(name string, partitions int32) kmsg.CreateTopicsRequestTopic {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	return topic
}

func (w *wired) create(version int16, validateOnly bool, topics ...kmsg.CreateTopicsRequestTopic) []kmsg.CreateTopicsResponseTopic {
	w.Helper()
	r := kmsg.NewPtrCreateTopicsRequest()
	r.SetVersion(version)
	r.Topics, r.ValidateOnly = topics, validateOnly
	return w.ask(r).(*kmsg.CreateTopicsResponse).Topics
}

func TestCreateAndDeleteTopics(t *testing.T) {
	gone := make(chan string, 10)
	d := open(t, 3, func(o *Options) {
		described(o)
		o.Deleted = func(topic string) error { gone <- topic; return nil }
	})
	w := d.dial()
	for v := int16(0); v <= 6; v++ {
		if v >= 1 {
			if got := w.create(v, true, topicOf("t", 2))[0]; got.ErrorCode != 0 {
				t.Errorf("version %d: %+v", v, got)
			}
			if _, made := d.set.Topic("t"); made {
				t.Fatal("it was only to be looked whether it can be made")
			}
		}
		got := w.create(v, false, topicOf("t", 2), topicOf("u", -1))
		if len(got) != 2 || got[0].Topic != "t" || got[0].ErrorCode != 0 || got[1].ErrorCode != 0 {
			t.Fatalf("version %d: %+v", v, got)
		}
		if v >= 5 && (got[0].NumPartitions != 2 || got[1].NumPartitions != 3 || got[1].ReplicationFactor != 1 || len(got[0].Configs) != len(d.server.opt.Kept.ofTopic("t"))) {
			t.Errorf("version %d: %+v", v, got)
		}
		for name, shards := range map[string]int{"t": 2, "u": 3} {
			if topic, made := d.set.Topic(name); !made || len(topic.Logs()) != shards {
				t.Fatalf("version %d: %s was not made with %d shards", v, name, shards)
			}
		}
		for _, only := range []bool{false, v >= 1} {
			if got := w.create(v, only, topicOf("t", 2))[0]; got.ErrorCode != kerr.TopicAlreadyExists.Code {
				t.Errorf("version %d: %+v", v, got)
			}
		}
		r := kmsg.NewPtrDeleteTopicsRequest()
		r.SetVersion(min(v, 5))
		r.TopicNames = []string{"t", "nobody", "_rejected", "u", "t"}
		var codes []int16
		for _, one := range w.ask(r).(*kmsg.DeleteTopicsResponse).Topics {
			codes = append(codes, one.ErrorCode)
		}
		unknown := kerr.UnknownTopicOrPartition.Code
		if want := []int16{0, unknown, kerr.InvalidTopicException.Code, 0, unknown}; !slices.Equal(codes, want) {
			t.Errorf("version %d: the codes are %v, want %v", v, codes, want)
		}
		if first, second := <-gone, <-gone; len(d.set.Topics()) != 0 || first != "t" || second != "u" || len(gone) > 0 {
			t.Errorf("version %d: there are %v; told gone are %s, %s and %d others", v, d.set.Topics(), first, second, len(gone))
		}
	}
}

// What can't be is refused with a code, a reason, and without a topic.
func TestCreateTopicsRefused(t *testing.T) {
	d := open(t, 3, described)
	w := d.dial()
	config := func(name, value string) func(*kmsg.CreateTopicsRequestTopic) {
		return func(topic *kmsg.CreateTopicsRequestTopic) {
			one := kmsg.NewCreateTopicsRequestTopicConfig()
			one.Name, one.Value = name, &value
			topic.Configs = append(topic.Configs, one)
		}
	}
	assigned := func(topic *kmsg.CreateTopicsRequestTopic) {
		topic.NumPartitions, topic.ReplicationFactor = -1, -1
		one := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		one.Replicas = []int32{nodeID}
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, one)
	}
	for _, c := range []struct {
		name   string
		topic  kmsg.CreateTopicsRequestTopic
		change func(*kmsg.CreateTopicsRequestTopic)
		err    *kerr.Error
		why    string
	}{
		{"no name", topicOf("", 1), nil, kerr.InvalidTopicException, "name"},
		{"a path", topicOf("../etc", 1), nil, kerr.InvalidTopicException, "name"},
		{"a long name", topicOf(strings.Repeat("x", 250), 1), nil, kerr.InvalidTopicException, "name"},
		{"ours", topicOf("_mine", 1), nil, kerr.InvalidTopicException, "begin with _"},
		{"no partitions", topicOf("t", 0), nil, kerr.InvalidPartitions, "1 to 1024"},
		{"fewer than none", topicOf("t", -2), nil, kerr.InvalidPartitions, "1 to 1024"},
		{"too many", topicOf("t", 1025), nil, kerr.InvalidPartitions, "1 to 1024"},
		{"three replicas", topicOf("t", 1), func(topic *kmsg.CreateTopicsRequestTopic) { topic.ReplicationFactor = 3 }, kerr.InvalidReplicationFactor, "one broker"},
		{"no replica", topicOf("t", 1), func(topic *kmsg.CreateTopicsRequestTopic) { topic.ReplicationFactor = 0 }, kerr.InvalidReplicationFactor, "one broker"},
		{"replicas where they belong", topicOf("t", 1), assigned, kerr.InvalidReplicaAssignment, "not assigned"},
		{"compaction", topicOf("t", 1), config("cleanup.policy", "compact"), kerr.InvalidConfig, "cleanup.policy"},
		{"another retention", topicOf("t", 1), config("retention.ms", "1"), kerr.InvalidConfig, "retention.ms"},
		{"what is no config", topicOf("t", 1), config("retention", "1"), kerr.InvalidConfig, "retention"},
	} {
		for _, only := range []bool{false, true} {
			if c.change != nil && !only {
				c.change(&c.topic)
			}
			got := w.create(6, only, c.topic)[0]
			if got.ErrorCode != c.err.Code || got.ErrorMessage == nil || !strings.Contains(*got.ErrorMessage, c.why) {
				t.Errorf("%s: %+v, want %v", c.name, got, c.err)
			}
		}
	}
	if got := w.create(6, false, topicOf("t", 1), topicOf("u", 1), topicOf("t", 2)); got[0].ErrorCode != kerr.InvalidRequest.Code || got[2].ErrorCode != kerr.InvalidRequest.Code || got[1].ErrorCode != 0 {
		t.Errorf("a topic that is named twice: %+v", got)
	}
	so := topicOf("so", 1)
	config("retention.ms", "129600000")(&so)
	config("cleanup.policy", "delete")(&so)
	if got := w.create(6, false, so)[0]; got.ErrorCode != 0 {
		t.Errorf("what is so anyway is refused: %+v", got)
	}
	if topics := d.set.Topics(); !slices.Equal(topics, []string{"so", "u"}) {
		t.Errorf("there are %v", topics)
	}
}

// There are as many topics as are allowed, and told so whether or not it is only asked.
func TestCreateTooManyTopics(t *testing.T) {
	d := open(t, 1, func(o *Options) { described(o); o.Kept.Topics = 100 })
	for i := range 100 {
		if err := d.set.CreateTopic("t"+string(rune('a'+i/10))+string(rune('a'+i%10)), 1); err != nil {
			t.Fatal(err)
		}
	}
	w := d.dial()
	for _, only := range []bool{false, true} {
		if got := w.create(6, only, topicOf("t", 1))[0]; got.ErrorCode != kerr.PolicyViolation.Code {
			t.Errorf("%+v", got)
		}
	}
}

// What the logs answer has a code of Kafka's; what a disk says is in the log, not in the answer.
func TestStored(t *testing.T) {
	d := open(t, 1, nil)
	c := &client{server: d.server}
	for err, want := range map[error]*kerr.Error{shard.ErrClosing: kerr.NotController, shard.ErrFull: kerr.KafkaStorageError, errors.New("sda1 is on fire"): kerr.KafkaStorageError} {
		if why := c.stored("creating", "t", err); why.code != want.Code || strings.Contains(why.text, "sda1") {
			t.Errorf("%v: %+v", err, why)
		}
	}
	if !strings.Contains(d.log.String(), "sda1 is on fire") {
		t.Errorf("the log says %s", d.log)
	}
	d.log.Reset()
}

func TestDescribeConfigs(t *testing.T) {
	d := open(t, 3, described)
	if err := d.set.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	if err := d.set.CreateTopic("_rejected", 1); err != nil {
		t.Fatal(err)
	}
	w := d.dial()
	resource := func(kind kmsg.ConfigResourceType, name string, only ...string) kmsg.DescribeConfigsRequestResource {
		one := kmsg.NewDescribeConfigsRequestResource()
		one.ResourceType, one.ResourceName, one.ConfigNames = kind, name, only
		return one
	}
	for v := int16(0); v <= 4; v++ {
		r := kmsg.NewPtrDescribeConfigsRequest()
		r.SetVersion(v)
		topic, broker := kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker
		r.Resources = []kmsg.DescribeConfigsRequestResource{
			resource(topic, "t"), resource(broker, "1"), resource(broker, "", "num.partitions"), resource(topic, "_rejected", "retention.bytes"), resource(topic, "t"),
			resource(topic, "nobody"), resource(broker, "2"), resource(kmsg.ConfigResourceTypeBrokerLogger, "1"),
		}
		got := w.ask(r).(*kmsg.DescribeConfigsResponse).Resources
		told := func(i int) map[string]string {
			all := map[string]string{}
			for _, one := range got[i].Configs {
				all[one.Name] = *one.Value
				if !one.ReadOnly || one.IsSensitive {
					t.Errorf("version %d: %+v", v, one)
				}
			}
			return all
		}
		if len(got) != 7 {
			t.Fatalf("version %d: %d resources are told", v, len(got))
		}
		if all := told(0); all["cleanup.policy"] != "delete" || all["retention.ms"] != "129600000" || all["retention.bytes"] != "-1" || all["segment.bytes"] != "65536" ||
			all["max.message.bytes"] != "1048576" || all["message.timestamp.type"] != "CreateTime" || all["compression.type"] != "uncompressed" {
			t.Errorf("version %d: the topic is %v", v, all)
		}
		if packed := (&Kept{Packed: true}).ofTopic("t"); !slices.Contains(packed, entry{"compression.type", "lz4", kmsg.ConfigTypeString, true}) {
			t.Errorf("a topic with packed samples is %v", packed)
		}
		if all := told(1); all["broker.id"] != "1" || all["num.partitions"] != "3" || all["max.connections"] != "100" {
			t.Errorf("version %d: the broker is %v", v, all)
		}
		if all := told(2); len(all) != 1 || all["num.partitions"] != "3" {
			t.Errorf("version %d: all brokers are %v", v, all)
		}
		if all := told(3); len(all) != 1 || all["retention.bytes"] != "5242880" {
			t.Errorf("version %d: the capped topic is %v", v, all)
		}
		for i, want := range []*kerr.Error{kerr.UnknownTopicOrPartition, kerr.InvalidRequest, kerr.InvalidRequest} {
			if got[4+i].ErrorCode != want.Code || len(got[4+i].Configs) != 0 {
				t.Errorf("version %d: %+v, want %v", v, got[4+i], want)
			}
		}
	}
}

func TestDescribeCluster(t *testing.T) {
	d := open(t, 1, func(o *Options) { o.Advertised = "edge1.example:19092" })
	for v := int16(0); v <= 1; v++ {
		r := kmsg.NewPtrDescribeClusterRequest()
		r.SetVersion(v)
		got := d.dial().ask(r).(*kmsg.DescribeClusterResponse)
		if got.ClusterID != clusterID || got.ControllerID != nodeID || len(got.Brokers) != 1 || got.Brokers[0].Host != "edge1.example" || got.Brokers[0].Port != 19092 {
			t.Errorf("version %d: %+v", v, got)
		}
	}
}
