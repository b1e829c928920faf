package admin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"penstock/segstore"
)

// source reads one shard's log from next to end. Its cursor is made at the first read and closed with the page: a reader that
// only waits pins no segment.
type source struct {
	log    *segstore.Log
	shard  int
	next   int64 // first offset not yet given out; head's while loaded
	end    int64 // first offset not to be read
	after  int64 // records with a time before this are passed over
	before int64 // and those with this time or a later one

	cursor  *segstore.Cursor
	records segstore.Records
	head    segstore.Record // in place: valid until the next read or close
	loaded  bool
	read    bool // a batch was read
	done    bool // nothing more before end, or stopped by an error
}

// loss is a range of offsets that can't be read any more.
type loss struct {
	shard       int
	first, next int64
	why         string
}

// lossesMax is how many losses a page reports; it ends behind the last of them, and the next page goes on.
const lossesMax = 100

// merger gives out the records of its sources by (time, shard, offset). Within a shard the log's order stands, whatever the times.
type merger struct {
	ctx     context.Context // ends a long search for records of some time when nobody waits for it any more
	sources []source
	losses  []loss
	err     error     // why a source stopped early
	until   time.Time // when to stop looking, so that a long search answers in parts; zero: never
	late    bool      // it was stopped
}

// next returns the record that is due and its source, until the page is read. The record is valid until the following call.
func (m *merger) next() (*source, bool) {
	var due *source
	for i := range m.sources {
		s := &m.sources[i]
		for !s.loaded && !s.done && !m.late && len(m.losses) < lossesMax {
			m.load(s)
		}
		if s.loaded && (due == nil || s.head.Time < due.head.Time) {
			due = s
		}
	}
	if due == nil || m.err != nil || m.late || len(m.losses) >= lossesMax {
		return nil, false
	}
	return due, true
}

// take gives the record next returned away: it will not come again.
func (s *source) take() {
	s.next = s.head.Offset + 1
	s.loaded = false
}

// load takes one step toward the source's next wanted record: a record, a batch, or what stands in the way.
func (m *merger) load(s *source) {
	if s.next >= s.end {
		s.done = true
		return
	}
	if s.cursor == nil {
		s.cursor = s.log.Cursor(s.next)
	}
	for {
		r, ok := s.records.Next()
		if !ok {
			break
		}
		if r.Offset < s.next {
			continue // the batch begins before the place asked for
		}
		if r.Offset >= s.end {
			s.next, s.done = s.end, true
			return
		}
		s.next = r.Offset
		if r.Time >= s.after && (r.Time < s.before || s.before == allTime) {
			s.head, s.loaded = r, true
			return
		}
		s.next++
	}
	if s.read && !m.until.IsZero() && time.Now().After(m.until) { // each source gets on by a batch at least
		m.late = true
		return
	}
	batch, err := s.cursor.Next()
	if err == nil {
		err = m.ctx.Err()
	}
	if err != nil {
		m.hurdle(s, err)
		return
	}
	s.read = true
	if batch.MaxTime() < s.after {
		s.next = min(batch.Last()+1, s.end)
		return
	}
	s.records = batch.Records()
}

// hurdle decides how a source goes on after its cursor's error: behind what is lost, or not at all.
func (m *merger) hurdle(s *source, err error) {
	s.records = segstore.Records{}
	var expired *segstore.ExpiredError
	var corrupt *segstore.CorruptError
	switch {
	case errors.Is(err, segstore.ErrTail) && s.next >= s.end:
		s.done = true
	case errors.As(err, &expired) && expired.First > s.next:
		m.lose(s, expired.First, "expired")
		s.cursor.SkipTo(expired.First)
	case errors.As(err, &corrupt) && corrupt.Next > s.next:
		m.lose(s, corrupt.Next, "damaged")
	default:
		s.done = true
		if m.err == nil {
			m.err = fmt.Errorf("shard %d at offset %d: %w", s.shard, s.next, err)
		}
	}
}

func (m *merger) lose(s *source, next int64, why string) {
	m.losses = append(m.losses, loss{shard: s.shard, first: s.next, next: min(next, s.end), why: why})
	s.next = next
}

func (m *merger) close() {
	for i := range m.sources {
		if s := &m.sources[i]; s.cursor != nil {
			s.cursor.Close()
			s.cursor, s.loaded, s.records = nil, false, segstore.Records{}
		}
	}
}

// noTime and allTime bound no record's time, the last time there is included.
const (
	noTime  = math.MinInt64
	allTime = math.MaxInt64
)
