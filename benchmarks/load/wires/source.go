package wires

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Settings say what is in the requests of a pool.
type Settings struct {
	Mix      Mix
	Seed     uint64
	Requests int // how many there are
	Host     string
	Path     string   // HTTP: instead of the wire's own
	Headers  []string // HTTP: more lines of the head, as "Name: value"
	Key      string   // HTTP: the secret of the wire, in its usual place
	Ack      string   // HTTP: Penstock-Ack; "": not sent
	Topics   []string // where a wire names topics
	Keys     int      // users, series, hosts
	Zipf     float64  // how skewed they are: key n has a part of 1/n^Zipf; 0: all the same
	Size     Span     // bytes of an item; zero: what the wire usually has
	Batch    Batch    // zero: what the wire usually has
	Gzip     float64  // part of the requests that is compressed
	Acks     int16    // Kafka
	Now      time.Time
	// Partitions are what a broker leads, topic by topic; Kafka only.
	Partitions map[string][]int32
}

// poolBytes bounds a pool, whatever its requests.
const poolBytes = 256 << 20

// Pool makes the requests.
func Pool(s Settings) ([]Request, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(s.Seed, 0x70656e73746f636b))
	src := &source{Settings: &s, rng: rng, now: s.Now.UnixMilli(), taken: make([]bool, s.Keys)}
	if s.Zipf > 0 {
		src.ranks = newRanks(s.Keys, s.Zipf)
	}
	total := 0.0
	for _, p := range s.Mix {
		total += p.Share
	}
	pool := make([]Request, 0, s.Requests)
	for size := 0; len(pool) < s.Requests && size < poolBytes; {
		u := rng.Float64() * total
		for _, p := range s.Mix {
			if src.wire = p.Wire; u < p.Share {
				break
			}
			u -= p.Share
		}
		src.body = src.body[:0]
		r := src.wire.encode(src)
		pool = append(pool, r)
		size += len(r.Bytes)
	}
	return pool, nil
}

func (s *Settings) validate() error {
	switch {
	case len(s.Mix) == 0:
		return errors.New("no wire is named")
	case s.Requests < 1 || s.Requests > 1<<20:
		return fmt.Errorf("a pool has 1 to %d requests", 1<<20)
	case s.Keys < 1 || s.Keys > 1<<24:
		return fmt.Errorf("there must be 1 to %d keys", 1<<24)
	case s.Zipf != 0 && !(s.Zipf > 0 && s.Zipf <= 5):
		return errors.New("a skew is 0 (none) to 5")
	case !(s.Gzip >= 0 && s.Gzip <= 1):
		return errors.New("a part is 0 to 1")
	case len(s.Topics) == 0:
		return errors.New("there must be a topic")
	}
	if s.Gzip > 0 && !s.Mix.Transport().Answers() {
		return fmt.Errorf("%s can't be compressed", s.Mix)
	}
	return nil
}

// source makes items, and requests of them.
type source struct {
	*Settings
	wire  *Wire
	rng   *rand.Rand
	ranks []float64
	now   int64 // ms
	body  []byte
	zip   *gzip.Writer

	taken  []bool // keys that the request at hand has
	inUse  []int  // those
	serial int64
}

// newRanks is the cumulated distribution of keys whose frequencies are 1, 1/2^skew, 1/3^skew and so on.
func newRanks(keys int, skew float64) []float64 {
	ranks, sum := make([]float64, keys), 0.0
	for k := range ranks {
		sum += math.Pow(float64(k+1), -skew)
		ranks[k] = sum
	}
	for k := range ranks {
		ranks[k] /= sum
	}
	return ranks
}

// key draws a key.
func (s *source) key() int {
	if s.ranks == nil {
		return s.rng.IntN(s.Keys)
	}
	u := s.rng.Float64()
	low, high := 0, len(s.ranks)-1
	for low < high {
		if mid := (low + high) / 2; s.ranks[mid] <= u {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// series draws a key that the request does not have yet: what reads all its metrics and sends them in one request has each once.
func (s *source) series() int {
	k := s.key()
	for s.taken[k] {
		k = (k + 1) % s.Keys
	}
	s.taken[k] = true
	s.inUse = append(s.inUse, k)
	return k
}

// size draws how many bytes an item has; 0: what it has by itself. Small ones are more frequent, as in life.
func (s *source) size() int {
	span := s.wire.size
	if s.Size != (Span{}) {
		span = s.Size
	}
	if span.Min == 0 {
		return 0
	}
	u := s.rng.Float64()
	return int(math.Round(float64(span.Min) * math.Pow(float64(span.Max)/float64(span.Min), u*u)))
}

// fill adds items to the body until the request is full, and returns how many.
func (s *source) fill(between string, limit int, add func()) int {
	b := s.Batch
	if b == (Batch{}) {
		b = s.wire.batch
	}
	items, size := max(1, s.draw(b.Items)), s.draw(b.Bytes)
	if size > 0 {
		items = 1 << 20
	}
	if s.wire.most > 0 {
		limit = min(limit, s.wire.most)
	}
	n := 0
	for n < min(items, limit) && (n == 0 || size == 0 || len(s.body) < size) {
		if n > 0 {
			s.body = append(s.body, between...)
		}
		add()
		n++
	}
	for _, k := range s.inUse {
		s.taken[k] = false
	}
	s.inUse = s.inUse[:0]
	return n
}

func (s *source) draw(span Span) int {
	if span == (Span{}) {
		return 0
	}
	return span.Min + s.rng.IntN(span.Max-span.Min+1)
}

// topic draws a topic.
func (s *source) topic() string { return s.Topics[s.rng.IntN(len(s.Topics))] }

// value is a number as sensors send it: most are whole, some have decimals.
func (s *source) value() float64 {
	if s.rng.IntN(3) > 0 {
		return float64(s.rng.IntN(100_000))
	}
	return float64(s.rng.IntN(10_000_000)) / 1000
}

func (s *source) appendValue() { s.body = strconv.AppendFloat(s.body, s.value(), 'f', -1, 64) }

// add appends some texts to the body.
func (s *source) add(texts ...string) {
	for _, t := range texts {
		s.body = append(s.body, t...)
	}
}

const words = "the quick brown fox jumps over the lazy dog while 12345.678 events pass by and nobody counts them but the ledger, größer naïve 東京 \\\"quoted\\\" "

// fillUp appends text, as it may stand in a JSON string, until the item that began at from has so many bytes.
func (s *source) fillUp(from, size int) {
	for len(s.body)-from < size {
		s.body = append(s.body, words[:asciiCut(size-(len(s.body)-from))]...)
	}
}

// asciiCut is the longest beginning of words, of at most n bytes, that ends where a character and an escape do.
func asciiCut(n int) int {
	if n >= len(words) {
		return len(words)
	}
	const plain = 110 // up to here words is ASCII without escapes
	return min(n, plain)
}

// compressed is the body as gzip.
func (s *source) compressed(body []byte) []byte {
	var out bytes.Buffer
	if s.zip == nil {
		s.zip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for levels that do not exist
	}
	s.zip.Reset(&out)
	_, err := s.zip.Write(body)
	if err = errors.Join(err, s.zip.Close()); err != nil {
		panic("BUG: compressing into memory failed: " + err.Error())
	}
	return out.Bytes()
}
