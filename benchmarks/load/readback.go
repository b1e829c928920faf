package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// shardInfo is one shard in the answer of GET /v1/topics/{t}: its readable records are [First, Next).
type shardInfo struct {
	Shard       int
	First, Next int64
}

// describe tells a topic's shards; none when the topic is not there.
func (v *verifier) describe(topic int) ([]shardInfo, error) {
	r, err := v.http.Get(v.admin + "/v1/topics/" + v.w.name(topic))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if r.StatusCode == http.StatusNotFound {
		return nil, nil // nothing was sent there yet, or settle finds what is missing
	}
	var answer struct{ Shards []shardInfo }
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil || r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("topic %s: status %d, %w", v.w.name(topic), r.StatusCode, errors.Join(err))
	}
	return answer.Shards, nil
}

// pageRecords is how many records are asked for at a time.
const pageRecords = 50_000

// readPage reads at most limit records from seen.next on.
func (v *verifier) readPage(topic, shard int, seen *shardSeen, limit int64) error {
	url := fmt.Sprintf("%s/v1/topics/%s/records?shard=%d&from=%d&limit=%d&wait=0s", v.admin, v.w.name(topic), shard, seen.next, limit)
	r, err := v.http.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1000))
		return fmt.Errorf("%s: status %d, %s", url, r.StatusCode, body)
	}
	v.lines.Reset(r.Body)
	for {
		line, err := v.lines.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			return v.trailers(url, r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", url, err)
		}
		v.record(topic, shard, seen, line[:len(line)-1])
	}
}

// lineMax is more than the longest line that a workload's events make.
const lineMax = 1 << 20

func newLines() *bufio.Reader { return bufio.NewReaderSize(nil, lineMax) }

// line is a record as the admin API writes it, in that order and form.
type line struct {
	shard, offset, time int64
	key, value          []byte
}

func parseLine(b []byte, topic string) (l line, ok bool) {
	number := func(name string) (n int64) {
		var rest []byte
		if rest, ok = bytes.CutPrefix(b, []byte(name)); !ok {
			return 0
		}
		end := bytes.IndexByte(rest, ',')
		if ok = end > 0; !ok {
			return 0
		}
		n, err := strconv.ParseInt(string(rest[:end]), 10, 64)
		ok = err == nil
		b = rest[end:]
		return n
	}
	if b, ok = bytes.CutPrefix(b, []byte(`{"topic":"`+topic+`"`)); !ok {
		return l, false
	}
	if l.shard = number(`,"shard":`); !ok {
		return l, false
	}
	if l.offset = number(`,"offset":`); !ok {
		return l, false
	}
	if l.time = number(`,"time":`); !ok {
		return l, false
	}
	if b, ok = bytes.CutPrefix(b, []byte(`,"key":"`)); !ok {
		return l, false
	}
	if l.key, b, ok = bytes.Cut(b, []byte(`","value":`)); !ok {
		return l, false
	}
	l.value, ok = bytes.CutSuffix(b, []byte("}"))
	return l, ok
}

// ends tells where the topics end now.
func (v *verifier) ends() (ends, error) {
	all := make(ends, v.w.Topics)
	for topic := range all {
		all[topic] = map[int]int64{}
		shards, err := v.describe(topic)
		if err != nil {
			return nil, err
		}
		for _, s := range shards {
			all[topic][s.Shard] = s.Next
		}
	}
	return all, nil
}

// arrivalMost is how long an acknowledged record may take until it can be read, which only the policy ring allows to be any time at all.
const arrivalMost = 30 * time.Second

// arrived tells where a load that began at begin has ended: when as many records can be read as were acknowledged, or, should some never
// come, after arrivalMost. It is then for the verifier to say which.
func (v *verifier) arrived(begin ends) (end ends, err error) {
	for until := time.Now().Add(arrivalMost); ; time.Sleep(10 * time.Millisecond) {
		if end, err = v.ends(); err != nil {
			return nil, err
		}
		var there int64
		for topic := range end {
			for shard, next := range end[topic] {
				there += next - begin[topic][shard]
			}
		}
		if there >= v.book.ackedEvents.Load() || time.Now().After(until) {
			return end, nil
		}
	}
}

// retentionPause is longer than the second that lies between two looks of the server at what it keeps.
const retentionPause = 1200 * time.Millisecond

// awaitRetention waits until retention has removed what it wants to: until it removes nothing for longer than it looks. Without load nothing
// more is removed then, and what is kept can be read from its beginning.
func (v *verifier) awaitRetention() error {
	before, err := v.firsts()
	for end := time.Now().Add(time.Minute); err == nil && time.Now().Before(end); {
		time.Sleep(retentionPause)
		var now int64
		if now, err = v.firsts(); err == nil && now == before {
			return nil
		}
		before = now
	}
	if err == nil {
		err = errors.New("retention goes on for a minute without load")
	}
	return err
}

// firsts is the sum of all shards' first offsets, which grows whenever retention removes something.
func (v *verifier) firsts() (sum int64, err error) {
	for topic := range v.w.Topics {
		shards, err := v.describe(topic)
		if err != nil {
			return 0, err
		}
		for _, s := range shards {
			sum += s.First
		}
	}
	return sum, nil
}

// trailers holds the server to what it says about the page itself. The fields are trailers of a long page and headers of a short one.
func (v *verifier) trailers(url string, r *http.Response) error {
	for _, fields := range []http.Header{r.Header, r.Trailer} {
		if lost := fields.Get("Penstock-Lost"); lost != "" {
			v.problem("%s: the server says that it lost %s", url, lost)
		}
		if text := fields.Get("Penstock-Error"); text != "" {
			return fmt.Errorf("%s: %s", url, text)
		}
	}
	return nil
}
