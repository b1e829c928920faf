package main

import (
	"fmt"
	"hash/maphash"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stored is what a lying server says it has: one topic, lines by shard, from their first offsets on.
type stored struct {
	lines [2][]string // an empty one is a hole
	first [2]int
	lost  string // Penstock-Lost, told with the pages of the shard it names
}

// serve answers as the admin listener does.
func (s *stored) serve(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/records") {
			var shard, from, limit int
			fmt.Sscan(r.FormValue("shard"), &shard)
			fmt.Sscan(r.FormValue("from"), &from)
			fmt.Sscan(r.FormValue("limit"), &limit)
			if strings.HasPrefix(s.lost, fmt.Sprintf("%d:", shard)) {
				w.Header().Set("Penstock-Lost", s.lost)
			}
			lines := s.lines[shard][min(max(0, from-s.first[shard]), len(s.lines[shard])):]
			for _, line := range lines[:min(limit, len(lines))] {
				if line != "" {
					fmt.Fprintln(w, line)
				}
			}
			return
		}
		fmt.Fprintf(w, `{"topic":"load-0","shards":[{"shard":0,"first":%d,"next":%d},{"shard":1,"first":%d,"next":%d}]}`,
			s.first[0], s.first[0]+len(s.lines[0]), s.first[1], s.first[1]+len(s.lines[1]))
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

// remove has a server lose lines [from, to) of a shard, as if they had never been there.
func (s *stored) remove(shard, from, to int) {
	s.lines[shard] = slices.Delete(s.lines[shard], from, to)
	renumber(s.lines[shard])
}

// testWorld is three keys of twenty events: key 0's are in shard 0, keys 1's and 2's in shard 1, taking turns. Requests of unknown fate are
// events 10 and 11 of key 1 together with event 10 of key 2, and, sent later, event 15 of key 0. Event 5 of key 2 was refused.
func testWorld() (*book, *stored) {
	b := newBook(newWorkload(5, 1, 3, 80, 400))
	s := &stored{}
	for seq := range int64(20) {
		for key := range 3 {
			b.take(0, key)
			if key == 2 && seq == 5 {
				b.refused(&sending{runs: []run{{key: 2, first: 5, count: 1}}})
				continue
			}
			shard := min(key, 1)
			s.lines[shard] = append(s.lines[shard], lineOf(shard, len(s.lines[shard]), key, seq))
		}
	}
	b.unknown(&sending{runs: []run{{key: 1, first: 10, count: 2}, {key: 2, first: 10, count: 1}}})
	b.unknown(&sending{runs: []run{{key: 0, first: 15, count: 1}}})
	b.ackedEvents.Store(3*20 - 1 - 4)
	return b, s
}

func lineOf(shard, offset, key int, seq int64) string {
	w := newWorkload(5, 1, 3, 80, 400)
	return fmt.Sprintf(`{"topic":"load-0","shard":%d,"offset":%d,"time":%d,"key":"u%d","value":%s}`,
		shard, offset, eventTime(key, seq), key, w.appendEvent(nil, 0, key, seq))
}

// at is where an event stands in a shard's lines.
func (s *stored) at(shard, key int, seq int64) int {
	want := fmt.Sprintf(`"key":"u%d"`, key)
	return slices.IndexFunc(s.lines[shard], func(l string) bool {
		return strings.Contains(l, want) && strings.Contains(l, fmt.Sprintf(`"seq":%d,`, seq))
	})
}

// Each named lie must be found out, and each truth must pass: else nothing that the verifier says is worth anything.
func TestVerifierFindsEveryLie(t *testing.T) {
	for _, c := range []struct {
		name string
		lie  func(s *stored)
		says string // part of a violation; "" = none
	}{
		{"the truth", func(*stored) {}, ""},
		{"all of a request of unknown fate is missing", func(s *stored) {
			s.remove(1, s.at(1, 1, 10), s.at(1, 1, 10)+2)
			s.remove(1, s.at(1, 1, 11), s.at(1, 1, 11)+1)
		}, ""},
		{"a whole key of unknown fate is missing", func(s *stored) { s.remove(0, 15, 16) }, ""},
		{"half of a key's part of such a request is missing", func(s *stored) { s.remove(1, s.at(1, 1, 11), s.at(1, 1, 11)+1) }, "are gone"},
		{"one key's part of such a request is missing", func(s *stored) { s.remove(1, s.at(1, 2, 10), s.at(1, 2, 10)+1) }, "in part"},
		{"an acknowledged event is lost", func(s *stored) { s.remove(0, 3, 4) }, "are gone"},
		{"the first acknowledged event is lost", func(s *stored) { s.remove(0, 0, 1) }, "are gone"},
		{"the last acknowledged event is lost", func(s *stored) { s.remove(0, 19, 20) }, "not all of them may be missing"},
		{"all of a key is lost", func(s *stored) { s.lines[0] = nil }, "not all of them may be missing"},
		{"an event is doubled", func(s *stored) {
			s.lines[1] = slices.Insert(s.lines[1], 4, s.lines[1][3])
			renumber(s.lines[1])
		}, "again or out of order"},
		{"two events change places", func(s *stored) {
			s.lines[0][2], s.lines[0][3] = s.lines[0][3], s.lines[0][2]
			renumber(s.lines[0])
		}, "again or out of order"},
		{"a byte is changed", func(s *stored) { s.lines[0][5] = strings.Replace(s.lines[0][5], `"event"`, `"evenT"`, 1) }, "was changed"},
		{"the time is changed", func(s *stored) { s.lines[0][5] = strings.Replace(s.lines[0][5], `"time":1`, `"time":2`, 1) }, "was changed"},
		{"the key is another one's", func(s *stored) { s.lines[0][5] = strings.Replace(s.lines[0][5], `"key":"u0"`, `"key":"u1"`, 1) }, "was changed"},
		{"an event is made up", func(s *stored) {
			s.lines[0] = append(s.lines[0], strings.Replace(s.lines[0][19], `"seq":19`, `"seq":20`, 1))
			renumber(s.lines[0])
		}, "was changed"},
		{"a well-made event that nobody sent", func(s *stored) { s.lines[0] = append(s.lines[0], lineOf(0, 20, 0, 20)) }, "never sent"},
		{"a stranger's event", func(s *stored) {
			s.lines[0] = append(s.lines[0], strings.Replace(lineOf(0, 20, 0, 20), `"key":"u0"`, `"key":"x0"`, 1))
		}, "nobody sent"},
		{"a refused event is there", func(s *stored) {
			at := s.at(1, 2, 6)
			s.lines[1] = slices.Insert(s.lines[1], at, lineOf(1, 0, 2, 5))
			renumber(s.lines[1])
		}, "refused or reported absent"},
		{"an offset is skipped", func(s *stored) { s.lines[0][19] = strings.Replace(s.lines[0][19], `"offset":19`, `"offset":20`, 1) }, "is due"},
		{"an offset is used twice", func(s *stored) { s.lines[0][19] = strings.Replace(s.lines[0][19], `"offset":19`, `"offset":18`, 1) }, "is due"},
		{"a key is in two shards", func(s *stored) {
			last := s.lines[0][19]
			s.lines[0] = s.lines[0][:19]
			s.lines[1] = append(s.lines[1], strings.Replace(last, `"shard":0`, `"shard":1`, 1))
			renumber(s.lines[1])
		}, "in shards"},
		{"a line of another shard", func(s *stored) { s.lines[0][7] = strings.Replace(s.lines[0][7], `"shard":0`, `"shard":1`, 1) }, "not a record's line"},
		{"not a record", func(s *stored) { s.lines[0][7] = `{"topic":"load-0","shard":0}` }, "not a record's line"},
		{"the server says that it lost some", func(s *stored) { s.lost = "0:3-4 damaged" }, "says that it lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, s := testWorld()
			c.lie(s)
			v := newVerifier(b, s.serve(t), maphash.MakeSeed())
			err := v.run()
			said := strings.Join(v.First, "\n")
			if c.says == "" && (err != nil || said != "") {
				t.Fatalf("the truth was taken for a lie: %v\n%s", err, said)
			}
			if c.says != "" && (err == nil || !strings.Contains(said, c.says)) {
				t.Fatalf("not found out: %v\n%s", err, said)
			}
		})
	}
}

