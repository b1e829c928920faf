package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"strconv"
	"time"
)

// verifier reads topics back and compares every record with what was sent: each acknowledged event is there once, in order of its key,
// byte for byte; nothing else is; offsets have no gaps; a key stays in one shard. It remembers a few numbers a key and a shard, and can go on
// later from where it was.
type verifier struct {
	w     *workload
	book  *book
	admin string // URL
	http  *http.Client
	seed  maphash.Seed

	shards  map[shardID]*shardSeen
	keys    [][]keySeen
	want    []byte
	Records int64
	Missing int64 // events of unknown fate that were not kept

	problems int
	First    []string // the first few problems, in words
}

type shardID struct{ topic, shard int }

// shardSeen is how far a shard was read, and a hash over all of it.
type shardSeen struct {
	next int64
	hash uint64
}

type keySeen struct {
	expect int64 // sequence number due next
	shard  int   // -1: not seen yet
}

const problemsShown = 10

func newVerifier(w *workload, b *book, admin string, seed maphash.Seed) *verifier {
	v := &verifier{w: w, book: b, admin: admin, http: &http.Client{Timeout: 2 * time.Minute}, seed: seed, shards: map[shardID]*shardSeen{}}
	v.keys = make([][]keySeen, w.Topics)
	for t := range v.keys {
		v.keys[t] = make([]keySeen, w.Keys)
		for k := range v.keys[t] {
			v.keys[t][k].shard = -1
		}
	}
	return v
}

func (v *verifier) problem(format string, args ...any) {
	v.problems++
	if len(v.First) < problemsShown {
		v.First = append(v.First, fmt.Sprintf(format, args...))
	}
}

// run reads everything that is new in all topics, and then holds it against the book. No sender may be running.
func (v *verifier) run() error {
	for topic := range v.w.Topics {
		shards, err := v.describe(topic)
		if err != nil {
			return err
		}
		for _, s := range shards {
			if err := v.readShard(topic, s); err != nil {
				return err
			}
		}
	}
	v.settle()
	return v.verdict()
}

func (v *verifier) verdict() error {
	if v.problems > 0 {
		return fmt.Errorf("%d violations", v.problems)
	}
	return nil
}

// shardInfo is one shard in the answer of GET /v1/topics/{t}.
type shardInfo struct {
	Shard       int
	First, Next int64
}

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

func (v *verifier) readShard(topic int, info shardInfo) error {
	id := shardID{topic, info.Shard}
	seen := v.shards[id]
	if seen == nil {
		seen = &shardSeen{next: info.First}
		v.shards[id] = seen
	}
	if info.First > seen.next {
		v.problem("%s/%d: retention removed records before they were verified: first is %d, verified up to %d", v.w.name(topic), info.Shard, info.First, seen.next)
		seen.next = info.First
	}
	if info.Next < seen.next {
		v.problem("%s/%d: records that were read are gone: next is %d, verified up to %d", v.w.name(topic), info.Shard, info.Next, seen.next)
	}
	for seen.next < info.Next {
		before := seen.next
		if err := v.readPage(topic, info.Shard, seen); err != nil {
			return err
		}
		if seen.next == before {
			return fmt.Errorf("%s/%d: no record at offset %d although %d are said to be there", v.w.name(topic), info.Shard, before, info.Next)
		}
	}
	return nil
}

func (v *verifier) readPage(topic, shard int, seen *shardSeen) error {
	url := fmt.Sprintf("%s/v1/topics/%s/records?shard=%d&from=%d&limit=%d", v.admin, v.w.name(topic), shard, seen.next, pageRecords)
	r, err := v.http.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1000))
		return fmt.Errorf("%s: status %d, %s", url, r.StatusCode, body)
	}
	lines := bufio.NewReaderSize(r.Body, 1<<20)
	for {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		v.record(topic, shard, seen, line[:len(line)-1])
	}
}

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

// record compares one record with the event it claims to be.
func (v *verifier) record(topic, shard int, seen *shardSeen, text []byte) {
	v.Records++
	name := v.w.name(topic)
	seen.hash = mix(seen.hash ^ maphash.Bytes(v.seed, text))
	l, ok := parseLine(text, name)
	if !ok || int(l.shard) != shard {
		v.problem("%s/%d: not a record's line: %.200q", name, shard, text)
		return
	}
	if l.offset != seen.next {
		v.problem("%s/%d: offset %d where %d is due", name, shard, l.offset, seen.next)
	}
	seen.next = l.offset + 1
	key, seq, ok := v.identify(&l)
	if !ok {
		v.problem("%s/%d@%d: an event nobody sent: key %.40q, %.200q", name, shard, l.offset, l.key, l.value)
		return
	}
	v.want = v.w.appendEvent(v.want[:0], topic, key, seq)
	if !bytes.Equal(v.want, l.value) || l.time != eventTime(key, seq) {
		v.problem("%s/%d@%d: key u%d, event %d was changed: time %d, %.200q", name, shard, l.offset, key, seq, l.time, l.value)
		return
	}
	v.order(topic, shard, key, seq, l.offset)
}

// identify reads whose event a record is and which.
func (v *verifier) identify(l *line) (key int, seq int64, ok bool) {
	if len(l.key) < 2 || l.key[0] != 'u' {
		return 0, 0, false
	}
	key, err := strconv.Atoi(string(l.key[1:]))
	if err != nil || key < 0 || key >= v.w.Keys {
		return 0, 0, false
	}
	_, rest, found := bytes.Cut(l.value, []byte(`,"seq":`))
	if !found {
		return 0, 0, false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	seq, err = strconv.ParseInt(string(rest[:end]), 10, 64)
	return key, seq, err == nil
}

// order holds an event against its key's account.
func (v *verifier) order(topic, shard, key int, seq, offset int64) {
	k, a := &v.keys[topic][key], &v.book.accounts[topic][key]
	name := v.w.name(topic)
	switch {
	case k.shard >= 0 && k.shard != shard:
		v.problem("%s: key u%d is in shards %d and %d", name, key, k.shard, shard)
	case seq >= a.next:
		v.problem("%s/%d@%d: key u%d, event %d was never sent", name, shard, offset, key, seq)
		return
	case seq < k.expect:
		v.problem("%s/%d@%d: key u%d, event %d again or out of order, %d is due", name, shard, offset, key, seq, k.expect)
		return
	case seq > k.expect && !a.mayMiss(k.expect, seq):
		v.problem("%s/%d@%d: key u%d, events %d to %d were acknowledged and are gone", name, shard, offset, key, k.expect, seq-1)
	case seq > k.expect:
		v.Missing += seq - k.expect
	}
	k.shard, k.expect = shard, seq+1
}

// settle holds the accounts against what was found, when everything was read.
func (v *verifier) settle() {
	for topic := range v.keys {
		for key := range v.keys[topic] {
			k, a := &v.keys[topic][key], &v.book.accounts[topic][key]
			if k.expect < a.next {
				if a.mayMiss(k.expect, a.next) {
					v.Missing += a.next - k.expect
				} else {
					v.problem("%s: key u%d, events %d to %d were sent, and not all of them may be missing", v.w.name(topic), key, k.expect, a.next-1)
				}
				k.expect = a.next // none of them may turn up later
			}
		}
	}
}
