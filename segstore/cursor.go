package segstore

import (
	"context"
	"errors"
	"io/fs"
	"sort"
)

// Cursor reads a log from an offset on, batch by batch, in place, and never blocks the writer. It pins the segment it stands in,
// so what it returned stays readable although retention may have removed the file. One goroutine uses it.
type Cursor struct {
	l      *Log
	offset int64    // of the next record wanted
	s      *segment // pinned; nil before the first Next and after Close
	pos    int64    // of the next batch in s
	at     int64    // the offset that the batch at pos should begin with; -1 when the position came from a hint
}

// Cursor returns a cursor that begins at offset. Close it.
func (l *Log) Cursor(offset int64) *Cursor { return &Cursor{l: l, offset: max(offset, 0)} }

// Offset is the offset of the next record that Next will return or look for.
func (c *Cursor) Offset() int64 { return c.offset }

// SkipTo moves the cursor to another offset.
func (c *Cursor) SkipTo(offset int64) {
	c.leave()
	c.offset = max(offset, 0)
}

// Close gives the pinned segment back; batches returned before must not be used after.
func (c *Cursor) Close() { c.leave() }

func (c *Cursor) leave() {
	if c.s != nil {
		c.s.unpin()
		c.s = nil
	}
}

// Next returns the batch that holds the cursor's offset and moves behind it; the batch may begin before that offset. It is valid
// until the next call on the cursor, and its CRC was checked.
//
// ErrTail: nothing more is readable yet (see Log.Wait). *ExpiredError: retention has passed the offset; SkipTo its First.
// *CorruptError: records can't be read; the cursor already stands behind them. ErrClosed: the log was closed.
func (c *Cursor) Next() (Batch, error) {
	for {
		if c.l.closed.Load() {
			return Batch{}, ErrClosed
		}
		if c.offset >= c.l.Next() {
			return Batch{}, ErrTail
		}
		if c.s == nil {
			if err := c.enter(); err != nil {
				return Batch{}, err
			}
		}
		end := c.s.readable() // once: a failed sync may move it back
		if c.pos >= end {
			if err := c.cross(); err != nil {
				return Batch{}, err
			}
			continue
		}
		var b Batch
		var wrong string
		err := guard(c.s.data, func() { b, wrong = c.read(end) })
		if err != nil {
			wrong = err.Error()
		}
		if wrong != "" {
			if err := c.resync(wrong); err != nil {
				return Batch{}, err
			}
			continue
		}
		c.pos += b.h.size
		c.at = b.h.next()
		if b.h.last < c.offset {
			continue
		}
		c.offset = b.h.next()
		return b, nil
	}
}

// read decodes the batch at pos, in a segment that is readable up to end.
func (c *Cursor) read(end int64) (Batch, string) {
	data := c.s.data[c.pos:end]
	h, wrong := checkBatch(data)
	if wrong == "" && c.at >= 0 && h.base != c.at {
		wrong = "a batch with another offset stands here"
	}
	if wrong == "" && c.at < 0 && h.base > c.offset {
		wrong = "the index was wrong"
	}
	if wrong != "" {
		return Batch{}, wrong
	}
	return Batch{h: h, bytes: data[:h.size:h.size]}, ""
}

// enter finds and pins the segment that holds the offset, and a place in it to start from.
func (c *Cursor) enter() error {
	list := c.l.list()
	i := sort.Search(len(list), func(i int) bool { return list[i].base > c.offset })
	if i == 0 {
		return c.expired(list)
	}
	if err := c.stand(list[i-1]); err != nil {
		return err
	}
	if hint := c.s.hints(c.l.disk).floor(c.offset); hint > 0 {
		c.pos, c.at = hint, -1
	}
	return nil
}

// expired says that retention was faster. The offset is before every segment of the list.
func (c *Cursor) expired(list []*segment) error {
	first := c.l.First()
	if len(list) > 0 {
		first = max(first, list[0].base) // the list is a moment ahead
	}
	return &ExpiredError{Wanted: c.offset, First: first}
}

// stand pins a segment and stands at its start.
func (c *Cursor) stand(s *segment) error {
	if err := s.pin(c.l.disk); err != nil {
		if first := c.l.First(); errors.Is(err, fs.ErrNotExist) && s.base < first {
			return &ExpiredError{Wanted: c.offset, First: first} // removed while we looked
		}
		return err
	}
	c.leave()
	c.s, c.pos, c.at = s, 0, s.base
	return nil
}

