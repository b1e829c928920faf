package bridge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"penstock/appliance/shard"
	"penstock/segstore"
)

// shipper brings one shard's records to one partition.
type shipper struct {
	t      *target
	topic  *shard.Topic
	remote string // the topic's name in the cluster
	number int
	log    *segstore.Log
	spool  *shard.Spool // nil: the log is kept here, and the cluster has a copy

	at       position
	to       *partition
	most     int // the largest batch that the partition has not called too large
	disorder int // how often in a row the cluster has called a sequence out of order
	patience *time.Timer
	build    *builder
	header   []byte

	shipped atomic.Int64 // at.Next, for who asks
	tail    atomic.Bool  // it has caught up in this session
	trouble atomic.Pointer[error]
	end     chan struct{}
}

const (
	// mergeBytes: batches are put together up to this size; one of a quarter of it or more goes as it is. A request takes one batch for a partition,
	// so that small ones alone would be as slow as the way there and back.
	mergeBytes = 256 << 10
	// spoolPatience is how long a reply waits for a cluster that does not answer.
	spoolPatience = 2 * time.Second
	// backOffMost is the longest time between two tries.
	backOffMost = 2 * time.Second
)

var errGone = errors.New("the topic is gone")

// run ships until ctx ends or the log is closed.
func (s *shipper) run(ctx context.Context) {
	defer close(s.end)
	s.patience = time.AfterFunc(math.MaxInt64, s.away)
	s.patience.Stop()
	defer s.away()
	defer s.patience.Stop()
	wait := 50 * time.Millisecond
	for {
		before := s.shipped.Load()
		err := s.session(ctx)
		s.patience.Stop()
		s.away()
		if errors.Is(err, errGone) || ctx.Err() != nil {
			return
		}
		s.trouble.Store(&err)
		s.t.failed(s, err)
		s.t.cluster.doubt(s.remote)
		if s.shipped.Load() > before {
			wait = 50 * time.Millisecond
		}
		if sleep(ctx, wait/2+rand.N(wait)) != nil {
			return
		}
		wait = min(2*wait, backOffMost)
	}
}

// away tells those who wait for the cluster not to.
func (s *shipper) away() {
	s.tail.Store(false)
	if s.spool != nil {
		s.spool.Away(true)
	}
}

// session finds out how far the cluster has the shard, and ships until something goes wrong.
func (s *shipper) session(ctx context.Context) error {
	var err error
	if s.to, err = s.t.cluster.partition(ctx, s.remote, s.number, len(s.topic.Logs())); err != nil {
		return err
	}
	s.most = s.to.most
	if err := s.locate(ctx); err != nil {
		return err
	}
	cursor := s.log.Cursor(s.at.Next)
	defer cursor.Close()
	for {
		if err := s.await(ctx, cursor); err != nil {
			return err
		}
		if err := s.step(ctx, cursor); err != nil {
			return err
		}
	}
}

