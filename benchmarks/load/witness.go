package main

import (
	"bufio"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// witness reads along while a server lives, as a consumer does, and remembers what it saw, so that a verifier can ask after the server's
// end whether all of it is still there.
type witness struct {
	w       *workload
	seed    maphash.Seed // the verifier's
	gone    *atomic.Bool // set before the server is killed or frozen: from then on it owes no answers
	readers map[shardID]*bufio.Reader
	http    *http.Client

	all    sync.WaitGroup
	mu     sync.Mutex
	sights map[shardID]*sight
	err    error
}

// sight is what a witness saw of a shard: a hash of each record from an offset on.
type sight struct {
	from    int64
	hashes  []uint64
	problem string // what came instead of the record that was due
}

func (s *sight) next() int64 { return s.from + int64(len(s.hashes)) }

// at tells the hash of the record at an offset, if it was seen. A nil sight has seen nothing.
func (s *sight) at(offset int64) (hash uint64, seen bool) {
	if s == nil || offset < s.from || offset >= s.next() {
		return 0, false
	}
	return s.hashes[offset-s.from], true
}

func newWitness(w *workload, seed maphash.Seed) *witness {
	return &witness{w: w, seed: seed, readers: map[shardID]*bufio.Reader{}, http: &http.Client{Timeout: time.Minute}}
}

// follow begins to read at the ends given, each shard by itself.
func (w *witness) follow(admin string, from ends, gone *atomic.Bool) {
	w.gone, w.sights = gone, map[shardID]*sight{}
	for topic, shards := range from {
		for shard, offset := range shards {
			id := shardID{topic, shard}
			s := &sight{from: offset}
			if w.sights[id] = s; w.readers[id] == nil {
				w.readers[id] = newLines()
			}
			in := w.readers[id]
			w.all.Go(func() { w.note(w.read(admin, id, s, in)) })
		}
	}
}

// saw waits until everything that the server had sent was read, and tells it. The server must be dead: what it sent before is still in the
// sockets then, and reading ends with it.
func (w *witness) saw() (map[shardID]*sight, error) {
	w.all.Wait()
	err := w.err
	w.err = nil
	return w.sights, err
}

func (w *witness) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// read reads page after page of a shard until the server is gone.
func (w *witness) read(admin string, id shardID, s *sight, in *bufio.Reader) error {
	for {
		before := s.next()
		err := w.page(admin, id, s, in)
		if w.gone.Load() || s.problem != "" {
			return nil // what did not arrive whole was not seen
		}
		if err != nil {
			return fmt.Errorf("reading along: %w", err)
		}
		if s.next() == before {
			time.Sleep(time.Millisecond) // the page's wait is over, or the server knows no wait
		}
	}
}

func (w *witness) page(admin string, id shardID, s *sight, in *bufio.Reader) error {
	name := w.w.name(id.topic)
	url := fmt.Sprintf("%s/v1/topics/%s/records?shard=%d&from=%d&limit=1000&wait=10s", admin, name, id.shard, s.next())
	r, err := w.http.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", url, r.StatusCode)
	}
	in.Reset(r.Body)
	for {
		text, err := in.ReadSlice('\n')
		if err == io.EOF && len(text) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		text = text[:len(text)-1]
		l, ok := parseLine(text, name)
		if !ok || l.offset != s.next() {
			s.problem = fmt.Sprintf("a reader asked for %s, and was given at offset %d: %.200q", url, s.next(), text)
			return nil
		}
		s.hashes = append(s.hashes, maphash.Bytes(w.seed, text))
	}
}
