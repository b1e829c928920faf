package kafka

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// tcpPair is both ends of a connection.
func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if far, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	if near, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// free is what anybody may ask who is let in.
var free = []kmsg.Key{kmsg.Metadata, kmsg.FindCoordinator, kmsg.ApiVersions, kmsg.SASLHandshake, kmsg.SASLAuthenticate, kmsg.DescribeConfigs, kmsg.DescribeCluster}

// Nothing is free that nobody has thought of.
func TestEveryRequestHasItsRight(t *testing.T) {
	for i := range apis {
		if need := needs[apis[i].key]; (need == 0) != slices.Contains(free, apis[i].key) {
			t.Errorf("%s needs %d", apis[i].name(), need)
		}
	}
}

// naming is a request about a topic t and a group g, where it is about one.
func naming(key kmsg.Key, version int16) kmsg.Request {
	r := key.Request()
	r.SetVersion(version)
	switch r := r.(type) {
	case *kmsg.ProduceRequest:
		r.Acks = 1
		topic := kmsg.ProduceRequestTopic{Topic: "t", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}
		r.Topics = append(r.Topics, topic)
	case *kmsg.FetchRequest:
		r.Topics = fetchOf(version, "t", 0).Topics
	case *kmsg.ListOffsetsRequest:
		r.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "t", Partitions: make([]kmsg.ListOffsetsRequestTopicPartition, 1)}}
	case *kmsg.OffsetForLeaderEpochRequest:
		r.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "t", Partitions: make([]kmsg.OffsetForLeaderEpochRequestTopicPartition, 1)}}
	case *kmsg.CreateTopicsRequest:
		r.Topics = []kmsg.CreateTopicsRequestTopic{topicOf("t", 1)}
	case *kmsg.DeleteTopicsRequest:
		r.TopicNames = []string{"t"}
	case *kmsg.OffsetFetchRequest:
		r.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g"}}
		r.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0}}}
	case *kmsg.DescribeGroupsRequest:
		r.Groups = []string{"g"}
	case *kmsg.DeleteGroupsRequest:
		r.Groups = []string{"g"}
	case *kmsg.OffsetCommitRequest:
		r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: make([]kmsg.OffsetCommitRequestTopicPartition, 1)}}
	}
	return r
}

// refusedWith reports whether an answer has one of the codes for who has no right to it.
func refusedWith(response kmsg.Response) bool {
	text := fmt.Sprintf("%+v", response)
	for _, code := range []string{"29", "30", "31"} {
		if strings.Contains(text, "ErrorCode:"+code+" ") || strings.Contains(text, "ErrorCode:"+code+"}") {
			return true
		}
	}
	return false
}

// Who has no rights is refused each request that needs one, in every version, with a code that says so, and stays connected.
func TestWithoutRights(t *testing.T) {
	d := withUsers(t, nil)
	d.put("t", numbered(0, 5, 100)...)
	w := d.dial().logIn("eve")
	denied := uint64(0)
	for i := range apis {
		a := &apis[i]
		for v := a.min; v <= a.max; v++ {
			if refused := refusedWith(w.ask(naming(a.key, v))); refused != (needs[a.key] != 0) {
				t.Errorf("%s, version %d: refused %v", a.name(), v, refused)
			}
			if needs[a.key] != 0 {
				denied++
			}
			if got := d.server.Stats().Denied; got != denied {
				t.Fatalf("%s, version %d: %d denied, want %d", a.name(), v, got, denied)
			}
		}
	}
	if _, still := d.set.Topic("t"); !still {
		t.Error("the topic is gone")
	}
	silent := naming(kmsg.Produce, 9).(*kmsg.ProduceRequest)
	silent.Acks = 0
	w.send(frameOf(silent, 7))
	w.ended("a producer that wants no answer")
}

// Each right is for its own.
func TestRights(t *testing.T) {
	d := withUsers(t, nil)
	d.put("t", numbered(0, 5, 100)...)
	for user, may := range map[string]Right{"bob": Read, "carol": Write, "dora": Admin, "ada": Read | Write | Admin} {
		w := d.dial().logIn(user)
		for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets, kmsg.ListGroups, kmsg.OffsetFetch, kmsg.OffsetForLeaderEpoch, kmsg.Metadata, kmsg.DescribeConfigs, kmsg.CreateTopics, kmsg.Produce} {
			need := needs[key]
			if key == kmsg.Produce && may&Write != 0 {
				continue // what producing is answered is another matter
			}
			if refused := refusedWith(w.ask(naming(key, apis[find(key.Int16())].max))); refused != (may&need != need) {
				t.Errorf("%s: %s: refused %v", user, key.Name(), refused)
			}
		}
		if why := w.create(6, true, topicOf("new", 1))[0].ErrorMessage; may&Admin == 0 && (why == nil || !strings.Contains(*why, "has no admin")) {
			t.Errorf("%s is told %v", user, why)
		}
	}
}

// Without users, what others sent is deleted from this machine only.
func TestWithoutUsers(t *testing.T) {
	here, there := &Server{loopback: true}, &Server{}
	if here.everybody() != Read|Write|Admin || there.everybody() != Read|Write {
		t.Errorf("%d, %d", here.everybody(), there.everybody())
	}
	d := open(t, 1, described)
	near, far := tcpPair(t)
	c := newClient(d.server, near, "127.0.0.1")
	c.may = there.everybody()
	d.server.done.Go(c.serve)
	w := &wired{t, far}
	if got := w.create(6, false, topicOf("t", 1))[0]; !refusedWith(&kmsg.CreateTopicsResponse{Topics: []kmsg.CreateTopicsResponseTopic{got}}) || !strings.Contains(*got.ErrorMessage, "127.0.0.1") {
		t.Errorf("%+v", got)
	}
}
