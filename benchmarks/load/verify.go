package main

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/maphash"
	"net/http"
	"strconv"
	"time"

	"penstock/benchmarks/splitmix"
)

// verifier reads topics back and compares every record with what was sent: each acknowledged event is there once, in order of its key,
// byte for byte; nothing else is; offsets have no gaps and are not used twice; a key stays in one shard; a request of unknown fate is, in
// each shard, there wholly or not at all. It remembers a few numbers a key and a shard, and can go on later from where it was.
type verifier struct {
	w     *workload
	book  *book
	admin string // URL
	http  *http.Client
	seed  maphash.Seed

	shards  map[shardID]*shardSeen
	keys    [][]keySeen
	end     ends               // read no further; nil: to the end
	saw     map[shardID]*sight // what a witness saw beyond what was read so far; it must be there
	lines   *bufio.Reader
	want    []byte
	Records int64
	Sighted int64 // records of these that a witness had seen

	problems int
	First    []string // the first few problems, in words
}

type shardID struct{ topic, shard int }

// shardSeen is what was read of a shard: [began, next), and a hash over it for each stretch of offsets.
type shardSeen struct {
	began, next int64
	expired     bool // retention had removed what was before began
	sums        []uint64
}

// stretch is how many offsets share a hash.
const stretch = 4096

type keySeen struct {
	expect int64 // sequence number due next
	shard  int   // -1: not seen yet
}

const problemsShown = 10

// newVerifier verifies from the beginning. Verifiers whose hashes are compared have the same seed.
func newVerifier(b *book, admin string, seed maphash.Seed) *verifier {
	v := &verifier{w: b.w, book: b, admin: admin, http: &http.Client{Timeout: 2 * time.Minute}, seed: seed, shards: map[shardID]*shardSeen{}}
	v.lines = newLines()
	v.keys = make([][]keySeen, v.w.Topics)
	for t := range v.keys {
		v.keys[t] = make([]keySeen, v.w.Keys)
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

// between has the verifier read only what lies between two ends: what a load sent, as they were told before and after it.
func (v *verifier) between(begin, end ends) {
	v.end = end
	for topic, shards := range begin {
		for shard, offset := range shards {
			v.shards[shardID{topic, shard}] = &shardSeen{began: offset, next: offset}
		}
	}
}

// run reads everything that is new in all topics, and then holds it against the book, whose unknown requests are settled by it. No sender
// may be running.
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
		v.absent(topic, shards)
	}
	v.settle()
	if v.problems > 0 {
		return fmt.Errorf("%d violations", v.problems)
	}
	return nil
}

// absent looks for shards that were there once.
func (v *verifier) absent(topic int, shards []shardInfo) {
	there := map[int]bool{}
	for _, s := range shards {
		there[s.Shard] = true
	}
	for id, seen := range v.shards {
		if id.topic == topic && !there[id.shard] && seen.next > 0 {
			v.problem("%s/%d: the shard is gone, verified up to %d", v.w.name(topic), id.shard, seen.next)
		}
	}
	for id, s := range v.saw {
		if id.topic == topic && !there[id.shard] && s.next() > 0 {
			v.problem("%s/%d: the shard is gone, of which a reader has seen what is below offset %d", v.w.name(topic), id.shard, s.next())
		}
	}
}

func (v *verifier) readShard(topic int, info shardInfo) error {
	id, name := shardID{topic, info.Shard}, v.w.name(topic)
	seen := v.shards[id]
	if seen == nil {
		seen = &shardSeen{began: info.First, next: info.First, expired: info.First > 0}
		v.shards[id] = seen
	}
	if info.First > seen.next {
		v.problem("%s/%d: retention removed records before they were verified: first is %d, verified up to %d", name, info.Shard, info.First, seen.next)
		seen.next = info.First
	}
	if info.Next < seen.next {
		v.problem("%s/%d: records that were read are gone: next is %d, verified up to %d", name, info.Shard, info.Next, seen.next)
	}
	v.vanished(id, info.Next)
	if v.end != nil {
		info.Next = min(info.Next, v.end[topic][info.Shard])
	}
	for seen.next < info.Next {
		before := seen.next
		if err := v.readPage(topic, info.Shard, seen, min(pageRecords, info.Next-before)); err != nil {
			return err
		}
		if seen.next == before {
			return fmt.Errorf("%s/%d: no record at offset %d although %d are said to be there", name, info.Shard, before, info.Next)
		}
	}
	return nil
}

// vanished holds the end of a shard against what a witness saw of it.
func (v *verifier) vanished(id shardID, next int64) {
	s := v.saw[id]
	switch {
	case s == nil:
	case s.problem != "":
		v.problem("%s/%d: %s", v.w.name(id.topic), id.shard, s.problem)
	case next < s.next():
		v.problem("%s/%d: a reader has seen what is below offset %d, and now the shard ends at %d", v.w.name(id.topic), id.shard, s.next(), next)
	}
}

// record compares one record with the event it claims to be.
func (v *verifier) record(topic, shard int, seen *shardSeen, text []byte) {
	v.Records++
	name := v.w.name(topic)
	l, ok := parseLine(text, name)
	if !ok || int(l.shard) != shard {
		v.problem("%s/%d: not a record's line: %.200q", name, shard, text)
		return
	}
	if l.offset != seen.next {
		v.problem("%s/%d: offset %d where %d is due", name, shard, l.offset, seen.next)
		if l.offset < seen.next || l.offset > seen.next+1_000_000 {
			return
		}
	}
	hash := maphash.Bytes(v.seed, text)
	seen.note(l.offset, hash)
	if was, sighted := v.saw[shardID{topic, shard}].at(l.offset); sighted {
		if v.Sighted++; was != hash {
			v.problem("%s/%d@%d: a reader has seen another record here than %.200q", name, shard, l.offset, text)
		}
	}
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
	v.order(topic, shard, seen.expired, key, seq, l.offset)
}

// note adds a record to the hash of its stretch.
func (s *shardSeen) note(offset int64, hash uint64) {
	for int64(len(s.sums)) <= offset/stretch {
		s.sums = append(s.sums, 0)
	}
	s.sums[offset/stretch] = splitmix.Mix(s.sums[offset/stretch] ^ hash)
	s.next = offset + 1
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
func (v *verifier) order(topic, shard int, expired bool, key int, seq, offset int64) {
	k, a := &v.keys[topic][key], &v.book.accounts[topic][key]
	name := v.w.name(topic)
	if k.shard < 0 && expired {
		k.expect = seq // what came before it was verified by who saw it, and retention has removed it
	}
	switch {
	case k.shard >= 0 && k.shard != shard:
		v.problem("%s: key u%d is in shards %d and %d", name, key, k.shard, shard)
	case seq >= a.next:
		v.problem("%s/%d@%d: key u%d, event %d was never sent", name, shard, offset, key, seq)
		return
	case a.isLost(seq):
		v.problem("%s/%d@%d: key u%d, event %d was refused or reported absent before, and is there now", name, shard, offset, key, seq)
	case seq < k.expect:
		v.problem("%s/%d@%d: key u%d, event %d again or out of order, %d is due", name, shard, offset, key, seq, k.expect)
		return
	case seq > k.expect && !a.miss(k.expect, seq):
		v.problem("%s/%d@%d: key u%d, events %d to %d were acknowledged and are gone", name, shard, offset, key, k.expect, seq-1)
	}
	k.shard, k.expect = shard, max(k.expect, seq+1)
}
