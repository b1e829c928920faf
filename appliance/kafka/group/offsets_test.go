package group

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore/disk"
)

// What was committed is there after a restart, and after a crash, with all that was said of it.
func TestCommitsSurvive(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		note := "a note"
		req := commitRequest("g", "t", 3, 42)
		req.Topics[0].Partitions[0].Metadata = &note
		r.Handle(t.Context(), Client{}, req)
		for range 2 {
			for version := int16(1); version <= 8; version++ {
				p := r.fetch(version, "g", "t", 3)
				r.expect("offset", p.Offset, int64(42))
				r.expect("metadata", *p.Metadata, note)
				r.expect("error", p.ErrorCode, ok)
				if version >= 5 {
					r.expect("epoch", p.LeaderEpoch, int32(7))
				}
				none := r.fetch(version, "g", "t", 4)
				r.expect("nothing committed", none.Offset, int64(-1))
				r.expect("nothing committed", none.ErrorCode, ok)
				r.expect("no such group", r.fetch(version, "other", "t", 3).Offset, int64(-1))
			}
			r.expect("no group was made by asking", r.state("other"), "Dead")
			r.close()
			r.open()
			r.expect("state", r.state("g"), "Empty")
		}
		r.gather("g", 1)
		r.crash()
		r.expect("offset", r.fetch(8, "g", "t", 3).Offset, int64(42))
		r.expect("the next generation", r.gather("g", 1)[0].generation, int32(2))
	})
}

// crash ends the coordinator as a kill does, once what it has written is on disk, and opens another on what is left.
func (r *rig) crash() {
	r.Helper()
	r.store.flush()
	r.mu.Lock()
	r.closed = true
	r.sweeper.Stop()
	r.mu.Unlock()
	for _, g := range r.list() {
		g.mu.Lock()
		g.die()
		g.mu.Unlock()
	}
	r.open()
}

// fetch is a partition's answer as a version of OffsetFetch has it.
func (r *rig) fetch(version int16, group, topic string, id int32) kmsg.OffsetFetchResponseTopicPartition {
	r.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.Group, req.RequireStable = version, group, true
	if version < 8 {
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: topic, Partitions: []int32{id}}}
	} else {
		req.Groups = []kmsg.OffsetFetchRequestGroup{{Group: group, Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: topic, Partitions: []int32{id}}}}}
	}
	resp := r.Handle(r.Context(), Client{}, r.wired(req)).(*kmsg.OffsetFetchResponse)
	resp = r.wiredBack(resp).(*kmsg.OffsetFetchResponse)
	if version < 8 {
		return resp.Topics[0].Partitions[0]
	}
	p := resp.Groups[0].Topics[0].Partitions[0]
	return kmsg.OffsetFetchResponseTopicPartition{Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: p.Metadata, ErrorCode: p.ErrorCode}
}

// wired is a request as it comes out of a frame.
func (r *rig) wired(req kmsg.Request) kmsg.Request {
	r.Helper()
	again := kmsg.Key(req.Key()).Request()
	again.SetVersion(req.GetVersion())
	if err := again.ReadFrom(req.AppendTo(nil)); err != nil {
		r.Fatal(err)
	}
	return again
}

// wiredBack is a response as it comes out of a frame.
func (r *rig) wiredBack(resp kmsg.Response) kmsg.Response {
	r.Helper()
	again := kmsg.Key(resp.Key()).Response()
	again.SetVersion(resp.GetVersion())
	if err := again.ReadFrom(resp.AppendTo(nil)); err != nil {
		r.Fatal(err)
	}
	return again
}

// Every version of every request is answered in a form that a client of that version reads.
func TestVersions(t *testing.T) {
	bubble(t, Options{InitialDelay: -1}, func(r *rig) {
		for key, versions := range Versions {
			for v := versions.Min - 1; v <= versions.Max+1; v++ {
				req := key.Request()
				if v < 0 || v > req.MaxVersion() {
					continue
				}
				req.SetVersion(v)
				resp := r.Handle(t.Context(), Client{}, req)
				if understood := v >= versions.Min && v <= versions.Max; (resp != nil) != understood {
					t.Errorf("%s version %d is answered %v", key.Name(), v, resp)
				} else if understood {
					r.wiredBack(resp)
				}
			}
		}
		r.expect("another request", r.Handle(t.Context(), Client{}, kmsg.NewPtrMetadataRequest()), nil)
	})
}

