package group

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetCommit keeps how far the group has read. It is answered when that is on disk.
func (c *Coordinator) offsetCommit(req *kmsg.OffsetCommitRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	// A group that nobody knows is made by those who only keep their offsets here; a generation's member belongs to one that is gone.
	g, code := c.enter(req.Group, req.Generation < 0, kerr.IllegalGeneration.Code)
	var w *write
	if code == ok {
		g.do(func() {
			var changes []change
			changes, resp.Topics = g.commits(req, g.mayCommit(req))
			if len(changes) > 0 {
				w = c.store.append(changes...)
				g.committing++
			}
		})
	} else {
		resp.Topics = refuseAll(req, code)
	}
	if w == nil {
		return resp
	}
	err := c.store.wait(w)
	g.mu.Lock()
	g.committing--
	g.mu.Unlock()
	if err != nil {
		for i := range resp.Topics {
			for j := range resp.Topics[i].Partitions {
				if p := &resp.Topics[i].Partitions[j]; p.ErrorCode == ok {
					p.ErrorCode = kerr.CoordinatorNotAvailable.Code // the clients try again on this one
				}
			}
		}
	}
	return resp
}

// mayCommit holds a commit to the group's generation. Whoever is not a member may commit while there is none.
func (g *group) mayCommit(req *kmsg.OffsetCommitRequest) int16 {
	if req.Generation < 0 && g.state == empty {
		return ok
	}
	if req.Generation < 0 && req.MemberID == "" && req.InstanceID == nil {
		return kerr.UnknownMemberID.Code
	}
	m, code := g.current(req.MemberID, req.InstanceID)
	switch {
	case code != ok:
		return code
	case req.Generation != g.generation:
		return kerr.IllegalGeneration.Code
	case g.state == completing: // it knows of the generation and not yet of what it reads in it
		return kerr.RebalanceInProgress.Code
	}
	g.touch(m)
	return ok
}

// commits is the changes that a request asks for, and its answer if they come to count. With a code of an error there are none.
func (g *group) commits(req *kmsg.OffsetCommitRequest, code int16) (changes []change, topics []kmsg.OffsetCommitResponseTopic) {
	if code != ok {
		return nil, refuseAll(req, code)
	}
	limits, now := &g.c.o.Limits, g.c.o.Now().UnixMilli()
	room := limits.Offsets
	bytes := int64(0)
	g.c.store.look(g.id, func(kept *keptGroup) {
		room -= len(kept.offsets)
		topics = answerEach(req, func(topic string, p *kmsg.OffsetCommitRequestTopicPartition) int16 {
			metadata := ""
			if p.Metadata != nil {
				metadata = *p.Metadata
			}
			switch {
			case len(metadata) > limits.Metadata:
				return kerr.OffsetMetadataTooLarge.Code
			case len(topic) > topicNameMax || topic == "" || p.Partition < 0 || !g.c.o.Known(topic, p.Partition):
				return kerr.UnknownTopicOrPartition.Code
			}
			ch := change{kind: setOffset, group: g.id, partition: partition{topic, p.Partition},
				offset: offset{at: p.Offset, epoch: p.LeaderEpoch, metadata: metadata, time: now}}
			more := ch.size() + offsetCost
			if old, there := kept.offsets[ch.partition]; there {
				more = int64(max(len(metadata)-len(old.metadata), 0))
			} else if room--; room < 0 {
				return kerr.InvalidCommitOffsetSize.Code
			}
			if bytes += more; more > 0 && !g.c.memory.room(bytes) {
				return kerr.InvalidCommitOffsetSize.Code
			}
			ch.partition.topic, ch.offset.metadata = strings.Clone(topic), strings.Clone(metadata)
			changes = append(changes, ch)
			return ok
		})
	})
	return changes, topics
}

func refuseAll(req *kmsg.OffsetCommitRequest, code int16) []kmsg.OffsetCommitResponseTopic {
	return answerEach(req, func(string, *kmsg.OffsetCommitRequestTopicPartition) int16 { return code })
}

// answerEach lays out the answer to a commit, each partition with its code.
func answerEach(req *kmsg.OffsetCommitRequest, code func(topic string, p *kmsg.OffsetCommitRequestTopicPartition) int16) []kmsg.OffsetCommitResponseTopic {
	topics := make([]kmsg.OffsetCommitResponseTopic, len(req.Topics))
	for i := range req.Topics {
		t := &req.Topics[i]
		topics[i] = kmsg.NewOffsetCommitResponseTopic()
		topics[i].Topic = t.Topic
		topics[i].Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(t.Partitions))
		for j := range t.Partitions {
			p := &topics[i].Partitions[j]
			p.Default()
			p.Partition, p.ErrorCode = t.Partitions[j].Partition, code(t.Topic, &t.Partitions[j])
		}
	}
	return topics
}

// offsetDelete takes offsets back of topics that nobody in the group reads.
func (c *Coordinator) offsetDelete(req *kmsg.OffsetDeleteRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.OffsetDeleteResponse)
	g, code := c.enter(req.Group, false, kerr.GroupIDNotFound.Code)
	if code != ok {
		resp.ErrorCode = code
		return resp
	}
	var w *write
	g.do(func() { w = g.drop(req, resp) })
	if w != nil && c.store.wait(w) != nil {
		resp.ErrorCode, resp.Topics = kerr.CoordinatorNotAvailable.Code, nil
	}
	return resp
}

// drop writes what an OffsetDelete asks for, if that may be.
func (g *group) drop(req *kmsg.OffsetDeleteRequest, resp *kmsg.OffsetDeleteResponse) *write {
	if g.state != empty && g.protocolType != consumerType {
		resp.ErrorCode = kerr.NonEmptyGroup.Code
		return nil
	}
	reads := g.subscribed()
	var changes []change
	for _, t := range req.Topics {
		topic := kmsg.NewOffsetDeleteResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			entry := kmsg.NewOffsetDeleteResponseTopicPartition()
			entry.Partition = p.Partition
			if reads(t.Topic) {
				entry.ErrorCode = kerr.GroupSubscribedToTopic.Code
			} else if len(t.Topic) <= topicNameMax {
				changes = append(changes, change{kind: dropOffset, group: g.id, partition: partition{strings.Clone(t.Topic), p.Partition}})
			}
			topic.Partitions = append(topic.Partitions, entry)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return g.c.store.append(changes...)
}

// consumerType is the protocol type of those whose metadata say which topics they read.
const consumerType = "consumer"

// subscribed tells which topics the members read; all of them, when one member can't be understood.
func (g *group) subscribed() func(topic string) bool {
	topics := map[string]bool{}
	for _, m := range g.members {
		for _, p := range m.protocols {
			var said kmsg.ConsumerMemberMetadata
			if said.ReadFrom(p.metadata) != nil {
				return func(string) bool { return true }
			}
			for _, topic := range said.Topics {
				topics[topic] = true
			}
		}
	}
	return func(topic string) bool { return topics[topic] }
}
