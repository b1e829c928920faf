package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/segstore"
)

// fetchMax is the most bytes of batches in one answer, whatever a client asks for: Kafka's fetch.max.bytes.
const fetchMax = 55 << 20

// fetch is the answer to one Fetch request in the making. Its cursors pin the segments that its spans are in until it is sent.
type fetch struct {
	parts   []part
	cursors []*segstore.Cursor
	bytes   int  // of all spans
	full    bool // there is more, which has no room in the answer
}

// part is what is found for one partition that was asked for, in the order of the request.
type part struct {
	log        *segstore.Log
	code       int16
	from, next int64  // the offset asked for, and the one behind what is read
	first, end int64  // of the log; the end is the high watermark
	span       []byte // whole batches
}

// answer collects batches until there are as many bytes as the client wants at least, waits for more as long as the client would, and sends
// them. A partition's error is told at once.
func (f *fetch) answer(c *client, h header, r *kmsg.FetchRequest) error {
	defer f.let()
	within := time.Duration(max(r.MaxWaitMillis, 0)) * time.Millisecond
	ctx, cancel := context.WithTimeout(c.server.ctx, min(within, c.server.opt.WaitMax))
	defer cancel()
	for more := true; !f.collect(c, r) && f.bytes < int(r.MinBytes) && more; {
		more = f.wait(ctx)
	}
	c.server.fetchedBytes.Add(uint64(f.bytes))
	return c.write(f.encode(h, r))
}

// let gives the segments back.
func (f *fetch) let() {
	for _, cursor := range f.cursors {
		cursor.Close()
	}
	clear(f.cursors)
	clear(f.parts)
	f.cursors, f.parts, f.bytes, f.full = f.cursors[:0], f.parts[:0], 0, false
}

// collect reads what every partition has. settled: there is an error to tell, nothing to wait for, or no room for more.
func (f *fetch) collect(c *client, r *kmsg.FetchRequest) (settled bool) {
	f.let()
	left := min(int(r.MaxBytes), fetchMax)
	for i := range r.Topics {
		topic := &r.Topics[i]
		for j := range topic.Partitions {
			asked := &topic.Partitions[j]
			p := part{log: c.log(topic.Topic, asked.Partition), from: asked.FetchOffset, next: asked.FetchOffset, first: -1, end: -1}
			p.code = f.read(&p, min(left, int(asked.PartitionMaxBytes)))
			left -= len(p.span)
			settled = settled || p.code != 0
			f.parts = append(f.parts, p)
		}
	}
	return settled || f.full || len(f.parts) == 0
}

// read reads a partition's next batches: as many as stand together and take at most that many bytes, or one larger one where the answer has
// none yet, so that a consumer always gets on.
func (f *fetch) read(p *part, most int) (code int16) {
	if p.log == nil {
		return kerr.UnknownTopicOrPartition.Code
	}
	p.first, p.end = p.log.First(), p.log.Next()
	switch {
	case p.from < p.first || p.from > p.end:
		return kerr.OffsetOutOfRange.Code
	case p.from == p.end:
		return 0
	case most <= 0 && f.bytes > 0:
		f.full = true
		return 0
	}
	cursor := p.log.Cursor(p.from)
	span, err := cursor.NextSpan(most)
	for ; errors.As(err, new(*segstore.CorruptError)); span, err = cursor.NextSpan(most) { // the cursor stands behind what is lost
	}
	p.next = cursor.Offset()
	if err == nil && len(span.Bytes) > most && f.bytes > 0 {
		f.full = true
		p.next = p.from
		cursor.Close()
		return 0
	}
	if err == nil {
		f.cursors = append(f.cursors, cursor)
		f.bytes += len(span.Bytes)
		p.span, p.end = span.Bytes, max(p.end, span.Next)
		f.full = f.full || p.next < p.end // it stands in the next segment: the next request brings it
		return 0
	}
	cursor.Close()
	switch {
	case errors.Is(err, segstore.ErrTail):
		return 0
	case errors.As(err, new(*segstore.ExpiredError)):
		return kerr.OffsetOutOfRange.Code
	case errors.Is(err, segstore.ErrClosed):
		return kerr.UnknownTopicOrPartition.Code
	}
	return kerr.KafkaStorageError.Code
}

// wait gives the segments back and returns true when one of the logs has more, or is gone; false when the time is over.
func (f *fetch) wait(ctx context.Context) bool {
	ends := map[*segstore.Log]int64{}
	for i := range f.parts {
		if p := &f.parts[i]; p.log != nil {
			ends[p.log] = p.next
		}
	}
	f.let()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	more := make(chan bool, len(ends))
	for log, end := range ends {
		go func() {
			err := log.Wait(ctx, end)
			more <- err == nil || errors.Is(err, segstore.ErrClosed)
		}()
	}
	return <-more
}
