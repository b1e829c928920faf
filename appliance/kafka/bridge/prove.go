package bridge

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"penstock/segstore"
)

// reading reads a topic's partitions from where it is told on. Control records come, too: they have offsets.
type reading struct {
	client *kgo.Client
	remote string
}

// read begins to read partitions of a topic, each from an offset on; a negative one: not at all.
func (t *target) read(remote string, from []int64) (*reading, error) {
	options, err := t.to.options()
	if err != nil {
		return nil, err
	}
	at := map[int32]kgo.Offset{}
	for shard, offset := range from {
		if offset >= 0 {
			at[int32(shard)] = kgo.NewOffset().At(offset)
		}
	}
	client, err := kgo.NewClient(append(options, kgo.ClientID("penstock-"+t.name), kgo.DialTimeout(5*time.Second),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{remote: at}), kgo.FetchMaxBytes(16<<20), kgo.FetchMaxPartitionBytes(4<<20),
		kgo.BrokerMaxReadBytes(64<<20), kgo.MaxConcurrentFetches(1), kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NoResetOffset()))...)
	if err != nil {
		return nil, err
	}
	return &reading{client: client, remote: remote}, nil
}

func (r *reading) close() { r.client.Close() }

// next returns the records that came next, for at most a moment none.
func (r *reading) next(ctx context.Context) (kgo.Fetches, error) {
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	fetches := r.client.PollFetches(short)
	for _, e := range fetches.Errors() {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.Is(e.Err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("reading partition %d of the cluster's topic %s back: %w", e.Partition, r.remote, e.Err)
		}
	}
	return fetches, nil
}

// proof compares what a partition has of a shard with the shard's log, record by record.
type proof struct {
	shard  int
	next   int64 // the record that must come next
	cursor *segstore.Cursor
	batch  records
	walk   bool // batch is being walked
	text   []byte
}

// check takes the next of the shard's records in the partition. An error says that it is not the one that the log has there.
func (p *proof) check(r *kgo.Record) error {
	here, err := p.record()
	if err != nil {
		return fmt.Errorf("record %d of shard %d: the log does not give it back: %w", p.next, p.shard, err)
	}
	p.text = appendKeyValue(p.text[:0], r)
	same := here.time == r.Timestamp.UnixMilli() && bytes.Equal(p.text, here.keyValue) && here.headerCount == int64(len(r.Headers))
	if p.text = appendHeaders(p.text[:0], r); !same || !bytes.Equal(p.text, here.headers) {
		return &proofError{shard: p.shard, offset: p.next, at: r.Offset}
	}
	p.next++
	return nil
}

// proofError says that the cluster has another record than the log.
type proofError struct {
	shard      int
	offset, at int64
}

func (e *proofError) Error() string {
	return fmt.Sprintf("record %d of shard %d should be at offset %d of the cluster's partition, and another is there", e.offset, e.shard, e.at)
}

// record is the log's at next.
func (p *proof) record() (record, error) {
	for {
		if p.walk {
			if r, more := p.batch.next(); !more {
				p.walk = false
			} else if r.offset >= p.next {
				if r.offset > p.next {
					return record{}, errors.New("it is missing")
				}
				return r, nil
			} else {
				continue
			}
		}
		b, err := p.cursor.Next()
		var corrupt *segstore.CorruptError
		var expired *segstore.ExpiredError
		switch { // told, and not shipped: see shipper.hole
		case errors.As(err, &corrupt):
			p.next = max(p.next, corrupt.Next)
			continue
		case errors.As(err, &expired):
			p.next = expired.First
			p.cursor.SkipTo(p.next)
			continue
		}
		if err != nil {
			return record{}, err
		}
		p.batch, p.walk = recordsOf(b.Plain()), true
	}
}

// appendKeyValue writes key and value as a batch has them.
func appendKeyValue(dst []byte, r *kgo.Record) []byte {
	for _, b := range [][]byte{r.Key, r.Value} {
		if b == nil {
			dst = binary.AppendVarint(dst, -1)
			continue
		}
		dst = append(binary.AppendVarint(dst, int64(len(b))), b...)
	}
	return dst
}

// appendHeaders writes the headers as a batch has them, without their number.
func appendHeaders(dst []byte, r *kgo.Record) []byte {
	for i := range r.Headers {
		h := &r.Headers[i]
		dst = append(binary.AppendVarint(dst, int64(len(h.Key))), h.Key...)
		if h.Value == nil {
			dst = binary.AppendVarint(dst, -1)
			continue
		}
		dst = append(binary.AppendVarint(dst, int64(len(h.Value))), h.Value...)
	}
	return dst
}
