package kafka

import (
	"errors"
	"maps"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"penstock/appliance/shard"
)

// Produced is what became of the records that producers sent, since the server was made. A batch that could not be read counts one.
// Received is the sum of the others at every instant.
type Produced struct {
	Received, Stored, Duplicate, InFlight, Rejected uint64
	RejectedBy                                      map[string]uint64 // why
}

// account counts what Produced tells.
type account struct {
	mu                sync.Mutex
	stored, duplicate uint64
	inFlight          int64 // for a moment less than nothing, when what is late comes before it is counted as late
	rejected          map[string]uint64
}

func (a *account) settled(stored, duplicate int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stored += uint64(stored)
	a.duplicate += uint64(duplicate)
}

// refused counts a part that was not acknowledged.
func (a *account) refused(p *delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, repeated := max(p.n, 1), 0
	if p.late {
		a.inFlight += int64(n)
		return
	}
	if p.under {
		repeated = p.taker.ticket.Repeated()
	}
	a.duplicate += uint64(repeated)
	a.rejected[reason(p.why.code)] += uint64(n - repeated)
}

// reason names a refusal as the other wires do where they mean the same.
func reason(code *kerr.Error) string {
	switch {
	case errors.Is(code, kerr.NotEnoughReplicas), errors.Is(code, kerr.NotLeaderForPartition), errors.Is(code, kerr.RequestTimedOut):
		return "busy"
	case errors.Is(code, kerr.KafkaStorageError):
		return "failed"
	}
	return code.Message
}

// late is asked when a request gives up waiting: what it returns is called when it is known what became of its records.
func (a *account) late(n int) func(fate func(record int) shard.Fate) {
	return func(fate func(record int) shard.Fate) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.inFlight -= int64(n)
		for i := range n {
			switch fate(i) {
			case shard.Kept:
				a.stored++
			case shard.Repeated:
				a.duplicate++
			default:
				a.rejected["failed"]++
			}
		}
	}
}

func (a *account) read() Produced {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := Produced{Stored: a.stored, Duplicate: a.duplicate, InFlight: uint64(max(a.inFlight, 0)), RejectedBy: maps.Clone(a.rejected)}
	for _, n := range p.RejectedBy {
		p.Rejected += n
	}
	p.Received = p.Stored + p.Duplicate + p.InFlight + p.Rejected
	return p
}
