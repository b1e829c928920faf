package main

import (
	"fmt"
	"hash/maphash"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// stored is what a lying server says it has: one topic, lines by shard.
type stored [2][]string

// serve answers as the admin listener does.
func (s *stored) serve(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/records") {
			var shard, from int
			fmt.Sscan(r.FormValue("shard"), &shard)
			fmt.Sscan(r.FormValue("from"), &from)
			for _, line := range s[shard][min(from, len(s[shard])):] {
				fmt.Fprintln(w, line)
			}
			return
		}
		fmt.Fprintf(w, `{"topic":"load-0","shards":[{"shard":0,"first":0,"next":%d},{"shard":1,"first":0,"next":%d}]}`, len(s[0]), len(s[1]))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// renumber gives the lines of a shard the offsets they stand at.
func renumber(lines []string) {
	for i, l := range lines {
		before, rest, _ := strings.Cut(l, `"offset":`)
		_, after, _ := strings.Cut(rest, ",")
		lines[i] = fmt.Sprintf(`%s"offset":%d,%s`, before, i, after)
	}
}

// Each named lie must be found out, and the truth must pass: else the torturer proves nothing.
func TestVerifierFindsEveryLie(t *testing.T) {
	for _, c := range []struct {
		name string
		lie  func(s *stored)
		says string // part of the first violation; "" = none
	}{
		{"the truth", func(*stored) {}, ""},
		{"an acknowledged event is lost", func(s *stored) { s[0] = slices.Delete(s[0], 3, 4); renumber(s[0]) }, "are gone"},
		{"the last acknowledged event is lost", func(s *stored) { s[0] = s[0][:len(s[0])-1] }, "not all of them may be missing"},
		{"an event is doubled", func(s *stored) { s[1] = slices.Insert(s[1], 4, s[1][3]); renumber(s[1]) }, "again or out of order"},
		{"two events change places", func(s *stored) { s[0][2], s[0][3] = s[0][3], s[0][2]; renumber(s[0]) }, "gone"},
		{"a byte is changed", func(s *stored) { s[0][5] = strings.Replace(s[0][5], `,"t":"`, `,"T":"`, 1) }, "was changed"},
		{"the time is changed", func(s *stored) { s[0][5] = strings.Replace(s[0][5], `"time":1`, `"time":2`, 1) }, "was changed"},
		{"an event is invented", func(s *stored) {
			s[0] = append(s[0], strings.Replace(s[0][len(s[0])-1], `"seq":19`, `"seq":20`, 1))
			renumber(s[0])
		}, "was changed"},
		{"a well-made event nobody sent", func(s *stored) { s[0] = append(s[0], lineOf(0, 20, 0, 20)) }, "never sent"},
		{"a stranger's event", func(s *stored) {
			s[0] = append(s[0], strings.Replace(lineOf(0, 20, 0, 20), `"key":"u0"`, `"key":"x0"`, 1))
		}, "nobody sent"},
		{"an offset is skipped", func(s *stored) { s[0][19] = strings.Replace(s[0][19], `"offset":19`, `"offset":20`, 1) }, "is due"},
		{"a key is in two shards", func(s *stored) {
			last := s[0][19]
			s[0] = s[0][:19]
			s[1] = append(s[1], strings.Replace(last, `"shard":0`, `"shard":1`, 1))
			renumber(s[1])
		}, "in shards"},
		{"half of an unseen request is kept", func(s *stored) { s[1] = slices.Delete(s[1], 10, 11); renumber(s[1]) }, "are gone"},
		{"all of an unseen request is missing", func(s *stored) { s[1] = slices.Delete(s[1], 10, 12); renumber(s[1]) }, ""},
		{"not a record", func(s *stored) { s[0][7] = `{"topic":"load-0","shard":0}` }, "not a record's line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorkload(5, 1, 2, 80, 400)
			b := newBook(w)
			var s stored
			for key := range 2 { // key k's events are in shard k
				for seq := range int64(20) {
					b.take(0, key)
					s[key] = append(s[key], lineOf(key, int(seq), key, seq))
				}
			}
			b.unknown(&sending{topic: 0, first: map[int]int64{1: 10}, count: map[int]int64{1: 2}})
			c.lie(&s)
			v := newVerifier(w, b, s.serve(t), maphash.MakeSeed())
			err := v.run()
			first := strings.Join(v.First, "\n")
			if c.says == "" && (err != nil || first != "") {
				t.Fatalf("the truth was taken for a lie: %v\n%s", err, first)
			}
			if c.says != "" && (err == nil || !strings.Contains(first, c.says)) {
				t.Fatalf("not found out: %v\n%s", err, first)
			}
		})
	}
}

func lineOf(shard, offset, key int, seq int64) string {
	w := newWorkload(5, 1, 2, 80, 400)
	return fmt.Sprintf(`{"topic":"load-0","shard":%d,"offset":%d,"time":%d,"key":"u%d","value":%s}`,
		shard, offset, eventTime(key, seq), key, w.appendEvent(nil, 0, key, seq))
}
