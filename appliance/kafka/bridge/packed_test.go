package bridge

import (
	"fmt"
	"strconv"
	"testing"

	"penstock/appliance/shard"
	"penstock/segstore/pack"
)

// newPackingRig is a rig whose set packs samples.
func newPackingRig(t *testing.T) *rig {
	r := newRig(t)
	r.change = func(o *shard.Options) { o.Ack, o.Pack = shard.AckLog, true }
	r.closeSet(r.set)
	r.openSet()
	return r
}

// pack stores n samples of some series, packed.
func (r *rig) pack(topic string, n int) {
	r.t.Helper()
	name, hash := []byte(topic), r.set.Hasher()
	var all []*pack.Series
	for i := range n {
		if all = append(all, new(pack.Series)); len(all) > 30 {
			all = all[:30]
		}
		key := fmt.Sprintf("cpu.load;host=web-%d", i%30)
		head, tail := fmt.Sprintf(`{"kind":"metric","metric":"cpu.load","tags":{"host":"web-%d"},"points":[[`, i%30), `]],"wire":"graphite"}`
		ms, value := int64(1_700_000_000_000+i/30), strconv.Itoa(i)
		x := pack.Sample{Series: all[i%30], Text: []byte(head + tail + key), Head: len(head), Tail: len(tail),
			Point: &pack.Point{Time: ms, Stamp: strconv.AppendInt(nil, ms, 10), Value: []byte(value)}}
		if !r.ticket.Pack(name, hash([]byte(key)), &x) {
			r.t.Fatalf("sample %d is not packed", i)
		}
		r.sent[topic] = append(r.sent[topic], fmt.Sprint(head, ms, ",", value, tail))
	}
	err := r.set.OfferLaid(r.ticket, shard.AckLog)
	if err == nil {
		err = r.ticket.Wait(shard.AckTimeout)
	}
	if left := r.ticket.Unkept(nil); err != nil || len(left) > 0 {
		r.t.Fatal(err, len(left))
	}
	r.ticket.Drop()
}

// Packed samples are brought to a cluster as records like others: among such, with a header more, and in batches as small as it takes.
func TestForwardPacked(t *testing.T) {
	for _, headers := range []bool{false, true} {
		r := newPackingRig(t)
		if err := r.cluster.CreateTopic("small.t", 2, map[string]string{"max.message.bytes": "600"}); err != nil {
			t.Fatal(err)
		}
		r.pack("t", 3000)
		r.store("t", 50, true)
		o := lake(r, func(f *Forward) { f.Headers = headers })
		o.Forwards["small"] = Forward{To: r.address(), Rename: "small.{topic}", Headers: headers}
		r.start(o)
		r.pack("t", 500)
		r.settled("lake")
		r.settled("small")
		r.same("t", "t")
		r.same("t", "small.t")
	}
}

// A topic with packed samples is promoted, which compares record by record, and comes back.
func TestPromotePacked(t *testing.T) {
	r := newPackingRig(t)
	r.pack("t", 2000)
	r.start(Options{})
	r.must(r.bridge.Promote("t", r.address()))
	r.pack("t", 300)
	r.stage("t", Promoted)
	r.settled("promote:t")
	r.same("t", "t")
	r.must(r.bridge.Demote("t"))
	r.pack("t", 300)
	r.stage("t", "")
	total := 0
	for _, records := range r.here("t") {
		total += len(records)
	}
	if total != len(r.sent["t"]) {
		t.Errorf("%d records are here, want %d", total, len(r.sent["t"]))
	}
}
