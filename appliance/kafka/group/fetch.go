package group

import (
	"cmp"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetFetch says how far groups have read. What is told is on disk. There are no transactions here, so that every offset is stable.
func (c *Coordinator) offsetFetch(req *kmsg.OffsetFetchRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	room := answerMax
	if req.Version >= 8 {
		asked := map[string]bool{}
		for _, g := range req.Groups {
			if asked[g.Group] {
				again := kmsg.NewOffsetFetchResponseGroup()
				again.Group, again.ErrorCode = g.Group, kerr.InvalidRequest.Code
				resp.Groups = append(resp.Groups, again)
				continue
			}
			asked[g.Group] = true
			resp.Groups = append(resp.Groups, c.fetchGroup(g, &room))
		}
		return resp
	}
	one := kmsg.NewOffsetFetchRequestGroup()
	one.Group = req.Group
	if req.Topics != nil || req.Version < 2 {
		one.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
	}
	for _, t := range req.Topics {
		topic := kmsg.NewOffsetFetchRequestGroupTopic()
		topic.Topic, topic.Partitions = t.Topic, t.Partitions
		one.Topics = append(one.Topics, topic)
	}
	answer := c.fetchGroup(one, &room)
	resp.ErrorCode = answer.ErrorCode
	for _, t := range answer.Topics {
		topic := kmsg.NewOffsetFetchResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			entry := kmsg.NewOffsetFetchResponseTopicPartition()
			entry.Partition, entry.Offset, entry.LeaderEpoch, entry.Metadata = p.Partition, p.Offset, p.LeaderEpoch, p.Metadata
			entry.ErrorCode = cmp.Or(p.ErrorCode, answer.ErrorCode)
			topic.Partitions = append(topic.Partitions, entry)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// fetchGroup answers for one group; topics of nil are all that it has offsets of. room is what is left of the answer's bound.
func (c *Coordinator) fetchGroup(req kmsg.OffsetFetchRequestGroup, room *int) kmsg.OffsetFetchResponseGroup {
	answer := kmsg.NewOffsetFetchResponseGroup()
	answer.Group = req.Group
	switch {
	case !validName(req.Group):
		answer.ErrorCode = kerr.InvalidGroupID.Code
	case c.isClosed():
		answer.ErrorCode = kerr.CoordinatorNotAvailable.Code
	}
	c.store.look(req.Group, func(kept *keptGroup) {
		topics := req.Topics
		if topics == nil && answer.ErrorCode == ok {
			topics = kept.topics()
		}
		for _, t := range topics {
			topic := kmsg.NewOffsetFetchResponseGroupTopic()
			topic.Topic = t.Topic
			for _, id := range t.Partitions {
				entry := fetched(kept, partition{t.Topic, id}, room)
				if answer.ErrorCode != ok {
					entry = missing(id)
				}
				topic.Partitions = append(topic.Partitions, entry)
			}
			answer.Topics = append(answer.Topics, topic)
		}
	})
	return answer
}

// missing is the entry of a partition that nothing is known of.
func missing(id int32) kmsg.OffsetFetchResponseGroupTopicPartition {
	nothing := ""
	entry := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	entry.Partition, entry.Offset, entry.LeaderEpoch, entry.Metadata = id, -1, -1, &nothing
	return entry
}

func fetched(kept *keptGroup, p partition, room *int) kmsg.OffsetFetchResponseGroupTopicPartition {
	entry := missing(p.id)
	o, there := kept.offsets[p]
	const fixed = 64
	if *room -= fixed + len(o.metadata); *room < 0 {
		entry.ErrorCode = kerr.InvalidRequest.Code
		return entry
	}
	if there {
		entry.Offset, entry.LeaderEpoch, entry.Metadata = o.at, o.epoch, &o.metadata
	}
	return entry
}

// topics lists everything the group has offsets of, in order.
func (g *keptGroup) topics() []kmsg.OffsetFetchRequestGroupTopic {
	byTopic := map[string][]int32{}
	for p := range g.offsets {
		byTopic[p.topic] = append(byTopic[p.topic], p.id)
	}
	list := make([]kmsg.OffsetFetchRequestGroupTopic, 0, len(byTopic))
	for _, name := range slices.Sorted(maps.Keys(byTopic)) {
		topic := kmsg.NewOffsetFetchRequestGroupTopic()
		topic.Topic, topic.Partitions = name, byTopic[name]
		slices.Sort(topic.Partitions)
		list = append(list, topic)
	}
	return list
}

func (c *Coordinator) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
