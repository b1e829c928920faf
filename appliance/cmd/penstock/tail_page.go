package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"penstock/appliance/admin"
)

// pollWait is how long a poll waits for a record.
const pollWait = 30 * time.Second

// pageQuery asks for a page of records.
type pageQuery struct {
	shard     int // -1: all
	from      admin.Bound
	until     admin.Bound   // AtEnd is the end when the page begins
	positions []int64       // nil: where from says
	wait      time.Duration // not 0: wait for the first record; until is then no bound
}

// pageResult is what a page told beside its records.
type pageResult struct {
	end []int64 // by shard: where the page's end was set
}

// outputError is a failure to write to stdout.
type outputError struct{ err error }

func (e *outputError) Error() string { return "cannot print: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// stoppedError says that the appliance could not read on, though it could tell so.
type stoppedError struct{ base, why string }

func (e *stoppedError) Error() string { return e.base + " could not read on: " + e.why }

// page asks for one page and prints it. The positions follow each line that was printed whole, so that after any error the next
// page goes on exactly behind it.
func (t *tail) page(ctx context.Context, ask pageQuery) (*pageResult, error) {
	response, err := t.client.open(ctx, http.MethodGet, topicPath(t.topic)+"/records", t.values(&ask), nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if ask.positions == nil {
		if t.positions, err = positionsOf(response.Header, "Penstock-From"); err != nil {
			return nil, err
		}
	}
	end, err := positionsOf(response.Header, "Penstock-End")
	if err != nil {
		return nil, err
	}
	if err := t.lines(response.Body); err != nil {
		return nil, err
	}
	told := func(name string) string { return response.Header.Get(name) + response.Trailer.Get(name) } // one of the two
	t.tellLosses(told("Penstock-Lost"))
	next, err := admin.ParseBound(told("Penstock-Next"), time.Time{})
	if err != nil || next.Kind != admin.AtPositions {
		return nil, &unreachable{t.client.base, io.ErrUnexpectedEOF}
	}
	t.mu.Lock()
	for shard, offset := range next.Positions {
		if offset >= 0 && shard < len(t.positions) {
			t.positions[shard] = offset
		}
	}
	t.mu.Unlock()
	if why := told("Penstock-Error"); why != "" {
		return nil, &stoppedError{t.client.base, why}
	}
	t.back()
	return &pageResult{end: end}, nil
}

func positionsOf(h http.Header, name string) ([]int64, error) {
	b, err := admin.ParseBound(h.Get(name), time.Time{})
	if err != nil || b.Kind != admin.AtPositions {
		return nil, fmt.Errorf("the answer has no %s: is it a penstock admin listener, of this version?", name)
	}
	return b.Positions, nil
}

func (t *tail) values(ask *pageQuery) url.Values {
	v := url.Values{}
	t.mu.Lock()
	defer t.mu.Unlock()
	if ask.shard >= 0 {
		v.Set("shard", strconv.Itoa(ask.shard))
	}
	if ask.positions != nil {
		v.Set("next", admin.FormatPositions(ask.positions))
	}
	limit := int64(admin.LimitMax)
	if t.left >= 0 {
		limit = min(limit, t.left)
	}
	v.Set("limit", strconv.FormatInt(limit, 10))
	if t.valueOf {
		v.Set("encoding", "base64")
	}
	if ask.wait > 0 {
		v.Set("wait", ask.wait.String())
		return v
	}
	v.Set("from", ask.from.String())
	v.Set("until", ask.until.String())
	return v
}

// lines prints the lines of a page. A last line without its end was cut off and is not printed.
func (t *tail) lines(body io.Reader) error {
	reader := bufio.NewReaderSize(body, 64<<10)
	var long, value []byte
	for {
		line, err := reader.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line...)
			continue
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &unreachable{t.client.base, err}
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		shard, offset, ok := placeOf(line)
		if ok && t.valueOf {
			value, ok = appendValue(value[:0], line)
			line = append(value, '\n')
		}
		if !ok {
			return fmt.Errorf("%s answered with a line that is no record: %.100q", t.client.base, line)
		}
		if err := t.line(shard, offset, line); err != nil {
			return err
		}
		long = long[:0]
	}
}

// line prints one record and moves the shard's position behind it.
func (t *tail) line(shard int, offset int64, line []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == 0 || shard >= len(t.positions) {
		return errEnough
	}
	if _, err := t.out.Write(line); err != nil {
		return &outputError{err}
	}
	t.positions[shard] = offset + 1
	t.printed.Add(1)
	if t.left > 0 {
		t.left--
		if t.left == 0 && t.follow {
			return errEnough
		}
	}
	return nil
}

// placeOf finds a line's shard and offset, which stand right behind its topic.
func placeOf(line []byte) (shard int, offset int64, ok bool) {
	_, rest, found := bytes.Cut(line, []byte(`","shard":`))
	before, rest, found2 := bytes.Cut(rest, []byte(`,"offset":`))
	after, _, found3 := bytes.Cut(rest, []byte(`,"time":`))
	if !found || !found2 || !found3 {
		return 0, 0, false
	}
	shard, err := strconv.Atoi(string(before))
	offset, err2 := strconv.ParseInt(string(after), 10, 64)
	return shard, offset, err == nil && err2 == nil && shard >= 0
}

// appendValue adds the bytes of a line's value, which was asked for in base64; null has none. Inside the key, which stands before
// it, a quote is escaped, so the first `,"value":` is the member.
func appendValue(dst, line []byte) ([]byte, bool) {
	_, value, found := bytes.Cut(line, []byte(`,"value":`))
	if bytes.HasPrefix(value, []byte("null}")) {
		return dst, found
	}
	text, isText := bytes.CutPrefix(value, []byte(`"`))
	text, _, isBase64 := bytes.Cut(text, []byte(`","encoding":"base64"}`))
	dst, err := base64.StdEncoding.AppendDecode(dst, text)
	return dst, found && isText && isBase64 && err == nil
}

func (t *tail) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.out.Flush(); err != nil {
		return &outputError{err}
	}
	return nil
}

