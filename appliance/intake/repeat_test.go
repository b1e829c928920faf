package intake

import (
	"fmt"
	"testing"

	"penstock/appliance/shard"
)

// What a request that gave up waiting left open is counted when it is known: its own records one by one, those of what was refused not. One that has
// given its bench away had no others.
func TestLateRecordsAreCounted(t *testing.T) {
	for _, c := range []struct {
		name   string
		rested bool
		want   string
	}{{"with its bench", false, "2 1 0"}, {"without", true, "3 1 0"}} {
		t.Run(c.name, func(t *testing.T) {
			w := &worker{bench: new(bench), counts: newTally(1), offered: 5}
			w.owedTo = &w.counts.wires[0]
			for range w.offered {
				w.batch.Add().Topic = []byte("_rejected") // a sender may name the topic, too
			}
			w.batch.Records[1].Topic = rejectedTopic
			if c.rested {
				w.bench = nil
			}
			tell := w.tellLate()
			w.release() // the worker has gone on to other things
			fates := []shard.Fate{shard.Kept, shard.Kept, shard.Lost, shard.Repeated, shard.Kept}
			tell(func(i int) shard.Fate { return fates[i] })
			count := &w.counts.wires[0]
			if got := fmt.Sprint(count.stored.Load(), count.failed.Load(), count.duplicate.Load()); got != c.want {
				t.Errorf("stored, failed, duplicate: %s, want %s", got, c.want)
			}
		})
	}
}

// The same request has the same names for its records; anything that differs in it gives others.
func TestIdempotencyKeyNamesRecords(t *testing.T) {
	r := open(t, nil)
	ids := func(key, target, body, tenant string) (all string) {
		w := r.worker()
		w.headers.raw = []byte("Host: h\r\nIdempotency-Key: " + key + "\r\n\r\n")
		w.target, w.request.Body, w.request.Tenant = []byte(target), []byte(body), []byte(tenant)
		for range 3 {
			w.batch.Add()
		}
		w.batch.Records[1].ID = []byte("its wire's")
		w.identify("interana")
		return fmt.Sprintf("%s %q %q %q", w.ticket.Scope, w.batch.Records[0].ID, w.batch.Records[1].ID, w.batch.Records[2].ID)
	}
	first := ids("k", "/add_events", "body", "acme")
	if again := ids("k", "/add_events", "body", "acme"); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	seen := map[string]bool{first: true}
	for _, other := range []string{
		ids("k2", "/add_events", "body", "acme"), ids("k", "/add_events?a", "body", "acme"), ids("k", "/add_events", "bodies", "acme"),
		ids("k", "/add_events", "body", "other"), ids("k/add_events", "", "body", "acme"), ids("", "/add_events", "body", "acme"),
	} {
		if seen[other] {
			t.Errorf("twice: %s", other)
		}
		seen[other] = true
	}
}
