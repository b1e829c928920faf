package group

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// change is one record of the log of offsets: what it does to what counts.
type change struct {
	kind      kind
	group     string
	partition partition // of setOffset and dropOffset
	offset    offset    // of setOffset
	era       era       // of setGroup
}

type kind uint8

const (
	setOffset  kind = iota // an offset was committed
	dropOffset             // and taken back
	setGroup               // a group began a generation, or lost its last member
	dropGroup              // it was deleted, and all of its offsets with it
)

type partition struct {
	topic string
	id    int32
}

// offset is how far a group has read a partition: the offset of the record it wants next.
type offset struct {
	at       int64
	epoch    int32 // of the partition's leader, -1: the client didn't say
	metadata string
	time     int64 // of the commit, ms since 1970
}

// era is what is kept of a group itself.
type era struct {
	generation   int32
	protocolType string
	protocol     string
	emptySince   int64 // ms since 1970; occupied: it has members
}

const occupied = -1

// The versions of Kafka's own records that are written.
const (
	offsetKeyVersion   = 1
	groupKeyVersion    = 2
	offsetValueVersion = 3
	groupValueVersion  = 3
)

// encode makes the record: Kafka's key and value, the value empty when something is taken back.
func (c *change) encode() (key, value []byte) {
	switch c.kind {
	case setOffset, dropOffset:
		k := kmsg.OffsetCommitKey{Version: offsetKeyVersion, Group: c.group, Topic: c.partition.topic, Partition: c.partition.id}
		key = k.AppendTo(nil)
	default:
		k := kmsg.GroupMetadataKey{Version: groupKeyVersion, Group: c.group}
		key = k.AppendTo(nil)
	}
	switch c.kind {
	case setOffset:
		v := kmsg.OffsetCommitValue{Version: offsetValueVersion, Offset: c.offset.at, LeaderEpoch: c.offset.epoch,
			Metadata: c.offset.metadata, CommitTimestamp: c.offset.time}
		value = v.AppendTo(nil)
	case setGroup:
		v := kmsg.GroupMetadataValue{Version: groupValueVersion, ProtocolType: c.era.protocolType, Generation: c.era.generation,
			CurrentStateTimestamp: c.era.emptySince}
		if c.era.protocol != "" {
			v.Protocol = &c.era.protocol
		}
		value = v.AppendTo(nil)
	}
	return key, value
}

var errForeign = errors.New("not a record of this log")

// decode reads a record. What it returns shares nothing with it.
func decode(key, value []byte) (c change, err error) {
	if len(key) < 2 {
		return c, errForeign
	}
	switch binary.BigEndian.Uint16(key) {
	case offsetKeyVersion:
		return decodeOffset(key, value)
	case groupKeyVersion:
		return decodeGroup(key, value)
	}
	return c, errForeign
}

func decodeOffset(key, value []byte) (c change, err error) {
	var k kmsg.OffsetCommitKey
	if err := k.ReadFrom(key); err != nil {
		return c, err
	}
	c = change{kind: dropOffset, group: k.Group, partition: partition{k.Topic, k.Partition}}
	if len(value) == 0 {
		return c, nil
	}
	var v kmsg.OffsetCommitValue
	if err := v.ReadFrom(value); err != nil {
		return c, err
	}
	if v.Version != offsetValueVersion {
		return c, errForeign
	}
	c.kind = setOffset
	c.offset = offset{at: v.Offset, epoch: v.LeaderEpoch, metadata: v.Metadata, time: v.CommitTimestamp}
	return c, nil
}

func decodeGroup(key, value []byte) (c change, err error) {
	var k kmsg.GroupMetadataKey
	if err := k.ReadFrom(key); err != nil {
		return c, err
	}
	c = change{kind: dropGroup, group: k.Group}
	if len(value) == 0 {
		return c, nil
	}
	var v kmsg.GroupMetadataValue
	if err := v.ReadFrom(value); err != nil {
		return c, err
	}
	if v.Version != groupValueVersion {
		return c, errForeign
	}
	c.kind = setGroup
	c.era = era{generation: v.Generation, protocolType: v.ProtocolType, emptySince: v.CurrentStateTimestamp}
	if v.Protocol != nil {
		c.era.protocol = *v.Protocol
	}
	return c, nil
}

// size is how many bytes the record takes in the log, at most.
func (c *change) size() int64 {
	n := segstore.RecordOverhead + 2 + 2 + len(c.group)
	switch c.kind {
	case setOffset:
		n += 2 + len(c.partition.topic) + 4 + 2 + 8 + 4 + 2 + len(c.offset.metadata) + 8
	case dropOffset:
		n += 2 + len(c.partition.topic) + 4
	case setGroup:
		n += 2 + 2 + len(c.era.protocolType) + 4 + 2 + len(c.era.protocol) + 2 + 8 + 4
	}
	return int64(n)
}