// A second look, by the verifier that looked before, and by one that knows only the book, must find out what changed in between.
func TestVerifierRemembers(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(s *stored) // what the first look sees
		after  func(s *stored) // what changes then
		says   string          // part of a violation by either look; "" = none
	}{
		{"nothing changed", func(*stored) {}, func(*stored) {}, ""},
		{"retention removed verified records", func(*stored) {}, func(s *stored) { s.lines[0], s.first[0] = s.lines[0][8:], 8 }, ""},
		{"retention removed a key's last record", func(*stored) {}, func(s *stored) { s.lines[0], s.first[0] = nil, 20 }, ""},
		{"the last records are gone", func(*stored) {}, func(s *stored) { s.lines[0] = s.lines[0][:18] }, "are gone: next is 18"},
		{"a shard is empty", func(*stored) {}, func(s *stored) { s.lines[1] = nil }, "are gone: next is 0"},
		{"a byte changed", func(*stored) {}, func(s *stored) { s.lines[0][5] = strings.Replace(s.lines[0][5], `"event"`, `"evenT"`, 1) }, "was changed"},
		{"two keys' records changed places", func(*stored) {}, func(s *stored) {
			l := s.lines[1]
			l[0], l[1] = l[1], l[0]
			renumber(l)
		}, "changed after it was verified"},
		{"an event of unknown fate was missing and comes back", func(s *stored) { s.remove(0, 15, 16) }, func(s *stored) {
			s.lines[0] = slices.Insert(s.lines[0], 15, lineOf(0, 0, 0, 15))
			renumber(s.lines[0])
		}, "reported absent before"},
		{"an event of unknown fate was there and goes away", func(*stored) {}, func(s *stored) { s.remove(0, 15, 16) }, "are gone"},
		{"an event of unknown fate comes late", func(s *stored) { s.remove(0, 15, 16) }, func(s *stored) {
			s.lines[0] = append(s.lines[0], lineOf(0, 19, 0, 15))
		}, "reported absent before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, s := testWorld()
			c.before(s)
			url, seed := s.serve(t), maphash.MakeSeed()
			v := newVerifier(b, url, seed)
			if err := v.run(); err != nil {
				t.Fatalf("the first look: %v\n%s", err, strings.Join(v.First, "\n"))
			}
			c.after(s)
			again := newVerifier(b, url, seed)
			err1, err2 := v.run(), again.run()
			said := strings.Join(append(append(v.First, again.First...), v.changed(again)), "\n")
			found := err1 != nil || err2 != nil || v.changed(again) != ""
			if found != (c.says != "") || !strings.Contains(said, c.says) {
				t.Fatalf("violations %t, want %q; said: %v, %v, %s", found, c.says, err1, err2, said)
			}
		})
	}
}

