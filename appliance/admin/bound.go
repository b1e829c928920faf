package admin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bound is one end of a reading: where it starts or where it stops.
type Bound struct {
	Kind      BoundKind
	Offset    int64   // AtOffset: in every shard
	Time      int64   // AtTime: ms since 1970
	Positions []int64 // AtPositions: by shard; -1 where the text names none
}

// BoundKind says how a Bound is meant.
type BoundKind uint8

// The kinds of Bound.
const (
	AtBeginning BoundKind = iota
	AtEnd
	AtOffset
	AtTime
	AtPositions
)

// BoundForms is what ParseBound reads, for help texts and errors.
const BoundForms = "beginning, end, an offset (17), a time (2016-09-26, 2016-09-26T19:40:02Z, 1474921202000ms, now, -15m, -2d) or positions (0:17,1:4)"

// ParseBound reads a bound. now is what relative times count from.
//
//	beginning, end            the first record kept; behind the last one
//	17                        an offset, in every shard
//	0:17,1:4                  positions, shard:offset
//	now, -90s, -15m, -2d12h   a time before now: Go's units, and d for 24 hours
//	1474921202000ms           a time, in milliseconds since 1970, as a record's "time"
//	2016-09-26T19:40:02.5Z    a time, RFC 3339; without a zone it is UTC
//	2016-09-26                a time: that day's first instant, UTC
func ParseBound(text string, now time.Time) (Bound, error) {
	switch text {
	case "beginning":
		return Bound{Kind: AtBeginning}, nil
	case "end":
		return Bound{Kind: AtEnd}, nil
	}
	if offset, err := strconv.ParseUint(text, 10, 63); err == nil {
		return Bound{Kind: AtOffset, Offset: int64(offset)}, nil
	}
	if ms, ok := parseTime(text, now); ok {
		return Bound{Kind: AtTime, Time: ms}, nil
	}
	if positions, ok := parsePositions(text); ok {
		return Bound{Kind: AtPositions, Positions: positions}, nil
	}
	return Bound{}, fmt.Errorf("%q is none of: %s", text, BoundForms)
}

// String is the bound in a form that ParseBound reads as the same bound, whatever the time is then.
func (b Bound) String() string {
	switch b.Kind {
	case AtBeginning:
		return "beginning"
	case AtEnd:
		return "end"
	case AtOffset:
		return strconv.FormatInt(b.Offset, 10)
	case AtTime:
		if b.Time < 0 { // -5ms is five milliseconds ago
			return time.UnixMilli(b.Time).UTC().Format(time.RFC3339Nano)
		}
		return strconv.FormatInt(b.Time, 10) + "ms"
	case AtPositions:
		return FormatPositions(b.Positions)
	}
	panic("BUG: a bound of no kind")
}

// timeForms are tried in order; those without a zone are UTC.
var timeForms = [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly}

func parseTime(text string, now time.Time) (ms int64, ok bool) {
	if text == "now" {
		return now.UnixMilli(), true
	}
	if back, found := strings.CutPrefix(text, "-"); found {
		span, ok := parseSpan(back)
		return now.Add(-span).UnixMilli(), ok
	}
	if digits, found := strings.CutSuffix(text, "ms"); found {
		ms, err := strconv.ParseInt(digits, 10, 64)
		return ms, err == nil
	}
	for _, form := range timeForms {
		if t, err := time.Parse(form, text); err == nil {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

// parseSpan reads a duration in Go's units, before which days may stand: 2d, 2d12h, 90s. It is not negative.
func parseSpan(text string) (time.Duration, bool) {
	var days time.Duration
	if before, rest, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseUint(before, 10, 32)
		if err != nil || n > math.MaxInt64/uint64(24*time.Hour) {
			return 0, false
		}
		days = time.Duration(n) * 24 * time.Hour
		if rest == "" {
			return days, true
		}
		text = rest
	}
	span, err := time.ParseDuration(text)
	if err != nil || strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") || span > math.MaxInt64-days {
		return 0, false
	}
	return days + span, true
}

// shardsMax bounds the shard numbers a request may name, and so what parsing it may cost.
const shardsMax = 4096

// parsePositions reads 0:17,1:4.
func parsePositions(text string) ([]int64, bool) {
	var positions []int64
	for part := range strings.SplitSeq(text, ",") {
		before, after, found := strings.Cut(part, ":")
		shard, err := strconv.ParseUint(before, 10, 32)
		offset, err2 := strconv.ParseUint(after, 10, 63)
		if !found || err != nil || err2 != nil || shard >= shardsMax {
			return nil, false
		}
		for uint64(len(positions)) <= shard {
			positions = append(positions, -1)
		}
		if positions[shard] >= 0 {
			return nil, false // named twice
		}
		positions[shard] = int64(offset)
	}
	return positions, true
}

// FormatPositions writes positions by shard as ParseBound reads them. Negative ones are left out.
func FormatPositions(positions []int64) string {
	var b strings.Builder
	for shard, offset := range positions {
		if offset < 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d:%d", shard, offset)
	}
	return b.String()
}