// await returns when there is something to ship: what is on disk. What is not could be lost with the power, its offset given to another
// record, and the cluster would take that for one it has.
func (s *shipper) await(ctx context.Context, cursor *segstore.Cursor) error {
	for s.at.Next >= s.log.Synced() {
		cursor.Close() // no segment is held while there is nothing to do
		s.caughtUp()
		if err := s.log.Wait(ctx, s.at.Next); err != nil {
			if errors.Is(err, segstore.ErrClosed) {
				return errGone
			}
			return err
		}
		if s.at.Next < s.log.Synced() {
			break
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil { // written, and soon synced
			return err
		}
	}
	return nil
}

// caughtUp notes that the cluster has all there is.
func (s *shipper) caughtUp() {
	if !s.tail.Swap(true) {
		s.trouble.Store(nil)
		s.t.recovered(s)
		if s.spool != nil {
			s.spool.Away(false)
		}
	}
}

// step ships one batch.
func (s *shipper) step(ctx context.Context, cursor *segstore.Cursor) error {
	build, err := s.t.builder(ctx)
	if err != nil {
		return err
	}
	s.build = build
	if err := s.gather(cursor); err != nil {
		s.t.giveBack(build)
		return s.hole(ctx, cursor, err)
	}
	s.at.stamp(build.batch, build.first)
	if s.spool != nil {
		s.patience.Reset(spoolPatience)
	}
	there, err := s.to.produce(ctx, build.batch)
	s.patience.Stop()
	if err != nil {
		s.t.giveBack(nil) // a request that was given up may still hold the bytes
		cursor.SkipTo(s.at.Next)
		return s.refused(ctx, err)
	}
	s.disorder = 0
	s.trouble.Store(nil)
	if there >= 0 {
		s.at.At, s.at.AtNext = there+int64(build.count), build.last+1
	}
	s.t.shipped(build)
	s.advance(build.last + 1)
	s.keepUp(int64(build.count))
	s.t.giveBack(build)
	return nil
}

// keepUp tells those who wait for the cluster whether that is worth while: it is when what is left is about one more batch of the size just
// shipped, and is not when it is many.
func (s *shipper) keepUp(shipped int64) {
	switch left := s.log.Synced() - s.at.Next; {
	case left <= shipped:
		s.caughtUp()
	case left > farBehind+16*shipped:
		s.away()
	}
}

// farBehind is a number of records that nobody's reply should wait for.
const farBehind = 10_000

// disorderMost is how often a cluster may call sequences out of order, and say itself that they are not.
const disorderMost = 5

// advance notes that the cluster has every record before next.
func (s *shipper) advance(next int64) {
	s.at.Next = next
	s.t.positions.put(s.topic.Name(), s.number, s.at)
	s.shipped.Store(next)
	if s.spool != nil {
		s.spool.Drained(next)
	}
}

// gather lays the next records into the builder: a large batch as it is, smaller ones together. It stops at what is not synced.
func (s *shipper) gather(cursor *segstore.Cursor) error {
	b := s.build
	b.reset()
	synced := s.log.Synced()
	for s.at.Next+int64(b.count) < synced {
		batch, err := cursor.Next()
		if b.count > 0 && (err != nil || len(b.batch)+len(batch.Bytes()) > min(mergeBytes, s.most)) {
			cursor.SkipTo(b.last + 1)
			break
		}
		if err != nil {
			return err
		}
		if batch.Base() >= synced {
			cursor.SkipTo(batch.Base())
			break
		}
		asItIs := !s.t.headers && !batch.Packed() && batch.Base() == s.at.Next && len(batch.Bytes()) <= s.most
		if b.count == 0 && asItIs && len(batch.Bytes()) >= mergeBytes/4 {
			b.take(batch.Bytes())
			return nil
		}
		if full := s.lay(batch); full {
			cursor.SkipTo(b.last + 1)
			break
		}
	}
	if b.count == 0 {
		return fmt.Errorf("the records of shard %d from offset %d on can't be read, and are there", s.number, s.at.Next)
	}
	b.head()
	return nil
}

// lay adds a batch's records from the position on, as many as the partition takes; full is whether some were left.
func (s *shipper) lay(batch segstore.Batch) (full bool) {
	b := s.build
	next := s.at.Next + int64(b.count)
	for walk := recordsOf(batch.Plain()); ; {
		r, more := walk.next()
		if !more {
			return false
		}
		if r.offset < next {
			continue
		}
		s.header = s.header[:0]
		if s.t.headers {
			s.header = sourceHeader(s.header, s.topic.Name(), s.number, r.offset)
		}
		if b.count > 0 && len(b.batch)+len(r.keyValue)+len(r.headers)+len(s.header)+recordRoom > s.most {
			return true
		}
		b.add(&r, s.header)
	}
}

// recordRoom is what a record takes at most beside its key, value and headers.
const recordRoom = 40

// locate finds out how far the cluster has the shard. A shard that was never brought there begins with the oldest record that is kept.
func (s *shipper) locate(ctx context.Context) error {
	at, ok := s.t.positions.get(s.topic.Name(), s.number)
	if !ok || at.Next > s.log.Next() { // the log was made anew
		start, err := s.to.end(ctx, asDebugger)
		if err != nil {
			return err
		}
		return s.renew(ctx, position{Next: s.log.First(), First: s.log.First(), At: start, AtNext: s.log.First(), Start: start})
	}
	s.at = at
	last, known, err := s.last(ctx)
	if err != nil {
		return err
	}
	if known {
		if s.at.Next, err = s.place(last); err != nil {
			return s.renew(ctx, at)
		}
	}
	s.advance(s.at.Next)
	return nil
}

// last is the sequence of the last record that the cluster has from this producer, one that it will not lose; known is false when it has none
// behind the position.
func (s *shipper) last(ctx context.Context) (sequence int32, known bool, err error) {
	sequence, known, asked := s.to.lastSequence(ctx, s.at.producer)
	if err := s.to.settled(ctx); err != nil {
		return 0, false, err
	}
	if asked == nil && known {
		return sequence, true, nil
	}
	return s.to.lastInTail(ctx, s.at.producer, s.at.At)
}

// place is the offset behind the record that has the sequence: the one that is nearest to the position.
func (s *shipper) place(last int32) (int64, error) {
	ahead := (int64(last) + 1 - (s.at.Next - s.at.Base)) & math.MaxInt32
	if ahead > math.MaxInt32/2 { // the cluster has lost what it had acknowledged
		ahead -= math.MaxInt32 + 1
		s.t.log.Error("the cluster has lost records that it had acknowledged: they are brought there again", "target", s.t.name,
			"topic", s.topic.Name(), "shard", s.number, "records", -ahead)
	}
	next := s.at.Next + ahead
	if next > s.log.Next() || next < s.at.Base {
		return 0, errors.New("the cluster speaks of records that are not here")
	}
	return next, nil
}

// renew goes on as another producer, from a position on. It is in the file before anything is shipped.
func (s *shipper) renew(ctx context.Context, at position) error {
	who, err := s.t.cluster.newProducer(ctx, at.Next)
	if err != nil {
		return err
	}
	if at.ID != who.ID && at.Next > at.First {
		at.Past = append(slices.Clone(at.Past), at.ID)
		at.Past = at.Past[max(0, len(at.Past)-pastMost):]
	}
	at.producer = who
	s.at = at
	s.advance(at.Next)
	return s.t.positions.save()
}

// pastMost is how many of a shard's producers are remembered.
const pastMost = 64

// refused is what to do about a batch that was not taken. nil: the next try may go better at once.
func (s *shipper) refused(ctx context.Context, err error) error {
	records := s.build.count
	switch {
	case errors.Is(err, kerr.MessageTooLarge) && records > 1:
		s.most = max(len(s.build.batch)/2, batchHead)
		return nil
	case errors.Is(err, kerr.OutOfOrderSequenceNumber):
		if s.disorder++; s.disorder < disorderMost {
			return err // asked again, the cluster knows where it is
		}
		return errors.Join(s.renew(ctx, s.at), err)
	case errors.Is(err, kerr.UnknownProducerID), errors.Is(err, kerr.InvalidProducerEpoch), errors.Is(err, kerr.InvalidProducerIDMapping):
		return errors.Join(s.renew(ctx, s.at), err)
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.InvalidTimestamp), errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.CorruptMessage):
		return fmt.Errorf("the cluster's topic %s does not take the records %d to %d of shard %d, and they are kept until it does: change the topic's configuration: %w",
			s.remote, s.build.first, s.build.last, s.number, err)
	}
	return err
}

// hole goes on behind records that can't be read: retention has taken them, or the disk does not give them back. Sequences have no holes, so
// another producer goes on.
func (s *shipper) hole(ctx context.Context, cursor *segstore.Cursor, err error) error {
	var expired *segstore.ExpiredError
	var corrupt *segstore.CorruptError
	at := s.at
	switch {
	case errors.As(err, &expired):
		at.Next = expired.First
	case errors.As(err, &corrupt):
		at.Next = corrupt.Next
	case errors.Is(err, segstore.ErrClosed):
		return errGone
	default:
		return err
	}
	if at.Next <= s.at.Next {
		return err
	}
	lost := at.Next - s.at.Next
	if err := s.renew(ctx, at); err != nil {
		return err
	}
	s.t.lost(s, lost, err)
	cursor.SkipTo(at.Next)
	return nil
}