// Retention must not remove what nobody has verified.
func TestVerifierMissesWhatExpiredUnseen(t *testing.T) {
	b, s := testWorld()
	s.lines[0], s.first[0] = s.lines[0][8:], 8
	v := newVerifier(b, s.serve(t), maphash.MakeSeed())
	v.between(ends{{0: 0, 1: 0}}, nil)
	if err := v.run(); err == nil || !strings.Contains(strings.Join(v.First, "\n"), "before they were verified") {
		t.Fatalf("%v, %v", err, v.First)
	}
}

// A book that is read back from a file verifies what was sent, whatever came before it and after it.
func TestBookIsTheSameFromDisk(t *testing.T) {
	b, s := testWorld()
	strange := func(shard, offset int) string {
		return fmt.Sprintf(`{"topic":"load-0","shard":%d,"offset":%d,"time":7,"key":"x","value":{}}`, shard, offset)
	}
	s.lines[0] = slices.Concat([]string{strange(0, 0)}, s.lines[0], []string{strange(0, 21)})
	s.lines[1] = append(s.lines[1], strange(1, 39), strange(1, 40))
	renumber(s.lines[0])
	path := filepath.Join(t.TempDir(), "sent.json")
	if err := b.save(path, ends{{0: 1, 1: 0}}, ends{{0: 21, 1: 39}}); err != nil {
		t.Fatal(err)
	}
	again, begin, end, err := openBook(path)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(again, s.serve(t), maphash.MakeSeed())
	v.between(begin, end)
	if err := v.report(); err != nil || v.Records != 59 {
		t.Fatalf("%v, %d records", err, v.Records)
	}
	if again.keptEvents != 4 || again.lostEvents != 0 {
		t.Errorf("%d events of unknown fate kept and %d not, want 4 and 0", again.keptEvents, again.lostEvents)
	}
	if _, _, _, err := openBook(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a book that is not there was opened")
	}
}