// move goes to the place that a 416 names.
func (t *tail) move(err error) ([]int64, error) {
	var status *statusError
	errors.As(err, &status)
	next, parseErr := admin.ParseBound(status.Next, time.Time{})
	if parseErr != nil || next.Kind != admin.AtPositions {
		return nil, err
	}
	t.note(status.Text + "; going on with " + status.Next)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.positions == nil {
		t.positions = next.Positions
	}
	for shard, offset := range next.Positions {
		if offset >= 0 && shard < len(t.positions) {
			t.positions[shard] = offset
		}
	}
	return t.positions, nil
}

// tellLosses prints what Penstock-Lost says, as "0:17-25 damaged, 1:3-9 expired".
func (t *tail) tellLosses(lost string) {
	if lost == "" {
		return
	}
	for part := range strings.SplitSeq(lost, ", ") {
		place, why, _ := strings.Cut(part, " ")
		shard, offsets, _ := strings.Cut(place, ":")
		first, next, _ := strings.Cut(offsets, "-")
		behind, err := strconv.ParseInt(next, 10, 64)
		if err != nil {
			t.note("left out: " + part)
			continue
		}
		t.note(fmt.Sprintf("shard %s: offsets %s to %d are %s and left out", shard, first, behind-1, why))
	}
}

// note tells the person something about the output, which stays the records alone.
func (t *tail) note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.notes, "penstock: %s\n", text)
}

// absent notes, once, why nothing comes; back notes that it comes again.
func (t *tail) absent(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.away == "" {
		fmt.Fprintf(t.notes, "penstock: %s\n", why)
	}
	t.away = why
}

func (t *tail) back() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.away != "" {
		t.away = ""
		fmt.Fprintf(t.notes, "penstock: going on with %s\n", t.topic)
	}
}
