package kafka

import (
	"cmp"
	"encoding/binary"
	"io"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/kafka/group"
)

// api is one kind of request that is understood.
type api struct {
	key      kmsg.Key
	min, max int16 // versions
}

func (a *api) name() string { return a.key.Name() }

// apis is all of them, by key, and what clients are told that we understand.
//
// Fetch ends before 13 and Metadata before 10, which name topics by IDs that we have not; ListOffsets before 7, which asks for the record of the
// greatest time; CreateTopics ends before 7 and DeleteTopics before 6, for the IDs again.
var apis = append([]api{
	{kmsg.Produce, 3, 9},
	{kmsg.Fetch, 4, 12},
	{kmsg.ListOffsets, 1, 6},
	{kmsg.Metadata, 0, 9},
	{kmsg.FindCoordinator, 0, 4},
	{kmsg.SASLHandshake, 0, 1},
	{kmsg.ApiVersions, 0, 3},
	{kmsg.InitProducerID, 0, 4},
	{kmsg.CreateTopics, 0, 6},
	{kmsg.DeleteTopics, 0, 5},
	{kmsg.OffsetForLeaderEpoch, 0, 4},
	{kmsg.DescribeConfigs, 0, 4},
	{kmsg.SASLAuthenticate, 0, 2},
	{kmsg.DescribeCluster, 0, 1},
}, ofGroups()...)

// ofGroups is what the coordinator of groups understands.
func ofGroups() (all []api) {
	for key, versions := range group.Versions {
		all = append(all, api{key, versions.Min, versions.Max})
	}
	slices.SortFunc(all, func(a, b api) int { return cmp.Compare(a.key, b.key) })
	return all
}

// find returns the api's place in apis, -1 when there is none.
func find(key int16) int {
	for i := range apis {
		if apis[i].key.Int16() == key {
			return i
		}
	}
	return -1
}

// headerMin is the least that a request's header takes: key, version, correlation ID and a null client ID.
const headerMin = 2 + 2 + 4 + 2

// header is a request's.
type header struct {
	key, version int16
	correlation  int32
	client       []byte // what it calls itself; of the frame
}

// readHeader splits a frame of at least headerMin bytes. Tags, which the headers of flexible versions end with, are left in the body.
func readHeader(frame []byte) (h header, body []byte, ok bool) {
	h.key = int16(binary.BigEndian.Uint16(frame))
	h.version = int16(binary.BigEndian.Uint16(frame[2:]))
	h.correlation = int32(binary.BigEndian.Uint32(frame[4:]))
	client := int(int16(binary.BigEndian.Uint16(frame[8:]))) // its length; -1: null
	body = frame[headerMin:]
	if client < -1 || client > len(body) {
		return h, nil, false
	}
	client = max(client, 0)
	h.client = body[:client]
	return h, body[client:], true
}

// skipTags passes over tagged fields: a count, and for each a tag, a length and so many bytes.
func skipTags(body []byte) ([]byte, bool) {
	count, n := binary.Uvarint(body)
	if n <= 0 {
		return nil, false
	}
	body = body[n:]
	for ; count > 0; count-- {
		_, tag := binary.Uvarint(body)
		if tag <= 0 {
			return nil, false
		}
		size, n := binary.Uvarint(body[tag:])
		if n <= 0 || size > uint64(len(body)-tag-n) {
			return nil, false
		}
		body = body[tag+n+int(size):]
	}
	return body, true
}

// answer reads a frame's request and writes the answer.
func (c *client) answer(frame []byte) error {
	h, body, ok := readHeader(frame)
	i := find(h.key)
	if !ok || i < 0 {
		return errMalformed
	}
	a := &apis[i]
	if h.version < a.min || h.version > a.max {
		if a.key != kmsg.ApiVersions {
			return errMalformed
		}
		return c.send(h, versions(0, kerr.UnsupportedVersion.Code)) // a newer client, which asks again with what it is told
	}
	if a.key == kmsg.Produce {
		return c.takeRecords(i, h, body)
	}
	r := a.key.Request()
	r.SetVersion(h.version)
	if r.IsFlexible() { // KIP-482
		if body, ok = skipTags(body); !ok {
			return errMalformed
		}
	}
	if err := r.ReadFrom(body); err != nil {
		return errMalformed
	}
	c.server.apis[i].Add(1)
	switch need := needs[a.key]; {
	case !c.login.done && !beforeLogin(a.key):
		return errMalformed
	case c.may&need != need:
		return c.refuse(h, r)
	}
	return c.dispatch(h, r)
}

// takeRecords answers a producer. Its rights are looked at there: who asks for no answer is told in another way.
func (c *client) takeRecords(i int, h header, body []byte) error {
	if h.version >= produceFlexible {
		var ok bool
		if body, ok = skipTags(body); !ok {
			return errMalformed
		}
	}
	c.server.apis[i].Add(1)
	if !c.login.done {
		return errMalformed
	}
	return c.produce(h, body)
}

// dispatch has a request answered by who knows how.
func (c *client) dispatch(h header, r kmsg.Request) error {
	switch r := r.(type) {
	case *kmsg.InitProducerIDRequest:
		return c.send(h, c.initProducerID(r))
	case *kmsg.FetchRequest:
		return c.fetch.answer(c, h, r)
	case *kmsg.ListOffsetsRequest:
		return c.send(h, c.listOffsets(r))
	case *kmsg.MetadataRequest:
		return c.send(h, c.metadata(r))
	case *kmsg.FindCoordinatorRequest:
		return c.send(h, c.findCoordinator(r))
	case *kmsg.ApiVersionsRequest:
		return c.send(h, versions(r.Version, 0))
	case *kmsg.SASLHandshakeRequest:
		return c.saslHandshake(h, r)
	case *kmsg.SASLAuthenticateRequest:
		return c.saslAuthenticate(h, r)
	case *kmsg.CreateTopicsRequest:
		return c.send(h, c.createTopics(r))
	case *kmsg.DeleteTopicsRequest:
		return c.send(h, c.deleteTopics(r))
	case *kmsg.OffsetForLeaderEpochRequest:
		return c.send(h, c.offsetForLeaderEpoch(r))
	case *kmsg.DescribeConfigsRequest:
		return c.send(h, c.describeConfigs(r))
	case *kmsg.DescribeClusterRequest:
		return c.send(h, c.describeCluster(r))
	}
	if c.server.opt.Groups == nil {
		return io.EOF // it was told that there is no coordinator
	}
	if response := c.server.opt.Groups.Handle(c.server.ctx, group.Client{ID: string(h.client), Host: c.host}, r); response != nil {
		return c.send(h, response)
	}
	panic("BUG: " + kmsg.NameForKey(r.Key()) + " is in the list and nobody answers it")
}

// send writes an answer. ApiVersions' header never has tags: a client reads it before it knows what we understand (KIP-511).
func (c *client) send(h header, response kmsg.Response) error {
	out := append(c.reply[:0], 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(h.correlation))
	if response.IsFlexible() && response.Key() != kmsg.ApiVersions.Int16() {
		out = append(out, 0)
	}
	out = response.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	c.reply = out
	if cap(out) > ownReply {
		c.reply = nil
	}
	return c.write([]piece{{bytes: out}})
}

// ownReply is how large a buffer a connection keeps for its answers.
const ownReply = 16 << 10

func versions(version, code int16) kmsg.Response {
	response := kmsg.NewPtrApiVersionsResponse()
	response.Version, response.ErrorCode = version, code
	for i := range apis {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = apis[i].key.Int16(), apis[i].min, apis[i].max
		response.ApiKeys = append(response.ApiKeys, k)
	}
	return response
}
