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

// cursorsMax is how many cursors a connection keeps between its requests, and cursorTime how long it keeps one that no request goes on with. They
// spare the next request to find its place, and pin segments: what retention removes takes its disk until they are closed.
const (
	cursorsMax = 256
	cursorTime = 5 * time.Second
	partsKept  = 1024 // room for so many parts is kept
)

// fetch is the answer to one Fetch request in the making. The cursors of its parts pin the segments that its spans are in until it is sent.
type fetch struct {
	parts []part
	kept  map[*segstore.Log]keptCursor // of the requests before
	asked map[*segstore.Log]bool       // by the one at work
	bytes int                          // of all spans
	full  bool                         // there is more, which has no room in the answer
}

type keptCursor struct {
	*segstore.Cursor
	since time.Time
}

// part is what is found for one partition that was asked for, in the order of the request.
type part struct {
	log        *segstore.Log
	code       int16
	from, next int64         // the offset asked for, and the one behind what is read
	first, end int64         // of the log; the end is the high watermark
	span       segstore.Span // whole batches
	cursor     *segstore.Cursor
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

// let ends an answer. Its cursors stand where the client will go on.
func (f *fetch) let() {
	now := time.Now()
	f.drop(now.Add(-cursorTime))
	for i := range f.parts {
		p := &f.parts[i]
		if p.cursor == nil {
			continue
		}
		if len(f.kept) >= cursorsMax {
			p.cursor.Close()
			continue
		}
		if f.kept == nil {
			f.kept = map[*segstore.Log]keptCursor{}
		}
		f.kept[p.log] = keptCursor{p.cursor, now}
	}
	clear(f.parts)
	f.parts, f.bytes, f.full = f.parts[:0], 0, false
	if cap(f.parts) > partsKept {
		f.parts = nil
	}
}

// drop closes the cursors that are kept since then or longer.
func (f *fetch) drop(then time.Time) {
	for log, cursor := range f.kept {
		if !cursor.since.After(then) {
			cursor.Close()
			delete(f.kept, log)
		}
	}
}

// at returns a cursor that stands at an offset.
func (f *fetch) at(log *segstore.Log, offset int64) *segstore.Cursor {
	cursor, kept := f.kept[log]
	if !kept {
		return log.Cursor(offset)
	}
	delete(f.kept, log)
	if cursor.Offset() != offset {
		cursor.SkipTo(offset)
	}
	return cursor.Cursor
}

// collect reads what every partition has. settled: there is an error to tell, nothing to wait for, or no room for more.
func (f *fetch) collect(c *client, r *kmsg.FetchRequest) (settled bool) {
	f.let()
	if f.asked == nil {
		f.asked = map[*segstore.Log]bool{}
	}
	clear(f.asked)
	left := min(int(r.MaxBytes), fetchMax)
	for i := range r.Topics {
		topic := &r.Topics[i]
		for j := range topic.Partitions {
			asked := &topic.Partitions[j]
			p := part{log: c.log(topic.Topic, asked.Partition), from: asked.FetchOffset, next: asked.FetchOffset, first: -1, end: -1}
			p.code = f.read(&p, min(left, int(asked.PartitionMaxBytes)))
			left -= len(p.span.Bytes)
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
	if f.asked[p.log] { // named over and over, one partition would cost more than all there are
		return kerr.InvalidRequest.Code
	}
	f.asked[p.log] = true
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
	p.cursor = f.at(p.log, p.from)
	span, err := p.cursor.NextSpan(most)
	for ; errors.As(err, new(*segstore.CorruptError)); span, err = p.cursor.NextSpan(most) { // the cursor stands behind what is lost
	}
	p.next = p.cursor.Offset()
	if err == nil && len(span.Bytes) > most && f.bytes > 0 {
		f.full = true
		p.cursor.SkipTo(p.from)
		return 0
	}
	switch {
	case err == nil:
		f.bytes += len(span.Bytes)
		p.span, p.end = span, max(p.end, span.Next)
		f.full = f.full || p.next < p.end // it stands in the next segment: the next request brings it
		return 0
	case errors.Is(err, segstore.ErrTail):
		return 0
	case errors.As(err, new(*segstore.ExpiredError)):
		return kerr.OffsetOutOfRange.Code
	case errors.Is(err, segstore.ErrClosed):
		return kerr.UnknownTopicOrPartition.Code
	}
	return kerr.KafkaStorageError.Code
}

// wait ends the answer as it is and returns true when one of the logs has more, or is gone; false when the time is over.
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
