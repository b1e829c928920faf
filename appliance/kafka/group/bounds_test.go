package group

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A group has so many members, those included that have been given an ID only.
func TestMembersAreBounded(t *testing.T) {
	bubble(t, Options{Limits: Limits{Members: 3}}, func(r *rig) {
		r.gather("g", 2)
		stranger := r.consumer("g")
		resp := start[*kmsg.JoinGroupResponse](r, stranger.joinRequest()).answer(r)
		r.expect("an ID", resp.ErrorCode, kerr.MemberIDRequired.Code)
		r.expect("one too many", r.consumer("g").join().joined().ErrorCode, kerr.GroupMaxSizeReached.Code)
		stranger.id = resp.MemberID
		r.expect("the last one", stranger.join().waits(), true)
		r.expect("one too many", r.consumer("g").join().joined().ErrorCode, kerr.GroupMaxSizeReached.Code)
		r.expect("in another group", r.consumer("other").join().waits(), true)
	})
}

// What the members of a group say of themselves is bounded together, as the leader is told all of it; so is what they are assigned.
func TestGroupBytesAreBounded(t *testing.T) {
	bubble(t, Options{Limits: Limits{GroupBytes: 1000}}, func(r *rig) {
		m := r.gather("g", 2)
		m[1].metadata = strings.Repeat("x", 900)
		joins := m[1].join()
		r.expect("nearly all", joins.waits(), true)
		m[0].metadata = strings.Repeat("y", 200)
		r.expect("too much", m[0].join().joined().ErrorCode, kerr.GroupMaxSizeReached.Code)
		m[0].metadata = ""
		r.expect("joined", m[0].join().joined().ErrorCode, ok)
		r.expect("joined", joins.joined().ErrorCode, ok)
		waiting := m[1].sync(nil)
		assignments := map[string]string{m[0].id: strings.Repeat("x", 500), m[1].id: strings.Repeat("x", 501)}
		r.expect("too much", m[0].sync(assignments).answer(r).ErrorCode, kerr.UnknownServerError.Code)
		r.expect("the others", waiting.answer(r).ErrorCode, kerr.RebalanceInProgress.Code)
		r.expect("state", r.state("g"), "PreparingRebalance")
	})
}

// A stranger who makes groups has only so many, and none that others use is lost; those with nothing in them make room.
func TestGroupsAreBounded(t *testing.T) {
	bubble(t, Options{Limits: Limits{Groups: 10}}, func(r *rig) {
		r.gather("used", 1)
		r.expect("commit", r.commitSimple("kept", "t", 1), ok)
		for i := range 8 {
			m := r.consumer(fmt.Sprint("made ", i))
			resp := start[*kmsg.JoinGroupResponse](r, m.joinRequest()).answer(r)
			r.expect("joining", resp.ErrorCode, kerr.MemberIDRequired.Code)
		}
		m := r.consumer("one more")
		r.expect("full", m.join().joined().ErrorCode, kerr.GroupMaxSizeReached.Code)
		r.expect("full", r.commitSimple("one more", "t", 1), kerr.GroupMaxSizeReached.Code)
		pass(11 * time.Second)
		r.expect("there is room again", r.commitSimple("one more", "t", 1), ok)
		r.expect("kept", r.committed("kept", "t"), int64(1))
		r.expect("swept", r.state("made 3"), "Dead")
	})
}

