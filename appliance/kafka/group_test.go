package kafka

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestFindCoordinator(t *testing.T) {
	d := open(t, 1, func(o *Options) { o.Advertised = "edge1.example:19092" })
	for v := int16(0); v <= 4; v++ {
		for kind := int8(0); kind < 2; kind++ {
			if v == 0 && kind > 0 {
				continue
			}
			r := kmsg.NewPtrFindCoordinatorRequest()
			r.SetVersion(v)
			r.CoordinatorKey, r.CoordinatorKeys, r.CoordinatorType = "g", []string{"g", "h"}, kind
			got := d.dial().ask(r).(*kmsg.FindCoordinatorResponse)
			here := kmsg.FindCoordinatorResponseCoordinator{NodeID: got.NodeID, Host: got.Host, Port: got.Port, ErrorCode: got.ErrorCode}
			if v == 4 {
				if len(got.Coordinators) != 2 || got.Coordinators[1].Key != "h" {
					t.Fatalf("version %d: %+v", v, got)
				}
				here = got.Coordinators[1]
			}
			if kind == 0 && (here.NodeID != nodeID || here.Host != "edge1.example" || here.Port != 19092 || here.ErrorCode != 0) ||
				kind == 1 && (here.NodeID != -1 || here.ErrorCode != kerr.InvalidRequest.Code) {
				t.Errorf("version %d, kind %d: %+v", v, kind, here)
			}
		}
	}
}

// Where groups can't be served, that is told, and those who read without one are.
func TestWithoutGroups(t *testing.T) {
	d := open(t, 1, func(o *Options) { o.Groups = nil })
	d.put("t", numbered(0, 5, 100)...)
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	if got := d.dial().ask(find).(*kmsg.FindCoordinatorResponse); got.ErrorCode != kerr.CoordinatorNotAvailable.Code || got.NodeID != -1 {
		t.Errorf("%+v", got)
	}
	w := d.dial()
	w.send(frameOf(kmsg.NewPtrHeartbeatRequest(), 7))
	if _, err := w.frame(); !errors.Is(err, io.EOF) {
		t.Errorf("it ended in %v", err)
	}
	if p := onlyPart(d.dial().ask(fetchOf(12, "t", 0))); len(p.RecordBatches) == 0 || d.server.Stats().Bugs > 0 {
		t.Errorf("%d bytes, %+v", len(p.RecordBatches), d.server.Stats())
	}
}

// Two members share a topic's partitions, one leaves, the other takes over; a third one, later, goes on behind what they committed.
func TestGroup(t *testing.T) {
	d := open(t, 4, nil)
	const n = 1000
	d.put("clicks", numbered(0, n, 100)...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	join := func() *kgo.Client {
		client, err := kgo.NewClient(kgo.SeedBrokers(d.server.Addr().String()), kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("clicks"),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(100*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	seen := map[string]int{}
	read := func(client *kgo.Client) (records int) {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		for _, r := range fetches.Records() {
			seen[string(r.Value)]++
			records++
		}
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			t.Fatal(err)
		}
		return records
	}
	first := join()
	for len(seen) < n {
		read(first)
	}
	second := join()
	defer second.CloseAllowingRebalance()
	asking := d.dial()
	waitFor(t, func() bool { // both have partitions
		group := asking.describe("readers")
		parts := 0
		for _, m := range group.Members {
			if len(m.MemberAssignment) > 0 {
				parts++
			}
		}
		return group.State == "Stable" && parts == 2
	})
	first.Close()
	d.put("clicks", numbered(n, n, 100)...)
	for len(seen) < 2*n {
		read(second)
	}
	for value, times := range seen {
		if times != 1 {
			t.Fatalf("%s was read %d times", value, times)
		}
	}
}

func (w *wired) describe(name string) kmsg.DescribeGroupsResponseGroup {
	w.Helper()
	r := kmsg.NewPtrDescribeGroupsRequest()
	r.SetVersion(5)
	r.Groups = []string{name}
	return w.ask(r).(*kmsg.DescribeGroupsResponse).Groups[0]
}
