package admin

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"penstock/appliance/shard"
)

// What a page of records may be.
const (
	limitDefault = 1000
	// LimitMax is the most records a page may hold.
	LimitMax = 100_000
	waitMax  = time.Minute
)

// query is a request for records, read.
type query struct {
	shard int // -1: all
	from  Bound
	until Bound // AtEnd with given false: no end but the log's
	given bool  // until was asked for
	next  []int64
	limit int
	wait  time.Duration
	exact bool // every value as base64
}

// readQuery reads the parameters; an error is a sentence for the client.
func readQuery(values url.Values, now time.Time) (*query, error) {
	q := &query{shard: -1, limit: limitDefault, until: Bound{Kind: AtEnd}}
	for name, all := range values {
		if len(all) != 1 {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		if err := q.set(name, all[0], now); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (q *query) set(name, text string, now time.Time) (err error) {
	switch name {
	case "shard":
		n, err := strconv.ParseUint(text, 10, 31)
		q.shard = int(n)
		if err != nil {
			return fmt.Errorf("shard must be a number, not %q", text)
		}
	case "from":
		if q.from, err = ParseBound(text, now); err != nil {
			return fmt.Errorf("from: %w", err)
		}
	case "until":
		if q.until, err = ParseBound(text, now); err != nil {
			return fmt.Errorf("until: %w", err)
		}
		if q.until.Kind == AtBeginning {
			return errors.New("until: nothing stands before the beginning")
		}
		q.given = true
	case "next":
		positions, ok := parsePositions(text)
		if !ok {
			return fmt.Errorf("next must be what a former answer's Penstock-Next was, as 0:17,1:4, not %q", text)
		}
		q.next = positions
	case "limit":
		n, err := strconv.ParseUint(text, 10, 31)
		if q.limit = int(n); err != nil || n > LimitMax {
			return fmt.Errorf("limit must be 0 to %d, not %q", LimitMax, text)
		}
	case "wait":
		if q.wait, err = time.ParseDuration(text); err != nil || q.wait < 0 {
			return fmt.Errorf("wait must be a duration such as 30s, not %q", text)
		}
		q.wait = min(q.wait, waitMax)
	case "encoding":
		if text != "base64" {
			return fmt.Errorf("encoding can only be base64, not %q", text)
		}
		q.exact = true
	default:
		return fmt.Errorf("there is no parameter %q: shard, from, until, next, limit, wait, encoding", name)
	}
	return nil
}

// rangeError says that a place asked for is not in the log, and from where to go on instead.
type rangeError struct {
	Text  string `json:"error"`
	Shard int    `json:"shard"`
	First int64  `json:"first"` // the oldest record kept in that shard
	End   int64  `json:"end"`   // behind its last
	Next  string `json:"next"`  // for all shards asked for: the same places, moved into the log
}

func (e *rangeError) Error() string { return e.Text }

// readError is the log's fault, not the client's.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// sources are the logs to read, each from its start to its end as they are now. The error is a sentence for the client (400), a
// *rangeError (416) or a *readError.
func (q *query) sources(t *shard.Topic) ([]source, error) {
	logs := t.Logs()
	if q.shard >= len(logs) {
		return nil, fmt.Errorf("the topic %q has the shards 0 to %d, not %d", t.Name(), len(logs)-1, q.shard)
	}
	sources := make([]source, 0, len(logs))
	for i, log := range logs {
		if q.shard >= 0 && q.shard != i {
			continue
		}
		s := source{log: log, shard: i, after: noTime, before: allTime}
		if q.from.Kind == AtTime {
			s.after = q.from.Time
		}
		if q.until.Kind == AtTime {
			s.before = q.until.Time
		}
		if err := q.start(&s); err != nil {
			return nil, err
		}
		if err := q.stop(&s); err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, q.inRange(sources)
}

// start sets where the source begins.
func (q *query) start(s *source) (err error) {
	positions := q.next
	if positions == nil && q.from.Kind == AtPositions {
		positions = q.from.Positions
	}
	switch {
	case positions != nil:
		s.next, err = positionOf(positions, s.shard)
	case q.from.Kind == AtBeginning:
		s.next = s.log.First()
	case q.from.Kind == AtEnd:
		s.next = s.log.Next()
	case q.from.Kind == AtOffset:
		s.next = q.from.Offset
	case q.from.Kind == AtTime:
		if s.next, err = s.log.OffsetAt(q.from.Time); err != nil {
			err = &readError{fmt.Errorf("finding the time in shard %d: %w", s.shard, err)}
		}
	}
	return err
}

// stop sets where the source ends: what is there now, or less when that is asked for. It is called again after waiting.
func (q *query) stop(s *source) (err error) {
	s.end = s.log.Next()
	switch q.until.Kind {
	case AtOffset:
		s.end = min(s.end, q.until.Offset)
	case AtPositions:
		var end int64
		end, err = positionOf(q.until.Positions, s.shard)
		s.end = min(s.end, end)
	}
	return err
}

// more reports whether waiting may bring the source a record the query wants.
func (q *query) more(s *source) bool {
	switch q.until.Kind {
	case AtEnd:
		return !q.given
	case AtOffset:
		return s.next < q.until.Offset
	case AtPositions:
		return s.next < q.until.Positions[s.shard] // positionOf has found it
	}
	return true
}

func positionOf(positions []int64, shard int) (int64, error) {
	if shard >= len(positions) || positions[shard] < 0 {
		return 0, fmt.Errorf("the positions name no offset for shard %d", shard)
	}
	return positions[shard], nil
}

// inRange refuses places that retention has passed, and continuations from behind the end: positions we gave can only be there
// when the topic was made anew or its log was cut back. An offset behind the end in from is one to wait for.
func (q *query) inRange(sources []source) error {
	var wrong *rangeError
	moved := []int64{}
	for i := range sources {
		s := &sources[i]
		first, end, place := s.log.First(), s.log.Next(), s.next
		var text string
		switch {
		case s.next < first && (q.next != nil || q.from.Kind == AtOffset || q.from.Kind == AtPositions):
			text = fmt.Sprintf("shard %d no longer keeps offset %d: its oldest record is %d", s.shard, s.next, first)
			place = first
		case s.next > end && q.next != nil:
			text = fmt.Sprintf("shard %d ends at offset %d, before %d: it was cut back or made anew", s.shard, end, s.next)
			place = end
		}
		if text != "" && wrong == nil {
			wrong = &rangeError{Text: text, Shard: s.shard, First: first, End: end}
		}
		moved = setPosition(moved, s.shard, place)
	}
	if wrong == nil {
		return nil
	}
	wrong.Next = FormatPositions(moved)
	return wrong
}

// setPosition sets a shard's place in a list by shard, which grows with -1.
func setPosition(positions []int64, shard int, offset int64) []int64 {
	for len(positions) <= shard {
		positions = append(positions, -1)
	}
	positions[shard] = offset
	return positions
}
