package kafka

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// producers knows the last sequence of each producer in each partition, of those that came last. It only says early what is out of order: that
// nothing is stored twice is the doing of the records' IDs, which outlive a restart.
type producers struct {
	mu    sync.Mutex
	known map[producerAt]producerState
}

type producerAt struct {
	topic     string
	partition int32
	id        int64
}

type producerState struct {
	epoch int16
	last  int32
}

// producersMost bounds what is remembered.
const producersMost = 20_000

// sequenceAfter counts on from a sequence. Kafka counts to 2³¹ and begins again.
func sequenceAfter(sequence, n int32) int32 {
	return int32((int64(sequence) + int64(n)) & math.MaxInt32)
}

// check says what is out of order about a batch. One that seems to be stored already is offered all the same: the records' IDs know it for sure.
func (p *producers) check(at producerAt, b *incoming) *refusal {
	p.mu.Lock()
	defer p.mu.Unlock()
	state, ok := p.known[at]
	switch {
	case !ok || b.epoch > state.epoch: // Kafka, too, takes any first sequence from whom it does not remember
		p.note(at, producerState{epoch: b.epoch, last: sequenceAfter(b.sequence, -1)}) // should this one fail, its successors wait for it
		return nil
	case b.epoch < state.epoch:
		return refused(kerr.InvalidProducerEpoch, "a later epoch of the producer has written here")
	case b.sequence == sequenceAfter(state.last, 1):
		return nil
	}
	if behind := (state.last - b.last()) & math.MaxInt32; behind < math.MaxInt32/2 {
		return nil
	}
	return refused(kerr.OutOfOrderSequenceNumber, "sequences are missing before this batch's")
}

// stored notes a batch of a producer's that is stored. One that came again is not its last.
func (p *producers) stored(at producerAt, b *incoming) {
	p.mu.Lock()
	defer p.mu.Unlock()
	state, ok := p.known[at]
	if ok && (b.epoch < state.epoch || b.epoch == state.epoch && (state.last-b.last())&math.MaxInt32 < math.MaxInt32/2) {
		return
	}
	p.note(at, producerState{epoch: b.epoch, last: b.last()})
}

// note remembers a state. The caller holds mu.
func (p *producers) note(at producerAt, state producerState) {
	if _, ok := p.known[at]; !ok && len(p.known) >= producersMost {
		for other := range p.known { // any: whom it hits is taken at its word next time
			delete(p.known, other)
			break
		}
	}
	p.known[at] = state
}

// initProducerID names a producer. IDs are drawn, so that none comes twice, not after a restart either.
func (c *client) initProducerID(r *kmsg.InitProducerIDRequest) kmsg.Response {
	response := kmsg.NewPtrInitProducerIDResponse()
	response.Version, response.ProducerID, response.ProducerEpoch = r.Version, -1, -1
	if r.TransactionalID != nil {
		response.ErrorCode = kerr.TransactionalIDAuthorizationFailed.Code // transactions are not offered
		return response
	}
	var raw [8]byte
	if _, err := rand.Read(raw[:]); err != nil {
		response.ErrorCode = kerr.CoordinatorNotAvailable.Code
		return response
	}
	response.ProducerID, response.ProducerEpoch = int64(binary.BigEndian.Uint64(raw[:])&math.MaxInt64), 0
	return response
}