// Asked for no topic in particular, a group tells all.
func TestFetchAll(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		for i := range int32(3) {
			r.Handle(t.Context(), Client{}, commitRequest("g", "b", 2-i, int64(i)))
			r.Handle(t.Context(), Client{}, commitRequest("g", "a", 2-i, int64(10+i)))
		}
		for _, version := range []int16{2, 7, 8} {
			req := kmsg.NewPtrOffsetFetchRequest()
			req.Version, req.Group, req.Topics = version, "g", nil
			req.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g"}, {Group: "none"}, {Group: "g"}}
			resp := r.Handle(t.Context(), Client{}, r.wired(req)).(*kmsg.OffsetFetchResponse)
			got := ""
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					got += fmt.Sprint(t.Topic, p.Partition, ":", p.Offset, " ")
				}
			}
			if version == 8 {
				r.expect("groups", len(resp.Groups), 3)
				r.expect("a group without offsets", len(resp.Groups[1].Topics), 0)
				r.expect("asked twice", resp.Groups[2].ErrorCode, kerr.InvalidRequest.Code)
				for _, t := range resp.Groups[0].Topics {
					for _, p := range t.Partitions {
						got += fmt.Sprint(t.Topic, p.Partition, ":", p.Offset, " ")
					}
				}
			}
			r.expect("offsets", got, "a0:12 a1:11 a2:10 b0:2 b1:1 b2:0 ")
		}
	})
}

// Offsets outlive the last member and the last commit by the retention, whatever restarts come between.
func TestExpiry(t *testing.T) {
	day := 24 * time.Hour
	bubble(t, Options{}, func(r *rig) {
		r.expect("commit", r.commitSimple("simple", "early", 1), ok)
		m := r.gather("g", 1)
		r.expect("commit", m[0].commit("t", 1), ok)
		pass(3 * day) // the member is gone by now, and its group empty
		r.expect("commit", r.commitSimple("simple", "late", 2), ok)
		r.close()
		r.open()
		pass(4*day - time.Hour)
		r.expect("offset", r.committed("simple", "early"), int64(1))
		r.expect("offset", r.committed("g", "t"), int64(1))
		pass(2 * time.Hour)
		r.expect("expired", r.committed("simple", "early"), int64(-1))
		r.expect("committed later", r.committed("simple", "late"), int64(2))
		r.expect("expired", r.committed("g", "t"), int64(-1))
		r.expect("and its group", r.state("g"), "Dead")
		pass(3 * day)
		r.expect("expired", r.state("simple"), "Dead")
		r.close()
		r.open()
		r.expect("groups", len(r.list()), 0)
		r.expect("memory", r.memory.held.Load(), int64(0))
	})
}

// While a group has members its offsets do not expire. A crash counts as the moment the members were lost.
func TestNoExpiryWhileThereAreMembers(t *testing.T) {
	day := 24 * time.Hour
	for name, end := range map[string]func(r *rig, m *consumer){
		"crash": func(r *rig, m *consumer) { r.crash() },
		"stop":  func(r *rig, m *consumer) { r.close(); r.open() },
		"leaving, and a stop": func(r *rig, m *consumer) {
			r.expect("leaving", m.leave(), ok)
			r.close()
			r.open()
		},
		"leaving": func(r *rig, m *consumer) { r.expect("leaving", m.leave(), ok) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(r *rig) {
				m := r.consumer("g")
				m.session = 30 * time.Minute
				joins := m.join()
				pass(3 * time.Second)
				r.expect("joined", joins.joined().ErrorCode, ok)
				m.sync(nil)
				r.expect("commit", m.commit("t", 1), ok)
				for range 8 * 24 * 3 {
					pass(20 * time.Minute)
					r.expect("heartbeat", m.heartbeat(), ok)
				}
				r.expect("offset", r.committed("g", "t"), int64(1))
				end(r, m)
				pass(3 * day)
				r.crash()
				pass(4*day - time.Hour)
				r.expect("offset", r.committed("g", "t"), int64(1))
				pass(2 * time.Hour)
				r.expect("expired", r.committed("g", "t"), int64(-1))
			})
		})
	}
}