// cross goes on to the next segment. Offsets that are missing between the two are told once.
func (c *Cursor) cross() error {
	sealed := c.s.sealed()
	next := c.successor()
	if list := c.l.list(); len(list) > 0 && c.offset < list[0].base {
		return c.expired(list) // the segments behind this one were removed while it was read
	}
	if next == nil {
		if end := c.l.Next(); sealed && c.offset < end && !c.l.closed.Load() {
			first := c.offset
			c.offset = end
			return &CorruptError{Path: c.s.path, Position: c.pos, First: first, Next: end, Reason: "records are missing"}
		}
		return ErrTail
	}
	lost := &CorruptError{Path: c.s.path, Position: c.pos, First: c.offset, Next: next.base, Reason: "records are missing"}
	if err := c.stand(next); err != nil {
		return err
	}
	if c.offset < next.base {
		c.offset = next.base
		return lost
	}
	return nil
}

// successor is the segment behind the cursor's, nil when there is none. An empty segment's may have the same name.
func (c *Cursor) successor() *segment {
	list := c.l.list()
	i := sort.Search(len(list), func(i int) bool { return list[i].base >= c.s.base })
	if i < len(list) && list[i] == c.s {
		i++
	}
	if i == len(list) {
		return nil
	}
	return list[i]
}

// faultsMax is how many unreadable pages are stepped over in search of a sound batch.
const faultsMax = 16

// resync goes on behind bytes that are no batch: at the start of the segment if only a hint was wrong, at the zeros that end an
// untrimmed segment, else at the next sound batch, or the next segment, and then it says what was lost.
func (c *Cursor) resync(wrong string) error {
	if c.at < 0 {
		c.pos, c.at = 0, c.s.base
		return nil
	}
	nextBase := int64(-1)
	end := c.s.readable()
	if next := c.successor(); next != nil {
		nextBase = next.base
	}
	if c.at == nextBase {
		c.pos = end
		return nil
	}
	lost := &CorruptError{Path: c.s.path, Position: c.pos, First: c.at, Next: max(nextBase, c.l.Next()), Reason: wrong}
	if nextBase >= 0 {
		lost.Next = nextBase
	}
	at, offset, found := c.findSound(end, nextBase)
	switch {
	case found:
		c.pos, c.at, lost.Next = at, offset, offset
	case nextBase >= 0:
		c.pos = end
	default: // nothing sound up to where the active segment is written: wait there for the next segment
		c.leave()
	}
	if lost.Next <= c.offset {
		return nil
	}
	c.offset = lost.Next
	return lost
}

// findSound looks for the next sound batch in the segment, past pages that can't be read.
func (c *Cursor) findSound(end, nextBase int64) (at, offset int64, found bool) {
	data := c.s.data[:end]
	from := c.pos
	for range faultsMax {
		err := guard(c.s.data, func() { at, offset, found = findSound(data, from, c.at, nextBase, -1) })
		var fault *faultError
		if !errors.As(err, &fault) {
			return at, offset, found
		}
		from = max(from, fault.at)/pageBytes*pageBytes + pageBytes
	}
	return 0, 0, false
}

// OffsetAt is the first offset whose record's time is at or after ms; Next when no readable record's is.
func (l *Log) OffsetAt(ms int64) (int64, error) {
	for _, s := range l.list() {
		if s.sealed() {
			latest, err := s.timeBound(l.disk)
			if err != nil {
				if s.base < l.First() {
					continue // removed while we looked
				}
				return 0, err
			}
			if latest < ms {
				continue
			}
		}
		offset, found, err := l.searchSegment(s, ms)
		var expired *ExpiredError
		if errors.As(err, &expired) {
			continue
		}
		if found || err != nil {
			return offset, err
		}
	}
	return l.Next(), nil
}

// searchSegment looks for the first record at or after ms in one segment.
func (l *Log) searchSegment(s *segment, ms int64) (offset int64, found bool, err error) {
	c := l.Cursor(s.base)
	defer c.Close()
	if err := c.stand(s); err != nil {
		return 0, false, err
	}
	if hint, ok := s.hints(l.disk).before(ms); ok {
		c.pos, c.at, c.offset = hint.position, -1, hint.offset
	}
	for c.s == s {
		b, err := c.Next()
		var corrupt *CorruptError
		switch {
		case errors.Is(err, ErrTail):
			return 0, false, nil
		case errors.As(err, &corrupt):
			continue
		case err != nil:
			return 0, false, err
		}
		if c.s != s || b.MaxTime() < ms {
			continue
		}
		for records := b.Records(); ; {
			r, ok := records.Next()
			if !ok {
				break
			}
			if r.Time >= ms {
				return r.Offset, true, nil
			}
		}
	}
	return 0, false, nil
}

// Wait returns when a record at offset is readable, with ErrClosed when the log was closed, or with the context's error.
func (l *Log) Wait(ctx context.Context, offset int64) error {
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	for {
		changed := l.subscribe()
		if l.closed.Load() {
			return ErrClosed
		}
		if l.Next() > offset {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
