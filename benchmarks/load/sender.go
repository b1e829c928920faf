package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	kgzip "github.com/klauspost/compress/gzip"
)

// shape says how events are put into requests.
type shape struct {
	Single, NDJSON, Array, Get float64 // parts of the requests
	BatchBytes                 int     // a batch grows up to a random size below this
	Gzip                       float64 // part of the batches
	Ack                        string  // Penstock-Ack, "" = not sent
	Timeout                    time.Duration
}

// sender is one connection's worth of load. It owns its keys: nobody else sends for them, so their order is its own.
type sender struct {
	w     *workload
	shape *shape
	book  *book
	addr  string
	rng   *rand.Rand
	keys  []int // the keys it owns, in every topic

	conn   net.Conn
	in     *bufio.Reader
	events []byte // the events of a request, bare
	req    []byte
	zipped bytes.Buffer
	zip    *kgzip.Writer

	sent stats
}

// sending is what a request carries: per key, how many events.
type sending struct {
	topic int
	first map[int]int64 // key → its first sequence number in the request
	count map[int]int64
}

func newSender(w *workload, sh *shape, b *book, addr string, number, of int) *sender {
	s := &sender{w: w, shape: sh, book: b, addr: addr, rng: rand.New(rand.NewPCG(w.Seed, uint64(number)+uint64(b.round)<<32))}
	s.zip, _ = kgzip.NewWriterLevel(nil, gzip.BestSpeed)
	for k := number; k < w.Keys; k += of {
		s.keys = append(s.keys, k)
	}
	s.sent.init()
	return s
}

// errUnknown says that a request's fate is not known: it was sent, wholly or in part, and its answer was not seen.
var errUnknown = errors.New("the answer was not seen")

// one sends one request and settles it in the book. more says how many events may still be sent; it sends at most that many.
func (s *sender) one(more int) (events int, err error) {
	if len(s.keys) == 0 {
		return 0, io.EOF
	}
	if s.conn == nil {
		if s.conn, err = net.DialTimeout("tcp", s.addr, s.shape.Timeout); err != nil {
			return 0, err
		}
		s.in = bufio.NewReaderSize(s.conn, 4<<10)
	}
	out := s.build(more)
	for _, n := range out.count {
		events += int(n)
	}
	began := time.Now()
	for try := 0; ; try++ {
		status, wait, err := s.exchange()
		switch {
		case err != nil:
			s.book.unknown(out)
			s.close()
			return events, fmt.Errorf("%w: %w", errUnknown, err)
		case status == http.StatusAccepted:
			s.book.acked(out)
			s.sent.note(events, len(s.events), time.Since(began))
			return events, nil
		case status == http.StatusServiceUnavailable && try < 600:
			s.sent.retries++
			time.Sleep(min(wait, 100*time.Millisecond)) // a 503 is a promise that nothing of it was kept
		default:
			s.close()
			return 0, fmt.Errorf("topic %s: status %d for a request of %d events", s.w.name(out.topic), status, events)
		}
	}
}

func (s *sender) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// build makes the next request in s.req.
func (s *sender) build(more int) *sending {
	out := &sending{topic: s.rng.IntN(s.w.Topics), first: map[int]int64{}, count: map[int]int64{}}
	u := s.rng.Float64()
	sh := s.shape
	s.events = s.events[:0]
	switch {
	case u < sh.Single:
		s.add(out)
		s.post(out.topic, s.events, "")
	case u < sh.Single+sh.Get:
		s.add(out)
		if len(s.events) > 1024 { // the GET door takes no more
			s.post(out.topic, s.events, "")
		} else {
			s.get(out.topic)
		}
	default:
		open, between, shut := "", "\n", "\n"
		if u < sh.Single+sh.Get+sh.Array {
			open, between, shut = "[", ",", "]"
		}
		s.events = append(s.events, open...)
		goal := 1 + s.rng.IntN(sh.BatchBytes)
		for n := 0; n < more && (n == 0 || len(s.events) < goal); n++ {
			if n > 0 {
				s.events = append(s.events, between...)
			}
			s.add(out)
		}
		s.events = append(s.events, shut...)
		if s.rng.Float64() < sh.Gzip {
			s.zipped.Reset()
			s.zip.Reset(&s.zipped)
			_, err := s.zip.Write(s.events)
			if err = errors.Join(err, s.zip.Close()); err != nil {
				panic("BUG: gzip into memory failed: " + err.Error())
			}
			s.post(out.topic, s.zipped.Bytes(), "Content-Encoding: gzip\r\n")
		} else {
			s.post(out.topic, s.events, "")
		}
	}
	return out
}

// add puts one more event, of one of the sender's keys, into the request.
func (s *sender) add(out *sending) {
	key := s.keys[s.rng.IntN(len(s.keys))]
	seq := s.book.take(out.topic, key)
	if out.count[key] == 0 {
		out.first[key] = seq
	}
	out.count[key]++
	s.events = s.w.appendEvent(s.events, out.topic, key, seq)
}

func (s *sender) post(topic int, body []byte, extra string) {
	s.req = append(s.req[:0], "POST /add_events HTTP/1.1\r\nHost: load\r\nContent-Type: application/text\r\n"...)
	s.headers(topic, extra)
	s.req = append(s.req, "Content-Length: "...)
	s.req = strconv.AppendInt(s.req, int64(len(body)), 10)
	s.req = append(s.req, "\r\n\r\n"...)
	s.req = append(s.req, body...)
}

func (s *sender) get(topic int) {
	s.req = append(s.req[:0], "GET /add_events?ia_data="...)
	s.req = append(s.req, url.QueryEscape(base64.StdEncoding.EncodeToString(s.events))...)
	s.req = append(s.req, " HTTP/1.1\r\nHost: load\r\nContent-Type: application/text\r\n"...)
	s.headers(topic, "")
	s.req = append(s.req, "\r\n"...)
}

func (s *sender) headers(topic int, extra string) {
	s.req = append(s.req, "topic: "...)
	s.req = append(s.req, s.w.name(topic)...)
	s.req = append(s.req, "\r\n"...)
	s.req = append(s.req, extra...)
	if s.shape.Ack != "" {
		s.req = append(s.req, "Penstock-Ack: "...)
		s.req = append(s.req, s.shape.Ack...)
		s.req = append(s.req, "\r\n"...)
	}
}

// exchange sends s.req and reads the whole answer.
func (s *sender) exchange() (status int, wait time.Duration, err error) {
	if err := s.conn.SetDeadline(time.Now().Add(s.shape.Timeout)); err != nil {
		return 0, 0, err
	}
	if _, err := s.conn.Write(s.req); err != nil {
		return 0, 0, err
	}
	return readAnswer(s.in)
}

// readAnswer reads one HTTP answer.
func readAnswer(in *bufio.Reader) (status int, wait time.Duration, err error) {
	wait, length := 100*time.Millisecond, 0
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first {
			if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
				return 0, 0, fmt.Errorf("no HTTP answer: %q", line)
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, 0, fmt.Errorf("no HTTP answer: %q", line)
			}
			continue
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length > 1<<20 {
				return 0, 0, fmt.Errorf("a strange answer: %q", line)
			}
		case bytes.EqualFold(name, []byte("Retry-After")):
			if n, err := strconv.Atoi(string(value)); err == nil {
				wait = time.Duration(n) * time.Second
			}
		}
	}
	_, err = in.Discard(length)
	return status, wait, err
}