// What nobody waits for is on disk ten minutes later.
func TestNothingStaysUnsynced(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		r.expect("commit", r.commitSimple("g", "t", 1), ok)
		queued := func() int {
			r.store.mu.Lock()
			defer r.store.mu.Unlock()
			return len(r.store.queue)
		}
		r.gather("g", 1)
		r.expect("there is some", queued() > 0, true)
		pass(11 * time.Minute)
		r.expect("queued", queued(), 0)
	})
}

// hook is asked before each sync of a file, and says how it ends.
type hook struct{ atomic.Pointer[func() error] }

func (h *hook) set(f func() error) { h.Store(&f) }

func (h *hook) disk() disk.Disk {
	return &disk.Trace{Disk: disk.OS{}, Before: func(call, _ string) error {
		if f := h.Load(); f != nil && call == "sync" {
			return (*f)()
		}
		return nil
	}}
}

// What is just being committed is not swept away, although nothing counts yet that its group has.
func TestNoSweepWhileCommitting(t *testing.T) {
	var syncs hook
	bubble(t, Options{Disk: syncs.disk()}, func(r *rig) {
		n := 0
		syncs.set(func() error {
			n++
			for _, g := range r.list() {
				g.mu.Lock()
				if _, all := g.expired(time.Now()); all && g.vacant() {
					t.Error("the group could be swept")
				}
				g.mu.Unlock()
			}
			return nil
		})
		r.expect("commit", r.commitSimple("g", "t", 1), ok)
		syncs.Store(nil)
		r.expect("syncs", n > 0, true)
		pass(8 * 24 * time.Hour)
		r.expect("and swept in its time", r.state("g"), "Dead")
	})
}

// A clock that was far ahead once does not keep offsets for ever.
func TestClockSetBack(t *testing.T) {
	ahead := 1000 * time.Hour * 24
	now := func() time.Time { return time.Now().Add(ahead) }
	bubble(t, Options{Now: func() time.Time { return now() }}, func(r *rig) {
		r.expect("commit", r.commitSimple("g", "t", 1), ok)
		ahead = 0
		r.close()
		r.open()
		r.expect("offset", r.committed("g", "t"), int64(1))
		pass(7*24*time.Hour + time.Hour)
		r.expect("expired", r.committed("g", "t"), int64(-1))
	})
}

// Deleting takes everything of a group, for good; a group with members is not deleted, and what its members read is not forgotten.
func TestDeleting(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		r.expect("no such group", r.deleteGroup("g"), kerr.GroupIDNotFound.Code)
		r.expect("commit", r.commitSimple("g", "t", 1), ok)
		r.expect("deletion", r.deleteGroup("g"), ok)
		r.expect("state", r.state("g"), "Dead")
		r.expect("offset", r.committed("g", "t"), int64(-1))
		r.close()
		r.open()
		r.expect("state", r.state("g"), "Dead")

		m := r.consumer("g")
		said := kmsg.NewConsumerMemberMetadata()
		said.Topics = []string{"read"}
		m.metadata = string(said.AppendTo(nil))
		joins := m.join()
		pass(3 * time.Second)
		r.expect("joined", joins.joined().ErrorCode, ok)
		m.sync(nil)
		r.expect("deletion", r.deleteGroup("g"), kerr.NonEmptyGroup.Code)
		r.expect("commit", m.commit("read", 1), ok)
		r.expect("commit", m.commit("old", 1), ok)
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Group = "g"
		for _, name := range []string{"read", "old"} {
			req.Topics = append(req.Topics, kmsg.OffsetDeleteRequestTopic{Topic: name, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}})
		}
		resp := r.Handle(t.Context(), Client{}, req).(*kmsg.OffsetDeleteResponse)
		r.expect("answer", resp.ErrorCode, ok)
		r.expect("read", resp.Topics[0].Partitions[0].ErrorCode, kerr.GroupSubscribedToTopic.Code)
		r.expect("not read", resp.Topics[1].Partitions[0].ErrorCode, ok)
		r.expect("kept", r.committed("g", "read"), int64(1))
		r.expect("gone", r.committed("g", "old"), int64(-1))
		req.Group = "none"
		r.expect("no such group", r.Handle(t.Context(), Client{}, req).(*kmsg.OffsetDeleteResponse).ErrorCode, kerr.GroupIDNotFound.Code)
	})
}

