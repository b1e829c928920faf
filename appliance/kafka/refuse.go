package kafka

import (
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refuse answers a request that the client has no right to.
func (c *client) refuse(h header, r kmsg.Request) error {
	c.server.denied.Add(1)
	response := r.ResponseKind()
	response.SetVersion(r.GetVersion())
	switch r := r.(type) {
	case *kmsg.CreateTopicsRequest:
		refuseCreation(r, response.(*kmsg.CreateTopicsResponse), c.why())
	case *kmsg.DeleteTopicsRequest:
		refuseDeletion(r, response.(*kmsg.DeleteTopicsResponse), c.why())
	case *kmsg.InitProducerIDRequest:
		told := response.(*kmsg.InitProducerIDResponse)
		told.ProducerID, told.ProducerEpoch, told.ErrorCode = -1, -1, kerr.ClusterAuthorizationFailed.Code
	default:
		if !refuseRecords(r, response) && !refuseGroups(r, response) {
			return io.EOF
		}
	}
	return c.send(h, response)
}

// why says what a client lacks to make and delete topics.
func (c *client) why() string {
	if c.server.users == nil {
		return "without users, topics are made and deleted over a listener on 127.0.0.1 only: give kafka-users one who may admin"
	}
	return "this user may not: in kafka-users, may has no admin"
}

const unauthorizedTopic = 29 // TOPIC_AUTHORIZATION_FAILED, of each partition

func refuseRecords(r kmsg.Request, response kmsg.Response) bool {
	switch r := r.(type) {
	case *kmsg.FetchRequest:
		for i := range r.Topics {
			topic := kmsg.NewFetchResponseTopic()
			topic.Topic = r.Topics[i].Topic
			for j := range r.Topics[i].Partitions {
				p := kmsg.NewFetchResponseTopicPartition()
				p.Partition, p.HighWatermark, p.ErrorCode = r.Topics[i].Partitions[j].Partition, -1, unauthorizedTopic
				topic.Partitions = append(topic.Partitions, p)
			}
			told := response.(*kmsg.FetchResponse)
			told.Topics = append(told.Topics, topic)
		}
	case *kmsg.ListOffsetsRequest:
		for i := range r.Topics {
			topic := kmsg.NewListOffsetsResponseTopic()
			topic.Topic = r.Topics[i].Topic
			for j := range r.Topics[i].Partitions {
				p := kmsg.NewListOffsetsResponseTopicPartition()
				p.Partition, p.ErrorCode = r.Topics[i].Partitions[j].Partition, unauthorizedTopic
				topic.Partitions = append(topic.Partitions, p)
			}
			told := response.(*kmsg.ListOffsetsResponse)
			told.Topics = append(told.Topics, topic)
		}
	case *kmsg.OffsetForLeaderEpochRequest:
		for i := range r.Topics {
			topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
			topic.Topic = r.Topics[i].Topic
			for j := range r.Topics[i].Partitions {
				p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
				p.Partition, p.ErrorCode = r.Topics[i].Partitions[j].Partition, unauthorizedTopic
				topic.Partitions = append(topic.Partitions, p)
			}
			told := response.(*kmsg.OffsetForLeaderEpochResponse)
			told.Topics = append(told.Topics, topic)
		}
	default:
		return false
	}
	return true
}

const unauthorizedGroup = 30 // GROUP_AUTHORIZATION_FAILED

func refuseGroups(r kmsg.Request, response kmsg.Response) bool {
	switch told := response.(type) {
	case *kmsg.JoinGroupResponse:
		told.ErrorCode = unauthorizedGroup
	case *kmsg.SyncGroupResponse:
		told.ErrorCode = unauthorizedGroup
	case *kmsg.HeartbeatResponse:
		told.ErrorCode = unauthorizedGroup
	case *kmsg.LeaveGroupResponse:
		told.ErrorCode = unauthorizedGroup
	case *kmsg.ListGroupsResponse:
		told.ErrorCode = unauthorizedGroup
	case *kmsg.OffsetDeleteResponse:
		told.ErrorCode = unauthorizedGroup
	case *kmsg.OffsetFetchResponse:
		told.ErrorCode = unauthorizedGroup
		for _, asked := range r.(*kmsg.OffsetFetchRequest).Groups {
			g := kmsg.NewOffsetFetchResponseGroup()
			g.Group, g.ErrorCode = asked.Group, unauthorizedGroup
			told.Groups = append(told.Groups, g)
		}
		for _, asked := range r.(*kmsg.OffsetFetchRequest).Topics { // version 1 has codes for partitions only
			topic := kmsg.NewOffsetFetchResponseTopic()
			topic.Topic = asked.Topic
			for _, partition := range asked.Partitions {
				p := kmsg.NewOffsetFetchResponseTopicPartition()
				p.Partition, p.Offset, p.ErrorCode = partition, -1, unauthorizedGroup
				topic.Partitions = append(topic.Partitions, p)
			}
			told.Topics = append(told.Topics, topic)
		}
	case *kmsg.DescribeGroupsResponse:
		for _, name := range r.(*kmsg.DescribeGroupsRequest).Groups {
			g := kmsg.NewDescribeGroupsResponseGroup()
			g.Group, g.ErrorCode = name, unauthorizedGroup
			told.Groups = append(told.Groups, g)
		}
	case *kmsg.DeleteGroupsResponse:
		for _, name := range r.(*kmsg.DeleteGroupsRequest).Groups {
			g := kmsg.NewDeleteGroupsResponseGroup()
			g.Group, g.ErrorCode = name, unauthorizedGroup
			told.Groups = append(told.Groups, g)
		}
	case *kmsg.OffsetCommitResponse:
		for _, asked := range r.(*kmsg.OffsetCommitRequest).Topics {
			topic := kmsg.NewOffsetCommitResponseTopic()
			topic.Topic = asked.Topic
			for i := range asked.Partitions {
				p := kmsg.NewOffsetCommitResponseTopicPartition()
				p.Partition, p.ErrorCode = asked.Partitions[i].Partition, unauthorizedGroup
				topic.Partitions = append(topic.Partitions, p)
			}
			told.Topics = append(told.Topics, topic)
		}
	default:
		return false
	}
	return true
}