// Offsets are bounded in number, in length, and by what is there.
func TestOffsetsAreBounded(t *testing.T) {
	o := Options{Limits: Limits{Offsets: 2}, Known: func(topic string, id int32) bool { return topic != "unknown" && id < 10 }}
	bubble(t, o, func(r *rig) {
		long := strings.Repeat("m", 4097)
		req := commitRequest("g", "t", 0, 1)
		p := req.Topics[0].Partitions[0]
		req.Topics[0].Partitions = nil
		for i := range int32(4) {
			p.Partition = i
			if p.Metadata = nil; i == 1 {
				p.Metadata = &long
			}
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
		}
		p.Partition = 11
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
		p.Partition = -1
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
		want := fmt.Sprint([]int16{ok, kerr.OffsetMetadataTooLarge.Code, ok, kerr.InvalidCommitOffsetSize.Code,
			kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicOrPartition.Code})
		for range 2 { // what is there may be committed again
			var codes []int16
			for _, p := range r.Handle(t.Context(), Client{}, req).(*kmsg.OffsetCommitResponse).Topics[0].Partitions {
				codes = append(codes, p.ErrorCode)
			}
			r.expect("codes", fmt.Sprint(codes), want)
		}
		r.expect("unknown", r.commitSimple("g", "unknown", 1), kerr.UnknownTopicOrPartition.Code)
		r.expect("long", r.commitSimple("g", strings.Repeat("t", 300), 1), kerr.UnknownTopicOrPartition.Code)
		r.expect("offsets", r.Stats().Offsets, 2)
	})
}

// Whatever is made, memory is counted, refused at the bound, and given back.
func TestMemoryIsBounded(t *testing.T) {
	const most = 100 << 10
	bubble(t, Options{Limits: Limits{Memory: most}}, func(r *rig) {
		refused := map[string]int{}
		for i := range 300 {
			m := r.consumer(fmt.Sprint("group ", i%7))
			m.metadata, m.version = strings.Repeat("x", 500), int16(i%10)
			if j := m.join(); !j.waits() && j.joined().ErrorCode == kerr.GroupMaxSizeReached.Code {
				refused["join"]++
			}
			if r.commitSimple(fmt.Sprint("simple ", i%7), fmt.Sprint(i), 1) != ok {
				refused["commit"]++
			}
			if held := r.memory.held.Load(); held > most+1<<10 {
				t.Fatalf("%d bytes are held", held)
			}
		}
		r.expect("some were refused", refused["join"] > 10 && refused["commit"] > 10, true)
		r.expect("what was committed before goes on", r.commitSimple("simple 1", "1", 2), ok)
		pass(time.Hour)
		for i := range 7 {
			r.expect("deletion", r.deleteGroup(fmt.Sprint("simple ", i)), ok)
		}
		pass(time.Hour)
		r.expect("memory", r.memory.held.Load(), int64(0))
		r.expect("groups", r.Stats(), Stats{LogBytes: r.store.log.Size()})
	})
}

// A request that names the same partition again and again is not answered with more than so much.
func TestAnswersAreBounded(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		note := strings.Repeat("n", 4096)
		req := commitRequest("g", "t", 0, 1)
		req.Topics[0].Partitions[0].Metadata = &note
		r.Handle(t.Context(), Client{}, req)
		fetch := kmsg.NewPtrOffsetFetchRequest()
		fetch.Version = 8
		fetch.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g", Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: "t", Partitions: make([]int32, 1<<18)}}}}
		resp := r.Handle(t.Context(), Client{}, fetch).(*kmsg.OffsetFetchResponse)
		if n := len(resp.AppendTo(nil)); n > answerMax+16<<20 {
			t.Errorf("%d bytes", n)
		}
		entries := resp.Groups[0].Topics[0].Partitions
		r.expect("the first", entries[0].Offset, int64(1))
		r.expect("the last", entries[len(entries)-1].ErrorCode, kerr.InvalidRequest.Code)
	})
}

// A topic that is deleted is forgotten.
func TestTopicDeleted(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		for _, group := range []string{"a", "b"} {
			r.commitSimple(group, "gone", 1)
			r.commitSimple(group, "there", 2)
		}
		r.store.append(change{kind: setOffset, group: "a", partition: partition{"gone", 1}}) // and is not on disk yet
		if err := r.TopicDeleted("gone"); err != nil {
			t.Fatal(err)
		}
		r.close()
		r.open()
		for _, group := range []string{"a", "b"} {
			r.expect("gone", r.committed(group, "gone"), int64(-1))
			r.expect("gone", r.fetch(8, group, "gone", 1).Offset, int64(-1))
			r.expect("there", r.committed(group, "there"), int64(2))
		}
	})
}