// While a deletion is being written nobody enters the group; when it can't be written the group is there as it was.
func TestDeletionThatFails(t *testing.T) {
	var syncs hook
	bubble(t, Options{Disk: syncs.disk()}, func(r *rig) {
		r.expect("commit", r.commitSimple("g", "t", 1), ok)
		broken := errors.New("input/output error")
		syncs.set(func() error {
			g, code := r.enter("g", true, 0)
			if g != nil {
				g.mu.Unlock()
			}
			r.expect("entering meanwhile", code, kerr.CoordinatorLoadInProgress.Code)
			return broken
		})
		r.expect("deletion", r.deleteGroup("g"), kerr.CoordinatorNotAvailable.Code)
		syncs.Store(nil)
		r.expect("state", r.state("g"), "Empty")
		r.expect("offset", r.committed("g", "t"), int64(1))
		r.expect("commit", r.commitSimple("g", "t", 2), ok)
		r.close()
		r.open()
		r.expect("offset", r.committed("g", "t"), int64(2))
		r.expect("deletion", r.deleteGroup("g"), ok)
	})
}

// A commit that can't be kept is answered so that clients try again, and is not told to anybody.
func TestCommitThatFails(t *testing.T) {
	var syncs hook
	var told bytes.Buffer
	bubble(t, Options{Disk: syncs.disk(), Logger: slog.New(slog.NewTextHandler(&told, nil))}, func(r *rig) {
		r.expect("commit", r.commitSimple("g", "t", 1), ok)
		syncs.set(func() error { return errors.New("input/output error") })
		for range 10 {
			r.expect("commit", r.commitSimple("g", "t", 2), kerr.CoordinatorNotAvailable.Code)
			r.expect("offset", r.committed("g", "t"), int64(1))
		}
		r.expect("told", strings.Count(told.String(), "could not be kept"), 1)
		syncs.Store(nil)
		r.expect("commit", r.commitSimple("g", "t", 3), ok)
		r.expect("offset", r.committed("g", "t"), int64(3))
	})
}

// Of members that are no consumers nobody knows what they read: nothing is taken back under them.
func TestOffsetDeleteUnderOtherMembers(t *testing.T) {
	bubble(t, Options{InitialDelay: -1}, func(r *rig) {
		r.expect("commit", r.commitSimple("g", "t", 1), ok)
		m := r.consumer("g")
		join := m.joinRequest()
		join.Version, join.ProtocolType = 3, "connect"
		resp := start[*kmsg.JoinGroupResponse](r, join)
		pass(0)
		r.expect("joined", resp.answer(r).ErrorCode, ok)
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Group = "g"
		req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
		r.expect("answer", r.Handle(t.Context(), Client{}, req).(*kmsg.OffsetDeleteResponse).ErrorCode, kerr.NonEmptyGroup.Code)
		pass(20 * time.Minute)
		r.expect("offset", r.committed("g", "t"), int64(1))
		r.expect("answer", r.Handle(t.Context(), Client{}, req).(*kmsg.OffsetDeleteResponse).ErrorCode, ok)
		r.expect("offset", r.committed("g", "t"), int64(-1))
	})
}

// Listing and describing.
func TestListAndDescribe(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		m := r.gather("b", 2)
		r.commitSimple("a", "t", 1)
		list := func(states, types []string) string {
			req := kmsg.NewPtrListGroupsRequest()
			req.Version, req.StatesFilter, req.TypesFilter = 5, states, types
			got := ""
			for _, g := range r.Handle(t.Context(), Client{}, req).(*kmsg.ListGroupsResponse).Groups {
				got += fmt.Sprint(g.Group, " ", g.ProtocolType, " ", g.GroupState, ", ")
			}
			return got
		}
		r.expect("all", list(nil, nil), "a  Empty, b consumer Stable, ")
		r.expect("by state", list([]string{"stable"}, nil), "b consumer Stable, ")
		r.expect("by type", list(nil, []string{"classic"}), "a  Empty, b consumer Stable, ")
		r.expect("by another", list(nil, []string{"consumer"}), "")
		d := r.describe("b")
		r.expect("type", d.ProtocolType+" "+d.Protocol, "consumer range")
		r.expect("members", len(d.Members), 2)
		r.expect("member", d.Members[1].MemberID, m[1].id)
		r.expect("from", d.Members[1].ClientID+" "+d.Members[1].ClientHost, "client host")
		r.expect("assignment", string(d.Members[1].MemberAssignment), "1")
		r.expect("name", r.describe(strings.Repeat("x", 5000)).ErrorCode, kerr.InvalidGroupID.Code)
	})
}
